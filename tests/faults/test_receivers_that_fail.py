"""F21: every way in which a receiver can fail ends delivered or dead with a reason, and delays no other channel."""

from __future__ import annotations

import socket
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grid.text import Language, same
from service.clock import SystemClock
from service.notify.channels import answers, webhook
from service.notify.channels.http_post import Answer
from service.notify.channels.notice import NotDelivered, Notice, Notifier
from service.notify.channels.webhook import WebhookNotifier
from service.notify.dispatcher import Delivery, RetryPolicy
from stores.records.changes import Changes, NewMessage
from stores.records.outbox import Delivery as Fate
from stores.records.outbox import DeliveryState
from stores.records.records import Records
from tests.faults.promises import PromiseBroken, require
from tests.service.test_notifiers import TlsListener
from tests.support.waiting import wait_until
from tests.support.webhook_receiver import Receiver

POLICY = RetryPolicy(attempts_max=2, seconds_first=0.05, seconds_max=0.05, look_seconds=0.05)
TIMEOUT_SECONDS = 0.5
MESSAGES = 20


def body(words: str) -> str:
    return f"/answer?{words.encode('gbk').hex()}"


FAILURES = {
    "500": ("/status/500", "HTTP 500"),
    "429": ("/status/429", "HTTP 429"),
    "404": ("/status/404", "HTTP 404"),
    "redirect": ("/redirect", "not followed"),
    "hang": ("/hang", "no answer within"),
    "drip": ("/drip", "no answer within"),
    "cut": ("/cut", "RemoteDisconnected"),
    "short": ("/short", "cut off"),
    "code": (body('{"errcode": 310000, "errmsg": "sign not match"}'), "errcode 310000"),
    "not ok": (body('{"ok":false}'), "ok false"),
    "status code": (body('{"StatusCode":1}'), "StatusCode 1"),
    "login page": (body("<!DOCTYPE html><html><title>登录</title></html>"), "web page"),
    "gbk": (body('{"success": false, "message": "密钥错误"}'), "密钥错误"),
}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.stop()


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    with Records(f"sqlite:///{tmp_path / 'records.sqlite'}") as store:
        store.migrate()
        yield store


def put(records: Records, channels: tuple[str, ...], number: int = 1) -> None:
    at_us = SystemClock().now_us()
    new = (NewMessage(f"m{i}", "incident_opened", "", None, same(f"m{i}"), at_us, channels) for i in range(number))
    records.commit(Changes(messages=tuple(new)))


def fates_of(records: Records, urls: dict[str, str]) -> dict[str, Fate]:
    """Say one thing on every channel and return how each fares when nothing waits any more."""
    put(records, tuple(urls))
    notifiers = {name: WebhookNotifier(url, Language.EN, TIMEOUT_SECONDS) for name, url in urls.items()}
    delivery = Delivery(records, notifiers, SystemClock(), POLICY, "http://desk")
    delivery.start()
    try:
        wait_until(lambda: not any(of.waiting for of in records.channel_counts().values()), what="an end")
    finally:
        delivery.stop()
    return {fate.channel: fate for fate in records.messages(1)[0].deliveries}


def each_ends_with_its_reason(records: Records, receiver: Receiver, tmp_path: Path) -> int:
    """Let every receiver fail, and check what is recorded of each."""
    with socket.socket() as free, TlsListener(tmp_path) as tls_port:
        free.bind(("127.0.0.1", 0))
        urls = {name: receiver.url + path for name, (path, _) in FAILURES.items()} | {
            "refused": f"http://127.0.0.1:{free.getsockname()[1]}/",
            "certificate": f"https://localhost:{tls_port}/",
            "fine": f"{receiver.url}/ok",
        }
        fates = fates_of(records, urls)
    require(fates["fine"].state is DeliveryState.DELIVERED, "a receiver that takes it was not delivered to")
    reasons = {name: reason for name, (_, reason) in FAILURES.items()} | {"refused": "refused"}
    for name, reason in reasons.items():
        fate = fates[name]
        require(fate.state is DeliveryState.DEAD, f"{name} counts as {fate.state.value}")
        require(reason in fate.last_error, f"{name} ended with {fate.last_error!r}")
        require(fate.attempts == POLICY.attempts_max, f"{name} was tried {fate.attempts} times")
    require(fates["certificate"].state is DeliveryState.DEAD, "a certificate that nobody vouches for was taken")
    return len(urls)


@pytest.mark.timeout(120)
def test_every_way_of_failing_ends_dead_with_its_reason(
    records: Records, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tell: Callable[..., None]
) -> None:
    without_retry_after(monkeypatch)
    tell(
        "F21",
        f"{each_ends_with_its_reason(records, receiver, tmp_path)} receivers, each delivered or dead, with reason",
    )


def test_a_build_that_looks_at_the_status_alone_is_found(
    records: Records, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_retry_after(monkeypatch)

    def status_only(answer: Answer, rule: object = None) -> None:
        if not 200 <= answer.status < 300:
            raise NotDelivered(f"HTTP {answer.status}: not followed")

    monkeypatch.setattr(webhook, "judge", status_only)
    with pytest.raises(PromiseBroken, match="counts as delivered"):
        each_ends_with_its_reason(records, receiver, tmp_path)


def without_retry_after(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody ask us to wait seven seconds: the test is about ends, not about patience."""
    judge = answers.judge

    def impatient(answer: Answer, rule: object = None) -> None:
        try:
            judge(answer)
        except NotDelivered as error:
            raise NotDelivered(error.reason) from error

    monkeypatch.setattr(webhook, "judge", impatient)


@pytest.mark.parametrize("beside", ["/ok", "/hang"])
def test_a_channel_that_hangs_beside_does_not_slow_the_others(
    beside: str, records: Records, receiver: Receiver, tell: Callable[[str, str], None]
) -> None:
    at = SystemClock().now_us
    arrived: list[int] = []

    class Arrivals:
        def send(self, notice: Notice) -> None:
            """Note when it arrived."""
            arrived.append(at() - notice.created_at_us)

    notifiers: dict[str, Notifier] = {
        "beside": WebhookNotifier(receiver.url + beside, Language.EN, 60.0),
        "desk": Arrivals(),
    }
    delivery = Delivery(records, notifiers, SystemClock(), POLICY, "http://desk")
    delivery.start()
    try:
        put(records, ("beside", "desk"), MESSAGES)
        delivery.wake()
        wait_until(lambda: len(arrived) == MESSAGES)
        assert beside == "/ok" or records.channel_counts()["beside"].waiting == MESSAGES
    finally:
        receiver.stop()
        delivery.stop(0.5)
    tell("F21", f"with {beside} beside, {MESSAGES} messages: median {statistics.median(arrived) / 1000:.0f} ms after")
