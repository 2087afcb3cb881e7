"""A small town in the stores: a hot morning of six transformers, one incident with its list and first answers.

    town = build_town(tmp_path)            # 24 July 2021, 11:20 in Shanghai, and the clock runs on from there
    house = House(load_settings(town.config))

YX06 climbs over 90 % (the incident), YX07 is heavy, YX08 is normal, tells only active power and has a hole,
YX09 fell silent, YX10 was never seen, YX11 is heavy on phase B alone. All people and shops are simulated.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from alerts.model.episodes import Episode
from alerts.model.incidents import Incident, IncidentEvent, IncidentEventKind, IncidentState, incident_id
from alerts.notification.messages import incident_opened, list_made
from alerts.outreach.planner import OutreachList, OutreachSettings, Visit, VisitResult, make_list
from grid.assets import (
    Appliance,
    ApplianceKind,
    Ledger,
    Merchant,
    Person,
    Phase,
    Role,
    ServiceGrid,
    Station,
    Transformer,
)
from grid.readings import ReadingBatch
from grid.timestamps import MINUTE_US, format_utc, parse_timestamp_us
from stores.journal.journal import Journal, StoredReject
from stores.records.changes import Changes, NewMessage
from stores.records.records import Records

ZONE = "Asia/Shanghai"
FIRST_US = parse_timestamp_us("2021-07-24T06:00:00+08:00")
NOW_US = parse_timestamp_us("2021-07-24T11:20:00+08:00")
SILENT_SINCE_US = parse_timestamp_us("2021-07-24T09:40:00+08:00")
RULE = "early-warning@1"
RATED_KVA = 315.0
INCIDENT_TRANSFORMER = "YX06"
NASTY_SHOP = "<script>alert('x')</script>粥铺"
"""A shop's name that would run if it were not escaped."""


@dataclass(frozen=True)
class Town:
    """Where everything is, and what tests ask about."""

    config: Path
    folder: Path
    now_us: int
    ledger: Ledger
    incident: Incident
    outreach: OutreachList
    visits: tuple[Visit, ...]


def build_town(folder: Path, *, open_incident: bool = True) -> Town:
    """Write settings, ledger, readings, incident, list and visits below a folder, and return what they are.

    There is no collector: a test that wants one to answer starts a `service.metrics.health.HealthServer` on the data
    folder.
    """
    ledger = town_ledger()
    config = _write_settings(folder)
    curves = town_curves()
    with Journal.open_writer(folder / "data" / "journal.sqlite") as journal:
        numbers = journal.numbers([*curves])
        journal.append(
            ReadingBatch.concatenate([_readings(numbers[i], i, *curve) for i, curve in curves.items()]), _rejects()
        )
    with Records(f"sqlite:///{folder / 'data' / 'records.sqlite'}") as records:
        records.migrate()
        records.replace_ledger(ledger, by="test", now_us=FIRST_US)
        incident = _incident(*curves[INCIDENT_TRANSFORMER])
        if not open_incident:
            return Town(config, folder, NOW_US, ledger, incident, _no_list(incident), ())
        outreach = _outreach(incident, ledger)
        records.commit(_changes(incident, outreach, ledger))
        visits = _visits(outreach)
        for visit in visits:
            records.record_visit(visit, visit.recorded_by)
    return Town(config, folder, NOW_US, ledger, incident, outreach, visits)


