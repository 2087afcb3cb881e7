"""Promise (d): each message on each of its channels at least once, under one number, though the sender is killed."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stores.records.records import Records
from tests.faults.promises import PromiseBroken, require
from tests.faults.sender import CHANNELS
from tests.support.waiting import pause
from tests.support.webhook_receiver import Receiver

ROOT = Path(__file__).resolve().parents[2]
KILLS = 6
MESSAGES = 500
FEW = 60
SEED = 20210724


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.stop()


def sender(what: str, folder: Path, receiver: Receiver, build: str, number: int) -> subprocess.Popen[bytes]:
    url = f"sqlite:///{folder / 'records.sqlite'}"
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.sender", what, url, receiver.url, build, str(number)], cwd=ROOT
    )


def kill_again_and_again(folder: Path, receiver: Receiver, build: str, number: int = FEW, kills_max: int = 2) -> int:
    """Put and send messages with a sender that is killed; return how many kills met one that had work."""
    with Records(f"sqlite:///{folder / 'records.sqlite'}") as records:
        records.migrate()
    assert sender("put", folder, receiver, build, number).wait(60) == 0
    chance, kills = random.Random(SEED), 0
    for _ in range(kills_max):
        before = len(receiver.bodies)
        process = sender("send", folder, receiver, build, number)
        while process.poll() is None and len(receiver.bodies) < before + chance.randrange(number // 25, number // 3):
            pause(0.01)
        if process.poll() is None:
            process.kill()
            kills += 1
        process.wait(30)
    last = sender("send", folder, receiver, build, number)
    try:
        assert last.wait(15 if number == FEW else 120) == 0
    except subprocess.TimeoutExpired:
        last.kill()
        last.wait(30)
        raise PromiseBroken("the outbox is never empty") from None
    return kills


def each_arrived(receiver: Receiver, kills: int, number: int = FEW) -> Counter[tuple[str, str]]:
    """Check what the receiver saw against what was to be said."""
    arrived = Counter(
        (path.strip("/"), str(body["text"])) for path, body in zip(receiver.paths, receiver.bodies, strict=True)
    )
    wanted = {(channel, f"message m{i}") for channel in CHANNELS for i in range(number)}
    require(wanted <= set(arrived), f"{len(wanted - set(arrived))} of {len(wanted)} messages never arrived")
    require(set(arrived) <= wanted, "something arrived that nobody said")
    for channel in CHANNELS:
        twice = sum(times - 1 for (name, _), times in arrived.items() if name == channel)
        require(twice <= kills, f"{twice} messages arrived again on {channel} after {kills} kills")
    numbers: dict[str, set[int]] = {}
    for body in receiver.bodies:
        numbers.setdefault(str(body["text"]), set()).add(int(body["number"]))
    require(all(len(of) == 1 for of in numbers.values()), "a message changed its number")
    return arrived


def test_a_sender_that_is_killed_loses_nothing_and_says_twice_at_most_what_it_was_about_to_note(
    tmp_path: Path, receiver: Receiver, tell: Callable[[str, str], None]
) -> None:
    kills = kill_again_and_again(tmp_path, receiver, "whole", MESSAGES, KILLS)
    arrived = each_arrived(receiver, kills, MESSAGES)
    again = sum(arrived.values()) - len(arrived)
    tell("promise (d)", f"{kills} kills, {MESSAGES} messages on {len(CHANNELS)} channels, 0 lost, {again} twice")
    assert kills >= 3


@pytest.mark.parametrize("build", ["first-channel-only", "marked-before-it-is-sent", "never-marked"])
def test_a_build_that_breaks_the_promise_is_found(build: str, tmp_path: Path, receiver: Receiver) -> None:
    with pytest.raises(PromiseBroken):
        each_arrived(receiver, kill_again_and_again(tmp_path, receiver, build))
