"""What happens to the collector within its process: it dies at a named point, its disk is slow, its clock jumps."""

from __future__ import annotations

import importlib
import os
import signal
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.support.waiting import pause

POINTS = (
    "before-queue",
    "after-queue",
    "before-begin",
    "in-append",
    "before-commit",
    "after-commit",
    "before-ack",
    "after-ack",
    "before-fold",
    "after-fold",
    "before-incident",
    "in-incident",
    "after-incident",
    "in-outbox",
    "before-send",
    "after-send",
)
"""In the order in which a reading passes them; `send` is the delivery of a message to people."""


def kill_at(point: str, passes: int) -> None:
    """Make this process kill -9 itself when it passes a point for the n-th time."""
    left = passes

    def passed() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    _WRAPPED_AT[point](passed)


def slow_commits(seconds: float) -> None:
    """Make each commit of readings take longer, as a disk under load does."""
    _before_commits(lambda: pause(seconds))


def hold_commits(gate: Path) -> None:
    """Let the n-th commit of readings wait until a number of at least n stands in a file; beside it stands n."""
    commits = 0

    def hold() -> None:
        nonlocal commits
        commits += 1
        held(gate).write_text(str(commits), encoding="ascii")
        while number_in(gate) < commits:
            pause(0.01)

    _before_commits(hold)


def held(gate: Path) -> Path:
    """Return the file in which the number of the commit stands that waits, or was the last to wait."""
    return gate.with_suffix(".held")


def number_in(file: Path) -> int:
    """Return the number in a file, 0 when there is none yet."""
    try:
        return int(file.read_text(encoding="ascii") or 0)
    except FileNotFoundError:
        return 0


def _before_commits(act: Callable[[], None]) -> None:
    has_readings = False

    def look(statement: str) -> None:
        nonlocal has_readings
        has_readings |= statement.startswith("INSERT INTO bundle")
        if statement == "COMMIT" and has_readings:
            has_readings = False
            act()

    _in_statements(look)


def shift_clock(file: Path) -> None:
    """Add to the collector's clock the seconds that stand in a file, read anew each time: the clock is set by hand."""
    from service.clock import SystemClock

    true_now_us = SystemClock.now_us

    def now_us(self: SystemClock) -> int:
        return true_now_us(self) + round(float(file.read_text(encoding="ascii")) * 1e6)

    SystemClock.now_us = now_us  # type: ignore[method-assign]


def hold_clock(file: Path, looks: Path) -> None:
    """Let the clock show the moment in a file, and note each look around: a test moves the time on after it.

    Looks are more frequent than usual, else the test would mostly wait for them.
    """
    import service.collecting.loop as collect_loop
    from service.clock import SystemClock
    from service.collecting.pipeline import Pipeline
    from service.monitors.system_clock import StepWatch

    look = Pipeline.look

    def looking(self: Pipeline, now_us: int) -> None:
        look(self, now_us)
        draft = looks.with_suffix(".new")
        draft.write_text(str(now_us), encoding="ascii")
        draft.replace(looks)

    SystemClock.now_us = lambda self: int(file.read_text(encoding="ascii"))  # type: ignore[method-assign]
    StepWatch.step_us = lambda self: 0  # type: ignore[method-assign]
    Pipeline.look = looking  # type: ignore[method-assign]
    collect_loop.LOOK_EVERY_SECONDS = 0.1


_looks: list[Callable[[str], None]] = []


def _in_statements(look: Callable[[str], None]) -> None:
    """Show every statement that the journal executes, before it is executed."""
    _looks.append(look)
    # SQLAlchemy has a reference of its own to connect, so this is the journal's alone.
    sqlite3.connect = partial(sqlite3.dbapi2.connect, factory=_Watched)  # type: ignore[assignment]


class _Watched(sqlite3.Connection):
    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        for look in _looks:
            look(sql)
        return super().execute(sql, *values)

    def executemany(self, sql: str, *values: Any) -> sqlite3.Cursor:
        for look in _looks:
            look(sql)
        return super().executemany(sql, *values)


def _at_statement(beginning: str) -> Callable[[Callable[[], None]], None]:
    return lambda passed: _in_statements(lambda sql: passed() if sql.startswith(beginning) else None)


def _call(
    module: str, path: str, *, after: bool = False, passes: Callable[..., int] = lambda *_: 1
) -> Callable[[Callable[[], None]], None]:
    """Return what makes each call of a function or method a pass, or several, before or after it."""

    def install(passed: Callable[[], None]) -> None:
        owner: Any = importlib.import_module(module)
        *owners, name = path.split(".")
        for part in owners:
            owner = getattr(owner, part)
        original = getattr(owner, name)

        def wrapped(*arguments: Any) -> Any:
            times = passes(*arguments)
            if after:
                returned = original(*arguments)
            for _ in range(times):
                passed()
            return returned if after else original(*arguments)

        setattr(owner, name, wrapped)

    return install


def _one_with_incidents(_: object, changes: Any) -> int:
    return 1 if changes.incidents else 0


def _one_with_rows(_: object, rows: Any) -> int:
    return 1 if rows else 0


def _each_message(_: object, block: Any) -> int:
    return len(block)


_WRAPPED_AT: dict[str, Callable[[Callable[[], None]], None]] = {
    "before-queue": _call("collector.mqtt.message_queue", "MessageQueue.put", passes=_each_message),
    "after-queue": _call("collector.mqtt.message_queue", "MessageQueue.put", after=True, passes=_each_message),
    "before-begin": _call("stores.journal.journal", "Journal.append"),
    "in-append": _at_statement("INSERT INTO block "),
    "before-commit": _at_statement("COMMIT"),
    "after-commit": _call("stores.journal.journal", "Journal.append", after=True),
    "before-ack": _call("collector.mqtt.subscriber", "Subscriber.acknowledge"),
    "after-ack": _call("collector.mqtt.subscriber", "Subscriber.acknowledge", after=True),
    "before-fold": _call("service.verdicts.incremental", "IncrementalVerdicts.evaluate"),
    "after-fold": _call("service.verdicts.incremental", "IncrementalVerdicts.evaluate", after=True),
    "before-incident": _call("stores.records.records", "Records.commit", passes=_one_with_incidents),
    "in-incident": _call("stores.records.outreach", "record_lists", after=True, passes=_one_with_rows),
    "after-incident": _call("stores.records.records", "Records.commit", after=True, passes=_one_with_incidents),
    "in-outbox": _call("stores.records.outbox", "put", after=True, passes=_one_with_rows),
    "before-send": _call("service.notify.channels.local", "FileNotifier.send"),
    "after-send": _call("service.notify.channels.local", "FileNotifier.send", after=True),
}
assert tuple(_WRAPPED_AT) == POINTS
