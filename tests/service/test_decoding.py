"""An error that nobody foresaw costs the message that it came from, and no other."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence

import pytest

from collector.decoding.decode import Decoded, decode_block
from collector.decoding.plausibility import Limits
from collector.decoding.rejects import Reason
from collector.message import Message
from grid.fleet import Fleet
from service.collecting import decoding
from service.collecting.decoding import Decoder
from tests.support.bad_inputs import OWN_TOPIC, RECEIVED_US, TRANSFORMERS, payload_of

FLEET = Fleet.of(TRANSFORMERS)
GOOD = payload_of("good/p_and_q")
BAD = payload_of("not_json/text")
FATAL = b"fatal"


def messages_of(payloads: Sequence[bytes]) -> list[Message]:
    """Return messages with a time of receipt of their own each."""
    return [
        Message(OWN_TOPIC, payload, RECEIVED_US + place, place, 1, 1, False) for place, payload in enumerate(payloads)
    ]


@pytest.fixture
def decodes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the decoder fail over each block with a fatal message; return how large the blocks were that it got."""
    sizes: list[int] = []

    def failing(messages: Sequence[Message], fleet: Fleet, limits: Limits) -> Decoded:
        sizes.append(len(messages))
        for message in messages:
            if message.payload == FATAL:
                raise KeyError(message.mid)
            if message.payload == b"memory":
                raise MemoryError
        return decode_block(messages, fleet, limits)

    monkeypatch.setattr(decoding, "decode_block", failing)
    return sizes


@pytest.mark.usefixtures("decodes")
def test_whatever_fails_all_others_come_out_in_order_of_arrival() -> None:
    rng = random.Random(29)
    for _ in range(100):
        payloads = rng.choices([GOOD, BAD, FATAL], [6, 2, 1], k=rng.randrange(1, 60))
        decoded = Decoder(FLEET, Limits()).decode(messages_of(payloads))
        wanted = [(RECEIVED_US + place, payload) for place, payload in enumerate(payloads)]
        assert decoded.readings.received_at_us.tolist() == [at for at, payload in wanted if payload == GOOD]
        reasons = {BAD: Reason.NOT_JSON, FATAL: Reason.UNEXPECTED}
        assert [(r.received_at_us, r.reason, r.payload) for r in decoded.rejects] == [
            (at, reasons[payload], payload) for at, payload in wanted if payload != GOOD
        ]


def test_one_among_thousands_is_found_in_a_few_steps(decodes: list[int], caplog: pytest.LogCaptureFixture) -> None:
    payloads = [GOOD] * 4_096
    payloads[1234] = FATAL
    with caplog.at_level(logging.ERROR):
        decoded = Decoder(FLEET, Limits()).decode(messages_of(payloads))
    [reject] = decoded.rejects
    assert (reject.reason, reject.detail) == (Reason.UNEXPECTED, "KeyError: '1234'")
    assert len(decodes) <= 2 * 12 + 1
    assert sum(decodes) <= 3 * 4_096
    assert OWN_TOPIC in caplog.text
    assert "Traceback" in caplog.text


@pytest.mark.usefixtures("decodes")
def test_the_same_fault_is_logged_once_however_often_it_comes(caplog: pytest.LogCaptureFixture) -> None:
    decoder = Decoder(FLEET, Limits())
    for _ in range(5):
        assert len(decoder.decode(messages_of([FATAL, GOOD, FATAL])).rejects) == 2
    assert caplog.text.count("Traceback") == 1


@pytest.mark.usefixtures("decodes")
def test_want_of_memory_is_no_messages_fault() -> None:
    with pytest.raises(MemoryError):
        Decoder(FLEET, Limits()).decode(messages_of([GOOD, b"memory"]))
