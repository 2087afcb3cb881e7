"""`replay`: recorded devices, publishing to the real broker; and what it shares with simulated ones."""

from __future__ import annotations

import signal
from datetime import UTC
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from grid.errors import UsageError
from grid.text import Text
from grid.timestamps import as_datetime
from service.cli.columns import Columns, readable
from service.cli.options import Config, Speak, Timezone, opened, zone_of
from service.cli.screen import progress

_SPEED_MAX = 1e6
Faults = Annotated[
    list[str] | None,
    typer.Option(
        "--fault",
        metavar="KIND=WHOSE[:FROM[-TO]][:HOW MUCH]",
        help="A fault of devices or lines, such as late=0.05:2h or stuck=YX06:11:00; as many as you like.",
    ),
]
CONNECT_SECONDS_MAX = 10.0
"""A replay does not wait longer for a broker that is away."""


def replay(
    readings: Annotated[Path, typer.Argument(metavar="READINGS.csv", help="Recorded readings.")],
    speed: Annotated[
        str,
        typer.Option(
            "--speed", metavar="N|max", help="How many times as fast as recorded; max: as the broker takes them."
        ),
    ] = "1",
    fault: Faults = None,
    timezone: Timezone = None,
    columns: Columns = None,
    config: Config = None,
    language: Speak = None,
) -> None:
    """回放 · Publish recorded readings as devices would."""
    from simulator.faults.faults import parse_fault
    from simulator.faults.stream import FaultyStream
    from simulator.publish.publisher import Publisher
    from simulator.publish.replay import read_recorded
    from simulator.publish.replay import replay as publish_rows

    with opened(config, language) as (container, screen):
        times = speed_of(speed)
        if not readings.is_file():
            raise UsageError(
                Text("没有这个文件", "there is no such file"),
                where=str(readings),
                remedy=Text("请指定读数的 CSV 文件", "name a CSV file of readings"),
            )
        with readable(readings, columns, screen) as file:
            rows = read_recorded(file, zone_of(timezone))
        end_like_ctrl_c()
        ledger = container.records.ledger()
        station_of = {t.transformer_id: t.station_id for t in ledger.transformers}
        zone = ZoneInfo(ledger.stations[0].timezone) if ledger.stations else UTC
        offset = as_datetime(rows[0].measured_at_us or 0, zone).utcoffset() if rows else None
        offset_hours = offset.total_seconds() / 3600.0 if offset else 0.0
        seed = max(container.settings.simulator.seed, 0)
        line = FaultyStream([parse_fault(text) for text in fault or ()], station_of, seed, offset_hours)
        address = container.broker_address()
        screen.note(
            Text(f"回放 {len(rows)} 行，发往 {address}", f"replaying {len(rows)} rows, publishing to {address}")
        )
        client_id = f"{container.settings.collector.client_id}-replay"
        publisher = Publisher(address, client_id, connect_seconds_max=CONNECT_SECONDS_MAX)
        publisher.start()
        try:
            with progress(Text("回放", "replaying"), screen.language, len(rows)) as tell:
                publish_rows(rows, station_of, publisher, faults=line, speed=times, progress=tell)
            done = publisher.finish()
        finally:
            publisher.stop()
        screen.note(
            Text(
                f"回放完毕，消息服务器已确认 {done.acknowledged} 条",
                f"done, {done.acknowledged} acknowledged by the broker",
            )
        )


def speed_of(text: str) -> float | None:
    """Return how many times as fast, None for as fast as possible. Raises UsageError."""
    if text == "max":
        return None
    try:
        times = float(text)
    except ValueError:
        times = 0.0
    if not 0.0 < times <= _SPEED_MAX:
        raise UsageError(
            Text(f"{text!r} 不是速度", f"{text!r} is no speed"),
            where="--speed",
            remedy=Text("请写数字（例如 60）或 max", "write a number such as 60, or max"),
        )
    return times


def end_like_ctrl_c() -> None:
    """Let a service manager end us as Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
