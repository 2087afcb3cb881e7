"""F19: shuffled, repeated, contradicted and late, through the broker, the same readings leave the same records."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from alerts.model.episodes import Episode
from alerts.model.incidents import Incident, IncidentState
from grid.timestamps import MINUTE_US
from tests.faults.devices import Devices
from tests.faults.promises import PromiseBroken, nothing_lost, require
from tests.faults.site import Site
from tests.faults.street import Sent, Street, minutes_ago, reading
from tests.support.mosquitto import Mosquitto

NewSite = Callable[..., Site]
Tell = Callable[[str, str], None]


def a_restless_day(street: Street, minutes: int) -> list[Sent]:
    """Return readings that wander around the lines, with a hole now and then, minute by minute."""
    rng = random.Random(street.seed)
    rate = {name: rng.uniform(0.7, 0.95) for name in street.transformer_ids}
    first_us = minutes_ago(minutes)
    sent = []
    for minute in range(minutes):
        for name in street.transformer_ids:
            rate[name] = min(max(rate[name] + rng.gauss(0.0, 0.02), 0.5), 1.15)
            if rng.random() > 0.1:
                sent.append(reading(name, first_us + minute * MINUTE_US, round(rate[name], 4)))
    return sent


def contradiction(sent: Sent, load_rate: float, seq: int) -> Sent:
    """Return another reading of the same transformer and moment: seq 2 corrects the one that was sent, 0 does not."""
    assert sent.key is not None
    return reading(*sent.key, load_rate, seq)


def what_stands(site: Site) -> tuple[set[Episode], set[Incident], list[tuple[object, ...]]]:
    """Return episodes, incidents and readings, without what depends on when they were looked at."""
    with site.container() as container:
        episodes = {
            e if e.ended_by else replace(e, peak_load_rate=0, peak_at_us=0, readings=0)
            for e in container.records.episodes()
        }
        incidents = {
            replace(i, blind=False) for i in container.records.incidents() if i.state is not IncidentState.RETRACTED
        }
        journal = container.journal_reader()
        assert journal is not None
        readings = [
            row
            for batch in journal.since(0)
            for row in zip(
                batch.transformer.tolist(), batch.measured_at_us.tolist(), batch.active_power_kw.tolist(), strict=True
            )
        ]
    return episodes, incidents, sorted(readings)


def arrive_in_any_order(
    new_site: NewSite, broker: Mosquitto, transformers: int, minutes: int, seed: int, broken: str = ""
) -> str:
    """Send a day in order to one installation and upset to another; both must have the same records."""
    rng = random.Random(seed)
    street = Street(transformers, seed)
    day = a_restless_day(street, minutes)
    contradicted = [
        contradiction(sent, rng.uniform(0.5, 1.1), rng.choice((0, 2))) for sent in rng.sample(day, len(day) // 50)
    ]
    repeated = rng.choices(day, k=len(day) // 10)
    late = rng.sample(range(len(day)), len(day) // 20)
    upset = [day[i] for i in set(range(len(day))) - set(late)] + repeated + contradicted
    rng.shuffle(upset)
    upset += [day[i] for i in late]
    stands = []
    for messages, name in ((day + contradicted, "orderly"), (upset, "upset")):
        # Small blocks: what a block holds is put in order within it, whatever the build.
        collector = {"client_id": name, "block_messages_max": len(day) // 24}
        site = new_site(street, broker, collector=collector, silence={"slot_minutes": 1440})
        site.start_ready(broken).stop()
        with Devices(broker.port) as devices:
            for at in range(0, len(messages), 500):
                devices.send(messages[at : at + 500])
        site.drain(lambda: site.health().get("messages") == len(messages), broken)  # noqa: B023
        nothing_lost(devices.acknowledged, site.stored())
        stands.append(what_stands(site))
    (episodes, incidents, readings), upset_stands = stands
    require(readings == upset_stands[2], "other readings stand")
    require(episodes == upset_stands[0], f"{len(episodes ^ upset_stands[0])} episodes differ")
    require(incidents == upset_stands[1], f"{len(incidents ^ upset_stands[1])} incidents differ")
    require(len(episodes) > transformers, "too little happened on this day")
    return (
        f"{len(upset):,} messages shuffled, 10 % repeated, 5 % late, 2 % contradicted: the same {len(readings):,} "
        f"readings, {len(episodes)} episodes and {len(incidents)} incidents as in order; seed {seed}"
    )


@pytest.mark.parametrize(
    ("transformers", "minutes"),
    [(6, 400), pytest.param(50, 4_000, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])],
)
def test_the_order_of_arrival_changes_no_record(
    new_site: NewSite, mosquitto: Mosquitto, transformers: int, minutes: int, tell: Tell
) -> None:
    tell("F19", arrive_in_any_order(new_site, mosquitto, transformers, minutes, seed=19))


def test_when_the_last_write_wins_the_order_changes_the_records(
    new_site: NewSite, mosquitto: Mosquitto, tell: Tell
) -> None:
    with pytest.raises(PromiseBroken, match="other readings stand") as failed:
        arrive_in_any_order(new_site, mosquitto, 6, 400, seed=19, broken="last-write-wins")
    tell("F19", f"last-write-wins: {failed.value}")
