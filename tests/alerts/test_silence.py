"""What sends nothing is said to be silent, once, at the right height: transformer, feeder, whole stream."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from alerts.silence.detection import (
    NEVER_RECEIVED,
    BlindStream,
    LostFeeder,
    Silence,
    SilenceSettings,
    Watched,
    look,
    silent_key,
)
from alerts.silence.transitions import changes
from alerts.silence.words import (
    communication_back,
    communication_lost,
    monitoring_is_blind,
    monitoring_sees_again,
    silent_since,
)
from grid.timestamps import HOUR_US, MINUTE_US, parse_timestamp_us

NOON = parse_timestamp_us("2021-07-24T12:00:00+08:00")
SHANGHAI = ZoneInfo("Asia/Shanghai")
SLOT = 15 * MINUTE_US


def town(feeders: dict[str, int]) -> Watched:
    """Return transformers on feeders: how many on each."""
    names = [name for name, number in feeders.items() for _ in range(number)]
    return Watched.of([f"T{i}" for i in range(len(names))], names)


def received(*minutes_ago: float, now_us: int = NOON) -> np.ndarray:
    """Return when each transformer was last heard; NaN: never."""
    return np.array([-1 if math.isnan(m) else now_us - round(m * MINUTE_US) for m in minutes_ago], np.int64)


def rows(mask: np.ndarray) -> list[int]:
    return np.flatnonzero(mask).tolist()


def test_a_transformer_is_silent_after_three_slots_and_not_a_timestamp_sooner() -> None:
    watched = town({"": 3})
    found = look(watched, received(0, 45, 45 + 1 / 60_000_000), NOON)
    assert rows(found.silent) == [2]
    assert rows(found.single) == [2]
    assert found.blind is None


def test_a_transformer_that_was_never_heard_is_on_a_list_of_its_own() -> None:
    found = look(town({"": 2}), received(0, math.nan), NOON)
    assert (rows(found.silent), rows(found.never_seen)) == ([], [1])


def test_nothing_is_expected_of_a_row_without_a_transformer() -> None:
    watched = Watched.of(["T0", "", ""], ["F", "F", "F"])
    found = look(watched, received(0, math.nan, 600), NOON)
    assert (rows(found.silent), rows(found.never_seen)) == ([], [])


@pytest.mark.parametrize(
    ("transformers", "silent", "is_lost"),
    [
        (25, 5, True),
        (25, 4, False),
        (26, 5, False),
        (35, 7, True),
        (6, 4, False),
        (4, 4, True),
        (4, 3, False),
        (2, 2, True),
        (1, 1, False),
    ],
)
def test_a_feeder_is_lost_when_a_fifth_and_at_least_five_or_all_of_a_small_one_are_silent_for_two_slots(
    transformers: int, silent: int, is_lost: bool
) -> None:
    watched = town({"F1": transformers, "F2": 1})
    heard = received(*[30.1] * silent, *[1] * (transformers - silent), 1)
    found = look(watched, heard, NOON)
    assert found.feeders == ((LostFeeder("F1", silent, transformers, NOON - round(0.1 * MINUTE_US)),) * is_lost)
    assert found.blind is None


def test_feeders_of_two_stations_with_one_name_are_two_feeders() -> None:
    watched = Watched.of([f"T{i}" for i in range(8)], ["F1"] * 8, ["S1"] * 4 + ["S2"] * 4)
    found = look(watched, received(*[60] * 4, *[1] * 4), NOON)
    assert [(f.station_id, f.feeder_id, f.silent, f.transformers) for f in found.feeders] == [("S1", "F1", 4, 4)]
    assert rows(found.single) == []
    other = look(watched, received(*[1] * 4, *[60] * 4), NOON)
    assert found.feeders[0].key != other.feeders[0].key


def test_a_lost_feeder_covers_the_single_ones_and_no_others() -> None:
    watched = town({"F1": 10, "F2": 10, "": 2})
    heard = received(*[60] * 6, *[1] * 4, 60, *[1] * 9, 60, 1)
    found = look(watched, heard, NOON)
    assert [f.feeder_id for f in found.feeders] == ["F1"]
    assert rows(found.single) == [10, 20]
    assert rows(found.covered) == [0, 1, 2, 3, 4, 5]


def test_a_transformer_that_died_last_week_does_not_make_its_feeder_lost_since_then() -> None:
    found = look(town({"F1": 10, "F2": 1}), received(10_000, 50, 49, 48, 40, 35, *[1] * 5), NOON)
    assert [(f.silent, f.since_us) for f in found.feeders] == [(6, NOON - 10 * MINUTE_US)]


def test_those_never_heard_neither_lose_a_feeder_nor_keep_it() -> None:
    assert look(town({"F1": 20, "F2": 1}), received(*[math.nan] * 16, *[60] * 4, 1), NOON).feeders == ()
    found = look(town({"F1": 100, "F2": 1}), received(*[math.nan] * 80, *[60] * 5, *[1] * 15, 1), NOON)
    assert [(f.silent, f.transformers) for f in found.feeders] == [(5, 20)]


def test_the_stream_is_blind_when_nothing_came_for_two_slots_and_one_reading_gives_it_sight() -> None:
    watched = town({"F1": 10, "F2": 3})
    assert look(watched, received(*[30] * 13), NOON).blind is None
    blind = look(watched, received(*[31] * 13), NOON).blind
    assert blind == BlindStream(13, NOON - 31 * MINUTE_US)
    assert look(watched, received(*[31] * 12, 1), NOON).blind is None


def test_a_single_transformer_that_falls_silent_blinds_a_stream_of_one() -> None:
    assert look(town({"": 1}), received(46), NOON).blind is not None


def test_all_silent_after_one_slot_is_blind_when_one_slot_is_the_setting() -> None:
    quick = SilenceSettings(slot_minutes=15, silent_slots=1)
    assert look(town({"": 2}), received(16, 20), NOON, quick).blind is not None
    assert look(town({"": 2}), received(14, 20), NOON, quick).blind is None


def test_a_town_that_was_never_heard_is_not_blind_but_never_seen() -> None:
    found = look(town({"F1": 10}), received(*[math.nan] * 10), NOON)
    assert (found.blind, found.feeders) == (None, ())
    assert found.never_seen.all()


def test_a_clock_that_was_set_back_makes_nobody_silent() -> None:
    found = look(town({"F1": 10}), received(*[-60] * 10), NOON)
    assert (rows(found.silent), found.feeders, found.blind) == ([], (), None)


def test_a_loss_begins_and_ends_once_under_one_key() -> None:
    watched = town({"F1": 10, "F2": 10})
    now = NOON
    heard = np.full(20, now, np.int64)
    before, told = None, []
    for minute in range(0, 120, 5):
        now = NOON + minute * MINUTE_US
        heard[10:] = now
        if minute >= 90:
            heard[:] = now
        silence = look(watched, heard, now)
        change = changes(before, silence)
        told += [(minute, "lost", c.key) for c in change.started] + [(minute, "back", c.key) for c in change.ended]
        told += [(minute, "silent", r) for r in change.fell_silent] + [(minute, "heard", r) for r in change.came_back]
        before = silence
    key = f"silence/feeder/F1/{NOON + 2 * SLOT}"
    assert told == [
        (35, "lost", key),
        *[(50, "silent", r) for r in range(10)],
        (90, "back", key),
        *[(90, "heard", r) for r in range(10)],
    ]


def test_a_loss_keeps_its_key_when_more_fall_silent_and_after_a_restart() -> None:
    watched = town({"F1": 20, "F2": 1})
    few = look(watched, received(40, 41, 42, 43, 44, *[20] * 15, 1), NOON)
    later = NOON + 12 * MINUTE_US
    more = look(watched, received(52, 53, 54, 55, 56, *[32] * 14, 1, 1, now_us=later), later)
    assert [f.silent for f in (*few.feeders, *more.feeders)] == [5, 19]
    assert [f.key for f in few.feeders] == [f.key for f in more.feeders]
    assert changes(few, more).started == ()
    assert changes(None, more).started == more.feeders


def test_blindness_says_it_once_for_all_feeders_and_what_stays_lost_is_said_after_it() -> None:
    watched = town({"F1": 10, "F2": 10})
    well = look(watched, received(*[1] * 20), NOON)
    half = look(watched, received(*[40] * 10, *[1] * 10), NOON, before=well)
    later = NOON + 50 * MINUTE_US
    blind = look(watched, received(*[90] * 10, *[51] * 10, now_us=later), later, before=half)
    again = look(watched, received(*[90] * 10, *[0] * 10, now_us=later), later, before=blind)
    soon, at_last = later + SLOT, later + 2 * SLOT
    waiting = look(watched, received(*[105] * 10, *[0] * 10, now_us=soon), soon, before=again)
    still = look(watched, received(*[120] * 10, *[0] * 10, now_us=at_last), at_last, before=waiting)
    assert [f.feeder_id for f in changes(well, half).started if isinstance(f, LostFeeder)] == ["F1"]
    assert changes(half, blind).started == (blind.blind,)
    assert changes(half, blind).ended == ()
    assert blind.covered.all()
    assert changes(blind, again).ended == (blind.blind,)
    assert changes(blind, again).started == ()
    assert changes(again, waiting).started == ()
    assert [f.key for f in changes(waiting, still).started] == [f.key for f in half.feeders]
    assert changes(blind, well).started == ()


Heard = Callable[[int], NDArray[np.int64]]
"""When each transformer was last heard, as known at a moment."""


def told(watched: Watched, heard: Heard, from_us: int, until_us: int, every_us: int = MINUTE_US // 4) -> list[str]:
    """Look again and again; return what people are told, with the minute after the beginning."""
    before: Silence | None = None
    said = []
    for now_us in range(from_us, until_us, every_us):
        now = look(watched, heard(now_us), now_us, before=before)
        change = changes(before, now)
        at = round((now_us - from_us) / MINUTE_US)
        said += [f"{at} {name_of(c)} lost" for c in change.started] + [f"{at} {name_of(c)} back" for c in change.ended]
        before = now
    return said


def each_at_its_second(numbers: int, silences: Mapping[int, tuple[float, float]] | tuple[float, float]) -> Heard:
    """Return what is heard of transformers that send once a slot, each at its own moment of it.

    `silences`: from which minute after NOON to which nothing comes; of all, or by transformer.
    """
    second = np.random.default_rng(20).permutation(numbers) * SLOT // numbers

    def heard(now_us: int) -> NDArray[np.int64]:
        found = (now_us - second) // SLOT * SLOT + second
        for row in range(numbers):
            begin, end = silences if isinstance(silences, tuple) else silences.get(row, (0.0, 0.0))
            while NOON + begin * MINUTE_US <= found[row] < NOON + end * MINUTE_US:
                found[row] -= SLOT
        return found

    return heard


def test_a_town_whose_transformers_fall_silent_and_come_back_one_by_one_is_told_once_each_way() -> None:
    watched = town({"F1": 10, "F2": 30, "F3": 60})
    heard = each_at_its_second(100, (60, 160))
    assert told(watched, heard, NOON, NOON + 300 * MINUTE_US) == ["90 stream lost", "160 stream back"]


@pytest.mark.parametrize("minutes", [16, 19, 23, 29])
def test_a_break_of_the_whole_stream_that_is_over_before_it_is_blind_is_no_lost_feeder(minutes: int) -> None:
    watched = town({"F1": 10, "F2": 30, "F3": 60})
    heard = each_at_its_second(100, (60, 60 + minutes))
    assert told(watched, heard, NOON, NOON + 200 * MINUTE_US) == []


def test_a_feeder_that_stays_away_when_all_others_are_back_is_told_two_slots_later() -> None:
    watched = town({"F1": 10, "F2": 30})
    heard = each_at_its_second(40, {row: (60, 400 if row < 10 else 160) for row in range(40)})
    said = told(watched, heard, NOON, NOON + 300 * MINUTE_US)
    assert said == ["90 stream lost", "160 stream back", "190 F1 lost"]


def test_a_feeder_by_itself_is_told_as_soon_as_ever_also_where_all_send_at_the_same_minute() -> Any:
    watched = town({"F1": 10, "F2": 30})
    rng = np.random.default_rng(7)
    sent = NOON + np.arange(20) * SLOT + rng.integers(0, 20_000_000, 20) + rng.integers(0, 2_000_000, (40, 20))
    sent[:10, 4:] = NOON + 1000 * SLOT  # the feeder's last one is that of the third slot

    def heard(now_us: int) -> NDArray[np.int64]:
        return np.asarray(np.where(sent <= now_us, sent, NEVER_RECEIVED).max(axis=1))

    assert told(watched, heard, NOON + SLOT, NOON + 9 * SLOT, every_us=1_000_000) == ["60 F1 lost"]


def test_a_feeder_that_was_told_stays_told_over_a_break_of_the_whole_stream() -> None:
    watched = town({"F1": 10, "F2": 30})
    heard = each_at_its_second(40, {row: (60, 200) if row < 10 else (120, 143) for row in range(40)})
    said = told(watched, heard, NOON, NOON + 300 * MINUTE_US)
    assert [line.partition(" ")[2] for line in said] == ["F1 lost", "F1 back"]


def test_a_clock_that_is_set_back_after_a_break_does_not_keep_a_lost_feeder_from_people() -> None:
    watched = town({"F1": 10, "F2": 10})
    blind = look(watched, received(*[31] * 20), NOON)
    back = look(watched, received(*[31] * 10, *[0] * 10), NOON, before=blind)
    earlier = NOON - 600 * MINUTE_US
    set_back = look(watched, received(*[31] * 10, *[0] * 10, now_us=earlier), earlier, before=back)
    soon, later = earlier + SLOT, earlier + 2 * SLOT
    waiting = look(watched, received(*[46] * 10, *[0] * 10, now_us=soon), soon, before=set_back)
    at_last = look(watched, received(*[61] * 10, *[0] * 10, now_us=later), later, before=waiting)
    assert (back.told, set_back.told, waiting.told) == ((), (), ())
    assert [f.feeder_id for f in changes(waiting, at_last).started if isinstance(f, LostFeeder)] == ["F1"]


def test_nothing_changed_is_said_to_be_nothing() -> None:
    silence = look(town({"F1": 3}), received(1, 2, 3), NOON)
    assert not changes(silence, silence)
    assert not changes(None, silence)


def test_a_new_ledger_with_more_transformers_changes_nothing_for_the_old_ones() -> None:
    before = look(town({"": 2}), received(1, 60), NOON)
    now = look(town({"": 3}), received(1, 60, 60), NOON)
    assert changes(before, now).fell_silent.tolist() == [2]
    assert changes(now, before).fell_silent.tolist() == []


FEEDERS = st.lists(st.sampled_from(["", "F1", "F2"]), min_size=1, max_size=40)


def naive_look(feeders: list[str], minutes_ago: list[float]) -> tuple[set[int], set[int], set[str], bool]:
    """Return silent rows, single rows, lost feeders and blindness, straight from the promise."""
    seen = [i for i, m in enumerate(minutes_ago) if not math.isnan(m)]
    silent = {i for i in seen if minutes_ago[i] > 45}
    lost = set()
    for feeder in {"F1", "F2"}:
        own = [i for i in seen if feeders[i] == feeder]
        quiet = [i for i in own if minutes_ago[i] > 30]
        enough = max(5 if feeders.count(feeder) >= 5 else len(own), -(-len(own) // 5))
        if len(own) > 1 and len(quiet) >= enough:
            lost_for = sorted((minutes_ago[i] for i in quiet), reverse=True)[enough - 1] - 30
            if lost_for >= min(minutes_ago[i] for i in seen) - 15:
                lost.add(feeder)
    blind = bool(seen) and (set(seen) == silent or all(minutes_ago[i] > 30 for i in seen))
    single = set() if blind else {i for i in silent if feeders[i] not in lost}
    return silent, single, lost, blind


@settings(max_examples=300, deadline=None)
@given(feeders=FEEDERS, data=st.data())
def test_a_look_at_a_fleet_equals_the_promise_word_by_word(feeders: Any, data: Any) -> None:
    times = st.sampled_from([0.0, 1.0, 30.0, 30.1, 45.0, 45.1, 600.0, math.nan])
    minutes_ago = data.draw(st.lists(times, min_size=len(feeders), max_size=len(feeders)))
    found = look(Watched.of([f"T{i}" for i in range(len(feeders))], feeders), received(*minutes_ago), NOON)
    lost = {f.feeder_id for f in found.feeders}
    assert (set(rows(found.silent)), set(rows(found.single)), lost, found.blind is not None) == naive_look(
        feeders, minutes_ago
    )
    assert set(rows(found.never_seen)) == {i for i, m in enumerate(minutes_ago) if math.isnan(m)}


@settings(max_examples=150, deadline=None)
@given(feeders=FEEDERS, data=st.data())
def test_what_began_and_has_not_ended_is_what_stands_whenever_one_looks(feeders: Any, data: Any) -> None:
    """Whoever follows the changes knows as much as whoever looks, on any path of readings coming and going."""
    watched = Watched.of([f"T{i}" for i in range(len(feeders))], feeders)
    heard = np.full(len(feeders), NEVER_RECEIVED, np.int64)
    before: Silence | None = None
    ongoing: set[str] = set()
    silent: set[int] = set()
    now_us = NOON
    for _ in range(data.draw(st.integers(1, 12))):
        now_us += data.draw(st.sampled_from([1, 10, 16, 31, 46])) * MINUTE_US
        for row in data.draw(st.sets(st.integers(0, len(feeders) - 1))):
            heard[row] = now_us - data.draw(st.sampled_from([0, 5])) * MINUTE_US
        silence = look(watched, heard, now_us, before=before)
        change = changes(before, silence)
        for one in change.ended:
            ongoing = ongoing - {name_of(one)} if isinstance(one, LostFeeder) else set()
        for one in change.started:
            ongoing.add(name_of(one))
        silent = (silent | set(change.fell_silent.tolist())) - set(change.came_back.tolist())
        shown = {"stream"} if silence.blind else {f.feeder_id for f in silence.told}
        assert set(silence.told) <= set(silence.feeders)
        assert shown == (ongoing if not silence.blind else ongoing & {"stream"})
        assert silent == set(rows(silence.silent))
        before = silence


def name_of(one: LostFeeder | BlindStream) -> str:
    return one.feeder_id if isinstance(one, LostFeeder) else "stream"


def test_what_is_said_names_the_feeder_the_numbers_and_never_lets_silence_pass_for_health() -> None:
    lost = LostFeeder("东街线", 12, 40, NOON)
    said = communication_lost(lost, SHANGHAI)
    assert "东街线：40 个台区中 12 个无数据（7月24日 12:00 发现）" in said.zh
    assert "communication lost] feeder 东街线: 12 of 40 transformers" in said.en
    assert "不等于正常" in said.zh
    assert "1 小时" in communication_back(lost, NOON + HOUR_US, SHANGHAI).zh
    blind = BlindStream(1, NOON)
    assert "monitoring is blind" in monitoring_is_blind(blind, SHANGHAI).en
    assert "1 transformer." in monitoring_is_blind(blind, SHANGHAI).en
    assert "监测恢复" in monitoring_sees_again(blind, NOON + HOUR_US, SHANGHAI).zh
    assert silent_since(NOON, SHANGHAI).zh == "7月24日 12:00 以来无数据"


def test_keys_of_single_silences_tell_one_silence_from_the_next() -> None:
    assert silent_key("YX06", NOON) != silent_key("YX06", NOON + 1)
