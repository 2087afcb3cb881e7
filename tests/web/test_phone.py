"""The phone page in a real browser and its API by plain requests: no answer is lost, doubled or silently refused."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright

from alerts.model.outreach_model import VisitResult
from service.container import Container
from service.settings.settings import load_settings
from tests.support.dashboard import cookie_of, dashboard_of, token_of
from tests.support.town import Town
from tests.support.waiting import pause
from tests.web.test_gate import Answer, ask, with_session

SENT_SECONDS_MAX = 60.0
expect.set_options(timeout=30_000)


@pytest.fixture
def member(town: Town) -> str:
    """Return the token of the team member P2."""
    return token_of(town.config, "member", "P2")


def a_door(town: Town, person: str = "P2") -> str:
    """Return a door that a person has."""
    return next(d.merchant_id for d in town.outreach.doors if d.assigned_to == person)


def put(address: str, token: str, answer_id: str, **body: Any) -> Answer:
    """Send an answer as a phone does."""
    return ask(address, f"/m/answers/{answer_id}", "PUT", json.dumps(body).encode(), with_session(token))


def recorded(town: Town, merchant_id: str) -> list[VisitResult]:
    """Return every result that the server has of a door, oldest first."""
    container = Container(load_settings(town.config))
    try:
        visits = container.records.visits(town.incident.incident_id)
        return [v.result for v in visits if v.merchant_id == merchant_id]
    finally:
        container.close()


def test_the_list_holds_my_doors_and_is_not_sent_twice(address: str, town: Town, member: str) -> None:
    first = ask(address, "/m/list", headers=with_session(member))
    assert first.status == 200
    mine = json.loads(first.body)
    doors = {d["merchant_id"] for incident in mine["incidents"] for d in incident["doors"]}
    assert doors == {d.merchant_id for d in town.outreach.doors if d.assigned_to == "P2"}
    personal = [m.phone for m in town.ledger.merchants] + [m.contact_name for m in town.ledger.merchants]
    assert not [value for value in personal if value.encode() in first.body]
    again = ask(address, "/m/list", headers={**with_session(member), "If-None-Match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


def test_a_refresh_when_nothing_changed_takes_300_bytes_at_most(address: str, member: str) -> None:
    etag = ask(address, "/m/list", headers=with_session(member)).headers["etag"]
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 30) as plain:
        lines = f"GET /m/list HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\nIf-None-Match: {etag}\r\n"
        plain.sendall((lines + f"Cookie: {with_session(member)['Cookie']}\r\n\r\n").encode())
        answer = b""
        while part := plain.recv(4096):
            answer += part
    assert answer.startswith(b"HTTP/1.1 304")
    assert len(answer) <= 300


def test_the_first_visit_takes_60_kb_at_most(address: str, member: str) -> None:
    paths = ("/m/", "/m/app.js", "/m/outbox.js", "/m/app.css", "/m/list", "/m/manifest.webmanifest")
    assert sum(len(ask(address, path, headers=with_session(member)).body) for path in paths) <= 60_000


def test_an_answer_is_stored_once_however_often_it_is_sent(address: str, town: Town, member: str) -> None:
    door, answer_id = a_door(town), str(uuid.uuid4())
    before = len(recorded(town, door))
    body = {"incident_id": town.incident.incident_id, "merchant_id": door, "result": "absent"}
    assert put(address, member, answer_id, **body).status == 201
    again = put(address, member, answer_id.upper(), **dict(reversed(body.items())))
    assert again.status == 200
    assert json.loads(again.body)["reassigned"] is False
    assert put(address, member, answer_id, **{**body, "result": "agreed"}).status == 409
    assert len(recorded(town, door)) == before + 1


def test_a_door_that_is_not_mine_does_not_exist(address: str, town: Town, member: str) -> None:
    body = {"incident_id": town.incident.incident_id, "result": "agreed"}
    assert put(address, member, str(uuid.uuid4()), merchant_id=a_door(town, "P1"), **body).status == 404
    assert put(address, member, str(uuid.uuid4()), merchant_id="M99", **body).status == 404
    other = {**body, "incident_id": "no-such", "merchant_id": a_door(town)}
    assert put(address, member, str(uuid.uuid4()), **other).status == 404
    auditor = token_of(town.config, "auditor")
    assert put(address, auditor, str(uuid.uuid4()), merchant_id=a_door(town), **body).status == 404
    assert put(address, "C" * 43, str(uuid.uuid4()), merchant_id=a_door(town), **body).status == 401


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("result", "maybe"), ("result", None), ("incident_id", 7), ("merchant_id", ""), ("switched_off_units", -1),
        ("switched_off_units", True), ("switched_off_units", 1.5), ("setpoint_c", "26"), ("setpoint_c", 400),
        ("lights_off", 1), ("note", "x" * 501), ("answered_at", "2021-07-24T11:00:00"), ("answered_at", 5),
        ("someone", "x"),
    ],
)  # fmt: skip
def test_a_faulty_field_is_named_with_the_reason(
    address: str, town: Town, member: str, field: str, value: object
) -> None:
    body = {"incident_id": town.incident.incident_id, "merchant_id": a_door(town), "result": "agreed", field: value}
    answer = put(address, member, str(uuid.uuid4()), **body)
    assert answer.status == 422
    said = json.loads(answer.body)
    assert said["field"] == field
    assert said["reason"] and said["reason_zh"]


def test_a_body_or_a_name_that_is_none_is_a_fault(address: str, member: str) -> None:
    for body in (b"", b"[]", b"{", b'{"result":"a","result":"b"}', b"\xff", b"[" * 50_000):
        answer = ask(address, f"/m/answers/{uuid.uuid4()}", "PUT", body, with_session(member))
        assert answer.status == 422, body[:20]
    assert put(address, member, "no-uuid").status == 422


def test_a_phone_number_needs_a_reason_and_a_role_that_may(address: str, town: Town, member: str) -> None:
    door = a_door(town)
    number = next(m.phone for m in town.ledger.merchants if m.merchant_id == door)

    def reveal(token: str, merchant_id: str, reason: str) -> Answer:
        body = json.dumps({"merchant_id": merchant_id, "reason": reason}).encode()
        return ask(address, "/m/reveal", "POST", body, with_session(token))

    assert reveal(member, door, "").status == 422
    assert reveal(member, a_door(town, "P1"), "回访约定时间").status == 404
    assert json.loads(reveal(member, door, "回访约定时间").body)["phone"] == number
    assert reveal(token_of(town.config, "community_lead", "P3"), door, "回访约定时间").status == 404


# In the browser


@pytest.fixture(scope="module")
def browser(chromium: str, chromium_options: list[str]) -> Iterator[Browser]:
    """Return a running browser."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=chromium_options)
        yield running
        running.close()


