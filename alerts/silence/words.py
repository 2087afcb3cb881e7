"""What is said about silence. No sentence lets missing readings pass for good ones."""

from __future__ import annotations

from datetime import tzinfo

from alerts.figures import day_and_time, span
from alerts.silence.detection import BlindStream, LostFeeder
from grid.text import Text

NEVER_SEEN = Text("自建档以来从未收到读数", "no reading since it was registered")


def silent_since(last_received_us: int, zone: tzinfo) -> Text:
    """Return what stands beside a grey transformer."""
    at = day_and_time(last_received_us, zone)
    return Text(f"{at.zh} 以来无数据", f"no data since {at.en}")


def transformer_silent(where: str, last_received_us: int, zone: tzinfo) -> Text:
    """Return what is said of one transformer that sends nothing any more. `where` is what it is called."""
    at = day_and_time(last_received_us, zone)
    return Text(
        f"【失去数据】{where}：{at.zh} 以来无数据。没有读数不等于正常，请检查终端、通信和供电。",
        f"[no data] {where}: nothing since {at.en}. No readings does not mean all is well: check device, "
        "communication and supply.",
    )


def monitoring_is_blind(stream: BlindStream, zone: tzinfo) -> Text:
    """Return what is said when nothing comes in at all."""
    at, number = day_and_time(stream.last_received_us, zone), stream.transformers
    return Text(
        f"【监测中断】{at.zh} 以来没有收到任何读数，{number} 个台区全部无数据。此时看不到重载和过载，"
        "请检查采集服务、消息服务器和通信网络。",
        f"[monitoring is blind] nothing has been received since {at.en}, from none of {_transformers(number)}. Heavy "
        "load and overload cannot be seen now: check the collector, the broker and the network.",
    )


def monitoring_sees_again(stream: BlindStream, now_us: int, zone: tzinfo) -> Text:
    """Return what is said when readings come in again. `stream` is the blindness that is over."""
    at, lasted = day_and_time(stream.last_received_us, zone), span(now_us - stream.last_received_us)
    return Text(
        f"【监测恢复】重新收到读数，{at.zh} 起中断了 {lasted.zh}。中断期间的读数补到后会重新判定。",
        f"[monitoring sees again] readings come in again after {lasted.en} without any, from {at.en}. What was missed "
        "is judged when it is sent later.",
    )


def communication_lost(feeder: LostFeeder, zone: tzinfo) -> Text:
    """Return what is said when a feeder is lost, in place of a sentence for each of its transformers."""
    at = day_and_time(feeder.since_us, zone)
    return Text(
        f"【通信中断】线路 {feeder.feeder_id}：{feeder.transformers} 个台区中 {feeder.silent} 个无数据"
        f"（{at.zh} 发现）。没有读数不等于正常，请检查该线路的供电和通信。",
        f"[communication lost] feeder {feeder.feeder_id}: {feeder.silent} of {_transformers(feeder.transformers)} send "
        f"nothing (noticed {at.en}). No readings does not mean all is well: check supply and communication there.",
    )


def communication_back(feeder: LostFeeder, now_us: int, zone: tzinfo) -> Text:
    """Return what is said when a feeder is heard again. `feeder` is the loss that is over."""
    at, lasted = day_and_time(feeder.since_us, zone), span(now_us - feeder.since_us)
    return Text(
        f"【通信恢复】线路 {feeder.feeder_id}：{at.zh} 起中断了 {lasted.zh}，现已恢复。",
        f"[communication back] feeder {feeder.feeder_id}: heard again after {lasted.en}, from {at.en}.",
    )


def _transformers(number: int) -> str:
    return "1 transformer" if number == 1 else f"{number} transformers"
