"""Fleet mode: what was asked, what was reached, and a ledger of what the broker really took."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from typer.testing import CliRunner

from bench.simulator_study import messages as simulator_messages
from collector.decoding.decode import decode_block
from collector.decoding.plausibility import Limits
from collector.message import Message
from collector.mqtt.broker_address import BrokerAddress
from collector.mqtt.packets import PacketReader
from grid.errors import UsageError
from grid.fleet import Fleet
from grid.timestamps import MINUTE_US, format_utc, parse_timestamp_us
from service.cli.main import app
from simulator.fleet.acknowledged_keys import AcknowledgedKeys, KeysHeader, KeysWriter, join_parts, read_keys
from simulator.fleet.fleet import FleetPlan, Layout, fleet_ledger, messages_of
from simulator.fleet.message_form import Form
from simulator.fleet.run import run_fleet
from simulator.publish.packets import publish_packet, read_answers, sent_again
from stores.ledger_files import read_ledger
from tests.faults.site import Site
from tests.support.certificates import Authority
from tests.support.mosquitto import Mosquitto
from tests.support.waiting import pause

START_US = parse_timestamp_us("2021-07-24T09:30:00+08:00")


class Receiver:
    """Takes everything a broker delivers."""

    def __init__(self, mosquitto: Mosquitto, qos: int) -> None:
        self.messages: list[Message] = []
        self._changed, subscribed = threading.Condition(), threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, "receiver")
        self._client.on_message = self._on_message
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect(mosquitto.host, mosquitto.port)
        self._client.loop_start()
        self._client.subscribe("redvest/#", qos=qos)
        assert subscribed.wait(60.0)

    def take(self, count: int) -> list[Message]:
        with self._changed:
            self._changed.wait_for(lambda: len(self.messages) >= count, 60.0)
        self._client.disconnect()
        self._client.loop_stop()
        return self.messages

    def _on_message(self, client: mqtt.Client, userdata: Any, message: mqtt.MQTTMessage) -> None:
        with self._changed:
            self.messages.append(
                Message(message.topic, bytes(message.payload), START_US, message.mid, message.qos, 1, message.retain)
            )
            self._changed.notify_all()


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize(("form", "messages"), [(Form.SINGLE, 480), (Form.BATCH, 6), (Form.COLUMNS, 6)])
def test_every_acknowledged_reading_arrives_and_is_a_good_one(
    mosquitto: Mosquitto, form: Form, messages: int, qos: int
) -> None:
    plan = FleetPlan(240, form, qos, batch_rows=100, station_transformers=160, rounds=2, paced=False)
    receiver = Receiver(mosquitto, qos)
    report, keys = run_fleet(BrokerAddress(mosquitto.host, mosquitto.port), plan, START_US)
    assert (report.published, report.acknowledged, report.refused, report.finished) == (480, 480, 0, True)
    received = receiver.take(messages)
    fleet = Fleet.of(fleet_ledger(plan).transformers)
    decoded = decode_block(received, fleet, Limits.of_recordings())
    assert len(received) == messages and decoded.rejects == ()
    arrived = set(zip(decoded.readings.measured_at_us.tolist(), decoded.readings.transformer.tolist(), strict=True))
    assert arrived == {(timestamp, row) for timestamp, rows in keys.by_timestamp() for row in rows.tolist()}
    assert {timestamp for timestamp, _ in arrived} == {START_US, START_US + MINUTE_US}
    assert len(keys) == len(arrived) == 480


def test_the_pace_is_kept_when_the_broker_can(mosquitto: Mosquitto) -> None:
    plan = FleetPlan(100, Form.BATCH, batch_rows=10, interval_seconds=0.5, rounds=3)
    report, _ = run_fleet(BrokerAddress(mosquitto.host, mosquitto.port), plan, START_US)
    assert report.asked_per_second == plan.asked_per_second == 200.0
    assert 0.0 < report.achieved_per_second <= 250.0  # a machine that stands still falls behind, and none runs ahead
    assert report.finished


def test_a_run_ends_when_its_time_is_up_and_says_so(mosquitto: Mosquitto) -> None:
    plan = FleetPlan(10, interval_seconds=5.0, rounds=1_000, seconds_max=0.6)
    seen: list[int] = []
    report, keys = run_fleet(BrokerAddress(mosquitto.host, mosquitto.port), plan, START_US, progress=seen.append)
    assert not report.finished
    assert report.published == report.acknowledged == len(keys) == seen[-1] < 10_000


def test_the_same_plan_sends_the_same_readings(mosquitto: Mosquitto) -> None:
    plan = FleetPlan(50, Form.COLUMNS, rounds=2, paced=False)
    sent = []
    for _ in range(2):
        receiver = Receiver(mosquitto, 1)
        run_fleet(BrokerAddress(mosquitto.host, mosquitto.port), plan, START_US)
        sent.append([message.payload for message in receiver.take(2)])
    assert sent[0] == sent[1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"transformers": 0},
        {"batch_rows": 1_001},
        {"qos": 2},
        {"interval_seconds": 0.0},
        {"rounds": 0},
        {"publishers": 0},
    ],
)
def test_a_plan_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        FleetPlan(**{"transformers": 10, **wrong})


def test_a_ledger_of_keys_reads_back_as_it_was_written_whatever_the_order_of_its_rounds() -> None:
    stream = io.BytesIO()
    writer = KeysWriter(stream, KeysHeader(11, START_US, MINUTE_US))
    rounds = [np.arange(11) % 3 == 0, np.zeros(11, np.bool_), np.arange(11) > 8]
    for turn in (1, 0, 2):
        writer.write(turn, rounds[turn])
    stream.seek(0)
    keys = AcknowledgedKeys.read(stream, "here")
    assert len(keys) == 4 + 2
    assert [(timestamp, rows.tolist()) for timestamp, rows in keys.by_timestamp()] == [
        (START_US, [0, 3, 6, 9]),
        (START_US + MINUTE_US, []),
        (START_US + 2 * MINUTE_US, [9, 10]),
    ]
    for spoilt in (stream.getvalue()[:-1], b"something else", stream.getvalue().replace(b"{", b"", 1)):
        with pytest.raises(UsageError):
            AcknowledgedKeys.read(io.BytesIO(spoilt), "here")


def test_parts_of_a_ledger_are_joined_in_their_order_and_what_a_part_lacks_is_not_acknowledged() -> None:
    def part(rows: int, rounds: int) -> AcknowledgedKeys:
        bits = np.packbits(np.ones(rows, np.bool_)).tobytes()
        return AcknowledgedKeys(KeysHeader(rows, START_US, MINUTE_US), (bits,) * rounds)

    stream = io.BytesIO()
    join_parts([part(3, 2), part(5, 1)], KeysWriter(stream, KeysHeader(8, START_US, MINUTE_US)))
    stream.seek(0)
    keys = AcknowledgedKeys.read(stream, "here")
    assert [rows.tolist() for _, rows in keys.by_timestamp()] == [list(range(8)), [0, 1, 2]]


@pytest.mark.parametrize("form", Form)
def test_a_fleet_cut_into_parts_sends_what_it_sends_whole(form: Form) -> None:
    plan = FleetPlan(1_170, form, batch_rows=30, station_transformers=100, rounds=2, publishers=3)
    whole = [m for messages in messages_of(plan, range(plan.transformers), START_US) for m in messages]
    parts = [m for part in plan.parts() for messages in messages_of(plan, part, START_US) for m in messages]
    assert sorted(parts) == sorted(whole)
    for part in (*plan.parts(), range(plan.transformers)):
        layout = Layout.of(plan, part)
        rows = layout.rows_of(np.arange(len(layout)))
        assert rows.tolist() == list(range(len(part)))
        assert len(layout) * plan.rounds == sum(len(m) for m in messages_of(plan, part, START_US))


def test_several_publishers_keep_one_ledger(mosquitto: Mosquitto, tmp_path: Path) -> None:
    plan = FleetPlan(1_000, publishers=2, station_transformers=100, rounds=3, paced=False)
    receiver = Receiver(mosquitto, 1)
    address = BrokerAddress(mosquitto.host, mosquitto.port)
    report, keys = run_fleet(address, plan, START_US, keys_file=tmp_path / "keys")
    assert (report.published, report.acknowledged, report.refused, report.finished) == (3_000, 3_000, 0, True)
    assert len(keys) == len({(m.topic, m.payload) for m in receiver.take(3_000)}) == 3_000
    assert read_keys(tmp_path / "keys") == keys


def test_a_broker_that_goes_and_comes_back_loses_nothing_at_qos_1(new_mosquitto: Callable[..., Mosquitto]) -> None:
    broker = new_mosquitto(persistence=True)
    plan = FleetPlan(3_000, rounds=4, interval_seconds=1.0)

    def stumble() -> None:
        sending.wait()
        for _ in range(2):
            pause(0.3)
            broker.stop()
            broker.start()

    sending = threading.Event()
    stumbling = threading.Thread(target=stumble)
    stumbling.start()
    address = BrokerAddress(broker.host, broker.port)
    report, keys = run_fleet(address, plan, START_US, progress=lambda published: sending.set() if published else None)
    sending.set()
    stumbling.join()
    assert report.reconnections >= 1
    assert len(keys) == report.acknowledged == report.published == 12_000


def test_what_the_broker_refuses_is_counted_and_is_in_no_ledger(
    new_mosquitto: Callable[..., Mosquitto], tmp_path: Path
) -> None:
    rights = tmp_path / "rights"
    rights.write_text("topic readwrite redvest/v1/FS0000/#\n")
    rights.chmod(0o700)
    broker = new_mosquitto(more_lines=[f"acl_file {rights}"])
    plan = FleetPlan(40, station_transformers=10, paced=False)
    report, keys = run_fleet(BrokerAddress(broker.host, broker.port), plan, START_US)
    assert (report.acknowledged, report.refused) == (10, 30)
    assert [rows.tolist() for _, rows in keys.by_timestamp()] == [list(range(10))]


@pytest.mark.parametrize("qos", [0, 1])
def test_a_fleet_publishes_over_tls(new_mosquitto: Callable[..., Mosquitto], tmp_path: Path, qos: int) -> None:
    authority = Authority(tmp_path, "authority")
    broker = new_mosquitto(more_lines=authority.signs("right").configuration)
    address = BrokerAddress(broker.host, broker.port, tls_ca_file=authority.certificate)
    report, keys = run_fleet(address, FleetPlan(4_000, qos=qos, paced=False), START_US)
    assert (report.acknowledged, report.refused, report.reconnections, len(keys)) == (4_000, 0, 0, 4_000)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_broker_s_small_window_is_kept_to(new_mosquitto: Callable[..., Mosquitto], protocol: Any) -> None:
    broker = new_mosquitto(inflight_messages_max=10)
    plan = FleetPlan(500, paced=False)
    report, _ = run_fleet(BrokerAddress(broker.host, broker.port, protocol=protocol), plan, START_US)
    assert (report.acknowledged, report.reconnections) == (500, 0)


def test_a_loss_check_holds_the_ledger_against_the_journal_and_finds_one_reading_that_is_not_there(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    plan = FleetPlan(300, Form.BATCH, station_transformers=100, rounds=3, interval_seconds=1.0, publishers=2)
    site = Site(tmp_path / "site", mosquitto.port, fleet_ledger(plan), {})
    file = tmp_path / "keys"
    start_us = time.time_ns() // 1_000 // MINUTE_US * MINUTE_US
    try:
        collector = site.start_ready()
        report, keys = run_fleet(BrokerAddress(mosquitto.host, mosquitto.port), plan, start_us, keys_file=file)
        site.wait_until(lambda: site.health()["stored"] == report.acknowledged, collector)
        collector.stop()
        config = ["--config", str(site.config), "--json"]
        checked = CliRunner().invoke(app, ["fleet", "check", str(file), *config])
        assert checked.exit_code == 0
        assert json.loads(checked.output) == {
            "acknowledged": 900, "stored": 900, "lost": 0, "stored_beside": 0, "lost_keys": []
        }  # fmt: skip
        more = keys.taken(2).copy()
        more[7] = False
        with file.open("wb") as stream:  # a ledger with a fourth round, and without one reading of the third
            writer = KeysWriter(stream, KeysHeader(300, start_us, plan.interval_us))
            for turn, taken in enumerate([keys.taken(0), keys.taken(1), more, np.arange(300) == 299]):
                writer.write(turn, taken)
        checked = CliRunner().invoke(app, ["fleet", "check", str(file), *config])
        assert checked.exit_code == 1
        assert json.loads(checked.output) == {
            "acknowledged": 900, "stored": 899, "lost": 1, "stored_beside": 1,
            "lost_keys": [["F0000299", format_utc(start_us + 3_000_000)]],
        }  # fmt: skip
    finally:
        site.close()


def test_the_command_writes_a_ledger_that_can_be_imported_and_says_what_was_reached(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    runner = CliRunner()
    config = tmp_path / "redvest.toml"
    config.write_text(f'language = "en"\n[broker]\nport = {mosquitto.port}\n')
    size = ["--transformers", "50", "--per-station", "20", "--config", str(config)]
    assert runner.invoke(app, ["fleet", "ledger", str(tmp_path / "ledger"), *size]).exit_code == 0
    read, faults = read_ledger(tmp_path / "ledger")
    assert (read, faults) == (fleet_ledger(FleetPlan(50, station_transformers=20)), ())
    keys = tmp_path / "keys"
    done = runner.invoke(
        app, ["fleet", "run", *size, "--form", "columns", "--rounds", "2", "--unpaced", "--keys", str(keys), "--json"]
    )
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert (told["published"], told["acknowledged"], told["refused"], told["keys"]) == (100, 100, 0, 100)
    assert (told["asked_per_second"], told["finished"]) == (None, True)
    assert read_keys(keys).header.transformers == 50


def test_the_benchmark_of_publishers_runs_and_names_them_all(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "--messages", "400", "--repeats", "1"])
    simulator_messages.main()
    printed = capsys.readouterr().out
    for qos in (0, 1):
        for name in simulator_messages.PUBLISHERS:
            assert f"| {qos} | {name} |" in printed


@pytest.mark.parametrize("has_properties", [True, False])
@pytest.mark.parametrize("size", [0, 90, 20_000, 300_000])
def test_packets_are_what_the_collector_s_own_reader_reads(has_properties: bool, size: int) -> None:
    reader = PacketReader(has_properties)
    payload = b"x" * size
    packets = [publish_packet("a/模拟", payload, has_properties, mid) for mid in (0, 1, 65_535)]
    for packet in (*packets, sent_again(packets[1])):
        reader.feed(packet)
    found = reader.read(100, 10_000_000)
    assert found.topics == ["a/模拟".encode()] * 4
    assert found.payloads == [payload] * 4
    assert found.mids == [1, 65_535, 1]
    assert [flags & 0x0F for flags in found.flags] == [0x00, 0x02, 0x02, 0x0A]


def test_answers_are_read_whatever_pieces_they_come_in() -> None:
    plain = b"".join(b"\x40\x02" + mid.to_bytes(2, "big") for mid in (1, 300, 65_535))
    mixed = plain + b"\xd0\x00" + b"\x40\x03\x00\x07\x10" + b"\x40\x04\x00\x08\x87\x00" + b"\x40\x02\x00\x09"
    for data in (plain, mixed):
        for cut in range(len(data)):
            first_taken, first_refused, rest = read_answers(data[:cut])
            taken, refused, rest = read_answers(rest + data[cut:])
            assert rest == b""
            assert [*first_taken, *taken] == ([1, 300, 65_535] if data is plain else [1, 300, 65_535, 7, 9])
            assert [*first_refused, *refused] == ([] if data is plain else [8])
    with pytest.raises(ConnectionError):
        read_answers(b"\xe0\x02\x8b\x00")
