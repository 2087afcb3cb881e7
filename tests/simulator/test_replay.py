"""Recorded readings on a real broker: in time order, with the times they were recorded at, strangers included."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from collector.mqtt.broker_address import BrokerAddress
from grid.errors import BrokerError, UsageError
from simulator.faults.faults import parse_fault
from simulator.faults.stream import FaultyStream
from simulator.publish.publisher import OUTSTANDING_MAX, Publisher
from simulator.publish.replay import read_recorded, replay
from tests.support.mosquitto import Mosquitto

HEADER = (
    "transformer_id,measured_at,voltage_a_v,voltage_b_v,voltage_c_v,"
    "current_a_amp,current_b_amp,current_c_amp,active_power_kw,reactive_power_kvar\n"
)
STATIONS = {"YX05": "ST01", "YX06": "ST01"}


class Listener:
    """Everything that a broker delivers, in order of arrival."""

    def __init__(self, mosquitto: Mosquitto) -> None:
        self.messages: list[tuple[str, dict[str, Any], float]] = []
        self._ready, self._changed = threading.Event(), threading.Condition()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, "listener")
        self._client.on_message = self._on_message
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.connect(mosquitto.host, mosquitto.port)
        self._client.loop_start()
        self._client.subscribe("redvest/#", qos=1)
        assert self._ready.wait(60.0)

    def take(self, count: int) -> list[tuple[str, dict[str, Any], float]]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.messages) >= count, 60.0), len(self.messages)
        return self.messages

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, client: mqtt.Client, userdata: Any, message: mqtt.MQTTMessage) -> None:
        with self._changed:
            self.messages.append((message.topic, json.loads(message.payload), time.monotonic()))
            self._changed.notify_all()


@pytest.fixture
def listener(mosquitto: Mosquitto) -> Iterator[Listener]:
    found = Listener(mosquitto)
    yield found
    found.close()


@pytest.fixture
def publisher(mosquitto: Mosquitto) -> Iterator[Publisher]:
    made = Publisher(BrokerAddress(mosquitto.host, mosquitto.port), "replay")
    made.start()
    yield made
    made.stop()


def recorded(folder: Path, *rows: str, encoding: str = "utf-8") -> Path:
    file = folder / "readings.csv"
    file.write_text(HEADER + "\n".join(rows) + "\n", encoding=encoding)
    return file


def test_rows_go_out_in_time_order_as_they_were_recorded(
    tmp_path: Path, listener: Listener, publisher: Publisher
) -> None:
    file = recorded(
        tmp_path,
        "YX06,2021-07-24T11:01:00+08:00,228.4,227.9,229.1,561.2,548.7,570.3,361,112.4",
        "YX05,2021-07-24T03:00:30Z,,,,,,,200.5,",
        "XX99,2021-07-24T11:00:00+08:00,,,,,,,10,1",
        "YX06,2021-07-24T11:00:00+08:00,,,,,,,350,110",
    )
    done = replay(read_recorded(file), STATIONS, publisher)
    assert (done.messages, publisher.finish().acknowledged) == (4, 4)
    messages = [(topic, payload) for topic, payload, _ in listener.take(4)]
    assert messages == [
        ("redvest/v1/ST01/XX99/reading",
         {"measured_at": "2021-07-24T11:00:00+08:00", "active_power_kw": 10.0, "reactive_power_kvar": 1.0}),
        ("redvest/v1/ST01/YX06/reading",
         {"measured_at": "2021-07-24T11:00:00+08:00", "active_power_kw": 350.0, "reactive_power_kvar": 110.0}),
        ("redvest/v1/ST01/YX05/reading", {"measured_at": "2021-07-24T03:00:30Z", "active_power_kw": 200.5}),
        ("redvest/v1/ST01/YX06/reading",
         {"measured_at": "2021-07-24T11:01:00+08:00", "voltage_v": [228.4, 227.9, 229.1],
          "current_amp": [561.2, 548.7, 570.3], "active_power_kw": 361.0, "reactive_power_kvar": 112.4}),
    ]  # fmt: skip


def test_rows_that_are_no_readings_are_sent_for_the_collector_to_refuse(
    tmp_path: Path, listener: Listener, publisher: Publisher
) -> None:
    file = recorded(
        tmp_path,
        "YX06,yesterday,,,,,,,350,",
        "YX06,2021-07-24T11:00:00+08:00,,,,,,,350 kW,",
        "YX/06+#,2021-07-24T11:00:00+08:00,,,,,,,1_0,",
    )
    done = replay(read_recorded(file), STATIONS, publisher)
    assert (done.messages, done.unreadable_times) == (3, 1)
    messages = {(topic, payload["active_power_kw"]) for topic, payload, _ in listener.take(3)}
    assert messages == {
        ("redvest/v1/ST01/YX06/reading", 350.0),
        ("redvest/v1/ST01/YX06/reading", "350 kW"),
        ("redvest/v1/ST01/YX-06--/reading", "1_0"),
    }


def test_speed_is_recorded_time_over_real_time_and_a_stop_stops(
    tmp_path: Path, listener: Listener, publisher: Publisher
) -> None:
    rows = [f"YX06,2021-07-24T11:0{m}:00+08:00,,,,,,,350,110" for m in range(4)]
    steps: list[int] = []
    began = time.monotonic()
    replay(read_recorded(recorded(tmp_path, *rows)), STATIONS, publisher, speed=600.0, progress=steps.append)
    seconds = time.monotonic() - began
    assert len(listener.take(4)) == 4
    assert steps == [1, 2, 3, 4]
    assert 0.3 <= seconds < 90.0  # three recorded minutes
    stopped = replay(read_recorded(recorded(tmp_path, *rows)), STATIONS, publisher, speed=1.0, stop=lambda: True)
    assert stopped.messages == 0


def test_rows_can_be_given_faults_on_their_way(tmp_path: Path, listener: Listener, publisher: Publisher) -> None:
    rows = [f"{name},2021-07-24T11:0{m}:00+08:00,,,,,,,{350 + m},110" for m in range(3) for name in ("YX05", "YX06")]
    faults = [parse_fault(text) for text in ("duplicate=1", "silent=YX05", "stuck=YX06:11:01")]
    line = FaultyStream(faults, STATIONS, 1, 8.0)
    done = replay(read_recorded(recorded(tmp_path, *rows)), STATIONS, publisher, faults=line)
    assert done.messages == publisher.finish().acknowledged == 6
    sent = [(topic.split("/")[3], payload["active_power_kw"]) for topic, payload, _ in listener.take(6)]
    assert sent == [("YX06", power) for power in (350.0, 350.0, 351.0, 351.0, 351.0, 351.0)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_files_from_a_chinese_office_are_read(tmp_path: Path, encoding: str) -> None:
    file = recorded(tmp_path, "台区六,2021-07-24T11:00:00+08:00,,,,,,,350,110", encoding=encoding)
    assert [row.transformer_id for row in read_recorded(file)] == ["台区六"]


def test_a_file_that_is_no_readings_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match=r"x\.csv, line 1: lacks the column transformer_id"):
        read_recorded(tmp_path / "x.csv")
    with pytest.raises(UsageError, match="cannot be read"):
        read_recorded(tmp_path / "none.csv")


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_what_is_on_its_way_is_bounded_and_every_message_is_counted(mosquitto: Mosquitto, protocol: Any) -> None:
    tokens: list[object] = []
    publisher = Publisher(
        BrokerAddress(mosquitto.host, mosquitto.port, protocol=protocol), "many", on_acknowledged=tokens.append
    )
    publisher.start()
    most = 0
    for i in range(2 * OUTSTANDING_MAX):
        publisher.publish("redvest/v1/ST01/YX06/reading", b"{}", token=i)
        counts = publisher.published()
        most = max(most, counts.handed_over - counts.acknowledged)
    counts = publisher.finish()
    assert most <= OUTSTANDING_MAX < 65_535
    assert (counts.handed_over, counts.acknowledged, counts.refused) == (2 * OUTSTANDING_MAX, 2 * OUTSTANDING_MAX, 0)
    assert sorted(tokens) == list(range(2 * OUTSTANDING_MAX))  # type: ignore[type-var]


def test_the_publisher_goes_on_when_the_broker_comes_back(new_mosquitto: Callable[..., Mosquitto]) -> None:
    broker = new_mosquitto()
    publisher = Publisher(BrokerAddress(broker.host, broker.port), "steady")
    publisher.start()
    publisher.publish("redvest/v1/ST01/YX06/reading", b"1")
    broker.stop()
    for _ in range(10):
        publisher.publish("redvest/v1/ST01/YX06/reading", b"2")
    broker.start()
    counts = publisher.finish(60.0)
    assert (counts.acknowledged, counts.reconnections) == (11, 1)


def test_a_broker_that_refuses_a_topic_is_counted_as_refusing(new_mosquitto: Callable[..., Mosquitto]) -> None:
    broker = new_mosquitto(started=False)
    rights = broker.folder / "acl"
    rights.write_text("topic readwrite allowed/#\n")
    broker._lines.append(f"acl_file {rights}")
    broker.start()
    publisher = Publisher(BrokerAddress(broker.host, broker.port), "stranger")
    publisher.start()
    publisher.publish("allowed/x", b"1")
    publisher.publish("redvest/v1/ST01/YX06/reading", b"2")
    counts = publisher.finish()
    assert (counts.acknowledged, counts.refused) == (1, 1)


def test_a_broker_that_is_not_there_is_said_with_the_remedy(free_port: Callable[[], int]) -> None:
    with pytest.raises(BrokerError, match=r"cannot be reached.*start the broker"):
        Publisher(BrokerAddress("127.0.0.1", free_port()), "nobody", connect_seconds_max=0.0).start()
