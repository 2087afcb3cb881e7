"""What is said of a message's own fate: that it comes late, that it is only a test. No personal data."""

from __future__ import annotations

from grid.text import Text
from grid.timestamps import MINUTE_US

LATE_AFTER_US = 10 * MINUTE_US
"""A message that reaches people later than this says so itself."""


def late(text: Text, late_us: int, *, is_over: bool) -> Text:
    """Return a message's text as it is told after a failure of the channel; unchanged while it is still fresh.

    `is_over`: the incident that it announces has ended since, so nobody is to set out for it.
    """
    if late_us < LATE_AFTER_US:
        return text
    minutes = late_us // MINUTE_US
    if is_over:
        return Text(
            f"【补发，事件已结束】以下通知迟到 {minutes} 分钟，仅供知悉，不必再出动。{text.zh}",
            f"[late, the incident is over] {minutes} min late, for information, nobody is to set out. {text.en}",
        )
    return Text(
        f"【补发】以下通知迟到 {minutes} 分钟。{text.zh}", f"[late] this message is {minutes} min late. {text.en}"
    )


def channel_test(channel: str) -> Text:
    """Return what a test of a channel says."""
    return Text(
        f"【测试】这是红马甲渠道 {channel} 的测试消息，无须处理。",
        f"[test] a test message of Redvest's channel {channel}; nothing is to be done.",
    )
