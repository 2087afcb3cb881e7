"""The other transformers of a feeder decide whether it is the feeder."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from alerts.outages.detection import Outage, OutageScope, find_outages
from alerts.outages.words import NAMED_MAX, supply_back, supply_lost
from alerts.silence.detection import Watched
from grid.supply import Supply
from grid.timestamps import HOUR_US, MINUTE_US

NOON = 1_627_099_200_000_000
SHANGHAI = ZoneInfo("Asia/Shanghai")
WATCHED = Watched.of(
    ["T0", "T1", "T2", "T3", "U0", "U1", "V0"], ["F1"] * 4 + ["F1"] * 2 + [""], ["S1"] * 4 + ["S2"] * 2 + ["S1"]
)
STATION_OF = {"T0": "S1", "T1": "S1", "T2": "S1", "T3": "S1", "U0": "S2", "U1": "S2", "V0": "S1"}


def found(without: Mapping[str, int], live: str = "", dark: str = "") -> list[Outage]:
    """Find outages; `live` and `dark` are ids whose newest reading came since, with voltage or without."""
    ids = WATCHED.transformer_ids
    heard = [*live.split(), *dark.split(), *without]
    supply = np.array([Supply.GONE if i in dark.split() or i in without else Supply.LIVE for i in ids], np.int8)
    measured = np.array([NOON + MINUTE_US if i in heard else NOON - HOUR_US for i in ids], np.int64)
    return list(find_outages(WATCHED, STATION_OF, without, supply, measured))


def test_one_transformer_among_others_with_voltage_is_an_outage_of_its_own() -> None:
    (outage,) = found({"T1": NOON}, live="T0 T2 T3")
    assert (outage.scope, outage.with_voltage, outage.not_heard) == (OutageScope.TRANSFORMER, 3, 0)


def test_all_that_are_heard_of_a_feeder_without_voltage_are_the_feeder() -> None:
    (outage,) = found({"T1": NOON + 5, "T0": NOON}, dark="T2")
    assert (outage.scope, outage.transformer_ids, outage.not_heard) == (OutageScope.FEEDER, ("T0", "T1"), 1)
    assert outage.since_us == NOON


def test_some_of_a_feeder_without_voltage_are_a_part_of_it() -> None:
    (outage,) = found({"T0": NOON, "T1": NOON}, live="T2 T3")
    assert (outage.scope, outage.with_voltage) == (OutageScope.PART_OF_FEEDER, 2)


def test_one_that_has_just_lost_its_voltage_does_not_speak_for_the_feeder() -> None:
    (outage,) = found({"T0": NOON}, dark="T1 T2 T3")
    assert (outage.scope, outage.with_voltage, outage.not_heard) == (OutageScope.TRANSFORMER, 0, 0)


def test_feeders_of_two_stations_and_transformers_on_none_are_outages_of_their_own() -> None:
    outages = found({"T0": NOON, "T1": NOON, "U0": NOON, "U1": NOON, "V0": NOON})
    assert [(o.place, o.scope) for o in outages] == [
        (("S1", "", "V0"), OutageScope.TRANSFORMER),
        (("S1", "F1", ""), OutageScope.FEEDER),
        (("S2", "F1", ""), OutageScope.FEEDER),
    ]
    assert len({o.key for o in outages}) == 3


@pytest.mark.parametrize("scope", list(OutageScope))
@pytest.mark.parametrize(("live", "unheard"), [(0, 0), (1, 0), (3, 2)])
def test_what_is_said_of_an_outage_says_what_the_others_say_and_nothing_more(
    scope: OutageScope, live: int, unheard: int
) -> None:
    ids = ("T0",) if scope is OutageScope.TRANSFORMER else ("T0", "T1")
    outage = Outage("S1", "F1", scope, ids, NOON, live, unheard)
    said = supply_lost(outage, "T0 模拟台区", SHANGHAI)
    assert "12:00" in said.zh and "12:00" in said.en
    assert all(name in said.zh and name in said.en for name in ids)
    assert (f"{live} 个台区有电压" in said.zh) is (live > 0)
    assert (f"{unheard} 个尚无此后的读数" in said.zh) is (unheard > 0)
    assert ("voltage back" in supply_back(outage, "T0", NOON + HOUR_US, SHANGHAI).en) and "1 小时" in supply_back(
        outage, "T0", NOON + HOUR_US, SHANGHAI
    ).zh
    assert "  " not in said.en and not said.en.endswith(" ")


def test_of_a_long_feeder_as_many_are_named_as_a_message_holds() -> None:
    outage = Outage("S1", "F1", OutageScope.FEEDER, tuple(f"T{i:03}" for i in range(200)), NOON, 0, 0)
    said = supply_lost(outage, "T000", SHANGHAI)
    assert f"另 {200 - NAMED_MAX} 个" in said.zh and f"and {200 - NAMED_MAX} more" in said.en
    assert "共 200 个" in said.zh
