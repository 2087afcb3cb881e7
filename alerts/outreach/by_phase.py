"""What of a transformer lies on one phase: its rating, its customers, their appliances. A phase is asked for by itself.

An overloaded phase beside two light ones is no matter for the whole street: only who is connected to it can relieve it,
and of a three-phase customer a third lands on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from alerts.model.incidents import Incident
from grid.assets import Appliance, Merchant, Phase, Transformer
from grid.text import Text


@dataclass(frozen=True)
class Asked:
    """The part of a transformer that an incident asks for relief: all of it, or one phase."""

    transformer: Transformer
    """Of one phase with a third of the rating, so that its load rate is that of the phase."""
    merchants: tuple[Merchant, ...]
    appliances: tuple[Appliance, ...]
    phase: Phase | None
    """None: the whole transformer."""


def asked_for(
    incident: Incident,
    transformer: Transformer,
    merchants: Sequence[Merchant],
    appliances: Iterable[Appliance],
    heaviest: Phase | None,
) -> Asked:
    """Return what an incident asks: an incident of a phase its `heaviest` one, where it is known."""
    if not incident.is_of_phase or heaviest is None:
        return Asked(transformer, tuple(merchants), tuple(appliances), None)
    on_it = {m.merchant_id: m.phase for m in merchants if m.phase in (heaviest, Phase.ABC)}
    return Asked(
        replace(transformer, rated_power_kva=transformer.rated_power_kva / 3.0),
        tuple(m for m in merchants if m.merchant_id in on_it),
        tuple(
            replace(a, rated_kw=a.rated_kw / 3.0) if on_it[a.merchant_id] is Phase.ABC else a
            for a in appliances
            if a.merchant_id in on_it
        ),
        heaviest,
    )


def of_the_phase(said: Text, phase: Phase | None) -> Text:
    """Return a sentence about load and relief with the phase that it is about."""
    if phase is None:
        return said
    return Text(f"{phase.value} 相（只算这一相）：{said.zh}", f"Phase {phase.value}, by itself: {said.en}")
