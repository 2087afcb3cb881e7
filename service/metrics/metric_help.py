"""The collector's figures in words: what each means, whether it is bad, and what to do then.

One list for the system page and for `redvest doctor`. Figures are those of the health page; see
`service.metrics.metrics`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from grid.text import Text

SLOW_COMMIT_SECONDS = 1.0
SLOW_ACKNOWLEDGEMENT_SECONDS = 10.0
OLD_READING_SECONDS = 600.0
"""Own choices: a disk is slow, readings wait too long for it, the newest reading is too old to act on."""
REFUSED_SHARE_MAX = 0.01

_UNKNOWN = Text("未知", "unknown")
_NONE_YET = Text("尚无", "none yet")
_FINE = Text("", "")


@dataclass(frozen=True)
class ExplainedMetric:
    """One figure, ready to be shown. `remedy` is empty while the figure is good."""

    key: str
    name: Text
    value: Text
    meaning: Text
    remedy: Text

    @property
    def is_bad(self) -> bool:
        """Return whether something is to be done."""
        return bool(self.remedy.en)


@dataclass(frozen=True)
class _Kind:
    key: str
    name: Text
    meaning: Text
    shown: Callable[[float], str]
    is_bad: Callable[[float, Mapping[str, str]], bool] = lambda value, others: False
    remedy: Text = _FINE
    missing: Text = _NONE_YET


def explained_metrics(details: Mapping[str, str]) -> tuple[ExplainedMetric, ...]:
    """Return the figures of a health page's answer, those of the way of a reading first; an older page has fewer."""
    return tuple(_figure(kind, details) for kind in _KINDS if kind.key in details)


def _figure(kind: _Kind, details: Mapping[str, str]) -> ExplainedMetric:
    number = _number(details[kind.key])
    if number is None:
        return ExplainedMetric(kind.key, kind.name, kind.missing, kind.meaning, _FINE)
    shown = kind.shown(number)
    bad = kind.is_bad(number, details)
    return ExplainedMetric(kind.key, kind.name, Text(shown, shown), kind.meaning, kind.remedy if bad else _FINE)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _count(number: float) -> str:
    return f"{number:,.0f}"


def _seconds(number: float) -> str:
    return f"{number:,.0f} s" if number >= 10.0 else f"{number:.3g} s"


def _bytes(number: float) -> str:
    if number < 1e6:
        return f"{number / 1e3:,.1f} kB"
    return f"{number / 1e6:,.1f} MB" if number < 1e9 else f"{number / 1e9:,.1f} GB"


def _above(bound: float) -> Callable[[float, Mapping[str, str]], bool]:
    return lambda value, others: value > bound


def _while_it_fails(_value: float, others: Mapping[str, str]) -> bool:
    return others.get("committing") == "False"


def _many_refused(value: float, others: Mapping[str, str]) -> bool:
    return value > REFUSED_SHARE_MAX * (value + (_number(others.get("received", "")) or 0.0))


