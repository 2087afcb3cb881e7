"""`judge` and `rules`: verdicts on a file, and the rule sets there are."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text as Styled

from alerts.model.display_names import ending_name, level_name
from alerts.model.episodes import Episode
from alerts.notification.messages import level_line
from alerts.rules.rule_set import Level, RuleSet
from collector.decoding.rejects import Reason, Reject
from collector.decoding.remedies import REMEDIES
from grid.assets import Ledger
from grid.errors import LedgerError, UsageError
from grid.text import Text
from service.cli.columns import Columns, readable
from service.cli.explain import print_explanation
from service.cli.options import AsJson, Config, Speak, Timezone, opened, zone_of
from service.cli.screen import Column, Screen, local, percent, progress, utc
from service.ledger_sheets import ledger_of
from service.rulebook import choose_rule_sets, read_rule_sets, superseded

if TYPE_CHECKING:
    from service.offline.judge import Found, Recording, Tally, Verdict

_RULE_NAMES = re.compile(r"[a-z][a-z0-9-]*(@\d+)?(,[a-z0-9@,-]*)?")
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
        typer.Option("--rules", metavar="NAME…", help="Rule sets to judge by; else those of the settings."),
    ] = None,
    explain: Annotated[
        str | None,
        typer.Option("--explain", metavar="TRANSFORMER", help="Tell how its verdicts come about, reading by reading."),
    ] = None,
    timezone: Timezone = None,
    columns: Columns = None,
    config: Config = None,
    language: Speak = None,
    as_json: AsJson = False,
) -> None:
    """离线判定 · Verdicts on a file of readings, with no broker and no store."""
    from service.offline.judge import opened_recording

    with opened(config, language, as_json) as (container, screen):
        if not readings.is_file():
            raise UsageError(
                Text("没有这个文件", "there is no such file"),
                where=str(readings),
                remedy=Text("请指定读数的 CSV 文件", "name a CSV file of readings"),
            )
        zone = zone_of(timezone)
        values = container.settings.verdicts
        names = [name for words in rules or values.rules for name in words.split(",") if name]
        rule_sets = choose_rule_sets(names, read_rule_sets(values.rules_folder))
        known = ledger_of(ledger)
        if explain is not None and known.transformer(explain) is None:
            raise UsageError(
                Text(f"台账里没有台区 {explain!r}", f"the ledger knows no transformer {explain!r}"),
                where="--explain",
                remedy=Text(
                    "请按 transformers 表中的写法填写 transformer_id",
                    "write the transformer_id as in the sheet transformers",
                ),
            )
        total = _rows_of(readings) if sys.stderr.isatty() else None
        with ExitStack() as stack:
            file = stack.enter_context(readable(readings, columns, screen))
            with progress(Text("读取", "reading"), screen.language, total) as tell:
                recording = stack.enter_context(opened_recording(file, known, explain, tell, zone=zone))
            if explain is None:
                _judge(screen, recording, rule_sets, values.gap_minutes)
            else:
                print_explanation(screen, recording, explain, rule_sets, values.gap_minutes)
            _tell_tally(screen, recording.tally)
        if not recording.tally.readings:
            what = (
                Text("其中没有可以判定的读数", "no reading in it could be judged")
                if explain is None
                else Text(f"其中没有 {explain} 的读数", f"it holds no reading of {explain}")
            )
            raise LedgerError(what, where=str(readings), remedy=_remedy(recording.tally, known))


def spread_rules(words: Sequence[str]) -> list[str]:
    """Return command words with `judge … --rules a b` written as `--rules a --rules b`, as the parser wants it."""
    spread: list[str] = []
    among_rules = False
    for word in words:
        more = among_rules and spread[-2:-1] == ["--rules"] and _RULE_NAMES.fullmatch(word)
        spread += ["--rules", word] if more else [word]
        among_rules = words[0] == "judge" and (among_rules or word == "--rules")
    return spread


def _judge(screen: Screen, recording: Recording, rule_sets: Sequence[RuleSet], gap_minutes: float) -> None:
    """Print the verdicts, as JSON each as soon as it stands."""
    from service.offline.judge import verdicts

    zones = recording.fleet.zones
    rows, reasons = [], []
    levels_of = {rules.cited: rules.levels for rules in rule_sets}
    what = Text("判定", "judging")
    with progress(what, screen.language, recording.rows, beside_lines=screen.as_json) as tell:
        for verdict in verdicts(recording, rule_sets, gap_minutes, tell):
            if screen.as_json:
                _line(screen, verdict)
            else:
                zone = str(zones[recording.fleet.number[verdict.episode.transformer_id]])
                rows.append(_row(verdict.episode, zone, levels_of[verdict.episode.rule]))
                reasons.append(verdict.reason)
    if not screen.as_json:
        screen.table(_VERDICTS, _COLUMNS, rows)
        for reason in reasons:
            screen.say(reason)


def _tell_tally(screen: Screen, tally: Tally) -> None:
    """Say on the error output what was found besides verdicts."""
    if tally.rejects:
        screen.note(
            Text(
                f"已判定 {tally.readings} 条读数；另有 {tally.rejects} 行无法采用：",
                f"{tally.readings} readings judged; {tally.rejects} rows could not be used:",
            )
        )
    rows, values = Text("行", "rows"), Text("个值视为缺失（该行已采用）", "values are missing in rows that were used")
    for reason, found in tally.refused.items():
        _tell_found(screen, rows, reason, found)
    for (reason, _), found in tally.missing.items():
        _tell_found(screen, values, reason, found)
    if tally.first_conflict is not None:
        which = f"{tally.first_conflict.transformer_id} {utc(tally.first_conflict.measured_at_us)}"
        screen.note(
            Text(
                f"与同一台区、同一时刻先前一行矛盾而未采用的行：{tally.conflicts}，例如 {which}；以文件中第一行为准",
                "rows set aside because they contradict an earlier row for the same transformer and moment: "
                f"{tally.conflicts}, such as {which}; the first in the file counts",
            )
        )


def _tell_found(screen: Screen, what: Text, reason: Reason, found: Found) -> None:
    """Say how many rows or values have one fault, with an example, and what to mend."""
    if screen.as_json:
        reject = found.example
        example = {"line": reject.line, "field": reject.field, "detail": reject.detail}
        screen.note_line(reason=reason.value, count=found.count, taken=reject.taken, example=example)
        return
    example_text, mend = _example(found.example), REMEDIES[reason]
    screen.note(
        Text(
            f"  {found.count} {what.zh}：{reason.value}，例如 {example_text}。{mend.zh}",
            f"  {found.count} {what.en}: {reason.value}, such as {example_text}. {mend.en}",
        )
    )


def _remedy(tally: Tally, ledger: Ledger) -> Text:
    """Return what to mend in a file of which nothing could be used, by what is wrong with most of its rows."""
    if not tally.refused:
        return Text("台账与这个文件相符吗？", "does the ledger fit the file?")
    reason = max(tally.refused, key=lambda each: tally.refused[each].count)
    if reason is not Reason.TIME_WITHOUT_OFFSET:
        return REMEDIES[reason]
    zones = sorted({station.timezone for station in ledger.stations}) or ["Asia/Shanghai"]
    offered = " / ".join(f"--timezone {zone}" for zone in zones)
    return Text(
        f"请在时间末尾加上 +08:00，或指定台账中的时区：{offered}",
        f"write +08:00 behind the times, or give the ledger's zone: {offered}",
    )


def rules(config: Config = None, language: Speak = None, as_json: AsJson = False) -> None:
    """规则清单 · The rule sets there are, and which of them judge."""
    with opened(config, language, as_json) as (container, screen):
        values = container.settings.verdicts
        known = read_rule_sets(values.rules_folder)
        used = {rule_set.cited for rule_set in choose_rule_sets(values.rules, known)}
        rows = []
        for rule_set in known:
            is_superseded = superseded(rule_set, known)
            old = Text("（已有新版）", " (superseded)") if is_superseded else Text("", "")
            title = Text(rule_set.title.zh + old.zh, rule_set.title.en + old.en)
            for level in rule_set.levels:
                if as_json:
                    screen.line(
                        rule=rule_set.cited,
                        title=rule_set.title,
                        used=rule_set.cited in used,
                        superseded=is_superseded,
                        level=level.name,
                        quantity=level.quantity.value,
                        enter=level.enter,
                        leave=level.leave,
                        hold_minutes=level.hold_minutes,
                        leave_minutes=level.leave_minutes,
                        unbroken_hold=level.unbroken_hold,
                        incident=level.incident.value,
                        source=rule_set.source,
                    )
                mark = Styled("●", "green") if rule_set.cited in used else Styled("")
                rows.append([mark, rule_set.cited, title, level_name(level.name), level_line(level)])
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


def _row(episode: Episode, zone: str, levels: Sequence[Level]) -> list[object]:
    return [
        episode.transformer_id,
        episode.rule,
        level_name(episode.level),
        local(episode.started_at_us, zone),
        local(episode.ended_at_us, zone),
        ending_name(episode.ended_by),
        percent(episode.peak_load_rate, levels),
        episode.readings,
    ]


def _rows_of(file: Path) -> int:
    """Return how many rows a file has, about: a quoted line break counts too."""
    with file.open("rb") as raw:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: raw.read(1 << 20), b"")) - 1


def _example(reject: Reject) -> str:
    return " ".join(part for part in (reject.topic, reject.reason.value, reject.field, reject.detail) if part)
