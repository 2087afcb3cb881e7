"""The copy to InfluxDB: behind the journal, never in its way, nothing lost and nothing doubled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alerts.model.episodes import Ending, Episode
from grid.assets import Transformer
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from grid.timestamps import MINUTE_US, SECOND_US
from stores.influx.copy import InfluxCopy, InfluxTarget
from stores.influx.line_protocol import reading_lines
from stores.journal.journal import Journal
from stores.records.changes import Changes
from stores.records.records import Records
from tests.support.influx_front import Front
from tests.support.record_store import NOON_US, with_tables
from tests.support.victoria_metrics import VictoriaMetrics

NAMES = ("YX06", "YX07")
NOON_MS = NOON_US // 1000


@pytest.fixture
def server(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[VictoriaMetrics]:
    server = VictoriaMetrics(tmp_path, free_port())
    yield server
    server.stop()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open_writer(tmp_path / "journal.sqlite") as journal:
        journal.numbers(NAMES)
        yield journal


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    with Records(with_tables(f"sqlite:///{tmp_path / 'records.sqlite'}")) as records:
        yield records


@pytest.fixture
def new_copy(journal: Journal, records: Records) -> Iterator[Callable[[str], InfluxCopy]]:
    copies: list[InfluxCopy] = []

    def make(url: str) -> InfluxCopy:
        copies.append(InfluxCopy(InfluxTarget(url, "redvest", "station", "token", 1.0), journal, records))
        return copies[-1]

    yield make
    for copy in copies:
        copy.close()


def a_fleet(journal: Journal, *names: str) -> Fleet:
    numbers = journal.numbers(names)
    return Fleet.of([Transformer(name, name, "S1", 400.0, ct_ratio=2.0) for name in names], numbers)


def a_block(minute: int, rows: int = 4) -> ReadingBatch:
    """Readings of both transformers, from a minute on."""
    at = NOON_US + (minute + np.arange(rows) // 2) * MINUTE_US
    return ReadingBatch.of(np.arange(rows) % 2, at, active_power_kw=90.0 + np.arange(rows), reactive_power_kvar=at * 0)


def an_episode(ended_at_us: int | None = None) -> Episode:
    return Episode(
        transformer_id="YX06",
        rule="early-warning@1",
        level="severe_heavy",
        first_reading_at_us=NOON_US,
        started_at_us=NOON_US - 30 * SECOND_US,
        ended_at_us=ended_at_us,
        ended_by=None if ended_at_us is None else Ending.LEAVE,
        first_load_rate=0.91,
        peak_load_rate=0.9533,
        peak_at_us=NOON_US + MINUTE_US,
        readings=7,
    )


def what_the_journal_has(journal: Journal) -> dict[str, dict[int, float]]:
    stored = {name: journal.series(number, 0, 2**62) for number, name in enumerate(NAMES)}
    return {
        name: dict(zip((batch.measured_at_us // 1000).tolist(), batch.active_power_kw.tolist(), strict=True))
        for name, batch in stored.items()
    }


def what_the_server_has(server: VictoriaMetrics) -> dict[str, dict[int, float]]:
    return {name: points for (field, name), points in server.series("reading").items() if field == "active_power_kw"}


def test_readings_arrive_with_station_load_rate_and_nothing_invented(
    server: VictoriaMetrics, journal: Journal, records: Records, new_copy: Callable[[str], InfluxCopy]
) -> None:
    server.start()
    journal.append(
        ReadingBatch.of(
            [0, 1],
            [NOON_US, NOON_US],
            voltage_v=[[228.4, 227.9, 229.1], [np.nan] * 3],
            current_amp=[[561.2, 548.7, 570.3], [np.nan] * 3],
            active_power_kw=[180.5, np.nan],
            reactive_power_kvar=[56.2, np.nan],
            neutral_current_amp=[40.2, np.nan],
            oil_temperature_c=[71.5, -3.25],
            ambient_temperature_c=[36.0, np.nan],
            sequence=[18231, -1],
        )
    )
    copied = new_copy(server.url).copy_once(a_fleet(journal, *NAMES), NOON_US)
    assert (copied.rows, copied.cursor, copied.error) == (2, 1, "")
    fields = {key: points[NOON_MS] for key, points in server.series("reading").items()}
    apparent_kva = 2.0 * float(np.hypot(180.5, 56.2))
    assert fields == {
        ("voltage_a_v", "YX06"): 228.4,
        ("voltage_b_v", "YX06"): 227.9,
        ("voltage_c_v", "YX06"): 229.1,
        ("current_a_amp", "YX06"): 561.2,
        ("current_b_amp", "YX06"): 548.7,
        ("current_c_amp", "YX06"): 570.3,
        ("active_power_kw", "YX06"): 180.5,
        ("reactive_power_kvar", "YX06"): 56.2,
        ("neutral_current_amp", "YX06"): 40.2,
        ("oil_temperature_c", "YX06"): 71.5,
        ("ambient_temperature_c", "YX06"): 36.0,
        ("apparent_power_kva", "YX06"): pytest.approx(apparent_kva),
        ("load_rate", "YX06"): pytest.approx(apparent_kva / 400.0),
        ("sequence", "YX06"): 18231,
        ("oil_temperature_c", "YX07"): -3.25,
    }
    assert {labels["station"] for labels in server.labels()} == {"S1"}


def test_an_episode_arrives_and_again_when_it_changes(
    server: VictoriaMetrics, journal: Journal, records: Records, new_copy: Callable[[str], InfluxCopy]
) -> None:
    server.start()
    copy, fleet = new_copy(server.url), a_fleet(journal, *NAMES)

    def stored() -> dict[str, float]:
        return {field: points[NOON_MS] for (field, _), points in server.series("episode").items()}

    records.commit(Changes(episodes=(an_episode(),)))
    assert copy.copy_once(fleet, NOON_US).episodes == 1
    assert stored().items() >= {"open": 1, "retracted": 0, "peak_load_rate": 0.9533, "readings": 7}.items()
    assert copy.copy_once(fleet, NOON_US).episodes == 0
    records.commit(Changes(episodes=(an_episode(NOON_US + 5),)))
    assert copy.copy_once(fleet, NOON_US).episodes == 1
    assert {"rule": "early-warning@1", "level": "severe_heavy", "station": "S1"}.items() <= server.labels()[0].items()


@pytest.fixture
def front() -> Iterator[Front]:
    front = Front()
    yield front
    front.close()


def test_a_write_whose_answer_was_lost_is_repeated_without_doubling(
    server: VictoriaMetrics, front: Front, journal: Journal, new_copy: Callable[[str], InfluxCopy]
) -> None:
    server.start()
    front.behind = server.url
    front.answers = [(500, {}), (503, {})]
    copy, fleet = new_copy(front.url), a_fleet(journal, *NAMES)
    journal.append(a_block(0))
    for attempt in range(3):
        assert copy.copy_once(fleet, NOON_US + attempt * MINUTE_US).cursor == attempt // 2
    assert what_the_server_has(server) == what_the_journal_has(journal)


@pytest.mark.parametrize("status", [400, 401, 404, 422, 429, 500, 503, 302])
def test_a_refusal_is_told_and_the_block_waits(
    front: Front, journal: Journal, records: Records, new_copy: Callable[[str], InfluxCopy], status: int
) -> None:
    front.answers = [(status, {"Location": front.url + "/elsewhere"})]
    copy, fleet = new_copy(front.url), a_fleet(journal, *NAMES)
    journal.append(a_block(0))
    refused = copy.copy_once(fleet, NOON_US)
    assert (refused.rows, refused.cursor) == (0, 0)
    assert str(status) in refused.error
    assert copy.copy_once(fleet, NOON_US + 2 * SECOND_US).rows == 4
    assert [len(lines) for lines in front.taken] == [4]


def test_a_server_that_hangs_costs_one_time_out_and_no_exception(
    front: Front, journal: Journal, new_copy: Callable[[str], InfluxCopy]
) -> None:
    front.delay_seconds = 1.3
    copy, fleet = new_copy(front.url), a_fleet(journal, *NAMES)
    journal.append(a_block(0))
    assert "timed out" in copy.copy_once(fleet, NOON_US).error
    front.delay_seconds = 0.0
    assert copy.copy_once(fleet, NOON_US + MINUTE_US).rows == 4


def test_pauses_grow_between_attempts_up_to_five_minutes_and_a_busy_server_sets_its_own(
    front: Front, journal: Journal, new_copy: Callable[[str], InfluxCopy]
) -> None:
    copy, fleet = new_copy(front.url), a_fleet(journal, *NAMES)
    journal.append(a_block(0))
    front.answers = [(503, {})] * 12
    attempts_at = []
    for second in range(2000):
        waiting = len(front.answers)
        copy.copy_once(fleet, NOON_US + second * SECOND_US)
        if len(front.answers) < waiting:
            attempts_at.append(second)
    assert np.diff(attempts_at).tolist() == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    journal.append(a_block(10))
    front.answers = [(429, {"Retry-After": "900"})]
    copy.copy_once(fleet, NOON_US + 10_000 * SECOND_US)
    assert copy.copy_once(fleet, NOON_US + 10_899 * SECOND_US).rows == 0
    assert copy.copy_once(fleet, NOON_US + 10_900 * SECOND_US).rows == 4


def test_a_server_that_takes_only_small_writes_gets_small_ones(
    front: Front, journal: Journal, new_copy: Callable[[str], InfluxCopy]
) -> None:
    front.lines_max = 700
    copy, fleet = new_copy(front.url), a_fleet(journal, *NAMES)
    journal.append(a_block(0, rows=2000))
    attempts = 0
    while copy.lag().blocks:
        copy.copy_once(fleet, NOON_US + attempts * 1000 * SECOND_US)
        attempts += 1
    assert attempts < 6
    assert len({line for lines in front.taken for line in lines}) == 2000


def test_a_new_process_goes_on_where_the_last_one_stopped(
    front: Front, journal: Journal, new_copy: Callable[[str], InfluxCopy]
) -> None:
    fleet = a_fleet(journal, *NAMES)
    journal.append(a_block(0))
    new_copy(front.url).copy_once(fleet, NOON_US)
    journal.append(a_block(10))
    assert new_copy(front.url).copy_once(fleet, NOON_US).rows == 4
    assert [len(lines) for lines in front.taken] == [4, 4]


def test_a_transformer_that_the_ledger_dropped_is_copied_without_station_and_load_rate(
    front: Front, journal: Journal, new_copy: Callable[[str], InfluxCopy]
) -> None:
    fleet = a_fleet(journal, "YX06")
    journal.append(a_block(0, rows=2))
    new_copy(front.url).copy_once(fleet, NOON_US)
    kept, dropped = front.taken[0]
    assert kept.startswith("reading,station=S1,transformer=YX06 active_power_kw=90.0,")
    assert (
        dropped
        == f"reading,transformer=YX07 active_power_kw=91.0,reactive_power_kvar=0.0,apparent_power_kva=91.0 {NOON_US}"
    )


ODD = ("a b", "c,d=e", "f\nreading,transformer=YX06 load_rate=9 1", "g\\", "红马甲", 'h"i', "\\,j=k")


def test_an_odd_id_stays_one_tag_and_injects_nothing(
    server: VictoriaMetrics, journal: Journal, new_copy: Callable[[str], InfluxCopy]
) -> None:
    server.start()
    copy = new_copy(server.url)
    fleet = a_fleet(journal, *NAMES, *ODD)
    batch = a_block(0, rows=len(ODD) * 2).take(np.arange(len(ODD)))
    journal.append(replace(batch, transformer=np.arange(2, 2 + len(ODD), dtype=np.int32)))
    assert copy.copy_once(fleet, NOON_US).error == ""
    seen = {labels["transformer"] for labels in server.labels()}
    assert seen == {"a b", "c,d=e", "f␤reading,transformer=YX06 load_rate=9 1", "g＼", "红马甲", 'h"i', "＼,j=k"}
    assert {labels["station"] for labels in server.labels()} == {"S1"}


def test_infinities_are_left_out() -> None:
    fleet = Fleet.of([Transformer("YX06", "", "S1", 400.0)])
    batch = ReadingBatch.of([0, 0], [1, 2], active_power_kw=[np.inf, 1.0], oil_temperature_c=[5.0, -np.inf])
    first, second = reading_lines(batch, ["YX06"], fleet)
    assert first == "reading,station=S1,transformer=YX06 oil_temperature_c=5.0 1"
    assert "inf" not in second


def test_records_that_are_locked_do_not_stop_the_collector(
    front: Front, journal: Journal, records: Records, new_copy: Callable[[str], InfluxCopy]
) -> None:
    copy, fleet = new_copy(front.url), a_fleet(journal, *NAMES)
    journal.append(a_block(0))
    path = Path(records._database.where)
    path.rename(path.with_suffix(".away"))
    records.close()
    path.write_bytes(b"no database" * 500)
    assert "move the file" in copy.copy_once(fleet, NOON_US).error
    path.with_suffix(".away").rename(path)
    assert copy.copy_once(fleet, NOON_US + MINUTE_US).rows == 4
