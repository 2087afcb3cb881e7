"""The collector's figures are explained: what each means, and what to do when it is bad; what is unknown is never 0."""

from __future__ import annotations

import http.client
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from collector.mqtt.broker_stats import BrokerStats
from dashboard.words import HEALTH_NAMES
from service.doctor.doctor import examine
from service.metrics.health import ADDRESS_FILE, ask_collector
from service.metrics.metric_help import explained_metrics
from service.metrics.metrics import BlockStored, HealthReport, Metrics
from tests.faults.devices import Devices
from tests.faults.site import Site
from tests.faults.street import STATION, Sent, Street, minutes_ago
from tests.support.mosquitto import Mosquitto
from tests.support.waiting import pause

NEVER_BAD = {
    "messages",
    "payload_bytes",
    "received",
    "stored",
    "duplicates",
    "late",
    "queued",
    "broker_held",
    "broker_clients",
}


def details(**values: object) -> dict[str, str]:
    """Return the answer of a collector that has done nothing yet, with some figures of its own."""
    return {name: str(value) for name, value in {**asdict(Metrics().report()), **values}.items()}


def test_every_figure_of_the_health_page_is_explained_or_named() -> None:
    explained = {figure.key for figure in explained_metrics(details())}
    assert explained.isdisjoint(HEALTH_NAMES)
    assert explained | set(HEALTH_NAMES) == {field.name for field in fields(HealthReport)}


def test_every_figure_has_its_words_in_both_languages_and_the_bad_ones_a_remedy() -> None:
    bad = details(**{field.name: 1_000_000 for field in fields(HealthReport)} | {"committing": False})
    for figure in explained_metrics(bad):
        assert figure.name.zh
        assert figure.meaning.zh.endswith("。")
        assert figure.meaning.en.endswith(".")
        assert figure.is_bad == (figure.key not in NEVER_BAD), figure.key
        if figure.is_bad:
            assert figure.remedy.zh.endswith("。")
            assert figure.remedy.en.endswith(".")
    assert [figure.key for figure in explained_metrics(details()) if figure.is_bad] == []


def test_what_the_broker_does_not_tell_is_unknown_and_never_nothing() -> None:
    values = {figure.key: figure.value.en for figure in explained_metrics(details())}
    assert [values[key] for key in ("broker_dropped", "broker_held", "broker_clients")] == ["unknown"] * 3
    assert values["lag_seconds"] == "none yet"
    metrics = Metrics()
    assert math.isnan(metrics.registry.get_sample_value("redvest_broker_dropped_messages") or 0.0)
    metrics.broker_stats(BrokerStats(dropped=0))
    assert metrics.registry.get_sample_value("redvest_broker_dropped_messages") == 0.0
    assert metrics.report().broker_dropped == 0
    metrics.broker_stats(BrokerStats())
    assert metrics.report().broker_dropped is None


def test_one_in_a_hundred_refused_is_bad_and_one_in_a_thousand_is_not() -> None:
    for received, bad in ((98, True), (1_000, False)):
        found = explained_metrics(details(received=received, rejected=1))
        assert [figure.is_bad for figure in found if figure.key == "rejected"] == [bad]


def test_every_metric_is_in_the_documentation_and_no_other() -> None:
    document = (Path(__file__).parents[2] / "docs" / "reliability.md").read_text(encoding="utf-8")
    _, _, table = document.partition("| metric (`redvest_…`) |")
    told = {
        name
        for row in table.splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`(\w+)(?:\{\w+\})?`", row.split("|")[1])
    }
    kept = {
        metric.name.removeprefix("redvest_") + ("_total" if metric.type == "counter" else "")
        for metric in Metrics().registry.collect()
    }
    assert told == kept


def test_an_older_collector_has_fewer_figures() -> None:
    assert [figure.key for figure in explained_metrics({"stored": "5", "else": "x"})] == ["stored"]


def test_a_slow_block_is_told_and_forgotten_after_a_while() -> None:
    metrics = Metrics()
    metrics.block_stored(BlockStored(1, 1, 1, commit_seconds=2.0, acknowledge_delay_seconds=11.0, lag_seconds=3.0))
    metrics.block_stored(BlockStored(1, 1, 1, commit_seconds=0.1))
    report = metrics.report()
    assert (report.slowest_commit_seconds, report.slowest_acknowledge_delay_seconds) == (2.0, 11.0)
    assert report.lag_seconds == 3.0
    for _ in range(200):
        metrics.block_stored(BlockStored(1, 1, 1, commit_seconds=0.1, lag_seconds=1.0))
    assert (metrics.report().slowest_commit_seconds, metrics.report().lag_seconds) == (0.1, 1.0)


@pytest.fixture
def busy(new_mosquitto: Callable[..., Mosquitto], tmp_path: Path) -> Iterator[Site]:
    """Return an installation whose broker threw 100 of 200 messages away while its collector was away."""
    broker = new_mosquitto(queued_messages_max=100, more_lines=["sys_interval 1"])
    street = Street(20, seed=4)
    site = Site(tmp_path / "site", broker.port, street.ledger, {})
    try:
        site.start_ready().stop()
        with Devices(broker.port) as devices:
            devices.send(street.readings(minutes_ago(30), 10))
            collector = site.start_ready()
            site.wait_until(lambda: site.health()["messages"] == 100, collector)
            bad = [Sent(None, f"redvest/v1/{STATION}/T0001/reading", b"bad %d" % number) for number in range(5)]
            devices.send(bad + street.readings(minutes_ago(2), 1) * 2)
        site.wait_until(lambda: site.health()["messages"] == 145, collector)
        site.wait_until(lambda: (site.health()["broker_dropped"] or 0) >= 100, collector)
        yield site
        collector.stop()
    finally:
        site.close()


def metrics_of(site: Site) -> dict[str, float]:
    port = int((site.settings.data.folder / ADDRESS_FILE).read_text(encoding="ascii"))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60.0)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    rows = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in rows}


def test_a_real_collector_measures_the_whole_way_of_a_reading(busy: Site) -> None:
    values = metrics_of(busy)
    health = busy.health()
    assert values["redvest_messages_total"] == health["messages"] == 145
    assert values["redvest_readings_received_total"] == 140
    assert values["redvest_readings_stored_total"] == health["stored"] == 120
    assert values["redvest_readings_duplicate_total"] == health["duplicates"] == 20
    assert values['redvest_rejected_total{reason="not_json"}'] == health["rejected_by"]["not_json"] == 5
    assert values["redvest_payload_bytes_total"] == health["payload_bytes"] > 140 * 80
    assert 60.0 <= values["redvest_lag_seconds"] < 600.0
    assert values["redvest_commit_seconds_count"] >= 1
    assert values["redvest_acknowledge_delay_seconds_sum"] > 0.0
    assert values["redvest_broker_dropped_messages"] == 100
    for name in ("readings_late_total", "queue_messages", "gaps_open", "readings_missing", "broker_sessions_lost"):
        assert values[f"redvest_{name}"] >= 0.0


def test_the_doctor_explains_the_figures_and_what_to_do_about_the_bad_ones(busy: Site) -> None:
    pause(0.1)
    assert ask_collector(busy.settings).answers
    found = {check.name: check for check in examine(busy.config) if check.name.startswith("collector: ")}
    assert len(found) == len(explained_metrics(details()))
    dropped = found["collector: dropped by the broker"]
    assert not dropped.ok
    assert dropped.detail.en.startswith("100. ")
    assert "max_queued_messages" in dropped.remedy.en
    assert "max_queued_messages" in dropped.remedy.zh
    assert not found["collector: refused"].ok
    assert found["collector: readings stored"].ok