def town_ledger() -> Ledger:
    """Return the ledger: one station, two grids, six transformers, five people, nine shops (one of them protected)."""
    grids = (
        ServiceGrid("G01", "英雄街网格（模拟）", "YX", "英雄街社区"),
        ServiceGrid("G02", "河东网格（模拟）", "YX", "河东社区"),
    )
    names = {
        "YX06": ("英雄街 6 号台区", "G01"),
        "YX07": ("英雄街 7 号台区", "G01"),
        "YX08": ("河东 8 号台区", "G02"),
        "YX09": ("河东 9 号台区", "G02"),
        "YX10": ("新村 10 号台区", "G02"),
        "YX11": ("集市 11 号台区", "G02"),
    }
    transformers = tuple(Transformer(i, name, "YX", RATED_KVA, grid, "F1") for i, (name, grid) in names.items())
    people = (
        Person("P1", "模拟甲", Role.MEMBER, "G01", "13800000001"),
        Person("P2", "模拟乙", Role.MEMBER, "G01", "13800000002"),
        Person("P3", "模拟网格长", Role.GRID_LEAD, "G01", "13800000003"),
        Person("P4", "模拟值班员", Role.DUTY, "", "13800000004"),
        Person("P5", "模拟丙", Role.MEMBER, "G02", "13800000005"),
    )
    kinds = ("餐饮", "超市", "服装", "茶楼", "理发", "五金", "药店", "网吧")
    shops = [
        Merchant(
            f"M{n:02d}",
            NASTY_SHOP if n == 3 else f"模拟{kind}店 {n}",
            INCIDENT_TRANSFORMER,
            f"英雄街 {n * 2} 号",
            f"王模拟{n}",
            f"1390000{n:04d}",
            kind,
            (Phase.ABC, Phase.A, Phase.B, Phase.C)[n % 4],
            n,
        )
        for n, kind in enumerate(kinds, 1)
    ]
    clinic = Merchant(
        "M09",
        "模拟诊所",
        INCIDENT_TRANSFORMER,
        "英雄街 20 号",
        "李模拟",
        "13900009999",
        "诊所",
        Phase.ABC,
        9,
        True,
        "医疗",
    )
    appliances = tuple(
        Appliance(m.merchant_id, ApplianceKind.AIR_CONDITIONER, 3 + n % 3, 3.5 + n % 2, 2, 22.0)
        for n, m in enumerate((*shops, clinic))
    )
    station = Station("YX", "英雄县供电所（模拟）", ZONE)
    return Ledger((station,), grids, transformers, people, (*shops, clinic), appliances)


