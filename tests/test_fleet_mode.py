"""Fleet mode: what was asked, what was reached, and a ledger of what the broker really took."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from collector.broker_address import BrokerAddress
from collector.decode import decode_block
from collector.message import Message
from collector.screen import Limits
from grid.errors import UsageError
from grid.fleet import Fleet
from grid.moments import MINUTE_US, parse_moment_us
from simulator.fleet import AcknowledgedKeys, FleetPlan, Form, fleet_ledger, run_fleet
from tests.mosquitto import Mosquitto

START_US = parse_moment_us("2021-07-24T09:30:00+08:00")


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
        assert subscribed.wait(10.0)

    def take(self, count: int) -> list[Message]:
        with self._changed:
            self._changed.wait_for(lambda: len(self.messages) >= count, 10.0)
        self._client.disconnect()
        self._client.loop_stop()
        return self.messages

    def _on_message(self, client: mqtt.Client, userdata: Any, message: mqtt.MQTTMessage) -> None:
        with self._changed:
            self.messages.append(
                Message(message.topic, message.payload, START_US, message.mid, message.qos, 1, message.retain)
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
    assert arrived == {(moment, row) for moment, rows in keys.by_moment() for row in rows.tolist()}
    assert {moment for moment, _ in arrived} == {START_US, START_US + MINUTE_US}
    assert len(keys) == len(arrived) == 480


def test_the_pace_is_kept_when_the_broker_can(mosquitto: Mosquitto) -> None:
    plan = FleetPlan(100, Form.BATCH, batch_rows=10, interval_seconds=0.5, rounds=3)
    report, _ = run_fleet(BrokerAddress(mosquitto.host, mosquitto.port), plan, START_US)
    assert report.asked_per_second == plan.asked_per_second == 200.0
    assert report.achieved_per_second == pytest.approx(200.0, rel=0.25)
    assert report.finished


def test_a_run_ends_when_its_time_is_up_and_says_so(mosquitto: Mosquitto) -> None:
    plan = FleetPlan(10, interval_seconds=5.0, rounds=1_000, seconds_max=0.6)
    seen: list[int] = []
    report, keys = run_fleet(BrokerAddress(mosquitto.host, mosquitto.port), plan, START_US, progress=seen.append)
    assert not report.finished
    assert report.seconds < 3.0
    assert 0 < report.published == report.acknowledged == len(keys) == seen[-1] < 20


def test_the_same_plan_sends_the_same_readings(mosquitto: Mosquitto) -> None:
    plan = FleetPlan(50, Form.COLUMNS, rounds=2, paced=False)
    sent = []
    for _ in range(2):
        receiver = Receiver(mosquitto, 1)
        run_fleet(BrokerAddress(mosquitto.host, mosquitto.port), plan, START_US)
        sent.append([message.payload for message in receiver.take(2)])
    assert sent[0] == sent[1]


@pytest.mark.parametrize(
    "wrong", [{"transformers": 0}, {"batch_rows": 1_001}, {"qos": 2}, {"interval_seconds": 0.0}, {"rounds": 0}]
)
def test_a_plan_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        FleetPlan(**{"transformers": 10, **wrong})


def test_the_ledger_of_acknowledged_keys_counts_each_key_once() -> None:
    keys = AcknowledgedKeys(5)
    keys.take(START_US, np.array([0, 1, 2], np.int32))
    keys.take(START_US, np.array([2, 3], np.int32))
    keys.take(START_US - MINUTE_US, np.array([4], np.int32))
    assert len(keys) == 5
    assert [(moment, rows.tolist()) for moment, rows in keys.by_moment()] == [
        (START_US - MINUTE_US, [4]),
        (START_US, [0, 1, 2, 3]),
    ]
