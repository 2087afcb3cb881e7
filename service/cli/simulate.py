"""`simulate`: a scenario's day on the real broker, or without any broker as a picture, sheets, a file, verdicts."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alerts.model.display_names import ending_name, level_name, visit_result_name
from grid.errors import UsageError
from grid.os_reasons import os_reason
from grid.text import Text
from grid.timestamps import MINUTE_US, format_utc
from service.cli.options import AsJson, Config, Speak, opened
from service.cli.replay import Faults, end_like_ctrl_c, speed_of
from service.cli.screen import Column, Screen, percent, progress, utc
from service.container import Container
from service.settings.settings import Settings

if TYPE_CHECKING:
    from service.demo.scenario_day import ScenarioDay

_SCENARIOS = Text("场景", "Scenarios")
_SCENARIO_COLUMNS = (Column(Text("名称", "name")), Column(Text("会发生什么", "what happens")))
_VERDICTS = Text("判定（未走访）", "Verdicts, nobody asked")
_VERDICT_COLUMNS = (
    Column(Text("台区", "transformer")),
    Column(Text("规则", "rule")),
    Column(Text("等级", "level")),
    Column(Text("开始", "from")),
    Column(Text("结束", "to")),
    Column(Text("结束方式", "ended by")),
    Column(Text("峰值", "peak"), right=True),
)


def simulate(
    scenario: Annotated[
        str | None, typer.Option("--scenario", metavar="NAME|FILE.toml", help="Instead of the one in the settings.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Another seed is another town.")] = None,
    speed: Annotated[
        str | None,
        typer.Option("--speed", metavar="N", help="So many times as fast; the day then ends now instead of beginning."),
    ] = None,
    fault: Faults = None,
    list_: Annotated[bool, typer.Option("--list", help="Name the scenarios there are.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of scenario files.")] = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE.svg", help="Draw the day; nothing is published.")
    ] = None,
    readings: Annotated[
        Path | None, typer.Option("--readings", metavar="FILE.csv", help="Write its readings; nothing is published.")
    ] = None,
    sheets: Annotated[
        Path | None, typer.Option("--sheets", metavar="DIR", help="Write its ledger sheets; nothing is published.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Judge the day against what its scenario expects; nothing is published.")
    ] = False,
    terminals: Annotated[
        bool, typer.Option("--terminals", help="Transformers with a device of devices.csv send as smart terminals do.")
    ] = False,
    config: Config = None,
    language: Speak = None,
    as_json: AsJson = False,
) -> None:
    """模拟 · Simulated devices, weather, merchants and team, until their day is over or Ctrl-C."""
    change = partial(_changed, scenario, seed)
    with opened(config, language, as_json, change) as (container, screen):
        if list_:
            _list(screen)
        elif schema:
            from simulator.scenario.schema import scenario_schema

            sys.stdout.write(json.dumps(scenario_schema(), ensure_ascii=False, indent=1) + "\n")
        elif plot or readings or sheets or check:
            if fault or speed:
                raise UsageError(
                    Text(
                        "这里不发布读数，因此没有速度，也没有故障可加",
                        "nothing is published, so there is no speed and no fault",
                    ),
                    where="--speed" if speed else "--fault",
                    remedy=Text(
                        "请去掉它，或去掉 --plot、--readings、--sheets 和 --check",
                        "leave it out, or leave out --plot, --readings, --sheets and --check",
                    ),
                )
            if not _at_the_desk(container, screen, plot, readings, sheets, check):
                raise typer.Exit(1)
        else:
            if fault and terminals:
                raise UsageError(
                    Text(
                        "故障只能加在上行报文格式里，不能加在终端推送里",
                        "faults are made in the wire format, not in pushes",
                    ),
                    where="--fault",
                    remedy=Text("请去掉其中一个", "leave out one of them"),
                )
            _publish(container, screen, fault or [], speed, terminals)


def _changed(scenario: str | None, seed: int | None, settings: Settings) -> Settings:
    """Return the settings with what the command says instead; a file is named from the folder we are in."""
    update: dict[str, Any] = {}
    if scenario is not None:
        is_file = scenario.endswith(".toml")
        update = {"scenario": str(Path(scenario).absolute()) if is_file else scenario, "ledger": None}
    if seed is not None:
        update["seed"] = seed
    return settings.model_copy(update={"simulator": settings.simulator.model_copy(update=update)})


def _list(screen: Screen) -> None:
    from simulator.scenario.scenario import built_in_names, load_scenario

    rows = []
    for name in built_in_names():
        known = load_scenario(name)
        title = Text(known.title.zh, known.title.en)
        sentence = Text(known.sentence.zh, known.sentence.en)
        rows.append((name, sentence))
        if screen.as_json:
            screen.line(
                name=name,
                title=title,
                sentence=sentence,
                starts_at=utc(known.starts_at_us),
                ends_at=utc(known.ends_at_us),
            )
    if not screen.as_json:
        screen.table(_SCENARIOS, _SCENARIO_COLUMNS, rows)


def _at_the_desk(
    container: Container, screen: Screen, plot: Path | None, readings: Path | None, sheets: Path | None, check: bool
) -> bool:
    """Play the day without a broker and do with it what was asked; return whether it kept its promises."""
    from service.demo.scenario_day import play_day, rules_expected, scenario_ledger
    from service.demo.simulate import scenario_of

    _refuse_bad_names(plot, readings)
    scenario, seed = scenario_of(container.settings)
    rules_expected(scenario.expected)
    ledger = scenario_ledger(scenario, seed, container.settings.simulator.ledger)
    if sheets is not None:
        from stores.ledger_files.writing import write_ledger

        written = write_ledger(ledger, sheets)
        _say_written(screen, sheets, Text(f"{len(written)} 张台账表", f"{len(written)} ledger sheets"))
    if not (plot or readings or check):
        return True
    minutes = (scenario.ends_at_us - scenario.settles_from_us) // MINUTE_US
    with progress(Text("模拟（分钟）", "simulating (minutes)"), screen.language, minutes) as tell:
        day = play_day(scenario, ledger, seed, tell)
    if readings is not None:
        from service.demo.scenario_readings import write_readings

        rows = write_readings(day.readings, day.fleet, readings)
        _say_written(screen, readings, Text(f"{rows} 条读数", f"{rows} readings"))
    if plot is not None:
        from simulator.picture.plot import plot_day

        _written(plot, lambda: plot.write_text(plot_day(scenario, day.fleet, day.readings, screen.language), "utf-8"))
        _say_written(screen, plot, Text("图", "the picture"))
    return _check(screen, day) if check else True


def _refuse_bad_names(plot: Path | None, readings: Path | None) -> None:
    """Refuse a file that we could not write, before the day is computed."""
    if plot is not None and plot.suffix != ".svg":
        raise UsageError(
            Text(
                f"{plot.suffix or '没有后缀的文件名'} 不是可以绘制的图片格式",
                f"{plot.suffix or 'a name without ending'} is no picture we draw",
            ),
            where="--plot",
            remedy=Text(
                "请用 .svg 结尾的文件名；浏览器可以打开，并可按任意尺寸打印",
                "name a file that ends in .svg; browsers open it and print it at any size",
            ),
        )
    for option, file in (("--plot", plot), ("--readings", readings)):
        if file is not None and not file.absolute().parent.is_dir():
            raise UsageError(
                Text("没有这个文件夹", "there is no such folder"),
                where=f"{option} {file}",
                remedy=Text("请先建立", "make it first"),
            )


def _written(file: Path, write: Callable[[], object]) -> None:
    try:
        write()
    except OSError as error:
        raise UsageError(
            Text(f"无法写入（{os_reason(error).zh}）", f"cannot be written ({error.strerror})"),
            where=str(file),
            remedy=Text("请换一个位置", "name another place"),
        ) from error


def _say_written(screen: Screen, where: Path, what: Text) -> None:
    screen.note(Text(f"已写入 {where}：{what.zh}", f"{where}: {what.en} written"))


def _check(screen: Screen, day: ScenarioDay) -> bool:
    from service.demo.scenario_day import clock_time, episodes_of, rules_expected, unmet

    found = episodes_of(day, rules_expected(day.scenario.expected))
    rows = []
    for e in found:
        ended = None if e.ended_by is None else ending_name(e.ended_by)
        rows.append(
            (e.transformer_id, e.rule, level_name(e.level), clock_time(day.scenario, e.started_at_us),
             clock_time(day.scenario, e.ended_at_us), ended, percent(e.peak_load_rate))
        )  # fmt: skip
        if screen.as_json:
            screen.line(
                transformer_id=e.transformer_id,
                rule=e.rule,
                level=e.level,
                started_at=utc(e.started_at_us),
                ended_at=utc(e.ended_at_us),
                ended_by=e.ended_by.value if e.ended_by else None,
                peak_load_rate=round(e.peak_load_rate, 6),
                peak_at=utc(e.peak_at_us),
            )
    if not screen.as_json:
        screen.table(_VERDICTS, _VERDICT_COLUMNS, rows)
    faults = unmet(day.scenario, found)
    for fault in faults:
        screen.note(fault)
    if day.scenario.expected is None:
        screen.note(Text("场景没有写明预期", "the scenario says nothing of what to expect"))
    elif not faults:
        screen.note(Text("与场景的预期一致", "as the scenario expects"))
    return not faults


def _publish(container: Container, screen: Screen, faults: list[str], speed: str | None, terminals: bool) -> None:
    from service.demo.simulate import run_simulator, set_stage, with_terminals
    from service.demo.simulated_team import Entered
    from simulator.faults.faults import parse_fault

    end_like_ctrl_c()
    times = None if speed is None else speed_of(speed)
    if speed is not None and (times is None or times < 1.0):
        raise UsageError(
            Text(f"{speed!r} 不能用作速度", f"{speed!r} is no speed here"),
            where="--speed",
            remedy=Text("请写不小于 1 的数字，例如 60", "write a number from 1 on, such as 60"),
        )
    stage = set_stage(container, [parse_fault(text) for text in faults], times)
    stage = with_terminals(container, stage) if terminals else stage
    title, address = stage.scenario.title, container.broker_address()
    screen.note(Text(f"模拟开始：{title.zh}，发往 {address}", f"simulating {title.en}, publishing to {address}"))

    def tell(entered: Entered) -> None:
        words = visit_result_name(entered.result)
        at = format_utc(entered.at_us + stage.ahead_us)
        screen.say(
            Text(
                f"{at} {entered.merchant_id} {words.zh}（{entered.by}）",
                f"{at} {entered.merchant_id} {words.en} ({entered.by})",
            )
        )

    done = run_simulator(container, stage, tell)
    screen.note(
        Text(f"模拟结束，已发布 {done.acknowledged} 条读数", f"the day is over, {done.acknowledged} readings published")
    )
