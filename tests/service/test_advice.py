"""What to do next: the collector, the pages and the commands give one answer for one incident."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from alerts.model.incidents import Incident
from alerts.outreach.planner import Advice, AdviceKind, OutreachSettings, Visit, VisitResult
from grid.assets import CustomerLink, Ledger
from grid.timestamps import DAY_US, MINUTE_US
from service.container import Container
from service.ledger_view import LedgerView
from service.response.lists import IncidentLists
from service.response.recent import RECENT_MINUTES, Recent, recent_of
from service.settings.settings import load_settings
from tests.support.town import INCIDENT_TRANSFORMER, NOW_US, Town, build_town

MORE = ("M20", "M21", "M22")


def moved_since(ledger: Ledger, merchant_ids: tuple[str, ...], valid_from_us: int) -> Ledger:
    """Return the ledger after customers were moved to another transformer at a moment."""
    links = [CustomerLink(m, 0, INCIDENT_TRANSFORMER) for m in merchant_ids]
    links += [CustomerLink(m, valid_from_us, "YX07") for m in merchant_ids]
    merchants = tuple(
        replace(m, transformer_id="YX07") if m.merchant_id in merchant_ids else m for m in ledger.merchants
    )
    return replace(ledger, merchants=merchants, links=tuple(links))


def with_more_shops(ledger: Ledger) -> Ledger:
    """Return the ledger with shops that are on no list yet."""
    shops = tuple(replace(ledger.merchants[0], merchant_id=m, walk_order=None) for m in MORE)
    units = tuple(replace(ledger.appliances[0], merchant_id=m) for m in MORE)
    return replace(ledger, merchants=ledger.merchants + shops, appliances=ledger.appliances + units)


def of_the_collector(container: Container, incident: Incident) -> Advice:
    """Return the advice that the collector's response goes by."""
    records, journal = container.records, container.journal_reader()
    assert journal is not None
    ground = container.queries._keeper.ground()

    def recent(transformer_id: str, until_us: int) -> Recent:
        from_us = until_us - round(RECENT_MINUTES * MINUTE_US)
        return recent_of(journal.series(ground.numbers[transformer_id], from_us, until_us), ground.fleet)

    lists = IncidentLists(records, LedgerView(records.ledger()), OutreachSettings(), recent)
    lists.look_at_visits(NOW_US)
    newest = lists.newest(incident)
    assert newest is not None
    return lists.advice(incident, newest, NOW_US)


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """Return a town of its own, which a test may change."""
    return build_town(tmp_path)


@pytest.mark.parametrize("moved_at_us", [NOW_US - DAY_US, NOW_US + MINUTE_US])
def test_pages_and_collector_give_one_advice_where_customers_were_moved(town: Town, moved_at_us: int) -> None:
    container = Container(load_settings(town.config))
    ledger = moved_since(with_more_shops(town.ledger), MORE, moved_at_us)
    container.records.replace_ledger(ledger, by="test", now_us=NOW_US)
    for door in town.outreach.doors:
        seen = Visit(town.incident.incident_id, door.merchant_id, VisitResult.REFUSED, NOW_US - MINUTE_US, "P1")
        container.records.record_visit(seen, "P1")
    shown = container.queries.incident(town.incident.incident_id).advice
    assert shown == of_the_collector(container, town.incident)
    # Who hung on it when it was last read can be asked, wherever the ledger has them now.
    assert shown is not None
    assert (shown.kind is AdviceKind.MORE_DOORS) is (moved_at_us > NOW_US)
    container.close()


def test_pages_and_collector_remember_the_same_visits(town: Town) -> None:
    container = Container(load_settings(town.config))
    merchants = [m.merchant_id for m in town.ledger.merchants if m.transformer_id == INCIDENT_TRANSFORMER]
    for days in (390, 370, 100):
        for merchant_id in merchants:
            seen = Visit(town.incident.incident_id, merchant_id, VisitResult.REFUSED, NOW_US - days * DAY_US, "P1")
            container.records.record_visit(seen, "P1")
    shown = container.queries.incident(town.incident.incident_id).advice
    assert shown == of_the_collector(container, town.incident)
    container.close()