@pytest.fixture
def phone(browser: Browser, town: Town) -> Iterator[BrowserContext]:
    """Return a phone on which P2 is signed in."""
    context = browser.new_context(viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True)
    context.add_cookies([cookie_of(town.config, "member", "P2")])  # type: ignore[list-item]
    yield context
    context.close()


def opened(phone: BrowserContext, address: str) -> Page:
    """Return the phone page with its doors."""
    page = phone.new_page()
    page.goto(f"{address}/m/")
    page.wait_for_selector(".door")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    return page


def tap(page: Page, merchant_id: str, result: str) -> None:
    """Tap an answer of a door, wherever it stands on the page, and wait until it is on the phone."""
    waiting = page.evaluate("outbox.all().then((all) => all.length)")
    button = page.locator(f"[data-merchant='{merchant_id}'] button.{result}").first
    button.wait_for(state="attached")
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    page.wait_for_timeout(50)
    button.tap()
    page.wait_for_function("(n) => outbox.all().then((all) => all.length > n)", arg=waiting)


def sent(page: Page) -> None:
    """Wait until the page says that nothing waits any more."""
    expect(page.locator("#outbox")).to_contain_text("答复已全部送达", timeout=SENT_SECONDS_MAX * 1000)
    assert page.evaluate("outbox.all().then((all) => all.length)") == 0


def test_nothing_scrolls_sideways_and_buttons_are_for_a_thumb(phone: BrowserContext, address: str) -> None:
    page = opened(phone, address)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    for button in page.locator("button:visible").all():
        box = button.bounding_box()
        assert box is not None and box["height"] >= 44
    page.locator("#language").tap()
    expect(page.locator(".door .answers").first).to_contain_text("Agreed")


def test_a_tapped_answer_can_be_taken_back_and_what_was_done_is_told(
    phone: BrowserContext, address: str, town: Town
) -> None:
    page = opened(phone, address)
    door = a_door(town)
    before = len(recorded(town, door))
    tap(page, door, "refused")
    page.get_by_role("button", name="撤销").first.tap()
    page.wait_for_function("() => outbox.all().then((all) => all.length === 0)")
    tap(page, door, "agreed")
    page.get_by_role("button", name="记下").first.tap()
    sent(page)
    assert recorded(town, door)[before:] == [VisitResult.AGREED, VisitResult.DONE]


FAULTS = ("offline", "tab killed", "reply lost", "server restarted", "door handed over", "session expired")


@pytest.mark.parametrize("rounds", [1, pytest.param(100, marks=[pytest.mark.soak, pytest.mark.timeout(7200)])])
def test_no_answer_is_lost_or_doubled_whatever_happens(
    phone: BrowserContext, town: Town, free_port: Callable[[], int], rounds: int
) -> None:
    """Each fault so many times, in a seeded order; every answer is on the server exactly once at the end."""
    dice = random.Random(20210724)
    order = [fault for fault in FAULTS for _ in range(rounds)]
    dice.shuffle(order)
    port = free_port()
    street = _Street(phone, town, port, dice)
    with street:
        for fault in order:
            street.suffer(fault)
        street.settle()
        expected, found = street.tapped, street.recorded()
    assert found == expected