def town_curves() -> dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Return (moments, load rates) of each transformer that has readings, one a minute."""
    at = np.arange(FIRST_US, NOW_US, MINUTE_US)
    hours = (at - FIRST_US) / (60 * MINUTE_US)
    wave = 0.012 * np.sin(hours * 9.0)
    climb = np.interp(hours, [0, 2, 4, 4.6, 5.0, 5.2, 5.34], [0.42, 0.61, 0.80, 0.885, 0.9533, 0.93, 0.8905])
    hole = (at >= parse_timestamp_us("2021-07-24T08:00:00+08:00")) & (
        at < parse_timestamp_us("2021-07-24T09:00:00+08:00")
    )
    until_silence = at <= SILENT_SINCE_US
    return {
        "YX06": (at, climb),
        "YX07": (at, np.interp(hours, [0, 3, 5.34], [0.45, 0.70, 0.83]) + wave),
        "YX08": (at[~hole], (0.50 + wave + hours * 0.02)[~hole]),
        "YX09": (at[until_silence], (0.62 + wave)[until_silence]),
        "YX11": (at, np.interp(hours, [0, 4, 5.34], [0.40, 0.68, 0.72]) + wave),
    }


def _readings(number: int, transformer_id: str, at: NDArray[np.int64], load_rate: NDArray[np.float64]) -> ReadingBatch:
    apparent_kva = load_rate * RATED_KVA
    active = apparent_kva * 0.95
    rows = np.full(len(at), number, np.int32)
    air = np.interp((at - FIRST_US) / (60 * MINUTE_US), [0, 5.34], [27.0, 36.0])
    if transformer_id == "YX08":
        return ReadingBatch.of(rows, at, active_power_kw=active, ambient_temperature_c=air)
    share = np.array([0.90, 1.28, 0.82]) if transformer_id == "YX11" else np.array([0.97, 1.06, 0.97])
    voltage = np.full((len(at), 3), 228.0)
    current = apparent_kva[:, None] * 1000.0 / 3.0 * share / voltage
    return ReadingBatch.of(
        rows,
        at,
        received_at_us=at + 800_000,
        voltage_v=voltage,
        current_amp=current,
        active_power_kw=active,
        reactive_power_kvar=np.sqrt(apparent_kva**2 - active**2),
        ambient_temperature_c=air,
        oil_temperature_c=air + 30.0,
    )


def _incident(at: NDArray[np.int64], load_rate: NDArray[np.float64]) -> Incident:
    above = np.flatnonzero(load_rate >= 0.9)
    first = int(above[0])
    before, after = load_rate[first - 1], load_rate[first]
    crossing = int(at[first - 1] + (0.9 - before) / (after - before) * MINUTE_US)
    peak = int(np.argmax(load_rate))
    return Incident(
        incident_id=incident_id(INCIDENT_TRANSFORMER, RULE, int(at[first])),
        transformer_id=INCIDENT_TRANSFORMER,
        rule=RULE,
        level="severe_heavy",
        state=IncidentState.OPEN,
        first_reading_at_us=int(at[first]),
        opened_at_us=crossing,
        opened_load_rate=float(load_rate[first]),
        peak_load_rate=float(load_rate[peak]),
        peak_at_us=int(at[peak]),
        last_load_rate=float(load_rate[-1]),
        last_reading_at_us=int(at[-1]),
    )


def _outreach(incident: Incident, ledger: Ledger) -> OutreachList:
    transformer = ledger.transformer(INCIDENT_TRANSFORMER)
    assert transformer is not None
    made_at_us = incident.opened_at_us + MINUTE_US
    return make_list(
        incident, transformer, 0.93, 0.15, 0.95, ledger.merchants, ledger.appliances, ledger.people, (), made_at_us,
        OutreachSettings(),
    )  # fmt: skip


def _no_list(incident: Incident) -> OutreachList:
    return OutreachList(incident.incident_id, 1, incident.opened_at_us, 0.9, 0.8, 0.0, 0.9, 1.0, ())


def _changes(incident: Incident, outreach: OutreachList, ledger: Ledger) -> Changes:
    transformer = ledger.transformer(INCIDENT_TRANSFORMER)
    assert transformer is not None
    zone = ZoneInfo(ZONE)
    opened, made = incident_opened(incident, transformer, zone), list_made(outreach)
    episode = Episode(
        INCIDENT_TRANSFORMER, RULE, "severe_heavy", incident.first_reading_at_us, incident.opened_at_us, None, None,
        incident.opened_load_rate, incident.peak_load_rate, incident.peak_at_us, 40,
    )  # fmt: skip
    heavy = Episode(
        "YX07", RULE, "heavy", NOW_US - 40 * MINUTE_US, NOW_US - 40 * MINUTE_US, None, None, 0.80, 0.84,
        NOW_US - MINUTE_US, 40,
    )  # fmt: skip
    return Changes(
        episodes=(episode, heavy),
        incidents=(incident,),
        events=(
            IncidentEvent(
                incident.incident_id, incident.opened_at_us, IncidentEventKind.OPENED, opened.zh, opened.en
            ),
            IncidentEvent(incident.incident_id, outreach.made_at_us, IncidentEventKind.LIST_MADE, made.zh, made.en),
        ),
        lists=(outreach,),
        messages=(
            NewMessage(
                f"{incident.incident_id}/opened", "incident_opened", "YX", incident.incident_id, opened,
                incident.opened_at_us, ("terminal",),
            ),
        ),
    )  # fmt: skip


def _visits(outreach: OutreachList) -> tuple[Visit, ...]:
    results = (VisitResult.AGREED, VisitResult.REFUSED, VisitResult.DONE)
    return tuple(
        Visit(outreach.incident_id, door.merchant_id, result, outreach.made_at_us + (10 + 7 * i) * MINUTE_US, "P1")
        for i, (door, result) in enumerate(zip(outreach.doors, results, strict=False))
    )


def _rejects() -> tuple[StoredReject, ...]:
    payload = b'{"measured_at": "2021-07-24 10:01:00"}'
    return (
        StoredReject(
            parse_timestamp_us("2021-07-24T10:01:00+08:00"), "redvest/v1/YX/YX77/reading", "unknown_transformer",
            "transformer_id", "YX77", payload, "0" * 64,
        ),
        StoredReject(
            parse_timestamp_us("2021-07-24T10:02:00+08:00"), "redvest/v1/YX/YX06/reading", "time_without_offset",
            "measured_at", "2021-07-24 10:01:00", payload, "1" * 64,
        ),
    )  # fmt: skip


def _write_settings(folder: Path) -> Path:
    started_us = time.time_ns() // 1000
    config = folder / "redvest.toml"
    config.write_text(
        f'[data]\nfolder = "data"\n\n[clock]\nkind = "scaled"\nreal_start = "{format_utc(started_us)}"\n'
        f'start = "{format_utc(NOW_US)}"\nspeed = 1.0\n\n[silence]\nslot_minutes = 5.0\n\n'
        "[collector]\nhealth_port = 0\n",
        encoding="utf-8",
    )
    return config
