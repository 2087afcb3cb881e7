"""How the evaluation of one transformer's verdicts is printed: `judge --explain`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, tzinfo
from typing import TYPE_CHECKING

from alerts.figures import day
from alerts.model.display_names import level_name
from alerts.quality.flags import QualityFlag, flags_in
from alerts.rules.rule_set import RuleSet
from alerts.verdicts.explain import ExplainedReading, LevelStep
from alerts.verdicts.explain_words import level_words, quiet_words, reading_words, rule_set_words, step_words
from grid.text import Text
from grid.timestamps import MINUTE_US, as_datetime
from service.cli.screen import Screen, progress, utc

if TYPE_CHECKING:
    from service.offline.judge import Recording

_INDENT = "    "


def print_explanation(
    screen: Screen, recording: Recording, transformer_id: str, rule_sets: Sequence[RuleSet], gap_minutes: float
) -> None:
    """Print the evaluation of one transformer's verdicts: lines for people, or one JSON line per reading and level."""
    from service.offline.explain import evaluated

    zone = recording.fleet.zones[recording.fleet.number[transformer_id]]
    for rules in rule_sets:
        screen.say(rule_set_words(rules))
        for level in rules.levels:
            screen.say(_indented(level_words(level)))
    lines = _Lines(screen, zone)
    with progress(Text("逐条推演", "walking"), screen.language, recording.rows, beside_lines=True) as tell:
        for done, reading in enumerate(evaluated(recording, transformer_id, rule_sets, gap_minutes), 1):
            if screen.as_json:
                for step in reading.steps:
                    _print_json(screen, transformer_id, reading, step, zone)
            else:
                lines.add(reading)
            if done % 1_000 == 0:
                tell(done)
    lines.print_quiet()


class _Lines:
    """Prints readings for people: what happens in full, readings in a row at which nothing happens in one line."""

    def __init__(self, screen: Screen, zone: tzinfo) -> None:
        self._screen = screen
        self._zone = zone
        self._day: date | None = None
        self._quiet: list[ExplainedReading] = []

    def add(self, reading: ExplainedReading) -> None:
        """Print a reading, or keep it for the line of quiet ones."""
        today = as_datetime(reading.measured_at_us, self._zone).date()
        if today != self._day:
            self.print_quiet()
            date_words = day(reading.measured_at_us, self._zone)
            self._screen.say(Text(f"{today.year}年{date_words.zh}", f"{date_words.en} {today.year}"))
            self._day = today
        if not reading.steps and not reading.flags & ~QualityFlag.ACTIVE_ONLY:
            self._quiet.append(reading)
            return
        self.print_quiet()
        self._screen.say(_indented(reading_words(reading, self._zone)))
        for step in reading.steps:
            name, said = level_name(step.level.name), step_words(step, reading.measured_at_us, self._zone)
            words = Text(f"{step.rule} {name.zh}：{said.zh}", f"{step.rule} {name.en}: {said.en}")
            self._screen.say(_indented(words, 2))

    def print_quiet(self) -> None:
        """Print the line of quiet readings, if there are any."""
        if self._quiet:
            self._screen.say(_indented(quiet_words(self._quiet, self._zone)))
            self._quiet = []


def _print_json(screen: Screen, transformer_id: str, reading: ExplainedReading, step: LevelStep, zone: tzinfo) -> None:
    screen.line(
        transformer_id=transformer_id,
        measured_at=utc(reading.measured_at_us),
        load_rate=reading.load_rate,
        worst_phase_load_rate=reading.worst_phase_load_rate,
        basis=reading.basis.label,
        doubts=[(flag.name or "").lower() for flag in flags_in(reading.flags)],
        rule=step.rule,
        level=step.level.name,
        events=[
            {
                "event": happening.event.value,
                "at": utc(happening.at_us),
                "minutes": happening.lasted_us / MINUTE_US,
                "of_minutes": happening.limit_us / MINUTE_US,
                "is_episode": happening.is_episode,
            }
            for happening in step.happenings
        ],
        reason=step_words(step, reading.measured_at_us, zone),
    )


def _indented(words: Text, depth: int = 1) -> Text:
    return Text(_INDENT * depth + words.zh, _INDENT * depth + words.en)
