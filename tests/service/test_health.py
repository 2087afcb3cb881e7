"""The health page tells the truth: healthy only while connected, committing and moving; metrics beside it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from grid.errors import SettingsError
from service.metrics import metrics as metrics_module
from service.metrics.health import ADDRESS_FILE, HealthServer, ask_collector
from service.metrics.metrics import BlockStored, Metrics
from service.settings.settings import Settings
from stores.records.outbox import ChannelCounts


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def server(metrics: Metrics, tmp_path: Path) -> Iterator[HealthServer]:
    """Return a running health page on any free port; the port is written into the data folder."""
    health = HealthServer(metrics, "127.0.0.1", 0, tmp_path / ADDRESS_FILE)
    health.start()
    yield health
    health.stop()


def settings_of(folder: Path, port: int = 0) -> Settings:
    return Settings.model_validate({"data": {"folder": folder}, "collector": {"health_port": port}})


def get(server: HealthServer, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response.status, body


def healthz(server: HealthServer) -> tuple[int, dict[str, Any]]:
    status, body = get(server, "/healthz")
    return status, json.loads(body)


def test_a_collector_without_broker_is_not_healthy(server: HealthServer) -> None:
    status, report = healthz(server)
    assert status == 503
    assert report["reasons"] == ["broker: not connected yet"]
    assert report["last_message_seconds"] is None


def test_connected_and_committing_is_healthy(server: HealthServer, metrics: Metrics) -> None:
    metrics.beat(connected=True, queued=3)
    metrics.block_stored(BlockStored(messages=5, received=4, stored=4, rejected={"not_json": 1}))
    status, report = healthz(server)
    assert status == 200
    assert report["healthy"] is True
    assert (report["queued"], report["messages"], report["stored"], report["rejected"]) == (3, 5, 4, 1)
    assert report["last_message_seconds"] < 5.0


def test_a_store_that_does_not_take_blocks_is_not_healthy_until_it_does(server: HealthServer, metrics: Metrics) -> None:
    metrics.beat(connected=True, queued=0)
    metrics.commit_failed("database or disk is full")
    status, report = healthz(server)
    assert (status, report["reasons"]) == (503, ["store: database or disk is full"])
    metrics.beat(connected=True, queued=0)
    assert healthz(server)[0] == 503, "a beat alone stores nothing"
    metrics.block_stored(BlockStored(messages=1, received=1, stored=1))
    assert healthz(server)[0] == 200


def test_a_broker_that_went_away_is_named(server: HealthServer, metrics: Metrics) -> None:
    metrics.beat(connected=True, queued=0)
    metrics.beat(connected=False, queued=0, broker_error="connection refused")
    status, report = healthz(server)
    assert (status, report["reasons"]) == (503, ["broker: connection refused"])


def test_a_loop_that_hangs_is_not_healthy(
    server: HealthServer, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics.beat(connected=True, queued=0)
    monkeypatch.setattr(metrics_module, "STALLED_SECONDS", -1.0)
    status, report = healthz(server)
    assert status == 503
    assert "has not moved" in report["reasons"][0]


def test_metrics_count_what_was_told(server: HealthServer, metrics: Metrics) -> None:
    metrics.beat(connected=True, queued=7, sessions_lost=1)
    rejected = {"not_json": 2, "unknown_transformer": 1}
    block = BlockStored(10, 8, 5, duplicates=2, conflicts=1, late=3, rejected=rejected, commit_seconds=0.004)
    metrics.block_stored(block)
    metrics.block_stored(block)
    metrics.incidents(open_now=4, blind=1)
    metrics.channels({"file": ChannelCounts(waiting=6, dead=2)})
    metrics.commit_failed("disk I/O error")
    metrics.delivered("file")
    status, text = get(server, "/metrics")
    assert status == 200
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    for name, value in {
        "redvest_messages_total": 20,
        "redvest_readings_received_total": 16,
        "redvest_readings_stored_total": 10,
        "redvest_readings_duplicate_total": 4,
        "redvest_readings_conflict_total": 2,
        "redvest_readings_late_total": 6,
        'redvest_rejected_total{reason="not_json"}': 4,
        'redvest_rejected_total{reason="unknown_transformer"}': 2,
        "redvest_queue_messages": 7,
        "redvest_broker_connected": 1,
        "redvest_broker_sessions_lost": 1,
        "redvest_incidents_open": 4,
        "redvest_incidents_blind": 1,
        "redvest_outbox_due": 6,
        "redvest_outbox_dead": 2,
        "redvest_commit_failures_total": 1,
        "redvest_commit_seconds_count": 2,
        "redvest_acknowledge_delay_seconds_count": 2,
        'redvest_delivered_total{channel="file"}': 1,
    }.items():
        assert float(values[name]) == value, name


def test_two_collectors_in_one_process_do_not_mix_their_counts(metrics: Metrics) -> None:
    metrics.block_stored(BlockStored(messages=1, received=1, stored=1))
    assert Metrics().report().stored == 0


def test_another_path_is_not_found(server: HealthServer) -> None:
    assert get(server, "/")[0] == 404
    assert get(server, "/healthz?verbose=1")[0] == 503


def test_a_port_in_use_is_said_with_the_remedy(server: HealthServer) -> None:
    with pytest.raises(SettingsError, match=rf"collector\.health_port: .*port {server.port}.*another port"):
        HealthServer(Metrics(), "127.0.0.1", server.port)


def test_the_collector_is_asked_at_any_port(server: HealthServer, metrics: Metrics, tmp_path: Path) -> None:
    metrics.beat(connected=True, queued=0)
    for settings in (settings_of(tmp_path), settings_of(tmp_path / "elsewhere", server.port)):
        state = ask_collector(settings)
        assert (state.answers, state.healthy) == (True, True)
        assert dict(state.details)["connected"] == "True"
    metrics.commit_failed("disk I/O error")
    state = ask_collector(settings_of(tmp_path))
    assert (state.answers, state.healthy) == (True, False)
    assert dict(state.details)["reasons"] == "store: disk I/O error"


def test_a_collector_that_is_not_there_does_not_answer(tmp_path: Path) -> None:
    assert not ask_collector(settings_of(tmp_path)).answers
    health = HealthServer(Metrics(), "127.0.0.1", 0, tmp_path / ADDRESS_FILE)
    health.start()
    assert ask_collector(settings_of(tmp_path)).answers
    health.stop()
    assert not ask_collector(settings_of(tmp_path)).answers
    assert not (tmp_path / ADDRESS_FILE).exists()
