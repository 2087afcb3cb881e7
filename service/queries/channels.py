"""How each channel fares: what waits, what was given up, and the error that stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from grid.text import Text
from service.notify.channels.make import channels_of
from service.settings.settings import Settings
from stores.records.outbox import ChannelCounts
from stores.records.records import Records

DEAD_SHOWN_MAX = 1000


class ChannelState(Enum):
    """How a channel fares."""

    OK = "ok"
    FAILING = "failing"
    """Its last attempts failed; it is tried again."""
    DEAD = "dead"
    """Messages were given up: somebody has to mend it and send them again."""
    REMOVED = "removed"
    """No longer in the settings; what it had is closed."""


CHANNEL_STATES: Mapping[ChannelState, Text] = {
    ChannelState.OK: Text("正常", "ok"),
    ChannelState.FAILING: Text("发送失败，重试中", "failing, tried again"),
    ChannelState.DEAD: Text("有送不到的通知", "messages undeliverable"),
    ChannelState.REMOVED: Text("已移除", "removed"),
}


@dataclass(frozen=True)
class ChannelRow:
    """One channel, as pages and commands show it."""

    channel: str
    kind: str
    stations: tuple[str, ...]
    grids: tuple[str, ...]
    state: ChannelState
    waiting: int
    dead: int
    last_error: str
    oldest_waiting_at_us: int | None


def channel_rows(settings: Settings, records: Records) -> tuple[ChannelRow, ...]:
    """Return every channel of the settings, and those that are gone but had undelivered messages. Raises StoreError."""
    counts = records.channel_counts()
    known = channels_of(settings)
    rows = [
        _row(each.name, each.kind, each.stations, each.grids, counts.get(each.name, ChannelCounts())) for each in known
    ]
    names = {each.name for each in known}
    gone = [(name, of) for name, of in counts.items() if name not in names]
    return (*rows, *(_row(name, "", (), (), of, is_gone=True) for name, of in gone))


def _row(
    name: str,
    kind: str,
    stations: tuple[str, ...],
    grids: tuple[str, ...],
    counts: ChannelCounts,
    *,
    is_gone: bool = False,
) -> ChannelRow:
    state = ChannelState.OK
    if is_gone:
        state = ChannelState.REMOVED
    elif counts.dead:
        state = ChannelState.DEAD
    elif counts.last_error:
        state = ChannelState.FAILING
    return ChannelRow(
        channel=name,
        kind=kind,
        stations=stations,
        grids=grids,
        state=state,
        waiting=counts.waiting,
        dead=counts.dead,
        last_error=counts.last_error,
        oldest_waiting_at_us=counts.oldest_waiting_at_us,
    )
