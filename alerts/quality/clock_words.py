"""What is said about a device's clock."""

from __future__ import annotations

from alerts.figures import span
from alerts.model.display_names import transformer_name
from grid.assets import Transformer
from grid.text import Text


def check_the_clock(transformer: Transformer, behind_us: float, steady_minutes: float) -> Text:
    """Return the notice to check a clock: where, how late its readings come, and what else it may be."""
    where, late, minutes = transformer_name(transformer), span(round(behind_us)), f"{steady_minutes:g}"
    return Text(
        f"【核查表计】{where}：最近 {minutes} 分钟以上，每个读数都晚约 {late.zh}到达，表计时钟可能慢了，"
        "负载会记在错误的时刻。"
        "请核对表计和终端的时钟与时区；若时钟准确，则是终端在逐条补发积压数据，一直没有追上。",
        f"[check the meter] {where}: for more than {minutes} min every reading has come about {late.en} late, so its "
        "clock may be behind, and its load stands at the wrong time. Check clock and time zone of meter and terminal; "
        "if they are right, the terminal sends what it had kept one by one and never catches up.",
    )