_KINDS = (
    _Kind(
        "messages",
        Text("收到报文", "Messages"),
        Text("采集程序启动以来从消息服务器取到的报文数。", "Taken from the broker since the collector was started."),
        _count,
    ),
    _Kind(
        "payload_bytes",
        Text("报文字节数", "Bytes"),
        Text("上述报文内容的总大小。", "The size of what these messages hold."),
        _bytes,
    ),
    _Kind(
        "received",
        Text("收到读数", "Readings received"),
        Text("从报文中解析出的读数；一条批量报文含多条。", "Read out of the messages; a batch holds many."),
        _count,
    ),
    _Kind(
        "stored",
        Text("入库读数", "Readings stored"),
        Text("新写入磁盘的读数；写入之后才向消息服务器确认。", "New on disk; only then is the broker told so."),
        _count,
    ),
    _Kind(
        "duplicates",
        Text("重复读数", "Duplicates"),
        Text(
            "以前已入库、数值相同的读数，只存一次；断线重连后出现属正常。",
            "Stored before, the same values: stored once. Usual after a lost connection.",
        ),
        _count,
    ),
    _Kind(
        "conflicts",
        Text("矛盾读数", "Contradictions"),
        Text(
            "同一台区、同一时刻，却有不同数值；两个值都留存，只采用一个。",
            "The same transformer and moment with other values; both are kept, one counts.",
        ),
        _count,
        _above(0.0),
        Text(
            "查一查是否有两台设备用了同一个台区编号，或设备重发时改了数值。",
            "See whether two devices use one transformer's id, or a device changes what it sends again.",
        ),
    ),
    _Kind(
        "late",
        Text("迟到读数", "Late"),
        Text(
            "比该台区最新读数更早的读数；照样入库，判定会随之修正。",
            "Older than their transformer's newest; stored, and verdicts are revised.",
        ),
        _count,
    ),
    _Kind(
        "rejected",
        Text("拒收", "Refused"),
        Text(
            "不能采信的报文或行，原样留存，原因见“被拒收的报文”。",
            "Messages or rows that cannot be taken; kept as they came, with the reason.",
        ),
        _count,
        _many_refused,
        Text(
            "拒收超过 1%：按“被拒收的报文”中的原因逐一整改设备。",
            "More than 1 % is refused: mend the devices by the reasons that redvest rejects lists.",
        ),
    ),
    _Kind(
        "unexpected",
        Text("解析出错", "Decoder failed"),
        Text(
            "使解析程序出错的报文；已单独隔离并确认，其余照常。",
            "Messages that our own decoder failed on; put aside, the others go on.",
        ),
        _count,
        _above(0.0),
        Text(
            "属本系统缺陷：把采集日志中的出错信息交给维护人员。",
            "A fault of ours: report the traceback in the collector's log.",
        ),
    ),
    _Kind(
        "lag_seconds",
        Text("数据时延", "Lag"),
        Text(
            "最近一批中最新读数从测量到入库所隔的时间。",
            "From measuring to storing, of the newest reading in the last block.",
        ),
        _seconds,
        _above(OLD_READING_SECONDS),
        Text(
            "设备上报晚、时钟慢，或正在补收积压；若持续不降，请检查设备时钟和通信。",
            "Devices send late, their clocks are slow, or a backlog is read. If it stays, see to clocks and lines.",
        ),
    ),
    _Kind(
        "queued",
        Text("内存排队", "Queue"),
        Text(
            "已收到、等待写入的报文；有上限，满了就让消息服务器先存着。",
            "Received and waiting to be stored; bounded, the rest waits at the broker.",
        ),
        _count,
    ),
    _Kind(
        "slowest_acknowledge_delay_seconds",
        Text("确认延迟", "Acknowledgement"),
        Text(
            "最近 200 批中，从收到到写盘并确认的最长时间。",
            "The longest time from arrival to stored and acknowledged, of the last 200 blocks.",
        ),
        _seconds,
        _above(SLOW_ACKNOWLEDGEMENT_SECONDS),
        Text(
            "写入跟不上接收：检查磁盘和 CPU 负载；若刚恢复运行，属正在补收，稍后会降。",
            "Storing is slower than what comes: look at disk and CPU. Just after a pause it catches up and will fall.",
        ),
    ),
    _Kind(
        "slowest_commit_seconds",
        Text("写盘耗时", "Commit"),
        Text("最近 200 批中，最慢一次写盘的时间。", "The slowest durable write of the last 200 blocks."),
        _seconds,
        _above(SLOW_COMMIT_SECONDS),
        Text(
            "磁盘慢：把 data.folder 放到本机固态盘，不要放网络盘，并看是否有别的程序占用。",
            "The disk is slow: put data.folder on a local solid-state disk, and see what else uses it.",
        ),
    ),
    _Kind(
        "commit_failures",
        Text("写盘失败", "Failed commits"),
        Text(
            "没有写成、随后重试的次数；期间不确认，读数不会丢。",
            "Were tried again; nothing was acknowledged meanwhile, so nothing is lost.",
        ),
        _count,
        _while_it_fails,
        Text(
            "看采集日志中的原因：磁盘满、文件损坏或无权限。",
            "See the reason in the collector's log: a full disk, a damaged file, missing rights.",
        ),
    ),
    _Kind(
        "gaps_open",
        Text("读数缺口", "Gaps"),
        Text("中断后仍未补上的缺口。", "Holes in the readings after an interruption that nothing has filled yet."),
        _count,
        _above(0.0),
        Text(
            "redvest gaps 列出缺在哪里；让设备补发，补齐后自动关闭。",
            "redvest gaps lists them; let the devices send again, and they close by themselves.",
        ),
    ),
    _Kind(
        "sessions_lost",
        Text("会话丢失", "Sessions lost"),
        Text(
            "重连时消息服务器已不认得我们的次数：它替我们存的报文没有了。",
            "The broker had forgotten us when we came back: what it kept for us is gone.",
        ),
        _count,
        _above(0.0),
        Text(
            "在消息服务器上打开持久化（persistence、autosave），并调长会话保留时间。",
            "Let the broker persist (mosquitto: persistence true, autosave_on_changes) and keep sessions longer.",
        ),
    ),
    _Kind(
        "broker_dropped",
        Text("消息服务器丢弃", "Dropped by the broker"),
        Text(
            "消息服务器启动以来因队列已满而丢弃的报文（含其他客户端）。",
            "Thrown away by the broker since its start because a queue was full, of all its clients.",
        ),
        _count,
        _above(0.0),
        Text(
            "调大 max_queued_messages 和 max_queued_bytes（每秒条数 × 离线秒数 × 1.5），再看 redvest gaps。",
            "Raise max_queued_messages, max_queued_bytes (messages/s × seconds away × 1.5); see redvest gaps.",
        ),
        _UNKNOWN,
    ),
    _Kind(
        "broker_held",
        Text("消息服务器留存", "Kept by the broker"),
        Text(
            "消息服务器现在存着的报文：在途、等待离线者、或保留消息。",
            "Messages it keeps now: on their way, for someone who is away, or retained.",
        ),
        _count,
        missing=_UNKNOWN,
    ),
    _Kind(
        "broker_clients",
        Text("已连客户端", "Clients"),
        Text(
            "现在连着消息服务器的客户端数，含采集程序自己的连接。",
            "Connected to the broker now, the collector's own connections among them.",
        ),
        _count,
        missing=_UNKNOWN,
    ),
)
