"""`roster`: who is on duty; `acknowledge`: somebody has an incident; `handover`: a shift goes to the next person."""

from __future__ import annotations

from typing import Annotated

import typer

from alerts.model.display_names import role_name
from grid.text import Text
from grid.timestamps import format_utc, timestamp_us
from service.cli.options import AsJson, Config, Speak, opened, timestamp_of
from service.cli.screen import Column
from service.notify.acknowledge import Outcome, Way
from service.notify.handover import handover_text
from service.queries.on_duty import SOURCES, on_duty_rows

NOT_TAKEN = 1
_COLUMNS = (
    Column(Text("供电所", "station")),
    Column(Text("网格", "grid")),
    Column(Text("角色", "role")),
    Column(Text("人员", "person")),
    Column(Text("依据", "by")),
    Column(Text("替", "in place of")),
    Column(Text("到", "until")),
)


def roster(
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help="The moment; else now.")] = None,
    config: Config = None,
    language: Speak = None,
    as_json: AsJson = False,
) -> None:
    """值班 · Who is on duty at a moment, station by station and grid by grid, and by what."""
    with opened(config, language, as_json) as (container, screen):
        at_us = timestamp_of(at, "--at")
        at_us = container.clock.now_us() if at_us is None else at_us
        found = on_duty_rows(container.records.ledger(), container.settings.notify.escalation.stand_by, at_us)
        rows: list[list[object]] = []
        for row in found:
            on = row.on
            until = None if on.until is None else format_utc(timestamp_us(on.until))
            if as_json:
                screen.line(
                    station_id=row.station_id,
                    grid_id=row.grid_id or None,
                    role=on.role.value,
                    person_id=on.person.person_id,
                    name=on.person.name,
                    source=on.source.value,
                    in_place_of=on.in_place_of or None,
                    until=until,
                )
            rows.append(
                [
                    row.station_id,
                    row.grid_id,
                    role_name(on.role),
                    f"{on.person.person_id} {on.person.name}",
                    SOURCES[on.source],
                    on.in_place_of,
                    "" if on.until is None else f"{on.until:%m-%d %H:%M}",
                ]
            )
        if not as_json:
            screen.table(Text("值班", "On duty"), _COLUMNS, rows)


def acknowledge(
    incident: Annotated[str, typer.Argument(metavar="INCIDENT", help="Incident id.")],
    by: Annotated[str, typer.Option("--by", metavar="PERSON", help="Who has it: a person_id of the ledger.")],
    config: Config = None,
    language: Speak = None,
    as_json: AsJson = False,
) -> None:
    """接手 · Say that somebody has an incident: nobody else is called, the others are told once; exit 1 if too late."""
    with opened(config, language, as_json) as (container, screen):
        done = container.acknowledger.take(incident, by, Way.COMMAND)
        has_it = done.has_it.name if done.has_it else ""
        if as_json:
            screen.line(
                incident_id=incident,
                outcome=done.outcome.value,
                person_id=done.has_it.person_id if done.has_it else None,
            )
        else:
            screen.say(
                {
                    Outcome.RECORDED: Text(f"{has_it} 已接手。", f"{has_it} has it."),
                    Outcome.ALREADY: Text(f"{has_it} 之前已接手。", f"{has_it} had it before."),
                    Outcome.OVER: Text("事件已结束，不必再接手。", "The incident is over: nobody needs to have it."),
                    Outcome.NO_LINK: Text("链接无效。", "The link is not valid."),
                }[done.outcome]
            )
        if done.outcome is not Outcome.RECORDED:
            raise typer.Exit(NOT_TAKEN)


def handover(
    station: Annotated[str, typer.Argument(metavar="STATION", help="Station id.")],
    by: Annotated[str, typer.Option("--by", metavar="PERSON", help="Who gives the shift: a person_id of the ledger.")],
    to: Annotated[str, typer.Option("--to", metavar="PERSON", help="Who takes it.")],
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Kept in the incidents' records alone.")] = "",
    config: Config = None,
    language: Speak = None,
    as_json: AsJson = False,
) -> None:
    """交接班 · Hand a shift over: a note and the open incidents go to the next person, and the channels are told."""
    with opened(config, language, as_json) as (container, screen):
        done = container.handover.hand_over(station, by, to, note)
        if as_json:
            screen.line(
                station_id=station,
                by=done.by.person_id,
                to=done.to.person_id,
                incidents=[incident.incident_id for incident in done.incidents],
            )
        else:
            screen.say(handover_text(done))
