"""F18: the collector's clock is set forward and back, the year ends, times come in all zones: nobody is alarmed."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import pytest

from alerts.model.incidents import incident_id
from grid.timestamps import HOUR_US, MINUTE_US, SECOND_US, as_datetime, format_utc, parse_timestamp_us
from tests.faults.devices import Devices
from tests.faults.promises import PromiseBroken, require
from tests.faults.site import Site
from tests.faults.street import Sent, Street, reading
from tests.support.mosquitto import Mosquitto
from tests.support.waiting import pause

NewSite = Callable[..., Site]
Tell = Callable[[str, str], None]

TRANSFORMERS = 8
SLOT_MINUTES = 2.0
"""A feeder or the stream is lost after four minutes without a reading: no machine stands still for so long."""
EVERY_SECONDS = 0.5
PAUSE_SECONDS = 2.5
"""Nobody sends so long after the clock was set: the collector looks around every second."""
BROKEN_SECONDS_MAX = STORED_SECONDS_MAX = 60.0
PHASE_SECONDS = 1.0
SILENCE = {"monitoring_blind", "communication_lost"}


def send_live(devices: Devices, street: Street, seconds: float) -> int:
    """Send a reading of each transformer now and then, measured by a clock that is right; return how many."""
    sent, stop_at = 0, time.monotonic() + seconds
    while not sent or time.monotonic() < stop_at:
        now_us = time.time_ns() // 1000
        devices.send([reading(name, now_us, 0.5) for name in street.transformer_ids])
        sent += len(street.transformer_ids)
        pause(EVERY_SECONDS)
    return sent


def set_the_clock(new_site: NewSite, broker: Mosquitto, seconds: float, broken: str = "") -> str:
    """Set the collector's clock forward and back while devices send; return the figure."""
    street = Street(TRANSFORMERS, seed=18)
    site = new_site(street, broker, silence={"slot_minutes": SLOT_MINUTES})
    shift = site.folder / "clock-shift"
    shift.write_text("0")
    collector = site.start_ready(broken, injected=["--clock-shift", str(shift)])
    shifts = (3600, -3600, 0)
    with Devices(broker.port) as devices:
        sent = send_live(devices, street, 0.0)
        site.wait_until(lambda: site.health()["stored"] >= TRANSFORMERS, collector)
        for value in shifts:
            # In one step: a half-written file would be a clock of its own.
            draft = shift.with_suffix(".new")
            draft.write_text(str(value))
            draft.replace(shift)
            # Nobody sends for a while, so that the collector looks around before the next reading comes.
            set_at = time.monotonic()
            while time.monotonic() - set_at < (BROKEN_SECONDS_MAX if broken and value > 0 else PAUSE_SECONDS):
                alarms = site.kinds_said() & SILENCE
                require(not alarms, f"clock at {value:+} s: false silence was said, {alarms}")
                pause(0.2)
            stored = site.health()["stored"]
            give_up_at = time.monotonic() + STORED_SECONDS_MAX
            sent += send_live(devices, street, seconds)
            while site.health()["stored"] <= stored and time.monotonic() < give_up_at:
                sent += send_live(devices, street, EVERY_SECONDS)
            require(site.health()["stored"] > stored, f"nothing is stored with the clock at {value:+} s")
            site.wait_until(lambda: site.health()["messages"] >= sent, collector)  # noqa: B023
            if value < 0:
                site.wait_until(
                    lambda: "clock_behind" in site.kinds_said(), collector, what="to say the clock is behind"
                )
            alarms = site.kinds_said() & SILENCE
            require(not alarms, f"clock at {value:+} s: false silence was said, {alarms}")
    site.wait_until(lambda: len(site.stored()) + len(site.rejected()) >= len(devices.acknowledged), collector)
    collector.stop()
    refused = len(site.rejected())
    require(not site.incidents(), "a false incident was opened")
    lost = devices.acknowledged - site.stored()
    require(len(lost) == refused, f"{len(lost)} are not stored, {refused} were refused")
    return (
        f"clock set to {', '.join(f'{value:+} s' for value in shifts)}: {len(devices.acknowledged):,} readings, "
        f"{refused} refused, 0 false silences, 0 false incidents"
    )


@pytest.mark.parametrize(
    "seconds", [PHASE_SECONDS, pytest.param(120.0, marks=[pytest.mark.soak, pytest.mark.timeout(900)])]
)
def test_a_clock_that_is_set_alarms_nobody(new_site: NewSite, mosquitto: Mosquitto, seconds: float, tell: Tell) -> None:
    tell("F18", set_the_clock(new_site, mosquitto, seconds))


def test_freshness_by_the_wall_clock_calls_everybody_silent(
    new_site: NewSite, mosquitto: Mosquitto, tell: Tell
) -> None:
    with pytest.raises(PromiseBroken, match="false silence was said") as failed:
        set_the_clock(new_site, mosquitto, PHASE_SECONDS, broken="wall-clock-freshness")
    tell("F18", f"wall-clock-freshness: {failed.value}")


def written(timestamp_us: int) -> tuple[str, ...]:
    """Return one moment as devices in many places write it."""
    utc = format_utc(timestamp_us)
    hours = {"+08:00": 8, "-03:30": -3.5, "+14:00": 14}
    shifted = {zone: as_datetime(timestamp_us + round(by * HOUR_US)) for zone, by in hours.items()}
    return utc, utc.replace("Z", "+00:00"), *(f"{at:%Y-%m-%dT%H:%M:%S}{zone}" for zone, at in shifted.items())


def test_a_change_of_year_and_all_zones_are_one_line_of_time(
    new_site: NewSite, mosquitto: Mosquitto, tell: Tell
) -> None:
    midnight_us = parse_timestamp_us("2027-01-01T00:00:00+08:00")
    street = Street(TRANSFORMERS, seed=18)
    sent: list[Sent] = []
    zones = itertools.cycle(range(5))
    for minute in range(-20, 21):
        at_us = midnight_us + minute * MINUTE_US
        for name in street.transformer_ids:
            heavy = name == "T0000" and -5 <= minute <= 4
            sent += [reading(name, at_us, 0.95 if heavy else 0.5, measured_at=written(at_us)[next(zones)])] * 2
    start = format_utc(midnight_us + 21 * MINUTE_US)
    clock = {
        "kind": "scaled",
        "real_start": format_utc(time.time_ns() // SECOND_US * 1_000),
        "start": start,
        "speed": 1.0,
    }
    site = new_site(street, mosquitto, clock=clock)
    collector = site.start_ready()
    with Devices(mosquitto.port) as devices:
        devices.send(sent)
    site.wait_until(lambda: site.health()["messages"] >= len(sent), collector)
    collector.stop()
    require(site.stored() == devices.acknowledged == {m.key for m in sent}, "moments were doubled or lost")
    opened = incident_id("T0000", "early-warning@1", midnight_us - 5 * MINUTE_US)
    require([i.incident_id for i in site.incidents()] == [opened], f"incidents {site.incidents()}")
    require(not site.kinds_said() & SILENCE and not site.gaps(), "somebody was called silent or missing")
    tell(
        "F18",
        f"change of year, five ways to write a zone: {len(devices.acknowledged)} moments once each, 1 incident of 1",
    )
