"""What is said about readings that the broker lost before we had them. No sentence supposes what they were."""

from __future__ import annotations

from datetime import tzinfo

from alerts.figures import day_and_time
from grid.text import Text


def broker_lost_session(at_us: int, zone: tzinfo) -> Text:
    """Return what is said when the broker has forgotten us: what it alone held is gone."""
    at = day_and_time(at_us, zone)
    return Text(
        f"【消息服务器丢失会话】{at.zh} 重新连上时，消息服务器已不认识采集服务，它替我们保存的读数可能已丢失。"
        "正在逐台区核对，缺的时刻见“缺数清单”（redvest gaps）。请检查消息服务器是否开启持久化。",
        f"[the broker lost our session] when we were connected again at {at.en} it did not know us any more; readings "
        "that it alone held may be lost. What is missing is being listed (redvest gaps). See that the broker persists.",
    )


def readings_missing(transformers: int, missing: int, from_us: int, to_us: int, zone: tzinfo) -> Text:
    """Return what is said when the list of gaps is made."""
    first, last = day_and_time(from_us, zone), day_and_time(to_us, zone)
    return Text(
        f"【读数缺失】{transformers} 个台区共缺 {missing} 个读数（{first.zh} 至 {last.zh}）。缺失不等于正常；"
        "终端补传后会重新判定，清单见 redvest gaps。",
        f"[readings are missing] {missing} readings of {transformers} transformers, {first.en} to {last.en}. Missing "
        "does not mean all was well; they are judged when the devices send them again. The list: redvest gaps.",
    )
