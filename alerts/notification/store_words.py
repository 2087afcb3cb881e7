"""What is said when the stores are in trouble: the disk is full, or a file was found damaged."""

from __future__ import annotations

from datetime import tzinfo

from alerts.figures import day_and_time
from grid.text import Text


def disk_is_full() -> Text:
    """Return what is said when readings cannot be stored any more."""
    return Text(
        "【磁盘已满】数据目录所在磁盘已满，读数暂停入库，暂由消息服务器保存（以其队列容量为限）。请尽快清理磁盘，"
        "清理后自动恢复。",
        "[disk full] the disk of the data folder is full. Readings are not stored now and wait at the broker, as many "
        "as its queue takes. Free some space soon; everything goes on by itself then.",
    )


def disk_has_room() -> Text:
    """Return what is said when they can be stored again."""
    return Text(
        "【磁盘恢复】磁盘已有空间，读数恢复入库，积压的读数正在补存。",
        "[disk has room] readings are stored again; those that waited are being caught up with.",
    )


def journal_quarantined(moved_to: str, at_us: int, zone: tzinfo) -> Text:
    """Return what is said when a damaged journal was found at the start and replaced by a new one."""
    at = day_and_time(at_us, zone)
    return Text(
        f"【读数库损坏】{at.zh} 启动检查发现读数库损坏，已移至数据目录下的 {moved_to} 并启用新库；"
        "此前的读数暂时查不到。请用最近的备份恢复（redvest restore），并保留损坏的文件。",
        f"[journal damaged] the check at the start, {at.en}, found the readings damaged. The file was moved to "
        f"{moved_to} in the data folder and a new one begun: earlier readings cannot be seen now. Restore the last "
        "backup (redvest restore), and keep the damaged file.",
    )


def journal_log_missing(at_us: int, zone: tzinfo) -> Text:
    """Return what is said when the journal's write-ahead log was gone after a crash."""
    at = day_and_time(at_us, zone)
    return Text(
        f"【读数库缺日志】{at.zh} 启动检查发现读数库的 -wal 日志文件不见了，崩溃前最后一批已确认的读数可能丢失。"
        "正在逐台区核对，清单见 redvest gaps。",
        f"[journal log missing] the check at the start, {at.en}, found the -wal file of the readings gone: the last "
        "readings acknowledged before the crash may be lost. What is missing is being listed (redvest gaps).",
    )


def clock_is_ahead(minutes: float) -> Text:
    """Return what is said when most of the fleet has been behind this computer's clock for a while."""
    hours = minutes / 60.0
    return Text(
        f"【时钟异常】多数台区的量测时间比采集主机的时钟一致地慢约 {hours:.0f} 小时，很可能是采集主机的时钟快了，"
        "也可能是读数在途中积压。读数不因时间过旧被拒收，请校准主机时钟（建议用 NTP）；"
        "此前因此被拒收的，可用 redvest rejects --take 重新接收。",
        f"[clock] most transformers agree on a time some {hours:.0f} hours behind this computer's clock: probably the "
        "clock is ahead, or readings wait somewhere on their way. None is refused for its age now; set the clock, best "
        "by NTP. What was refused so before: redvest rejects --take.",
    )


def clock_is_behind(minutes: float) -> Text:
    """Return what is said when most of the fleet is ahead of this computer's clock."""
    return Text(
        f"【时钟异常】多数台区的量测时间比采集主机的时钟快约 {minutes:.0f} 分钟，很可能是采集主机的时钟慢了。"
        "读数照常入库和判定，请校准主机时钟（建议用 NTP）。",
        f"[clock] most transformers measure some {minutes:.0f} minutes ahead of this computer's clock, so that is "
        "probably what is wrong. Readings are stored and judged all the same; set the clock, best by NTP.",
    )
