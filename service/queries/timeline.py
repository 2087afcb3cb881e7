"""One timeline of an incident: what the readings brought, lists, calls, who took it, what was noted, every answer."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from alerts.model.display_names import visit_result_name
from alerts.model.incidents import IncidentEvent, IncidentEventKind
from alerts.outreach.planner import OutreachList, Visit
from service.queries.ledger_view import Ground


def timeline(
    events: Sequence[IncidentEvent],
    visits: Sequence[Visit],
    revisions: Sequence[OutreachList],
    ground: Ground,
    named: Collection[str],
) -> tuple[IncidentEvent, ...]:
    """Return the events of an incident and its answers at the doors, oldest first; shops by name only if `named`."""
    order_of = {door.merchant_id: door.order for made in revisions for door in made.doors}
    answers = [_answer(v, order_of.get(v.merchant_id), ground, v.merchant_id in named) for v in visits]
    return tuple(sorted((*events, *answers), key=lambda event: event.at_us))


def _answer(visit: Visit, order: int | None, ground: Ground, is_named: bool) -> IncidentEvent:
    merchant, person = ground.merchants.get(visit.merchant_id), ground.people.get(visit.recorded_by)
    shop = merchant.name if merchant and is_named else ""
    who = person.name if person else visit.recorded_by
    result = visit_result_name(visit.result)
    door_zh, door_en = (f"第 {order} 户 ", f"door {order}, ") if order is not None else ("", "")
    return IncidentEvent(
        visit.incident_id,
        visit.recorded_at_us,
        IncidentEventKind.VISITED,
        f"{door_zh}{shop}：{result.zh}（{who} 记录）",
        f"{door_en}{shop}: {result.en} (recorded by {who})",
    )
