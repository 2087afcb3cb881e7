"""What a printed outreach list holds: the incident's facts, and the doors, each walker's together. Phones masked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from zoneinfo import ZoneInfo

from alerts.figures import clock_time, day_and_time, kilowatts, percent, whole_percent
from alerts.model.display_names import level_name, state_name
from alerts.outreach.planner import VisitResult
from grid.errors import UsageError
from grid.text import Text
from service.plain_text import one_line
from service.queries.answers import DoorRow, IncidentPage

_OVER_IS_ENOUGH = Text("达到即停止走访", "stop there")
NOBODY = Text("未指派", "nobody assigned")


@dataclass(frozen=True)
class Fact:
    """One fact of the incident: what it is, its value, and a word more."""

    label: Text
    value: Text
    more: Text


@dataclass(frozen=True)
class PrintedDoor:
    """One door on paper. `result_time` is in the station's zone, empty without a result."""

    order: int
    merchant_id: str
    merchant: str
    address: str
    contact: str
    phone: str
    """Masked."""
    ask: Text
    offer_kw: float
    expected_relief_kw: float
    reason: Text
    goes: str
    """Who goes there, empty when nobody is assigned."""
    result: VisitResult | None
    result_time: str


@dataclass(frozen=True)
class OutreachSheet:
    """One outreach list as it is printed or saved."""

    incident_id: str
    title: Text
    facts: tuple[Fact, ...]
    """Most important first."""
    reason: Text
    need: Text
    """How many kW and why so many."""
    advice: Text | None
    doors: tuple[PrintedDoor, ...]
    """Of the newest revision, in walking order."""
    answered_before: tuple[PrintedDoor, ...]
    """Doors of earlier revisions that have an answer."""
    printed: Text
    """When it was made, in the station's zone."""

    @property
    def walkers(self) -> tuple[tuple[str, tuple[PrintedDoor, ...]], ...]:
        """Return who goes where: name and doors in walking order, in the order of each one's first door."""
        first: dict[str, int] = {}
        for door in self.doors:
            first.setdefault(door.goes, door.order)
        ordered = sorted(self.doors, key=lambda door: (first[door.goes], door.order))
        return tuple((name, tuple(doors)) for name, doors in groupby(ordered, key=lambda door: door.goes))


def outreach_sheet(page: IncidentPage) -> OutreachSheet:
    """Return an incident's list as it goes on paper. Raises UsageError when the incident has no list yet."""
    made = page.outreach
    incident, transformer = page.row.incident, page.row.transformer
    if made is None:
        raise UsageError(
            Text("这个事件还没有走访名单", "the incident has no outreach list yet"),
            where=incident.incident_id,
            remedy=Text("请等下一次读数", "wait for the next reading"),
        )
    zone = ZoneInfo(page.row.zone)
    opened, measured = (day_and_time(at, zone) for at in (incident.first_reading_at_us, incident.last_reading_at_us))
    made_at = day_and_time(made.made_at_us, zone)
    first, now, peak = (
        percent(rate) for rate in (incident.opened_load_rate, incident.last_load_rate, incident.peak_load_rate)
    )
    if page.row.active_only:
        measured = Text(f"{measured.zh}，仅有功，实际更高", f"{measured.en}, active only, under-read")
    target, reached = percent(made.target_load_rate), whole_percent(made.reached_probability)
    name = one_line(transformer.name)
    facts = (
        Fact(Text("台区", "Transformer"), _same(transformer.transformer_id), _same(name)),
        Fact(Text("最新负载率", "Load rate now"), now, measured),
        Fact(Text("目标", "Target"), Text(f"≤ {target.zh}", f"≤ {target.en}"), _OVER_IS_ENOUGH),
        Fact(
            Text("生成时需降", "Needed when made"),
            _same(kilowatts(made.needed_kw)),
            Text(f"本名单把握 {reached.zh}", f"this list is {reached.en} sure"),
        ),
        Fact(Text("级别", "Level"), level_name(incident.level), state_name(incident.state)),
        Fact(Text("发现", "Opened"), first, opened),
        Fact(Text("峰值", "Peak"), peak, day_and_time(incident.peak_at_us, zone)),
        Fact(
            Text("名单", "List"),
            Text(f"{len(made.doors)} 户", _doors(len(made.doors))),
            Text(f"第 {made.revision} 版，{made_at.zh}", f"revision {made.revision}, {made_at.en}"),
        ),
    )
    rows = _printed(page.doors, zone)
    newest = tuple(door for row, door in zip(page.doors, rows, strict=True) if row.revision == made.revision)
    earlier = tuple(door for row, door in zip(page.doors, rows, strict=True) if row.revision != made.revision)
    return OutreachSheet(
        incident_id=incident.incident_id,
        title=Text("红马甲走访名单", "Red-vest outreach list"),
        facts=facts,
        reason=page.reason,
        need=made.reason,
        advice=page.advice.text if page.advice else None,
        doors=newest,
        answered_before=earlier,
        printed=day_and_time(page.now_us, zone),
    )


def _printed(rows: Iterable[DoorRow], zone: ZoneInfo) -> tuple[PrintedDoor, ...]:
    return tuple(
        PrintedDoor(
            order=row.door.order,
            merchant_id=row.door.merchant_id,
            merchant=one_line(row.merchant_name),
            address=one_line(row.address),
            contact=one_line(row.contact_masked),
            phone=one_line(row.phone_masked),
            ask=row.ask,
            offer_kw=row.door.offer_kw,
            expected_relief_kw=row.door.expected_relief_kw,
            reason=row.door.reason,
            goes=one_line(row.assigned_to_name),
            result=row.result,
            result_time=clock_time(row.result_at_us, zone) if row.result_at_us is not None else "",
        )
        for row in rows
    )


def _same(text: str) -> Text:
    return Text(text, text)


def _doors(count: int) -> str:
    return "1 door" if count == 1 else f"{count} doors"
