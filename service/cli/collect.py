"""`collect`: the collector process, from the broker to recorded verdicts, until it is told to stop."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from typing import Annotated, Any

import typer

from grid.errors import BrokerError
from grid.text import Text
from service.cli.options import Config, Speak, opened
from service.plain_text import one_line
from service.settings.settings import Settings

_NO_LEDGER = Text(
    "台账是空的，所有读数都会被拒收；请导入：redvest ledger import 目录",
    "the ledger is empty and every reading will be refused; import one: redvest ledger import DIR",
)


def collect(
    history: Annotated[
        bool,
        typer.Option(
            "--history",
            help="Accept readings of any age, for replaying recorded ones (collector.measured_age_hours_max = 0).",
        ),
    ] = False,
    until_idle: Annotated[
        float | None,
        typer.Option("--until-idle", metavar="SECONDS", min=0.1, help="Stop when nothing has come for so long."),
    ] = None,
    adopt: Annotated[
        bool,
        typer.Option("--adopt", help="Use journal and records together although they are of different installations."),
    ] = False,
    config: Config = None,
    language: Speak = None,
) -> None:
    """采集 · Read from the broker, store, judge, tell people; until Ctrl-C."""
    from collector.mqtt.connection_errors import PASSWORD_SHOWN, PASSWORD_SHOWN_REMEDY
    from service.collecting.process import run_collector

    with opened(config, language, change=_of_any_age if history else None) as (container, screen):
        _log_to_stderr()
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        values = container.settings.broker
        begun = Text(
            f"正在采集，消息服务器 {values.host}:{values.port}", f"collecting from {values.host}:{values.port}"
        )

        def ready() -> None:
            if not container.records.ledger().transformers:
                screen.note(_NO_LEDGER)
            if container.broker_address().shows_its_password:
                screen.note(BrokerError(PASSWORD_SHOWN, remedy=PASSWORD_SHOWN_REMEDY).line)
            screen.note(begun)

        run_collector(container, stop, until_idle_seconds=until_idle, adopt=adopt, ready=ready)


def _of_any_age(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"collector": settings.collector.model_copy(update={"measured_age_hours_max": 0.0})}
    )


class OneLineFormatter(logging.Formatter):
    """Log lines on one line each: what a device or a ledger wrote cannot forge another."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """Return the line without control characters."""
        return one_line(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802
        """Return a traceback, each line marked as a part of it: its last line may hold what a device wrote."""
        return "\n".join(f"| {one_line(line)}" for line in super().formatException(ei).split("\n"))


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLineFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger("redvest")
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    root.propagate = False
