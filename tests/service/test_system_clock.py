"""A clock that is set, or wrong: nobody is silent for it, and nothing is refused for our own mistake."""

from __future__ import annotations

import pytest

from collector.decoding.plausibility import Limits
from collector.decoding.rejects import Reason
from collector.message import Message
from collector.wire.format import encode_reading, reading_topic
from grid.assets import Transformer
from grid.fleet import Fleet
from grid.timestamps import HOUR_US, MINUTE_US, SECOND_US, format_utc
from service.collecting.decoding import Decoder
from service.monitors.system_clock import ClockWatch, StepWatch

NOON = 1_627_099_200_000_000
FLEET = Fleet.of([Transformer(f"T{i}", f"T{i}", "S1", 400.0) for i in range(10)])


class HandSetClock:
    """A clock that is set by hand, and the time that really passes."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self.seconds = 0.0
        self.set_by_us = 0

    def now_us(self) -> int:
        return NOON + round(self.seconds * self.speed * 1e6) + self.set_by_us


@pytest.mark.parametrize("speed", [1.0, 60.0])
@pytest.mark.parametrize("step_us", [HOUR_US, -HOUR_US, 20 * SECOND_US * 60])
def test_a_step_of_the_clock_is_noticed_once_and_to_the_microsecond(speed: float, step_us: int) -> None:
    clock = HandSetClock(speed)
    watch = StepWatch(clock, lambda: clock.seconds)
    clock.seconds += 3.0
    assert watch.step_us() == 0
    clock.set_by_us += step_us
    clock.seconds += 0.2
    assert watch.step_us() == step_us
    clock.seconds += 5.0
    assert watch.step_us() == 0


def test_what_ntp_corrects_every_day_is_no_step() -> None:
    clock = HandSetClock()
    watch = StepWatch(clock, lambda: clock.seconds)
    clock.set_by_us += SECOND_US
    assert watch.step_us() == 0


def block(ahead_minutes: dict[int, float]) -> list[Message]:
    """One reading of each transformer, measured so far ahead of when we received it."""
    messages = []
    for number, minutes in ahead_minutes.items():
        payload = encode_reading(format_utc(NOON + round(minutes * MINUTE_US)), active_power_kw=100.0)
        messages.append(Message(reading_topic("S1", f"T{number}"), payload, NOON, 1, 1, 1, False))
    return messages


def test_one_device_that_is_ahead_is_refused() -> None:
    decoded = Decoder(FLEET, Limits()).decode(block({0: 60.0, 1: 0.0, 2: 0.0}))
    assert (len(decoded.readings), [r.reason for r in decoded.rejects]) == (2, [Reason.TIME_IN_FUTURE])


def test_when_most_of_the_fleet_is_ahead_it_is_our_clock_and_nothing_is_refused_for_it() -> None:
    decoder = Decoder(FLEET, Limits())
    decoded = decoder.decode(block({number: 60.0 for number in range(5)} | {5: 120.0}))
    assert len(decoded.readings) == 5
    assert [r.topic for r in decoded.rejects] == [reading_topic("S1", "T5")]
    assert decoder.behind_minutes == 60.0
    assert len(decoder.decode(block({7: 60.5})).readings) == 1


def test_two_devices_are_not_the_fleet() -> None:
    decoder = Decoder(FLEET, Limits())
    assert len(decoder.decode(block({0: 60.0, 1: 60.0})).readings) == 0
    assert decoder.behind_minutes == 0.0


def test_when_our_clock_is_right_again_a_device_ahead_of_it_is_refused_again() -> None:
    decoder = Decoder(FLEET, Limits())
    decoder.decode(block({number: 60.0 for number in range(5)}))
    decoder.forget()
    decoder.decode(block({number: 0.0 for number in range(5)}))
    decoder.estimate()
    assert decoder.behind_minutes == 0.0
    assert len(decoder.decode(block({0: 60.0, 1: 0.0})).readings) == 1


def test_any_age_means_any_future_too() -> None:
    decoder = Decoder(FLEET, Limits(None, None))
    assert len(decoder.decode(block({0: 90.0, 1: 90.0, 2: 90.0})).readings) == 3
    assert decoder.behind_minutes == 0.0


def test_when_the_fleet_agrees_on_a_time_long_ago_nothing_is_refused_for_its_age() -> None:
    """Our clock was set a month ahead: every reading is a month old to us."""
    month = -32.0 * 24 * 60
    decoder = Decoder(FLEET, Limits())
    decoded = decoder.decode(block({number: month for number in range(5)} | {5: month - 96 * 60}))
    assert len(decoded.readings) == 5
    assert [r.reason for r in decoded.rejects] == [Reason.TIME_TOO_OLD]
    assert decoder.ahead_minutes == -month
    assert len(decoder.decode(block({7: month - 1.0})).readings) == 1


def test_old_readings_that_do_not_agree_are_refused_for_their_age() -> None:
    decoder = Decoder(FLEET, Limits())
    days = {number: -(4.0 + number) * 24 * 60 for number in range(5)}
    decoded = decoder.decode(block(days))
    assert len(decoded.readings) == 0
    assert decoder.ahead_minutes == 0.0


def test_recordings_of_years_ago_are_no_wrong_clock() -> None:
    decoder = Decoder(FLEET, Limits())
    assert len(decoder.decode(block({number: -5.0 * 365 * 24 * 60 for number in range(5)})).readings) == 0


def test_a_clock_that_is_ahead_is_said_once_it_lasts_and_readings_that_waited_are_not() -> None:
    watch = ClockWatch()
    said = [watch.look(0.0, FLEET, NOON + s * SECOND_US, ahead_minutes=46_080.0) for s in (0, 30, 61, 90)]
    assert [len(events) for events in said] == [0, 0, 1, 0]
    assert "768" in said[2][0].text.zh
    assert "768 hours" in said[2][0].text.en
    assert watch.ahead_minutes == 46_080.0
    caught_up = ClockWatch()
    for s in range(0, 200, 10):
        assert caught_up.look(0.0, FLEET, NOON + s * SECOND_US, ahead_minutes=300.0 - s) == ()


def test_a_clock_that_is_behind_is_said_once_as_long_as_it_lasts() -> None:
    watch = ClockWatch()
    said = [watch.look(minutes, FLEET, NOON + at) for at, minutes in enumerate([0.0, 60.0, 60.0, 0.0, 61.0])]
    assert [len(notification_events) for notification_events in said] == [0, 1, 0, 0, 1]
    assert "60 分钟" in said[1][0].text.zh and "60 minutes" in said[1][0].text.en
