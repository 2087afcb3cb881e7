"""The benchmark runs, counts every reading and reports every part. Its figures are not judged here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_benchmark_measures_every_part(tmp_path: Path) -> None:
    answer = tmp_path / "figures.json"
    case = ["--transformers", "20", "--per-message", "1", "--readings", "2000", "--repeats", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "bench.ingest", *case, "--json", str(answer)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(answer.read_text())
    assert [f["part"] for f in figures["figures"]] == ["empty subscriber", "bare decode", "bare append", "collector"]
    assert all(f["readings_per_second"] > 0 for f in figures["figures"])
    (delay,) = figures["delays"]
    assert 0 < delay["p50_ms"] <= delay["p99_ms"]
