"""Faults of devices and lines: how they are written, what becomes of messages, and that chance is not luck."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

import pytest
from typer.testing import CliRunner

from collector.wire.format import encode_reading, reading_topic
from grid.errors import UsageError
from grid.timestamps import HOUR_US, MINUTE_US, format_utc, parse_timestamp_us
from service.cli.main import app
from simulator.faults.faults import GRAMMAR, Fault, Kind, how_to_write, parse_fault
from simulator.faults.stream import FaultyStream, Sending

NINE = parse_timestamp_us("2021-07-24T09:00:00+08:00")
DEVICES = ("YX05", "YX06")


def minutes(count: int) -> list[Sending]:
    """What two devices send, a reading a minute from nine on; the values of each minute are its own."""
    return [
        Sending(
            at_us := NINE + minute * MINUTE_US,
            device,
            reading_topic("ST01", device),
            encode_reading(
                format_utc(at_us), voltage_v=(230.0, 229.0, 228.0), current_amp=(300.0 + minute, 250.0, 200.0),
                active_power_kw=150.0 + minute, reactive_power_kvar=30.0, seq=minute,
            ),
        )
        for minute in range(count)
        for device in DEVICES
    ]  # fmt: skip


def played(sendings: Sequence[Sending], *faults: str, seed: int = 1) -> list[Sending]:
    line = FaultyStream([parse_fault(text) for text in faults], DEVICES, seed, 8.0)
    return [*(after for sending in sendings for after in line.send(sending)), *line.rest()]


def of(sendings: Sequence[Sending], device: str) -> list[dict[str, object]]:
    return [json.loads(s.payload) for s in sendings if s.transformer_id == device]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("late=0.05:2h", Fault(Kind.LATE, "late=0.05:2h", share=0.05, amount=2.0 * HOUR_US)),
        ("duplicate=1", Fault(Kind.DUPLICATE, "duplicate=1", share=1.0)),
        ("lost=0.5:11:00-12:30", Fault(Kind.LOST, "lost=0.5:11:00-12:30", 0.5, (), 660, 750)),
        ("stuck=YX06:11:00", Fault(Kind.STUCK, "stuck=YX06:11:00", 0.0, ("YX06",), 660)),
        ("silent=YX05,YX06", Fault(Kind.SILENT, "silent=YX05,YX06", 0.0, ("YX05", "YX06"))),
        ("wrong-ratio=*:09:30:1/8", Fault(Kind.WRONG_RATIO, "wrong-ratio=*:09:30:1/8", 0.0, (), 570, None, 0.125)),
        ("wrong-zone=YX06:-8h", Fault(Kind.WRONG_ZONE, "wrong-zone=YX06:-8h", 0.0, ("YX06",), amount=-8.0 * HOUR_US)),
        ("drifting-clock=*", Fault(Kind.DRIFTING_CLOCK, "drifting-clock=*", amount=float(MINUTE_US))),
    ],
)
def test_a_fault_is_read_as_it_is_written(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("lat=0.05", "--fault lat=0.05: there is no fault 'lat'; did you mean late?"),
        ("fire=1", "there is no fault 'fire'; there are silent, stuck"),
        ("late", "does not say whose readings, when and how much; write late=SHARE[:FROM[-TO]][:BY]"),
        ("late=2:2h", "'2' is no share of the readings, above 0 and up to 1"),
        ("late=0:2h", "'0' is no share"),
        ("lost=nan", "'nan' is no share"),
        ("late=0.1:two", "'two' is not the length of a block, such as 2h"),
        ("late=0.1:-2h", "'-2h' is not the length of a block"),
        ("lost=0.1:2h", "takes nothing like '2h'; write lost=SHARE[:FROM[-TO]], as docs/faults.md shows"),
        ("stuck=YX06:25:00", "'25:00' is no clock time"),
        ("stuck=YX06:12:00-11:00", "ends at 11:00, before it begins"),
        ("silent=YX05,,YX06", "names no transformers"),
        ("wrong-ratio=YX06:1/0", "'1/0' is not a factor such as 120 or 1/120"),
        ("wrong-zone=YX06:0h", "'0h' is not how far it is ahead, such as 8h or -8h"),
    ],
)
def test_what_is_wrong_with_a_fault_is_said_with_the_way_to_mend_it(text: str, told: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_fault(text)
    assert told in str(error.value)
    assert f"--fault {text}" in str(error.value)


@pytest.mark.parametrize("kind", Kind)
def test_the_way_to_write_a_kind_can_be_read(kind: Kind) -> None:
    words = how_to_write(kind).replace("SHARE", "0.5").replace("TRANSFORMERS", "YX06")
    words = words.replace("[:FROM[-TO]]", ":11:00-12:00").replace("[:BY]", ":5m").replace("[:FACTOR]", ":3")
    assert parse_fault(words).kind is kind
    assert (parse_fault(words).amount != 0.0) == (GRAMMAR[kind].amount != "none")


def test_a_device_that_nobody_knows_is_said() -> None:
    with pytest.raises(UsageError, match=r"--fault stuck=YX99: .*'YX99'.*name one of YX05, YX06, or \* for all"):
        played([], "stuck=YX99")


def test_without_faults_nothing_changes() -> None:
    assert played(minutes(5)) == minutes(5)


def test_the_same_seed_gives_the_same_messages_and_another_seed_others() -> None:
    every = [f"{kind.value}={'0.3' if GRAMMAR[kind].whose == 'share' else 'YX06:09:20'}" for kind in Kind]
    first, again, other = (played(minutes(60), *every, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert played(minutes(60), *reversed(every)) == first


def test_one_fault_does_not_move_the_chance_of_another() -> None:
    lost = {s.payload for s in minutes(60)} - {s.payload for s in played(minutes(60), "lost=0.2")}
    with_more = {s.payload for s in played(minutes(60), "lost=0.2", "duplicate=0.5", "shuffled=0.5:5m")}
    assert lost
    assert with_more.isdisjoint(lost)


def test_late_readings_come_in_blocks_at_the_end_of_their_block_and_none_is_lost() -> None:
    sent = played(minutes(600), "late=0.5:1h")
    assert Counter(s.payload for s in sent) == Counter(s.payload for s in minutes(600))
    delays = [s.at_us - parse_timestamp_us(json.loads(s.payload)["measured_at"]) for s in sent]
    assert max(delays) <= HOUR_US
    assert 0.3 < sum(delay > 0 for delay in delays) / len(delays) < 0.7
    bursts = Counter((s.transformer_id, s.at_us) for s in sent)
    assert sorted(bursts.values())[-5] > 50
    assert [s.at_us for s in sent] == sorted(s.at_us for s in sent)


def test_shuffled_readings_overtake_one_another_within_their_bound() -> None:
    sent = played(minutes(120), "shuffled=0.5:10m")
    order = [json.loads(s.payload)["seq"] for s in sent if s.transformer_id == "YX06"]
    assert order != sorted(order)
    assert sorted(order) == list(range(120))
    assert all(abs(place - number) <= 11 for place, number in enumerate(order))


def test_faults_of_a_device_last_from_and_to_their_clock_times_and_leave_the_others_alone() -> None:
    sent = played(minutes(60), "stuck=YX06:09:10-09:20")
    assert of(sent, "YX05") == of(minutes(60), "YX05")
    power = [reading["active_power_kw"] for reading in of(sent, "YX06")]
    assert power[9:21] == [159.0, *[160.0] * 10, 170.0]
    assert [reading["seq"] for reading in of(sent, "YX06")] == list(range(60))


def test_clocks_freeze_drift_and_are_hours_off() -> None:
    def shifts(fault: str) -> list[float]:
        times = [parse_timestamp_us(str(r["measured_at"])) for r in of(played(minutes(121), fault), "YX06")]
        return [(time - NINE - minute * MINUTE_US) / MINUTE_US for minute, time in enumerate(times)]

    assert shifts("frozen-clock=YX06:10:00")[58:63] == [0.0, 0.0, 0.0, -1.0, -2.0]
    assert shifts("wrong-zone=YX06:10:00")[59:61] == [0.0, 480.0]
    drifting = shifts("drifting-clock=YX06:-2m")
    assert (drifting[0], drifting[60], drifting[120]) == (0.0, -2.0, -4.0)


def test_values_are_bent_as_the_fault_says() -> None:
    (good,) = of(minutes(1), "YX06")

    def bent(fault: str) -> dict[str, object]:
        (found,) = of(played(minutes(1), fault), "YX06")
        return {name: value for name, value in found.items() if value != good[name]}

    assert bent("watts=YX06") == {"active_power_kw": 150_000.0, "reactive_power_kvar": 30_000.0}
    assert bent("phase-swap=YX06") == {"current_amp": [200.0, 250.0, 300.0]}
    assert bent("wrong-ratio=YX06:0.5")["current_amp"] == [150.0, 125.0, 100.0]
    assert bent("negative=YX06")["active_power_kw"] == -150.0
    assert "voltage_v" not in bent("negative=YX06")


def test_garbage_is_no_reading_any_more_and_retained_asks_the_broker_to_keep() -> None:
    good = {s.payload for s in minutes(100)}
    garbage = [s.payload for s in played(minutes(100), "garbage=1")]
    assert good.isdisjoint(garbage)
    assert len(garbage) == 200
    assert all(s.retained == (s.transformer_id == "YX06") for s in played(minutes(3), "retained=YX06"))


def test_a_wrong_fault_ends_the_command_with_one_line() -> None:
    done = CliRunner().invoke(app, ["simulate", "--fault", "stuk=YX06"])
    assert isinstance(done.exception, UsageError)
    assert "did you mean stuck?" in str(done.exception)
