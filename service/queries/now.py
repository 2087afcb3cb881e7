"""What each transformer is doing at this moment, and how far that can be believed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from alerts.model.episodes import Episode
from alerts.model.kinds import LevelName
from alerts.rules.rule_set import Quantity, RuleSet
from alerts.silence.detection import NEVER_RECEIVED, Silence, SilenceSettings, look
from grid.assets import Phase, Transformer
from grid.electrical import Basis, LoadRates, imbalance, voltage_outside
from grid.readings import ReadingBatch
from grid.supply import Supply
from service.queries.answers import Counts, Freshness, TransformerNow
from service.queries.ledger_view import Ground
from service.verdicts.judged_rates import judged_rates
from stores.journal.journal import Journal, LastReceived

_PHASES = (Phase.A, Phase.B, Phase.C)


@dataclass(frozen=True)
class Timestamp:
    """Everything that the stores said about now, asked once."""

    now_us: int
    latest: ReadingBatch
    last_received: LastReceived
    open_episodes: Mapping[str, frozenset[str]]
    """Level names of the calling rule set's open episodes, by transformer_id."""
    open_incidents: Mapping[str, str]
    """incident_id by transformer_id."""
    silent_after_us: int
    no_voltage_since_us: Mapping[str, int] = field(default_factory=dict)
    """Of transformers without voltage, by transformer_id."""


def open_levels(episodes: tuple[Episode, ...], calling: RuleSet) -> dict[str, frozenset[str]]:
    """Return the levels of one rule set's open episodes, by transformer_id."""
    found: dict[str, set[str]] = {}
    for episode in episodes:
        if episode.rule == calling.cited:
            found.setdefault(episode.transformer_id, set()).add(episode.level)
    return {transformer_id: frozenset(levels) for transformer_id, levels in found.items()}


def no_voltage_since(episodes: Sequence[Episode], rules: Sequence[RuleSet]) -> dict[str, int]:
    """Return since when [µs] transformers are without voltage, by transformer_id, of the open episodes."""
    levels = {
        (rule_set.cited, level.name)
        for rule_set in rules
        for level in rule_set.levels
        if level.quantity is Quantity.NO_VOLTAGE
    }
    return {e.transformer_id: e.first_reading_at_us for e in episodes if (e.rule, e.level) in levels}


def level_now(calling: RuleSet, quantity: Quantity, load_rate: float, still_open: frozenset[str]) -> str | None:
    """Return the highest level that a load rate has entered, or that it entered before and has not left.

    NaN enters nothing: an unknown load rate shows only what is still open.
    """
    levels = [
        level
        for level in calling.levels
        if level.quantity is quantity
        and (level.name in still_open or (level.hold_minutes == 0.0 and load_rate >= level.enter))
    ]
    return max(levels, key=lambda level: level.enter).name if levels else None


def all_now(
    ground: Ground,
    timestamp: Timestamp,
    calling: RuleSet,
    wanted: Sequence[Transformer] | None = None,
    journal: Journal | None = None,
) -> list[TransformerNow]:
    """Return every transformer of the ledger, or those wanted, as it is now, in the ledger's order."""
    transformers = ground.ledger.transformers if wanted is None else wanted
    known = _rows_of_ledger(timestamp.latest.transformer, ground)
    if wanted is not None:
        numbers = [ground.numbers.get(transformer.transformer_id, -1) for transformer in wanted]
        known &= np.isin(timestamp.latest.transformer, numbers)
    latest = timestamp.latest.take(known)
    rates = judged_rates(journal, latest, ground.fleet) if journal else LoadRates(latest, ground.fleet)
    spread = imbalance(latest.current_amp)
    outside = voltage_outside(latest.voltage_v)
    row_of = {int(number): row for row, number in enumerate(latest.transformer)}
    heard = timestamp.last_received
    chosen = np.isin(heard.transformer, latest.transformer)
    received_at = dict(zip(heard.transformer[chosen].tolist(), heard.received_at_us[chosen].tolist(), strict=True))
    found = []
    for transformer in transformers:
        number = ground.numbers.get(transformer.transformer_id, -1)
        row = row_of.get(number, -1)
        incident_id = timestamp.open_incidents.get(transformer.transformer_id)
        if row < 0:
            found.append(never_seen(transformer, incident_id))
            continue
        measured_at_us = int(latest.measured_at_us[row])
        received_at_us = max(int(received_at.get(number, 0)), int(latest.received_at_us[row]))
        freshness = _freshness(timestamp, measured_at_us, received_at_us)
        still_open = timestamp.open_episodes.get(transformer.transformer_id, frozenset())
        load_rate, worst = float(rates.load_rate[row]), float(rates.worst_phase_load_rate[row])
        no_voltage_since_us = timestamp.no_voltage_since_us.get(transformer.transformer_id)
        # Without voltage there is no load, and so no level: not even one that was not left before.
        is_dark = rates.supply[row] >= Supply.GONE or no_voltage_since_us is not None
        fresh = freshness is Freshness.FRESH and not is_dark
        total, phase = Quantity.LOAD_RATE, Quantity.WORST_PHASE_LOAD_RATE
        a, b, c = rates.phase_load_rate[row].tolist()
        volt_a, volt_b, volt_c = latest.voltage_v[row].tolist()
        out_a, out_b, out_c = outside[row].tolist()
        found.append(
            TransformerNow(
                transformer=transformer,
                freshness=freshness,
                level=level_now(calling, total, load_rate, still_open) if fresh else None,
                phase_level=level_now(calling, phase, worst, still_open) if fresh else None,
                load_rate=load_rate,
                basis=Basis(int(rates.basis[row])),
                apparent_power_kva=float(rates.apparent_power_kva[row]),
                phase_load_rate=(a, b, c),
                worst_phase_load_rate=worst,
                worst_phase=None if math.isnan(worst) else _PHASES[int(np.argmax(rates.phase_load_rate[row]))],
                imbalance=float(spread[row]),
                trend_per_hour=math.nan,
                ambient_temperature_c=float(latest.ambient_temperature_c[row]),
                voltage_v=(volt_a, volt_b, volt_c),
                voltage_outside=(out_a, out_b, out_c),
                measured_at_us=measured_at_us,
                received_at_us=received_at_us,
                incident_id=incident_id,
                supply=Supply(int(rates.supply[row])),
                no_voltage_since_us=no_voltage_since_us,
            )
        )
    return found


