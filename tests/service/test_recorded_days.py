"""Recorded days through the whole house: what the stores answer is what `judge` says of the same file."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grid.timestamps import format_utc, parse_timestamp_us
from service.container import Container
from service.metrics.health import ask_collector
from service.settings.settings import load_settings
from tests.support.mosquitto import Mosquitto
from tests.support.waiting import wait_until

DAYS = Path(__file__).parents[1] / "cases" / "days"


def redvest(*command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command as a user does."""
    done = subprocess.run(
        [sys.executable, "-m", "service.cli.main", *command], capture_output=True, text=True, timeout=120, check=False
    )
    assert not check or done.returncode == 0, done.stderr
    return done


def lines(*command: str) -> list[dict[str, Any]]:
    """Return the JSON lines that a command prints."""
    return [json.loads(line) for line in redvest(*command, "--json").stdout.splitlines()]


@pytest.fixture(params=["clean", "dirty"])
def replayed(request: pytest.FixtureRequest, tmp_path: Path, mosquitto: Mosquitto) -> tuple[Path, Path]:
    """A day that went through broker and collector; returns its folder and the settings file."""
    day = DAYS / request.param
    config = tmp_path / "redvest.toml"
    config.write_text(
        f"[broker]\nhost = '{mosquitto.host}'\nport = {mosquitto.port}\n"
        "[collector]\nhealth_port = 0\nmeasured_age_hours_max = 0\n[notify]\nchannels = ['file']\n"
    )
    settings = ("--config", str(config))
    redvest("ledger", "import", str(day / "ledger"), *settings)
    collector = subprocess.Popen(
        [sys.executable, "-m", "service.cli.main", "collect", *settings],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until(lambda: ask_collector(load_settings(config)).healthy, collector)
        redvest("replay", str(day / "readings.csv"), "--speed", "max", *settings)
        rows = len((day / "readings.csv").read_bytes().splitlines()) - 1
        until(lambda: dict(ask_collector(load_settings(config)).details).get("messages") == str(rows), collector)
        collector.send_signal(signal.SIGTERM)
        _, said = collector.communicate(timeout=120)
        assert collector.returncode == 0, said
    finally:
        if collector.poll() is None:
            collector.kill()
            collector.communicate()
    return day, config


def until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for a condition while a process lives."""

    def alive() -> None:
        assert process.poll() is None, process.stderr.read() if process.stderr else ""

    wait_until(condition, 120.0, alive=alive)


def test_the_stores_answer_what_judge_says_of_the_same_file(replayed: tuple[Path, Path]) -> None:
    day, config = replayed
    settings = ("--config", str(config))
    verdicts = lines("judge", str(day / "readings.csv"), "--ledger", str(day / "ledger"))
    assert {v["rule"] for v in verdicts} == {"early-warning@1", "two-hours@1"}

    container = Container(load_settings(config))
    stored = [
        (e.transformer_id, e.rule, e.level, format_utc(e.started_at_us), e.ended_at_us and format_utc(e.ended_at_us))
        for e in container.records.episodes()
    ]
    container.close()
    judged = [(v["transformer_id"], v["rule"], v["level"], v["started_at"], v["ended_at"]) for v in verdicts]
    assert sorted(stored, key=str) == sorted(judged, key=str)

    severe = [v for v in verdicts if v["level"] == "severe_heavy"]
    incidents = lines("incidents", *settings)
    assert severe and incidents
    for verdict in severe:
        (within,) = [
            i
            for i in incidents
            if i["transformer_id"] == verdict["transformer_id"]
            and i["opened_at"] <= verdict["started_at"]
            and (i["closed_at"] is None or verdict["started_at"] <= i["closed_at"])
        ]
        assert within["peak_load_rate"] >= verdict["peak_load_rate"]
    for incident in incidents:
        first = next(v for v in severe if v["started_at"] == incident["opened_at"])
        assert first["transformer_id"] == incident["transformer_id"]
        head, *doors = lines("outreach", incident["incident_id"], *settings)
        assert head["needed_kw"] > 0 and head["target_load_rate"] == 0.8
        assert all(door["incident_id"] == incident["incident_id"] for door in doors)


def test_the_curve_holds_every_good_row_of_the_file_once(replayed: tuple[Path, Path]) -> None:
    day, config = replayed
    with (day / "readings.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    with (day / "ledger" / "transformers.csv").open(encoding="utf-8-sig") as file:
        known = {row["transformer_id"] for row in csv.DictReader(file)}
    total = 0
    for transformer_id in sorted(known):
        day_and_more = ("--from", "2021-07-19T00:00:00Z", "--to", "2021-07-23T00:00:00Z")
        curve = lines("curve", transformer_id, *day_and_more, "--config", str(config))
        times = [parse_timestamp_us(point["measured_at"]) for point in curve]
        assert times == sorted(set(times))
        assert all(point["load_rate"] is not None for point in curve)
        total += len(curve)
    rejects = lines("rejects", "--config", str(config))
    timestamps = {(r["transformer_id"], r["measured_at"]) for r in rows if r["transformer_id"] in known}
    if day.name == "clean":
        assert (total, rejects) == (len(rows), [])
    else:
        assert {"unknown_transformer"} <= {reject["reason"] for reject in rejects}
        assert 0 < len(timestamps) - total <= len(rejects)
