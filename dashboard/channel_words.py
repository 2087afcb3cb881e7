"""Words of the pages for channels and for who is on duty, in both languages."""

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
HAD_IT_BEFORE = Text("{name} 之前已接手。", "{name} had it before.")
OVER_ALREADY = Text("事件已结束，不必再接手。", "The incident is over: nobody needs to have it.")
ROSTER = Text("值班", "On duty")
ROSTER_NOTE = Text(
    "依据台账中的 roster.csv；不在排班表中的人员按网格班组随时待命。无人应答时依次通知队员、网格长、值班员、所长。",
    "By roster.csv of the ledger; people who are not in it are on whenever their role is called. Called one after "
    "another until somebody answers: members, grid lead, duty desk, station head.",
)
STATION = Text("供电所", "Station")
GRID = Text("网格", "Grid")
ROLE = Text("角色", "Role")
PERSON = Text("人员", "Person")
BECAUSE = Text("依据", "By")
IN_PLACE_OF = Text("替", "In place of")
UNTIL = Text("到", "Until")
NOBODY_ON = Text("此刻没有人值班。", "Nobody is on duty now.")
