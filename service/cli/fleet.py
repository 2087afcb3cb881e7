"""`fleet`: any number of simulated transformers that load broker and collector, and whether anything was lost."""

from __future__ import annotations

import resource
import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from grid.errors import UsageError
from grid.os_reasons import os_reason
from grid.text import Text
from grid.timestamps import SECOND_US, format_utc
from service.cli.options import AsJson, Config, Speak, opened
from service.cli.screen import progress
from simulator.fleet.message_form import Form

fleet = typer.Typer(no_args_is_help=True, help="压测 · Any number of simulated transformers: load, ledger, loss check.")

Transformers = Annotated[int, typer.Option("--transformers", metavar="N", help="How many transformers there are.")]
StationTransformers = Annotated[int, typer.Option("--per-station", metavar="N", help="How many a station has.")]


@fleet.command("ledger")
def write_fleet_ledger(
    target: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the sheets.")],
    transformers: Transformers = 500_000,
    per_station: StationTransformers = 500,
    config: Config = None,
    language: Speak = None,
) -> None:
    """Write the ledger of a fleet, for `redvest ledger import`."""
    from simulator.fleet.fleet import FleetPlan, fleet_ledger
    from stores.ledger_files import write_ledger

    with opened(config, language) as (_, screen):
        made = fleet_ledger(FleetPlan(transformers, station_transformers=per_station))
        try:
            write_ledger(made, target)
        except OSError as error:
            raise UsageError(
                Text(f"无法写入（{os_reason(error).zh}）", f"cannot be written ({error.strerror})"),
                where=str(target),
                remedy=Text("请换一个文件夹", "name another folder"),
            ) from error
        screen.say(Text(f"已写入 {transformers:,} 个模拟台区：{target}", f"{transformers:,} transformers: {target}"))


@fleet.command("run")
def run(
    transformers: Transformers = 500_000,
    form: Annotated[Form, typer.Option("--form", help="One reading a message, or batches as rows or columns.")] = (
        Form.SINGLE
    ),
    qos: Annotated[int, typer.Option("--qos", min=0, max=1)] = 1,
    batch_rows: Annotated[int, typer.Option("--batch-rows", metavar="N", help="Readings in a batch.")] = 100,
    interval: Annotated[float, typer.Option("--interval", metavar="SECONDS", help="Between two readings.")] = 60.0,
    rounds: Annotated[int, typer.Option("--rounds", metavar="N", help="Readings of each transformer.")] = 10,
    publishers: Annotated[int, typer.Option("--publishers", metavar="N", help="Processes that publish.")] = 1,
    unpaced: Annotated[bool, typer.Option("--unpaced", help="As fast as the broker takes them.")] = False,
    seconds_max: Annotated[
        float | None, typer.Option("--seconds-max", metavar="S", help="Stop then; else two intervals after the end.")
    ] = None,
    keys: Annotated[
        Path | None, typer.Option("--keys", metavar="FILE", help="Write which readings were acknowledged.")
    ] = None,
    per_station: StationTransformers = 500,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The same seed sends the same values.")] = 1,
    config: Config = None,
    language: Speak = None,
    as_json: AsJson = False,
) -> None:
    """Publish to the broker of the settings; say what was asked, published, acknowledged and refused."""
    from simulator.fleet.fleet import FleetPlan
    from simulator.fleet.run import run_fleet

    plan = FleetPlan(
        transformers,
        form,
        qos,
        batch_rows,
        interval,
        not unpaced,
        rounds,
        seconds_max or (rounds + 2) * interval,
        publishers,
        per_station,
        seed,
    )
    with opened(config, language, as_json) as (container, screen):
        stop = _stopped_by_signals()
        start_us = container.clock.now_us() // SECOND_US * SECOND_US
        with progress(Text("压测", "publishing"), screen.language, transformers * rounds) as tell:
            report, taken = run_fleet(
                container.broker_address(), plan, start_us, keys_file=keys, stop=stop.is_set, progress=tell
            )
        memory_mib = (
            sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024.0
        )
        if as_json:
            screen.line(
                first_measured_at=format_utc(start_us),
                asked_per_second=report.asked_per_second,
                published=report.published,
                published_per_second=round(report.published_per_second, 1),
                acknowledged=report.acknowledged,
                acknowledged_per_second=round(report.achieved_per_second, 1),
                refused=report.refused,
                reconnections=report.reconnections,
                seconds=round(report.seconds, 2),
                finished=report.finished,
                keys=len(taken),
                memory_mib=round(memory_mib),
            )
        asked = "–" if unpaced else f"{report.asked_per_second:,.0f}"
        screen.say(
            Text(
                f"每秒应发 {asked} 条，实发 {report.published_per_second:,.0f} 条，消息服务器确认 "
                f"{report.achieved_per_second:,.0f} 条；共发 {report.published:,}，确认 {report.acknowledged:,}，"
                f"拒绝 {report.refused:,}，重连 {report.reconnections} 次，{report.seconds:.1f} 秒"
                f"{'' if report.finished else '，未发完'}",
                f"asked {asked}/s, published {report.published_per_second:,.0f}/s, acknowledged "
                f"{report.achieved_per_second:,.0f}/s; {report.published:,} published, {report.acknowledged:,} "
                f"acknowledged, {report.refused:,} refused, {report.reconnections} reconnections, "
                f"{report.seconds:.1f} s{'' if report.finished else ', not finished'}",
            )
        )
    if not report.finished or report.acknowledged < report.published:
        raise typer.Exit(1)


@fleet.command("check")
def check(
    keys: Annotated[Path, typer.Argument(metavar="KEYS", help="File that fleet run wrote.")],
    config: Config = None,
    language: Speak = None,
    as_json: AsJson = False,
) -> None:
    """Compare what the broker acknowledged with what is stored; exit 1 when anything is lost."""
    from service.demo.fleet_check import check_fleet
    from simulator.fleet.acknowledged_keys import read_keys

    acknowledged = read_keys(keys)
    with opened(config, language, as_json) as (container, screen):
        journal = container.journal_reader()
        if journal is None:
            raise UsageError(
                Text("还没有读数库", "there is no journal yet"),
                where="fleet check",
                remedy=Text("请先运行 redvest collect", "run `redvest collect` first"),
            )
        found = check_fleet(acknowledged, journal)
        if as_json:
            screen.line(
                acknowledged=found.acknowledged,
                stored=found.stored,
                lost=found.lost,
                stored_beside=found.stored_beside,
                lost_keys=[[name, format_utc(at_us)] for name, at_us in found.lost_keys],
            )
        screen.say(
            Text(
                f"消息服务器已确认 {found.acknowledged:,} 条，已入库 {found.stored:,} 条，丢失 {found.lost:,} 条"
                f"；另有 {found.stored_beside:,} 条已入库但未见确认",
                f"{found.acknowledged:,} acknowledged, {found.stored:,} of them stored, {found.lost:,} lost; "
                f"{found.stored_beside:,} more are stored whose acknowledgement was not seen",
            )
        )
        for name, at_us in found.lost_keys:
            screen.say(Text(f"丢失：{name} {format_utc(at_us)}", f"lost: {name} {format_utc(at_us)}"))
    if found.lost:
        raise typer.Exit(1)


def _stopped_by_signals() -> threading.Event:
    """Return what is set when somebody or a service manager ends us: what is on its way is still waited for."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop
