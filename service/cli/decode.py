"""`decode` and `devices`: what a device's message says and why, and which devices are bound to which transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from collector.decoding.decode import Decoded
from collector.decoding.plausibility import Limits
from collector.decoding.rejects import Reason, Reject
from collector.decoding.remedies import REMEDIES
from collector.message import Message
from grid.electrical import Basis, LoadRates
from grid.errors import UsageError
from grid.fleet import Fleet
from grid.os_reasons import os_reason
from grid.text import Text
from grid.timestamps import parse_timestamp_us
from service.cli.options import AsJson, Config, Speak, opened
from service.cli.screen import Column, Screen, percent, utc
from service.container import Container
from service.ledger_sheets import ledger_of

REJECTS_LOOKED_AT = 100_000
_READINGS = (
    Column(Text("台区", "transformer")),
    Column(Text("测量时间", "measured")),
    Column(Text("负载率", "load rate"), right=True),
    Column(Text("依据", "basis")),
    Column(Text("电压 V", "U [V]"), right=True),
    Column(Text("电流 A", "I [A]"), right=True),
    Column(Text("有功 kW", "P [kW]"), right=True),
    Column(Text("无功 kvar", "Q [kvar]"), right=True),
)
_DEVICES = (
    Column(Text("设备", "device")),
    Column(Text("台区", "transformer")),
    Column(Text("解析器", "decoder")),
    Column(Text("状态", "state")),
    Column(Text("怎么办", "remedy")),
)


def decode(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Payloads, one message each, in order.")],
    topic: Annotated[
        list[str], typer.Option("--topic", metavar="TOPIC", help="Where they came; once for all, or one for each.")
    ],
    ledger: Annotated[
        Path | None, typer.Option("--ledger", metavar="DIR", help="Ledger sheets, instead of the ledger in force.")
    ] = None,
    received_at: Annotated[
        str | None, typer.Option("--received-at", metavar="TIME", help="When they came; else now.")
    ] = None,
    config: Config = None,
    language: Speak = None,
    as_json: AsJson = False,
) -> None:
    """解析报文 · What comes out of a message, and why; exit 1 when nothing does."""
    with opened(config, language, as_json) as (container, screen):
        if len(topic) not in (1, len(files)):
            raise UsageError(
                Text(f"{len(files)} 个文件却有 {len(topic)} 个主题", f"{len(files)} files and {len(topic)} topics"),
                where="--topic",
                remedy=Text("写一次，或每个文件写一次", "give it once, or once for each file"),
            )
        now_us = container.clock.now_us() if received_at is None else _moment(received_at)
        topics = topic if len(topic) == len(files) else topic * len(files)
        messages = [
            Message(name, _payload(file), now_us, mid=0, qos=1, epoch=0, retained=False)
            for name, file in zip(topics, files, strict=True)
        ]
        fleet = Fleet.of_ledger(ledger_of(ledger) if ledger else container.records.ledger())
        decoders = container.decoders()
        decoded = decoders.decode(messages, fleet, Limits(None, container.limits().measured_ahead_minutes_max))
        named = {name: format_.name for name in topics if (format_ := decoders.format_of(name)) is not None}
        _print(screen, decoded, fleet, named)
        if not len(decoded.readings) and not decoded.deaths:
            raise typer.Exit(1)


def devices(config: Config = None, language: Speak = None, as_json: AsJson = False) -> None:
    """设备清单 · Devices that are bound to transformers, and those that send and are not."""
    with opened(config, language, as_json) as (container, screen):
        rows = []
        bound = {device.device_id: device for device in container.records.ledger().devices}
        for device in bound.values():
            told = dict(device_id=device.device_id, transformer_id=device.transformer_id, decoder=device.decoder,
                        phases=device.phases, multiplier=device.multiplier)  # fmt: skip
            rows.append((told, Text("已绑定", "bound"), Text("", "")))
        for device_id, topic in _unknown_devices(container).items():
            if device_id not in bound:
                remedy = Text(
                    f"在 devices.csv 中加一行 {device_id},<台区编号>，再 redvest ledger import",
                    f"add a row {device_id},<transformer_id> to devices.csv, then redvest ledger import",
                )
                rows.append((dict(device_id=device_id, topic=topic), Text("未绑定", "unknown"), remedy))
        for told, state, remedy in rows:
            if as_json:
                screen.line(**told, state=state.en, remedy=remedy)
        if not as_json:
            screen.table(
                Text("设备", "Devices"),
                _DEVICES,
                [[t["device_id"], t.get("transformer_id", ""), t.get("decoder", ""), s, r] for t, s, r in rows],
            )


def _unknown_devices(container: Container) -> dict[str, str]:
    """Return devices that nobody bound, and a topic of each, as the quarantine has them; the newest first."""
    found: dict[str, str] = {}
    for reject in container.queries.rejects(REJECTS_LOOKED_AT):
        if reject.reason == Reason.UNKNOWN_DEVICE.value:
            found.setdefault(reject.detail.partition(",")[0].strip("'"), reject.topic)
    return found


def _print(screen: Screen, decoded: Decoded, fleet: Fleet, named: dict[str, str]) -> None:
    batch, rates = decoded.readings, LoadRates(decoded.readings, fleet)
    rows = []
    for i in range(len(batch)):
        name = fleet.transformer_ids[int(batch.transformer[i])]
        basis = Basis(int(rates.basis[i]))
        if screen.as_json:
            screen.line(
                kind="reading",
                transformer_id=name,
                measured_at=utc(int(batch.measured_at_us[i])),
                load_rate=float(rates.load_rate[i]),
                basis=basis.label,
                voltage_v=batch.voltage_v[i].tolist(),
                current_amp=batch.current_amp[i].tolist(),
                active_power_kw=float(batch.active_power_kw[i]),
                reactive_power_kvar=float(batch.reactive_power_kvar[i]),
                apparent_power_kva=float(batch.apparent_power_kva[i]),
                neutral_current_amp=float(batch.neutral_current_amp[i]),
                oil_temperature_c=float(batch.oil_temperature_c[i]),
                ambient_temperature_c=float(batch.ambient_temperature_c[i]),
            )
        three = (
            " / ".join(f"{value:g}" for value in column[i].tolist()) for column in (batch.voltage_v, batch.current_amp)
        )
        powers = (f"{float(column[i]):g}" for column in (batch.active_power_kw, batch.reactive_power_kvar))
        at = utc(int(batch.measured_at_us[i]))
        rows.append([name, at, percent(float(rates.load_rate[i])), basis.label, *three, *powers])
    if rows and not screen.as_json:
        screen.table(Text("读数", "Readings"), _READINGS, rows)
    for number in decoded.deaths:
        _tell_death(screen, fleet.transformer_ids[number])
    for reject in (*decoded.missing_examples, *decoded.rejects):
        _tell_reject(screen, reject, named.get(reject.topic, ""))


def _tell_death(screen: Screen, transformer_id: str) -> None:
    if screen.as_json:
        screen.line(kind="death", transformer_id=transformer_id)
    gone = f"the device of {transformer_id} is gone: silent at once"
    screen.say(Text(f"{transformer_id} 的设备已离线，立即视为失联", gone))


def _tell_reject(screen: Screen, reject: Reject, decoder: str) -> None:
    remedy = REMEDIES[reject.reason]
    if screen.as_json:
        screen.line(
            kind="missing_value" if reject.taken else "reject",
            topic=reject.topic,
            decoder=decoder,
            reason=reject.reason.value,
            field=reject.field,
            detail=reject.detail,
            remedy=remedy,
        )
    what = Text("值缺失", "value missing") if reject.taken else Text("未采用", "not taken")
    told = " ".join(filter(None, (reject.topic, reject.reason.value, reject.field, reject.detail)))
    screen.say(Text(f"{what.zh}：{told}。{remedy.zh}", f"{what.en}: {told}. {remedy.en}"))


def _moment(text: str) -> int:
    try:
        return parse_timestamp_us(text)
    except ValueError as error:
        raise UsageError(
            Text(f"{text!r} 不是带时区偏移的时间", str(error)),
            where="--received-at",
            remedy=Text("请写成 2021-07-24T11:00:00+08:00", "write it like 2021-07-24T11:00:00+08:00"),
        ) from error


def _payload(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(
            Text(f"无法读取（{os_reason(error).zh}）", f"cannot be read ({error.strerror})"),
            where=str(file),
            remedy=Text("请指定可读的文件", "name a readable file"),
        ) from error
