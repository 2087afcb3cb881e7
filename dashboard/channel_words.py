"""Words of the channels page, in both languages."""

from __future__ import annotations

from grid.text import Text

CHANNELS = Text("通知渠道", "Channels")
CHANNELS_NOTE = Text(
    "每个渠道各有队列，一个渠道故障不影响其他渠道。有送不到的通知时，健康检查为红色，直到重发。",
    "Each channel has its own queue: one that fails delays no other. Undeliverable messages keep health red until they "
    "are sent again.",
)
SERVES = Text("供电所、网格", "Stations, grids")
SERVES_ALL = Text("全部", "all")
LAST_ERROR = Text("最近的错误", "Last error")
DEAD_LETTERS = Text("送不到的通知", "Undeliverable messages")
NO_DEAD_LETTERS = Text("没有送不到的通知。", "Every message was delivered, or is on its way.")
SEND_AGAIN = Text("重发 {channel} 的通知", "Send those of {channel} again")
SENT_AGAIN = Text("{count} 条通知将重发", "{count} messages will be sent again")
