"""The transformers as they are now, asked of the stores: all, those wanted or one, with trends where they matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from alerts.model.incidents import Incident
from alerts.silence.detection import Silence
from grid.assets import Transformer
from grid.readings import ReadingBatch
from grid.timestamps import MINUTE_US
from service.queries.answers import Freshness, TransformerNow
from service.queries.ledger_view import Ground
from service.queries.now import Timestamp, all_now, never_seen, no_voltage_since, open_levels, silence_now
from service.queries.sources import Sources
from service.response.recent import RECENT_MINUTES, slopes_per_hour
from service.verdicts.judged_rates import judged_rates


def silence_of(sources: Sources, ground: Ground, now_us: int) -> Silence | None:
    """Return who is silent; None while no journal is there."""
    return silence_now(sources.journal(), ground, now_us, sources.options.silence)


def fleet_now(
    sources: Sources,
    ground: Ground,
    now_us: int,
    incidents: Sequence[Incident],
    wanted: Sequence[Transformer] | None = None,
) -> list[TransformerNow]:
    """Return every transformer of the ledger, or those wanted, without trends. `incidents` are the open ones."""
    journal = sources.journal()
    if journal is None:
        return [never_seen(each) for each in (ground.ledger.transformers if wanted is None else wanted)]
    open_episodes = sources.records.episodes(open_only=True)
    timestamp = Timestamp(
        now_us=now_us,
        latest=journal.latest(),
        last_received=journal.last_received(),
        open_episodes=open_levels(open_episodes, sources.calling),
        open_incidents={
            # The total load's incident goes before one of a phase.
            i.transformer_id: i.incident_id
            for i in sorted(incidents, key=lambda i: not i.is_of_phase)
        },
        silent_after_us=sources.options.silence.silent_us,
        no_voltage_since_us=no_voltage_since(open_episodes, sources.rules),
    )
    return all_now(ground, timestamp, sources.calling, wanted, journal)


def one_now(sources: Sources, ground: Ground, now_us: int, transformer: Transformer) -> TransformerNow:
    """Return one transformer as it is now, with its trend."""
    found = fleet_now(sources, ground, now_us, sources.records.incidents(open_only=True), [transformer])
    return with_trends(sources, ground, now_us, found)[0]


def with_trends(
    sources: Sources, ground: Ground, now_us: int, transformers: Sequence[TransformerNow]
) -> Sequence[TransformerNow]:
    """Return the transformers, the first of them with trends, as many as the options say."""
    journal = sources.journal()
    chosen = [
        ground.numbers[t.transformer.transformer_id]
        for t in transformers[: sources.options.trends_max]
        if t.freshness is Freshness.FRESH and not t.is_without_voltage
    ]
    if journal is None or not chosen:
        return transformers
    from_us = now_us - round(RECENT_MINUTES * MINUTE_US)
    # One seek for each slot and transformer; reading the slots whole would read every other transformer too.
    batch = ReadingBatch.concatenate([journal.series(number, from_us, now_us) for number in chosen])
    slopes = slopes_per_hour(batch, judged_rates(journal, batch, ground.fleet).load_rate)
    by_id = {i: slopes[n] for i, n in ground.numbers.items() if n in slopes}
    return [
        replace(t, trend_per_hour=by_id[t.transformer.transformer_id]) if t.transformer.transformer_id in by_id else t
        for t in transformers
    ]