def in_order_of_urgency(transformers: list[TransformerNow], calling: RuleSet) -> list[TransformerNow]:
    """Return those at a level, heaviest first, those without voltage, without a fresh reading, and the others.

    Those that a lost feeder explains come last: the line above all pages speaks for them.
    """
    enter = {level.name: level.enter for level in calling.levels}

    def key(t: TransformerNow) -> tuple[int, float, float, str]:
        load_rate = -1.0 if math.isnan(t.load_rate) else t.load_rate
        height = max(enter.get(t.level or "", 0.0), enter.get(t.phase_level or "", 0.0) - 0.001)
        if t.is_without_voltage:
            place = 1
        elif t.lost_feeder:
            place = 4
        else:
            place = 0 if height > 0.0 else 2 if t.freshness is not Freshness.FRESH else 3
        return place, -height, -load_rate, t.transformer.transformer_id

    return sorted(transformers, key=key)


def silence_now(journal: Journal | None, ground: Ground, now_us: int, settings: SilenceSettings) -> Silence | None:
    """Return who is silent, looked at as the collector looks; None while no journal is there."""
    if journal is None:
        return None
    heard, watched = journal.last_received(), ground.watched
    received_us = np.full(len(watched.transformer_ids), NEVER_RECEIVED, np.int64)
    known = heard.transformer < len(received_us)
    received_us[heard.transformer[known]] = heard.received_at_us[known]
    return look(watched, received_us, now_us, settings)


def covered_ids(ground: Ground, silence: Silence | None) -> frozenset[str]:
    """Return the silent transformers that a lost feeder or a blind stream explains."""
    if silence is None:
        return frozenset()
    ids = ground.watched.transformer_ids
    return frozenset(ids[row] for row in np.flatnonzero(silence.covered).tolist())


def with_lost_feeders(
    transformers: Sequence[TransformerNow], ground: Ground, silence: Silence | None
) -> list[TransformerNow]:
    """Return the transformers, silent ones of lost feeders with the name of theirs; a blind stream names none."""
    if silence is None or silence.blind is not None or not silence.feeders:
        return list(transformers)
    covered = covered_ids(ground, silence)
    return [
        replace(t, lost_feeder=t.transformer.feeder_id) if t.transformer.transformer_id in covered else t
        for t in transformers
    ]


def counts_of(transformers: list[TransformerNow], open_incidents: int, blind_incidents: int) -> Counts:
    """Return the figures on top of the wall."""
    levels = [t.level for t in transformers]
    received = [t.received_at_us for t in transformers if t.received_at_us is not None]
    return Counts(
        watched=len(transformers),
        heavy=levels.count(LevelName.HEAVY),
        severe_heavy=levels.count(LevelName.SEVERE_HEAVY),
        overload=levels.count(LevelName.OVERLOAD),
        phase_only=sum(t.level is None and t.phase_level is not None for t in transformers),
        open_incidents=open_incidents,
        blind_incidents=blind_incidents,
        silent=sum(t.freshness in (Freshness.SILENT, Freshness.OLD) and not t.is_without_voltage for t in transformers),
        never_seen=sum(t.freshness is Freshness.NEVER for t in transformers),
        last_received_at_us=max(received, default=None),
        no_voltage=sum(t.is_without_voltage for t in transformers),
    )


def never_seen(transformer: Transformer, incident_id: str | None = None) -> TransformerNow:
    """Return a transformer of which nothing is known."""
    nothing = math.nan
    return TransformerNow(
        transformer=transformer,
        freshness=Freshness.NEVER,
        level=None,
        phase_level=None,
        load_rate=nothing,
        basis=Basis.NONE,
        apparent_power_kva=nothing,
        phase_load_rate=(nothing, nothing, nothing),
        worst_phase_load_rate=nothing,
        worst_phase=None,
        imbalance=nothing,
        trend_per_hour=nothing,
        ambient_temperature_c=nothing,
        voltage_v=(nothing, nothing, nothing),
        voltage_outside=(0, 0, 0),
        measured_at_us=None,
        received_at_us=None,
        incident_id=incident_id,
    )


def _rows_of_ledger(numbers: NDArray[np.int32], ground: Ground) -> NDArray[np.bool_]:
    """Return which rows (n,) belong to a transformer that the ledger still has."""
    inside = numbers < len(ground.fleet)
    rated = np.zeros(len(numbers), bool)
    rated[inside] = ~np.isnan(ground.fleet.rated_power_kva[numbers[inside]])
    return rated


def _freshness(timestamp: Timestamp, measured_at_us: int, received_at_us: int) -> Freshness:
    if timestamp.now_us - received_at_us > timestamp.silent_after_us:
        return Freshness.SILENT
    # Twice: a device that reports late by design is silent before it is old, and never flickers between both.
    if timestamp.now_us - measured_at_us > 2 * timestamp.silent_after_us:
        return Freshness.OLD
    return Freshness.FRESH
