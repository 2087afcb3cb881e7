"""A real server for the InfluxDB copy, on a free port, that a test can stop and start again.

VictoriaMetrics takes influxdb-client's writes unmodified. Points with the same tags and time are one point only
with `-dedup.minScrapeInterval=1ms`; InfluxDB always has it so.
"""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.support.tools import tool
from tests.support.waiting import pause

Series = dict[tuple[str, str], dict[int, float]]
"""(metric, transformer tag) -> moment [ms] -> value."""


class VictoriaMetrics:
    """One server with a store of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        """Prepare the server; `start` runs it."""
        self.url = f"http://127.0.0.1:{port}"
        self._log = folder / "victoria-metrics.log"
        self._command = [
            str(tool("victoria-metrics", "victoria-metrics-prod")),
            f"-httpListenAddr=127.0.0.1:{port}",
            f"-storageDataPath={folder / 'victoria-metrics'}",
            "-retentionPeriod=100y",
            "-dedup.minScrapeInterval=1ms",
            "-memory.allowedBytes=64MB",
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run it and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        give_up_at = time.monotonic() + 90
        while True:
            try:
                self._get("/health")
            except OSError:
                if self._process.poll() is not None or time.monotonic() > give_up_at:
                    raise RuntimeError(f"victoria-metrics did not start:\n{self._log.read_text()}") from None
                pause(0.02)
            else:
                return

    def stop(self) -> None:
        """End it; what it took is on its disk."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def series(self, measurement: str) -> Series:
        """Return everything stored of a measurement. Raises AssertionError when a point is there twice."""
        series: Series = {}
        for one in self._stored(f"{measurement}_"):
            key = (one["metric"]["__name__"].removeprefix(f"{measurement}_"), one["metric"]["transformer"])
            points = series.setdefault(key, {})
            for at_ms, value in zip(one["timestamps"], one["values"], strict=True):
                assert at_ms not in points, f"{key} has two points at {at_ms}"
                points[at_ms] = value
        return series

    def labels(self) -> list[dict[str, str]]:
        """Return the tags of every series."""
        return [one["metric"] for one in self._stored("")]

    def _stored(self, prefix: str) -> list[dict[str, Any]]:
        self._get("/internal/force_flush")
        asked = urlencode({"match[]": f'{{__name__=~"{prefix}.+"}}', "start": "0"})
        return [json.loads(line) for line in self._get(f"/api/v1/export?{asked}").splitlines()]

    def _get(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            text: str = answer.read().decode()
            return text
