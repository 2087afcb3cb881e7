"""The end of an ask: who may switch back when, so few at a time that the load stays below the line.

A shop that switches back draws more than it saved for a while: its rooms are warm and every unit runs at full power.
So a step is let go only when the load rate, the rise to expect and that rebound together stay below `release_line`,
and the next one only after the rebound of the last has been seen by the meter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alerts.figures import kilowatts, percent
from alerts.model.outreach_model import (
    ANY_DAY,
    Conditions,
    Door,
    OutreachList,
    OutreachSettings,
    Visit,
)
from alerts.outreach.acceptance import outcomes
from alerts.outreach.outlook import rise_expected
from grid.assets import Transformer
from grid.text import Text
from grid.timestamps import MINUTE_US

STEP_DOORS_MAX = 6
"""So many at once at most: a step has to be a small part of a street (practice)."""


@dataclass(frozen=True)
class Release:
    """One merchant who was told that they may switch back."""

    incident_id: str
    merchant_id: str
    released_at_us: int


@dataclass(frozen=True)
class ReleaseStep:
    """Merchants who may switch back together, and from which load rate on."""

    number: int
    merchant_ids: tuple[str, ...]
    relief_kw: float
    """What they hold back [kW]."""
    rebound_kw: float
    """What they will draw more at first [kW]."""
    below_load_rate: float
    """The load rate, with the rise to expect, at or below which the step may go."""


@dataclass(frozen=True)
class ReleasePlan:
    """Who still holds back, in steps, and how many may go now."""

    steps: tuple[ReleaseStep, ...]
    released: tuple[Release, ...]
    due: ReleaseStep | None
    """The step that may go now."""
    not_before_us: int
    """The meter has seen the last step's rebound by then [µs]; 0 before the first."""


def taking_part(lists: Iterable[OutreachList], visits: Iterable[Visit], incident_id: str) -> tuple[Door, ...]:
    """Return the doors of an incident's lists whose merchants agreed, longest first."""
    doors = {door.merchant_id: door for made in lists for door in made.doors}
    agreed = sorted(
        (visit.recorded_at_us, merchant_id)
        for (of, merchant_id), visit in outcomes(visits).items()
        if of == incident_id and merchant_id in doors and visit.result.brings_relief
    )
    return tuple(doors[merchant_id] for _, merchant_id in agreed)


def plan_release(  # noqa: PLR0913
    doors: Sequence[Door],
    released: Sequence[Release],
    load_rate: float,
    settings: OutreachSettings,
    *,
    transformer: Transformer,
    power_factor: float,
    now_us: int,
    trend_per_hour: float = math.nan,
    conditions: Conditions = ANY_DAY,
) -> ReleasePlan:
    """Return who may switch back in which order, and the step that may go now, if any.

    `doors` take part (`taking_part`). Steps are as large as `STEP_DOORS_MAX` and `release_step_rate` of the rated
    power allow. Without a load rate (NaN) no step goes.
    """
    gone = {one.merchant_id for one in released}
    left = [door for door in doors if door.merchant_id not in gone]
    per_rate_kw = transformer.rated_power_kva * (1.0 if math.isnan(power_factor) else power_factor)
    steps = _steps(left, per_rate_kw, settings)
    latest_us = max((one.released_at_us for one in released), default=0)
    not_before_us = latest_us + round(settings.release_gap_minutes * MINUTE_US) if latest_us else 0
    ahead = load_rate + rise_expected(trend_per_hour, conditions, settings)
    due = None
    if steps and now_us >= not_before_us and ahead <= steps[0].below_load_rate:  # NaN: False
        due = steps[0]
    return ReleasePlan(steps, tuple(released), due, not_before_us)


def _steps(left: Sequence[Door], per_rate_kw: float, settings: OutreachSettings) -> tuple[ReleaseStep, ...]:
    steps: list[ReleaseStep] = []
    group: list[Door] = []
    room_kw = settings.release_step_rate * per_rate_kw

    def close() -> None:
        if not group:
            return
        relief_kw = sum(door.offer_kw for door in group)
        rebound_kw = relief_kw * settings.rebound
        line = settings.release_line - rebound_kw / per_rate_kw
        steps.append(ReleaseStep(len(steps) + 1, tuple(d.merchant_id for d in group), relief_kw, rebound_kw, line))
        group.clear()

    for door in left:
        together_kw = (sum(d.offer_kw for d in group) + door.offer_kw) * settings.rebound
        if group and (len(group) == STEP_DOORS_MAX or together_kw > room_kw):
            close()
        group.append(door)
    close()
    return tuple(steps)


def release_text(plan: ReleasePlan) -> Text:
    """Return how far the release is, for the team and the desk. Nobody is named."""
    left = sum(len(step.merchant_ids) for step in plan.steps)
    if not plan.steps:
        return Text("全部商户都可以恢复正常用电，辛苦了。", "Everybody may go back to normal. Thank you.")
    if plan.due is not None:
        count = len(plan.due.merchant_ids)
        doors = "merchant" if count == 1 else "merchants"
        return Text(
            f"现在可以恢复 {count} 户（约 {kilowatts(plan.due.relief_kw)}）；其余 {left - count} 户再等通知。",
            f"{count} {doors} may switch back now (about {kilowatts(plan.due.relief_kw)}); "
            f"the other {left - count} go on and are told later.",
        )
    line = percent(plan.steps[0].below_load_rate)
    return Text(
        f"还有 {left} 户在配合，暂不恢复：负载率降到 {line.zh} 后先恢复 {len(plan.steps[0].merchant_ids)} 户。",
        f"{left} still take part and go on: once the load rate is down to {line.en}, "
        f"{len(plan.steps[0].merchant_ids)} of them may switch back first.",
    )
