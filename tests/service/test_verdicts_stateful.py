"""Whatever happens to readings, ledger, rules and process: what is recorded is what a small model says.

The model is a dictionary of readings and the slow twin of the rule; it shares no code with the product.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from grid.timestamps import MINUTE_US
from tests.service.test_pipeline import NOON, TRANSFORMERS, Station1, a_town
from tests.support import naive

LAST_MINUTE = 300
NOW_US = NOON + LAST_MINUTE * MINUTE_US
LINES = {
    ("early-warning", "heavy"): (0.80, 0.75, 0.0, 10.0, False),
    ("early-warning", "severe_heavy"): (0.90, 0.85, 0.0, 10.0, False),
    ("early-warning", "overload"): (1.00, 0.95, 0.0, 10.0, False),
    ("two-hours", "heavy"): (0.80, 0.80, 120.0, 0.0, False),
    ("two-hours", "overload"): (1.00, 1.00, 120.0, 0.0, False),
    ("thirty-minutes", "heavy"): (0.80, 0.80, 30.0, 15.0, True),
    ("thirty-minutes", "overload"): (1.00, 1.00, 30.0, 15.0, True),
}
"""Enter, leave, hold, leave minutes, strict: as the design writes them."""
UNBROKEN = {"thirty-minutes"}
"""Sets in which only unbroken time above the line is held (their newest version)."""

MINUTES = st.integers(0, LAST_MINUTE)
RATES = st.sampled_from([0.5, 0.74, 0.79, 0.8, 0.84, 0.86, 0.9, 0.91, 0.96, 1.0, 1.05])


class Life(RuleBasedStateMachine):
    """One installation, and the model beside it."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(prefix="redvest-test-")
        self.station = Station1(Path(self._folder.name))
        self.station.rules = ("early-warning", "two-hours")
        self.station.restart(NOW_US)
        self.told: dict[tuple[str, int], tuple[int, float]] = {}
        self.sequence = 0
        self.rated_kva = 400.0
        self.checkpoints: list[bytes] = []

    @initialize(data=st.data())
    def a_day_of_one_transformer(self, data: st.DataObject) -> None:
        """Something to work on: a stretch of readings around the lines."""
        stays = data.draw(st.lists(st.tuples(RATES, st.integers(1, 12)), min_size=6, max_size=14))
        rates = [rate for rate, times in stays for _ in range(times)]
        self.send([(TRANSFORMERS[0], i * 3, rate) for i, rate in enumerate(rates[: LAST_MINUTE // 3])])

    def send(self, readings: list[tuple[str, int, float]]) -> None:
        self.station.tick(list(readings), NOW_US)
        for transformer_id, minute, rate in readings:
            self.told.setdefault((transformer_id, minute), (-1, rate))

    @rule(readings=st.lists(st.tuples(st.sampled_from(TRANSFORMERS), MINUTES, RATES), min_size=1, max_size=25))
    def readings_in_any_order_late_and_contradicting(self, readings: list[tuple[str, int, float]]) -> None:
        """Of two readings for one moment the first stays."""
        self.send(readings)

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def readings_that_came_before(self, data: st.DataObject) -> None:
        """Duplicates change nothing."""
        keys = data.draw(st.lists(st.sampled_from(sorted(self.told)), min_size=1, max_size=10))
        self.station.tick([(*key, self.told[key][1], s) if (s := self.told[key][0]) >= 0 else (*key, self.told[key][1])
                           for key in keys], NOW_US)  # fmt: skip

    @precondition(lambda self: self.told)
    @rule(data=st.data(), rate=RATES)
    def a_correction(self, data: st.DataObject, rate: float) -> None:
        """A higher seq takes the place of what was told."""
        key = data.draw(st.sampled_from(sorted(self.told)))
        self.sequence += 1
        self.station.tick([(*key, rate, self.sequence)], NOW_US)
        self.told[key] = (self.sequence, rate)

    @rule(minute=st.integers(LAST_MINUTE + 6, LAST_MINUTE + 500), rate=RATES)
    def a_reading_from_the_future(self, minute: int, rate: float) -> None:
        """It is refused."""
        self.station.tick([(TRANSFORMERS[0], minute, rate)], NOW_US)

    @rule(minutes=st.integers(1, 400))
    def silence(self, minutes: int) -> None:
        """Time alone changes no verdict."""
        self.station.pipeline.look(NOW_US + minutes * MINUTE_US)

    @rule(cleanly=st.booleans())
    def a_restart(self, cleanly: bool) -> None:
        """Or a crash."""
        self.station.restart(NOW_US, cleanly=cleanly)

    @rule()
    def a_checkpoint(self) -> None:
        """What judging remembers is written down."""
        self.station.pipeline.keep_checkpoint()
        self.station.pipeline._checkpoints.close()
        if self.checkpoint_file.exists():
            self.checkpoints.append(self.checkpoint_file.read_bytes())

    @precondition(lambda self: self.checkpoints)
    @rule(data=st.data(), damaged=st.booleans())
    def a_crash_that_leaves_another_checkpoint(self, data: st.DataObject, damaged: bool) -> None:
        """One of some time ago, whole or not."""
        content = data.draw(st.sampled_from(self.checkpoints))
        self.station.pipeline._checkpoints.close()
        self.checkpoint_file.write_bytes(content[:-1] if damaged else content)
        self.station.restart(NOW_US)

    @property
    def checkpoint_file(self) -> Path:
        return self.station.folder / "journal.checkpoint"

    @rule(kva=st.sampled_from([315.0, 400.0, 500.0]), while_running=st.booleans())
    def a_correction_of_the_ledger(self, kva: float, while_running: bool) -> None:
        """The first transformer was rated wrongly all the time."""
        first, *others = a_town().transformers
        ledger = replace(a_town(), transformers=(replace(first, rated_power_kva=kva), *others))
        self.station.records.replace_ledger(ledger, "test", NOW_US)
        if while_running:
            self.station.pipeline.look(NOW_US)
        else:
            self.station.restart(NOW_US)
        self.rated_kva = kva

    @rule(rules=st.sampled_from([("early-warning",), ("early-warning", "two-hours"), ("thirty-minutes",)]))
    def other_rules(self, rules: tuple[str, ...]) -> None:
        """The station judges by other rules from now on, and judges everything by them."""
        self.station.rules = rules
        self.station.restart(NOW_US)

    def teardown(self) -> None:
        """Compare everything that is recorded with the model."""
        try:
            recorded = {
                (e.transformer_id, e.rule.partition("@")[0], e.level, e.first_reading_at_us, e.started_at_us,
                 e.ended_at_us, e.ended_by and e.ended_by.value, e.ended_by and (e.peak_load_rate, e.readings))
                for e in self.station.records.episodes()
            }  # fmt: skip
            assert recorded == self.wanted()
        finally:
            self.station.close()
            self._folder.cleanup()

    def wanted(self) -> set[tuple[object, ...]]:
        found: set[tuple[object, ...]] = set()
        for transformer_id in TRANSFORMERS:
            rated = self.rated_kva if transformer_id == TRANSFORMERS[0] else 400.0
            readings = sorted(
                (NOON + minute * MINUTE_US, rate * 400.0 / rated)
                for (name, minute), (_, rate) in self.told.items()
                if name == transformer_id
            )
            for (rules, level), (enter, leave, hold, leave_minutes, strict) in LINES.items():
                if rules not in self.station.rules:
                    continue
                for e in naive.episodes(
                    [(at_us, rate) for at_us, rate in readings],
                    enter,
                    leave,
                    hold,
                    leave_minutes,
                    20,
                    strict,
                    None,
                    rules in UNBROKEN,
                ):
                    told = e.ended_by and (e.peak, e.readings)
                    found.add((transformer_id, rules, level, e.first_at, e.started_at, e.ended_at, e.ended_by, told))
        return found


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=15, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
)
