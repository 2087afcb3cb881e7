"""F29: our own decoder falls over a message with an error that nobody foresaw; it is put aside, the flow goes on."""

from __future__ import annotations

import http.client
import random
from collections.abc import Callable

import pytest

from service.metrics.health import ADDRESS_FILE
from tests.faults.broken import STUMBLING_BLOCK
from tests.faults.devices import Devices
from tests.faults.promises import PromiseBroken, nothing_lost, require
from tests.faults.site import Site
from tests.faults.street import STATION, Sent, Street, minutes_ago, reading
from tests.support.mosquitto import Mosquitto

NewSite = Callable[..., Site]
Tell = Callable[[str, str], None]

WINDOW = 20


def stumble(new_site: NewSite, broker: Mosquitto, messages: int, bad: int, seed: int, broken: str) -> str:
    """Send messages that make the decoder fail among good ones, through a window of twenty."""
    rng = random.Random(seed)
    street = Street(messages // 20, seed)
    sent = street.readings(minutes_ago(20), 20)
    failing = [
        Sent(None, f"redvest/v1/{STATION}/T0001/reading", b"{%s: %d}" % (STUMBLING_BLOCK, n)) for n in range(bad)
    ]
    for message in failing:
        sent.insert(rng.randrange(len(sent)), message)
    site = new_site(street, broker, broker={"receive_maximum": WINDOW})
    collector = site.start_ready(broken)
    with Devices(broker.port) as devices:
        devices.send(sent)
        try:
            site.wait_until(lambda: site.health().get("messages", 0) >= len(sent), collector)
        except RuntimeError as error:
            require(False, f"the collector died of it, and will again at each start: {str(error).splitlines()[0]}")
        metrics = page(site, "/metrics")
        require(collector.stop() == 0, "the collector did not end in order")
        nothing_lost(devices.acknowledged, site.stored())
        kept = sorted(payload for reason, payload in site.rejected() if reason == "unexpected")
        require(kept == sorted(message.payload for message in failing), f"{len(kept)} of {bad} are in quarantine")
        require(f'redvest_rejected_total{{reason="unexpected"}} {float(bad)}' in metrics, "they are not counted")
        require(collector.log_text.count("Traceback") == 1, "the traceback is not in the log once")
        require("\n2021" not in collector.log_text, "what the error said forged a line of the log")
        again = site.start_ready()
        devices.send([reading("T0001", minutes_ago(0), 0.5)])
        site.wait_until(lambda: site.health().get("messages", 0) >= 1, again)
        require(site.health()["messages"] == 1, "they were not acknowledged: the broker sends them again")
        again.stop()
    return f"{bad} of {len(sent):,} messages made the decoder fail: all in quarantine, all others stored; seed {seed}"


def page(site: Site, path: str) -> str:
    """Return a page of the collector's health server."""
    port = int((site.settings.data.folder / ADDRESS_FILE).read_text(encoding="ascii"))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60.0)
    connection.request("GET", path)
    text = connection.getresponse().read().decode()
    connection.close()
    return text


@pytest.mark.parametrize(("messages", "bad"), [(1_000, 12), pytest.param(40_000, 400, marks=pytest.mark.soak)])
def test_an_unforeseen_error_costs_one_message_and_not_the_collector(
    new_site: NewSite, mosquitto: Mosquitto, messages: int, bad: int, tell: Tell
) -> None:
    tell("F29", stumble(new_site, mosquitto, messages, bad, seed=29, broken="stumbling-decoder"))


def test_an_unforeseen_error_that_is_not_isolated_ends_the_collector(
    new_site: NewSite, mosquitto: Mosquitto, tell: Tell
) -> None:
    with pytest.raises(PromiseBroken, match="died of it") as failed:
        stumble(new_site, mosquitto, 1_000, 1, seed=29, broken="unforeseen-not-isolated")
    tell("F29", f"unforeseen-not-isolated: {failed.value}")