class _Street:
    """A phone, a server and a line that suffer."""

    def __init__(self, phone: BrowserContext, town: Town, port: int, dice: random.Random) -> None:
        self.phone, self.town, self.port, self.dice = phone, town, port, dice
        self.doors = [d.merchant_id for d in town.outreach.doors if d.assigned_to == "P2"]
        self.tapped: dict[str, int] = {}
        self.known = {door: len(recorded(town, door)) for door in self.doors}
        self._server: Any = None

    def __enter__(self) -> _Street:
        self._up()
        self.page = opened(self.phone, f"http://127.0.0.1:{self.port}")
        return self

    def __exit__(self, *error: object) -> None:
        self._down()

    def _up(self) -> None:
        self._server = dashboard_of(self.town.config, self.port)
        self._server.__enter__()

    def _down(self) -> None:
        if self._server is not None:
            self._server.__exit__(None, None, None)
            self._server = None

    def _tap(self) -> None:
        door = self.dice.choice(self.doors)
        self.page.wait_for_timeout(3_300)  # buttons are locked while the last tap can be taken back
        tap(self.page, door, self.dice.choice(["agreed", "refused", "absent"]))
        self.tapped[door] = self.tapped.get(door, 0) + 1

    def suffer(self, fault: str) -> None:
        """Tap an answer under a fault, and mend the fault."""
        match fault:
            case "offline":
                self.phone.set_offline(True)
                self._tap()
                self.page.reload()
                self.page.wait_for_selector(".door")
                self.phone.set_offline(False)
            case "tab killed":
                self._tap()
                self.page.close()
                self.page = opened(self.phone, f"http://127.0.0.1:{self.port}")
            case "reply lost":
                lost: list[int] = []

                def lose(route: Route) -> None:
                    if lost:
                        route.continue_()
                        return
                    lost.append(route.fetch().status)
                    route.abort()

                self.page.route("**/m/answers/*", lose)
                self._tap()
                _until(self.page, lambda: bool(lost))
                self.page.unroute("**/m/answers/*")
                assert lost[0] in (200, 201)
            case "server restarted":
                self._tap()
                self._down()
                self.page.wait_for_timeout(500)
                self._up()
            case "door handed over":
                self._tap()
                _hand_over(self.town, self.dice.choice(["P1", "P2"]))
            case "session expired":
                self._tap()
                container = Container(load_settings(self.town.config))
                container.sessions.end("member-P2", None, "test", "test")
                container.close()
                self.page.wait_for_timeout(3_000)
                self.phone.add_cookies([cookie_of(self.town.config, "member", "P2")])  # type: ignore[list-item]
        _hand_over(self.town, "P2")
        self.settle()

    def settle(self) -> None:
        """Wait until everything is sent."""
        self.page.evaluate("outbox.send()")
        sent(self.page)

    def recorded(self) -> dict[str, int]:
        """Return how many answers the server has beyond those that it had before, by door."""
        now = {door: len(recorded(self.town, door)) - before for door, before in self.known.items()}
        return {door: count for door, count in now.items() if count}


def _hand_over(town: Town, to: str) -> None:
    """Give P2's doors to somebody by a new revision of the list, as the collector makes one."""
    from dataclasses import replace

    from stores.records.changes import Changes

    container = Container(load_settings(town.config))
    newest = container.records.outreach(town.incident.incident_id)
    assert newest is not None
    mine = {d.merchant_id for d in town.outreach.doors if d.assigned_to == "P2"}
    doors = tuple(replace(d, assigned_to=to if d.merchant_id in mine else d.assigned_to) for d in newest.doors)
    if doors != newest.doors:
        container.records.commit(Changes(lists=(replace(newest, revision=newest.revision + 1, doors=doors),)))
    container.close()


def _until(page: Page, happened: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + SENT_SECONDS_MAX
    while not happened():
        if time.monotonic() > ends_at:
            pytest.fail("waited in vain")
        page.wait_for_timeout(100)


def test_a_door_that_was_handed_over_still_takes_the_answer(address: str, town: Town, member: str) -> None:
    door = a_door(town)
    _hand_over(town, "P1")
    body = {"incident_id": town.incident.incident_id, "merchant_id": door, "result": "agreed"}
    answer = put(address, member, str(uuid.uuid4()), **body)
    _hand_over(town, "P2")
    assert answer.status == 201
    assert json.loads(answer.body)["reassigned"] is True


def test_two_phones_on_one_door_keep_both_answers_in_order(address: str, town: Town, member: str) -> None:
    door = a_door(town)
    other = token_of(town.config, "grid_lead", "P3")
    before = len(recorded(town, door))
    body = {"incident_id": town.incident.incident_id, "merchant_id": door}
    together = [
        threading.Thread(target=put, args=(address, token, str(uuid.uuid4())), kwargs={**body, "result": result})
        for token, result in ((member, "agreed"), (other, "refused"))
    ]
    for each in together:
        each.start()
        pause(0.05)
    for each in together:
        each.join()
    assert sorted(r.value for r in recorded(town, door)[before:]) == ["agreed", "refused"]
