"""A phase that stays overloaded calls people, where the three together would not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.model.incidents import Incident, IncidentState
from grid.assets import Phase
from tests.service.test_outage import live, send
from tests.service.test_pipeline import NOON, Station1, a_town

PHASES = (Phase.A, Phase.B, Phase.C, Phase.ABC)


def lopsided(worst: float, others: float, minute: int = 0) -> dict[str, object]:
    """A reading of a 400 kVA transformer with phase A at one load rate and the others at another, varying."""
    others = others + minute % 7 * 1e-4
    amps = [rate * 400_000 / 3 / 230 for rate in (worst, others, others)]
    return {
        "voltage_v": [230.0] * 3,
        "current_amp": amps,
        "active_power_kw": (worst + 2 * others) / 3 * 400,
        "reactive_power_kvar": 0.0,
    }


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station1]:
    """A fresh installation, whose sixty shops hang on A, B, C and all three phases in turn."""
    made = Station1(tmp_path)
    shops = tuple(replace(m, phase=PHASES[i % 4]) for i, m in enumerate(a_town().merchants))
    made.records.replace_ledger(replace(a_town(), merchants=shops), "test", NOON)
    made.rules = ("early-warning", "supply")
    made.restart(NOON)
    yield made
    made.close()


def incidents(station: Station1) -> dict[str, Incident]:
    """The incidents by level."""
    station.a_second_later()
    return {incident.level: incident for incident in station.records.incidents()}


def test_an_overloaded_phase_that_lasts_opens_an_incident_asks_on_that_phase_and_tells_the_desk(
    station: Station1,
) -> None:
    for minute in range(15):
        send(station, minute, T1=lopsided(1.14, 0.63, minute))
    assert station.records.incidents() == ()
    send(station, 15, T1=lopsided(1.14, 0.63, 15))
    incident = station.incident()
    assert (incident.level, incident.state, incident.opened_at_us) == ("phase_overload", IncidentState.OPEN, NOON)
    assert incident.last_load_rate == pytest.approx(1.14)
    outreach = station.records.outreach(incident.incident_id)
    assert outreach is not None
    # (114 % - 80 %) of a third of 400 kVA, not of the whole.
    assert outreach.needed_kw == pytest.approx(0.34 * 400 / 3, rel=1e-3)
    phase_of = {m.merchant_id: m.phase for m in station.records.ledger().merchants}
    assert {phase_of[door.merchant_id] for door in outreach.doors} <= {Phase.A, Phase.ABC}
    assert outreach.reason.zh.startswith("A 相") and outreach.reason.en.startswith("Phase A")
    alone = next(door.offer_kw for door in outreach.doors if phase_of[door.merchant_id] is Phase.A)
    third = [door.offer_kw for door in outreach.doors if phase_of[door.merchant_id] is Phase.ABC]
    assert all(offer_kw == pytest.approx(alone / 3) for offer_kw in third)
    station.told(16)
    (message,) = station.records.messages(10)
    assert "调整三相负荷" in message.text.zh and "balance the phases" in message.text.en
    for minute in range(16, 30):
        send(station, minute, T1=lopsided(0.7, 0.6, minute))
    assert station.incident().state is IncidentState.CLOSED


def test_a_phase_that_is_overloaded_for_a_moment_calls_nobody(station: Station1) -> None:
    for minute in range(40):
        send(station, minute, T1=lopsided(1.14 if minute % 20 < 8 else 0.6, 0.6, minute))
    assert station.records.incidents() == ()


def test_where_the_total_calls_already_its_phase_opens_nothing_of_its_own(station: Station1) -> None:
    for minute in range(40):
        send(station, minute, T1=lopsided(1.2, 0.8, minute))
    assert set(incidents(station)) == {"severe_heavy"}


def test_a_phase_incident_goes_on_beside_one_of_the_total_and_waits_for_it_with_its_doors(station: Station1) -> None:
    for minute in range(20):
        send(station, minute, T1=lopsided(1.14, 0.6, minute))
    for minute in range(20, 30):
        send(station, minute, T1=lopsided(1.25, 0.85, minute))
    found = incidents(station)
    assert {level: i.state.value for level, i in found.items()} == {"phase_overload": "open", "severe_heavy": "open"}
    assert found["phase_overload"].incident_id != found["severe_heavy"].incident_id
    assert station.records.outreach(found["severe_heavy"].incident_id) is not None
    assert len(station.records.outreach_revisions(found["phase_overload"].incident_id)) == 1
    for minute in range(30, 60):
        send(station, minute, T1=live(0.5 + minute % 7 * 1e-3))
    assert {i.state for i in incidents(station).values()} == {IncidentState.CLOSED}
