"""F12: the server of the InfluxDB copy is away for hours, refused, hanging, answering with errors, and comes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stores.influx.copy import CURSOR
from tests.faults.devices import Devices
from tests.faults.promises import PromiseBroken, nothing_lost, require
from tests.faults.site import Running, Site, a_fast_clock
from tests.faults.street import Sent, Street, minutes_ago
from tests.support.influx_front import Front
from tests.support.mosquitto import Mosquitto
from tests.support.victoria_metrics import VictoriaMetrics
from tests.support.waiting import pause

NewSite = Callable[..., Site]
Tell = Callable[[str, str], None]

CLOCK_SPEED = 100.0
"""The pauses between attempts grow to 5 min: 3 s here."""
TIMEOUT_SECONDS = 0.5
MEMORY_GROWTH_MB_MAX = 96.0
"""The journal's page cache (64 MiB), and blocks on their way."""


@pytest.fixture
def server(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[VictoriaMetrics]:
    server = VictoriaMetrics(tmp_path, free_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture
def front(free_port: Callable[[], int], server: VictoriaMetrics) -> Iterator[Front]:
    front = Front(free_port())
    front.behind = server.url
    yield front
    front.close()


def refused(front: Front) -> str:
    """Be not there; return what the copy must say of it."""
    front.refuse()
    return "refused"


def hanging(front: Front) -> str:
    """Take every write and answer none; whether it is in the server nobody knows."""
    front.listen()
    front.hang()
    return "timed out"


def answering_errors(front: Front) -> str:
    """Answer with an error, one after another, though a part of the lines is in the server."""
    front.share_on_error = 0.3
    front.answers = [(500, {}), (429, {"Retry-After": "20"}), (400, {}), (503, {})] * 1_000
    front.go_on()
    return "503"


def server_away(
    new_site: NewSite,
    broker: Mosquitto,
    front: Front,
    server: VictoriaMetrics,
    street: Street,
    minutes: int,
    away_seconds: float,
    broken: str = "",
) -> str:
    """Let readings come while the server is away in every way, kill the collector, and let the server come back."""
    sent = street.readings(minutes_ago(minutes), minutes)
    copy = {"enabled": True, "url": front.url, "interval_seconds": 0.1, "timeout_seconds": TIMEOUT_SECONDS}
    site = new_site(street, broker, influx=copy, clock=a_fast_clock(CLOCK_SPEED))
    collector = site.start_ready(broken)
    memory_mb = collector.memory_mb
    with Devices(broker.port) as devices:
        *while_away, late = cut(sent, street.transformer_ids[-1])
        for way, part in zip((refused, hanging, answering_errors), while_away, strict=True):
            expected = way(front)
            devices.send(part, per_second=len(part) / (away_seconds / 3) if away_seconds else None)
            # A server that hangs goes on hanging: what is stored meanwhile did not wait for it.
            site.wait_until(lambda: site.holds(devices.acknowledged), collector, what="to store while it is away")
            site.wait_until(lambda word=expected: word in said(site), collector, what=f"to say {expected}")  # type: ignore[misc]
        require(collector.log_text.count("connected to") == 1, "the broker's connection was lost on the way")
        growth_mb = collector.memory_mb - memory_mb
        collector.kill()
        collector = site.start_ready(broken)
        memory_mb, begun = collector.memory_mb, time.monotonic()
        front.answers.clear()
        devices.send(late)
        wait_for_the_copy(site, collector, server, 2.0 if broken else 120.0)
        seconds = time.monotonic() - begun
        growth_mb = max(growth_mb, collector.memory_mb - memory_mb)
    require(collector.stop() == 0, "the collector did not end in order")
    nothing_lost(devices.acknowledged, site.stored())
    in_the_copy(site, server)
    require(not said(site), f"it still says {said(site)}")
    require(growth_mb < MEMORY_GROWTH_MB_MAX, f"memory grew by {growth_mb:.0f} MB")
    return (
        f"refused, hanging, 500, 429, 400, 503, kill -9: {len(sent):,} readings stored meanwhile, all in the copy "
        f"once, {seconds:.1f} s after it was back; memory +{growth_mb:.0f} MB; "
        f"seed {street.seed}"
    )


def cut(sent: list[Sent], late_id: str) -> tuple[list[Sent], ...]:
    """Return three parts of the day, and apart from them what the last transformer measured in the first of them."""
    third = len(sent) // 3
    late = [message for message in sent[:third] if message.key and message.key[0] == late_id]
    first = [message for message in sent[:third] if message not in late]
    return first, sent[third : 2 * third], sent[2 * third :], late


def said(site: Site) -> str:
    """Return what stands in the copy's way, as the records keep it for those who look."""
    with site.container() as container:
        return container.records.cursor_error(CURSOR)


def keys_in(server: VictoriaMetrics) -> set[tuple[str, int]]:
    """Return transformer and moment [ms] of the readings in the copy. Raises AssertionError when one is there twice."""
    stored = server.series("reading").items()
    return {(name, at_ms) for (field, name), points in stored if field == "active_power_kw" for at_ms in points}


def wait_for_the_copy(site: Site, collector: Running, server: VictoriaMetrics, seconds_max: float) -> None:
    """Wait until the copy has as many readings as the journal, or for so long."""
    with site.container() as container:
        journal = container.journal_reader()
        assert journal is not None
        give_up_at = time.monotonic() + seconds_max
        while len(keys_in(server)) < journal.counts().readings and time.monotonic() < give_up_at:
            require(collector.exit_code is None, "the collector died of it")
            pause(0.2)


def in_the_copy(site: Site, server: VictoriaMetrics) -> None:
    """Every stored reading and episode is in the copy, and nothing else is."""
    stored, copied = {(name, at_us // 1000) for name, at_us in site.stored()}, keys_in(server)
    require(not stored - copied, f"{len(stored - copied):,} of {len(stored):,} readings never came to the copy")
    require(copied == stored, f"{len(copied - stored):,} readings are in the copy that are not in the journal")
    with site.container() as container:
        episodes = {(episode.transformer_id, episode.rule) for episode in container.records.episodes()}
    labels = [one for one in server.labels() if one["__name__"].startswith("episode_")]
    require({(one["transformer"], one["rule"]) for one in labels} == episodes, "episodes differ in the copy")


@pytest.mark.parametrize(
    ("transformers", "minutes", "away_seconds"),
    [(50, 60, 0.0), pytest.param(500, 360, 216.0, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])],
)
def test_a_server_that_is_away_for_hours_misses_nothing_and_hinders_nobody(
    new_site: NewSite,
    mosquitto: Mosquitto,
    front: Front,
    server: VictoriaMetrics,
    transformers: int,
    minutes: int,
    away_seconds: float,
    tell: Tell,
) -> None:
    street = Street(transformers, seed=12)
    tell("F12", server_away(new_site, mosquitto, front, server, street, minutes, away_seconds))


def test_a_copy_buffered_in_memory_loses_what_it_held(
    new_site: NewSite, mosquitto: Mosquitto, front: Front, server: VictoriaMetrics, tell: Tell
) -> None:
    with pytest.raises(PromiseBroken, match="never came to the copy") as failed:
        server_away(new_site, mosquitto, front, server, Street(20, seed=12), 30, 0.0, broken="copy-from-memory")
    tell("F12", f"copy-from-memory: {failed.value}")
