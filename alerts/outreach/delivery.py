"""What promises are worth: kW delivered for each kW promised, learned from measured effects."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from alerts.model.outreach_model import OutreachSettings

SHARE_MIN, SHARE_MAX = 0.2, 1.2
"""A measured share outside of these says more about the measurement than about the street (assumption)."""


@dataclass(frozen=True)
class Delivered:
    """What one walk was promised and what the meter showed of it, both [kW]."""

    promised_kw: float
    saved_kw: float
    saved_sd_kw: float = 0.0
    """Standard deviation of the measured saving; an unsure one weighs less."""


def delivered_share(past: Iterable[Delivered], settings: OutreachSettings) -> float:
    """Return kW delivered for each kW promised: what was measured, drawn towards `delivered_prior`.

    A walk weighs as much as it promised, less where its saving is known only roughly. Walks without a promise, and
    those whose saving could not be measured (NaN), say nothing.
    """
    weight, total = settings.delivered_prior_kw, settings.delivered_prior_kw * settings.delivered_prior
    for walk in past:
        if not walk.promised_kw > 0.0 or math.isnan(walk.saved_kw):
            continue
        trust = walk.promised_kw**2 / (walk.promised_kw**2 + (2.0 * walk.saved_sd_kw) ** 2)
        weight += walk.promised_kw * trust
        total += min(max(walk.saved_kw, 0.0), SHARE_MAX * walk.promised_kw) * trust
    return min(max(total / weight, SHARE_MIN), SHARE_MAX)
