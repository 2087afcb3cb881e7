"""Many areas on a hot noon: some overloaded, many heavy, a few silent, open incidents with and without doors.

All stations, people, shops and readings are made up by a seeded generator.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from alerts.model.incidents import Incident, IncidentState, incident_id
from alerts.outreach.planner import OutreachSettings, make_list
from grid.assets import Appliance, ApplianceKind, Ledger, Merchant, Phase, ServiceGrid, Station, Transformer
from grid.readings import ReadingBatch
from grid.timestamps import MINUTE_US
from stores.journal.journal import Journal
from stores.records.changes import Changes
from stores.records.records import Records
from tests.support.town import NOW_US, RULE, ZONE, _write_settings

_GRID_SIZE = 20
_MINUTES = 16


@dataclass(frozen=True)
class StormTown:
    """Where it is, and what tests ask about."""

    config: Path
    folder: Path
    ledger: Ledger
    incidents: tuple[Incident, ...]


def build_storm_town(folder: Path, areas: int = 500, incidents: int = 79, seed: int = 7) -> StormTown:
    """Write settings, ledger, readings and open incidents below a folder, and return what they are."""
    rng = np.random.default_rng(seed)
    ledger = _ledger(areas)
    rates = np.clip(rng.normal(0.62, 0.14, areas), 0.1, 0.89)
    rates[:incidents] = np.linspace(1.18, 0.90, incidents)
    order = rng.permutation(areas)
    rate_of = {ledger.transformers[place].transformer_id: float(rates[i]) for i, place in enumerate(order.tolist())}
    silent = set(list(rate_of)[-areas // 40 :]) - {i for i, rate in rate_of.items() if rate >= 0.9}
    config = _write_settings(folder)
    with Journal.open_writer(folder / "data" / "journal.sqlite") as journal:
        numbers = journal.numbers([*rate_of])
        rated = {t.transformer_id: t.rated_power_kva for t in ledger.transformers}
        batches = [_readings(numbers[i], rated[i], rate, 90 if i in silent else 0) for i, rate in rate_of.items()]
        journal.append(ReadingBatch.concatenate(batches))
    opened = tuple(
        _incident(transformer_id, rate)
        for transformer_id, rate in sorted(rate_of.items(), key=lambda item: -item[1])[:incidents]
    )
    with Records(f"sqlite:///{folder / 'data' / 'records.sqlite'}") as records:
        records.migrate()
        records.replace_ledger(ledger, by="test", now_us=NOW_US - 60 * MINUTE_US)
        records.commit(Changes(incidents=opened))
        by_id = {t.transformer_id: t for t in ledger.transformers}
        lists = [
            make_list(
                incident,
                by_id[incident.transformer_id],
                incident.last_load_rate,
                0.0,
                0.95,
                [m for m in ledger.merchants if m.transformer_id == incident.transformer_id],
                ledger.appliances,
                ledger.people,
                (),
                NOW_US - MINUTE_US,
                OutreachSettings(),
            )
            for incident in opened
        ]
        records.commit(Changes(lists=tuple(lists)))
    return StormTown(config, folder, ledger, opened)


def _ledger(areas: int) -> Ledger:
    grids = tuple(
        ServiceGrid(f"G{n:03d}", f"模拟网格 {n}", "YX", f"模拟社区 {n}") for n in range(1, areas // _GRID_SIZE + 1)
    )
    transformers = tuple(
        Transformer(
            f"T{n:04d}",
            f"模拟 {n} 号台区",
            "YX",
            float((200, 315, 400, 630)[n % 4]),
            grids[n // _GRID_SIZE % len(grids)].grid_id,
            f"F{n // 50 + 1}",
            latitude=30.0 + (n // 25) * 0.004,
            longitude=114.0 + (n % 25) * 0.005,
        )
        for n in range(areas)
    )
    shops = tuple(
        Merchant(
            f"{t.transformer_id}-{k}", f"模拟店 {k}", t.transformer_id, f"模拟街 {k} 号", "王模拟", "13900000000",
            ("餐饮", "超市", "服装")[k % 3], Phase.ABC, k,
        )
        for t in transformers
        for k in range(1, 5)
    )  # fmt: skip
    units = tuple(Appliance(s.merchant_id, ApplianceKind.AIR_CONDITIONER, 4, 5.0, 3, 22.0) for s in shops)
    return Ledger((Station("YX", "模拟县供电所", ZONE),), grids, transformers, (), shops, units)


def _readings(number: int, rated_kva: float, load_rate: float, minutes_ago: int) -> ReadingBatch:
    at = NOW_US - MINUTE_US * (np.arange(_MINUTES)[::-1] + 1 + minutes_ago)
    apparent = np.full(_MINUTES, load_rate * rated_kva) * np.linspace(0.99, 1.0, _MINUTES)
    active = apparent * 0.95
    return ReadingBatch.of(
        np.full(_MINUTES, number, np.int32),
        at,
        received_at_us=at + 800_000,
        voltage_v=np.full((_MINUTES, 3), 228.0),
        current_amp=np.repeat(apparent[:, None] * 1000.0 / 3.0 / 228.0, 3, axis=1),
        active_power_kw=active,
        reactive_power_kvar=np.sqrt(apparent**2 - active**2),
    )


def _incident(transformer_id: str, load_rate: float) -> Incident:
    first = NOW_US - 12 * MINUTE_US
    opened = Incident(
        incident_id(transformer_id, RULE, first), transformer_id, RULE, "severe_heavy", IncidentState.OPEN,
        first, first, 0.905, load_rate, NOW_US - 2 * MINUTE_US, load_rate, NOW_US - MINUTE_US,
    )  # fmt: skip
    return replace(opened, level="overload") if load_rate >= 1.0 else opened
