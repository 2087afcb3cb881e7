"""`judge` and `rules`: verdicts on a file, and the rule sets there are."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text as Styled

from alerts.episodes import Episode
from alerts.messages import level_line
from alerts.names import ending_name, level_name
from collector.rejects import Reject
from grid.errors import LedgerError, UsageError
from grid.text import Text
from service.commands.options import AsJson, Config, Speak, opened
from service.commands.screen import Column, Screen, local, percent, progress, utc
from service.ledger_sheets import ledger_of
from service.rulebook import choose_rule_sets, read_rule_sets

if TYPE_CHECKING:
    from service.judge import Verdict

_VERDICTS = Text("判定结果", "Verdicts")
_COLUMNS = (
    Column(Text("台区", "transformer")),
    Column(Text("规则", "rule")),
    Column(Text("等级", "level")),
    Column(Text("开始", "started")),
    Column(Text("结束", "ended")),
    Column(Text("结束方式", "ended by")),
    Column(Text("峰值", "peak"), right=True),
    Column(Text("读数", "readings"), right=True),
)


def judge(
    readings: Annotated[Path, typer.Argument(metavar="READINGS.csv", help="Recorded readings, in any order.")],
    ledger: Annotated[Path, typer.Option("--ledger", metavar="DIR", help="Folder with ledger sheets, or one XLSX.")],
    rules: Annotated[
        list[str] | None,
        typer.Option("--rules", metavar="NAME", help="Rule set to judge by; may be given several times."),
    ] = None,
    config: Config = None,
    language: Speak = None,
    as_json: AsJson = False,
) -> None:
    """离线判定 · Verdicts on a file of readings, with no broker and no store."""
    from service.judge import judge_file

    with opened(config, language, as_json) as (house, screen):
        if not readings.is_file():
            raise UsageError("there is no such file", where=str(readings), remedy="name a CSV file of readings")
        values = house.settings.verdicts
        rule_sets = choose_rule_sets(rules or values.rules, read_rule_sets(values.rules_folder))
        known = ledger_of(ledger)
        total = _rows_of(readings) if sys.stderr.isatty() else None
        with progress(Text("读取", "reading"), screen.language, total) as tell:
            said = judge_file(readings, known, rule_sets, values.gap_minutes, tell)
        for verdict in said.verdicts if as_json else ():
            _line(screen, verdict)
        if not as_json:
            zone = {s.station_id: s.timezone for s in known.stations}
            zones = {t.transformer_id: zone[t.station_id] for t in known.transformers}
            screen.table(_VERDICTS, _COLUMNS, [_row(v.episode, zones[v.episode.transformer_id]) for v in said.verdicts])
            for verdict in said.verdicts:
                screen.say(verdict.reason)
        if said.rejects:
            first, rows = _example(said.rejects[0]), len(said.rejects)
            screen.note(
                Text(
                    f"已判定 {said.readings} 条读数；另有 {rows} 行无法采用，例如：{first}",
                    f"{said.readings} readings judged; {rows} rows could not be used, such as: {first}",
                )
            )
        if not said.readings:
            raise LedgerError(
                "no reading in it could be judged", where=str(readings), remedy="does the ledger fit the file?"
            )


def rules(config: Config = None, language: Speak = None, as_json: AsJson = False) -> None:
    """规则清单 · The rule sets there are, and which of them judge."""
    with opened(config, language, as_json) as (house, screen):
        values = house.settings.verdicts
        known = read_rule_sets(values.rules_folder)
        used = {rule_set.cited for rule_set in choose_rule_sets(values.rules, known)}
        rows = []
        for rule_set in known:
            for level in rule_set.levels:
                if as_json:
                    screen.line(
                        rule=rule_set.cited,
                        title=rule_set.title,
                        used=rule_set.cited in used,
                        level=level.name,
                        quantity=level.quantity.value,
                        enter=level.enter,
                        leave=level.leave,
                        hold_minutes=level.hold_minutes,
                        leave_minutes=level.leave_minutes,
                        incident=level.incident.value,
                        source=rule_set.source,
                    )
                mark = Styled("●", "green") if rule_set.cited in used else Styled("")
                rows.append([mark, rule_set.cited, rule_set.title, level_name(level.name), level_line(level)])
        if not as_json:
            columns = [
                Column(Text("启用", "used")),
                Column(Text("规则", "rule")),
                Column(Text("名称", "title")),
                Column(Text("等级", "level")),
                Column(Text("条件", "line")),
            ]
            screen.table(Text("判定规则", "Rule sets"), columns, rows)


def _line(screen: Screen, verdict: Verdict) -> None:
    episode = verdict.episode
    screen.line(
        transformer_id=episode.transformer_id,
        rule=episode.rule,
        level=episode.level,
        started_at=utc(episode.started_at_us),
        ended_at=utc(episode.ended_at_us),
        ended_by=episode.ended_by.value if episode.ended_by else None,
        peak_load_rate=episode.peak_load_rate,
        peak_at=utc(episode.peak_at_us),
        readings=episode.readings,
        reason=verdict.reason,
    )


def _row(episode: Episode, zone: str) -> list[object]:
    return [
        episode.transformer_id,
        episode.rule,
        level_name(episode.level),
        local(episode.started_at_us, zone),
        local(episode.ended_at_us, zone),
        ending_name(episode.ended_by),
        percent(episode.peak_load_rate),
        episode.readings,
    ]


def _rows_of(file: Path) -> int:
    """Return how many rows a file has, about: a quoted line break counts too."""
    with file.open("rb") as raw:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: raw.read(1 << 20), b"")) - 1


def _example(reject: Reject) -> str:
    return " ".join(part for part in (reject.topic, reject.reason.value, reject.field, reject.detail) if part)
