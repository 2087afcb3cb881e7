"""The benchmark runs, counts every reading and reports every part. Its figures are not judged here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.ingest.bulk_reader import read_packets
from bench.ingest.figures import harmonic
from bench.ingest.goals import Goal
from bench.ingest.packets import publish
from bench.ingest.traffic import RATED_POWER_KVA, ledger_of
from bench.province.packets import HEAVY_EVERY, Rounds
from bench.verdicts.ticks import STAGES
from collector.decoding.decode import decode_block
from collector.decoding.plausibility import Limits
from collector.message import MessageBlock
from grid.electrical import LoadRates
from grid.fleet import Fleet

ROOT = Path(__file__).resolve().parents[2]
PARTS = ["BULK", "COLLECTOR", "PAHO"]
"""Without Node.js, which is no program that the tests may ask for."""


def run(module: str, *options: str) -> str:
    """Run a benchmark and return what it prints."""
    command = [sys.executable, "-m", module, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(300)
def test_every_part_and_peer_takes_every_reading_and_is_reported(tmp_path: Path) -> None:
    answer = tmp_path / "figures.json"
    case = ["--quick", "--transformers", "50", "--form", "single", "--qos", "1", "--messages-of", "2000"]
    printed = run("bench.ingest.run", *case, "--parts", *PARTS, "--json", str(answer))
    figures = json.loads(answer.read_text())
    measured = {f["part"]: f for f in figures["sustained"]}
    assert list(measured) == [
        "bare decode",
        "bare append",
        "bare reader",
        "collector",
        "paho script",
    ]
    assert all(f["readings_per_second"] > 0 and f["lost"] == 0 for f in measured.values())
    assert [d["part"] for d in figures["delays"]] == ["collector", "paho script"]
    assert all(0 < d["stored_p50_ms"] <= d["stored_p99_ms"] for d in figures["delays"])
    verdicts = {goal["what"]: goal["verdict"] for goal in figures["goals"]}
    assert verdicts["single, QoS 1: of the paho script"] in ("met", "NOT MET")
    assert verdicts["single, QoS 0: of the Node.js script"] == "not measured"
    assert "load of the machine" in printed


@pytest.mark.parametrize(("qos", "answers"), [(0, []), (1, [b"\x40\x02\x00\x07", b"\x40\x02\x01\x00"])])
def test_the_bare_reader_counts_whole_packets_and_acknowledges_what_asks_for_it(qos: int, answers: list[bytes]) -> None:
    packets = publish("a/b", b"x" * 300, qos, 7) + publish("c", b"", qos, 256)
    for cut in range(len(packets)):
        first = read_packets(packets[:cut])
        second = read_packets(first[2] + packets[cut:])
        assert first[0] + second[0] == 2
        assert first[1] + second[1] == answers
        assert second[2] == b""


@pytest.mark.parametrize("form", ["single", "columns"])
def test_a_tick_is_told_stage_by_stage(form: str) -> None:
    first, *stages = run("bench.verdicts.ticks", "--form", form, "--readings", "10000", "--block", "2000").splitlines()
    assert first.startswith(f"{form}, 10,000 readings in ticks of 2,000: p50 ")
    told = {line[:18].strip(): float(line[18:].split()[0]) for line in stages}
    assert list(told) == [*STAGES, "all of it"]
    assert 0.0 < sum(told[stage] for stage in STAGES) <= 1.05 * told["all of it"]


def test_one_thing_after_the_other_is_slower_than_each() -> None:
    assert harmonic([100.0, 30.0], [50.0, 30.0]) == pytest.approx([100.0 / 3.0, 15.0])
    assert harmonic([100.0], []) == []


@pytest.mark.parametrize(
    ("values", "at_most", "verdict"),
    [
        ([2.0, 3.0, 9.0], False, "met"),
        ([2.0, 2.9, 9.0], False, "NOT MET"),
        ([3.1], True, "NOT MET"),
        ([], True, "not measured"),
    ],
)
def test_a_goal_is_judged_by_the_median_of_its_repeats(values: list[float], at_most: bool, verdict: str) -> None:
    assert Goal("", 3.0, values, at_most=at_most).verdict == verdict


@pytest.mark.parametrize("qos", [0, 1])
def test_packets_of_a_province_hold_one_good_reading_of_each_transformer(qos: int) -> None:
    measured_at_us = 1_763_769_600_000_000
    first, end = 1_900, 2_150
    stream = Rounds(end, qos, 1).packets(5, measured_at_us, first, end)
    fleet = Fleet.of(ledger_of(end).transformers)
    topics, payloads = [], []
    for message in range(len(stream)):
        packet = bytes(stream.slice(message, message + 1))
        topic_at = packet.index(b"redvest")
        body_at = packet.index(b'{"measured_at')
        topics.append(packet[topic_at : body_at - 2 * qos])
        payloads.append(packet[body_at:])
        assert packet == publish(topics[-1].decode(), payloads[-1], qos, 1 + message)
    received_at_us = np.full(len(payloads), measured_at_us)
    decoded = decode_block(MessageBlock(topics, payloads, bytes(len(payloads)), [], received_at_us, 1), fleet, Limits())
    assert decoded.rejects == ()
    assert decoded.readings.transformer.tolist() == list(range(first, end))
    assert (decoded.readings.measured_at_us == measured_at_us).all()
    load_rate = LoadRates(decoded.readings, fleet).load_rate
    assert (np.flatnonzero(load_rate > 0.9) + first).tolist() == [2 * HEAVY_EVERY]
    by_current = decoded.readings.current_amp.sum(axis=1) * 228.0 / 1000.0 / RATED_POWER_KVA
    assert by_current == pytest.approx(load_rate, rel=0.02)
