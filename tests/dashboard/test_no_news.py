"""A page without news says so by itself, and nothing that people write makes a browser or the server ask outside."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from dashboard import words
from grid.assets import Ledger
from service.container import Container
from service.settings.settings import load_settings
from tests.support.dashboard import cookie_of, dashboard_of
from tests.support.town import NOW_US, Town, build_town

pytestmark = pytest.mark.browser

OUTSIDE = "198.51.100.7"
"""An address for documentation (RFC 5737): nobody is there."""
PICTURE = f"![x](http://{OUTSIDE}/x.png)<img src=http://{OUTSIDE}/y.png>"
STALE = "#rv-stale b"


@dataclass
class Outside:
    """What the server process asked for through its proxy."""

    port: int
    asked: list[str] = field(default_factory=list)


@dataclass
class Served:
    """A running dashboard."""

    address: str
    process: subprocess.Popen[bytes]
    outside: Outside
    town: Town


def with_hostile_names(ledger: Ledger) -> Ledger:
    """Return the ledger with names that would fetch something if anything took them for markup."""
    return replace(
        ledger,
        stations=tuple(replace(s, name=f"{s.name}{PICTURE}") for s in ledger.stations),
        grids=tuple(replace(g, name=f"{g.name}{PICTURE}") for g in ledger.grids),
        transformers=tuple(replace(t, name=f"{t.name}{PICTURE}") for t in ledger.transformers),
        people=tuple(replace(p, name=f"{p.name}{PICTURE}") for p in ledger.people),
        merchants=tuple(
            replace(m, name=f"{m.name}{PICTURE}", address=f"{m.address}{PICTURE}", category=PICTURE)
            for m in ledger.merchants
        ),
    )


@pytest.fixture(scope="module")
def outside() -> Iterator[Outside]:
    """Return a proxy that answers nobody and remembers who asked."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = Outside(listener.getsockname()[1])

        def listen() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    proxy.asked.append(connection.recv(4096).decode("latin-1").split("\r\n")[0])

        threading.Thread(target=listen, daemon=True).start()
        yield proxy


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int], outside: Outside
) -> Iterator[Served]:
    """Return a dashboard on all addresses of this machine, whose people, shops and places have hostile names."""
    town = build_town(tmp_path_factory.mktemp("hostile"))
    container = Container(load_settings(town.config))
    container.records.replace_ledger(with_hostile_names(town.ledger), by="test", now_us=NOW_US)
    container.close()
    port, proxy = free_port(), f"http://127.0.0.1:{outside.port}"
    settings = {"http_proxy": proxy, "https_proxy": proxy, "REDVEST_DASHBOARD__HOST": "0.0.0.0"}
    settings["REDVEST_DASHBOARD__PLAIN_HTTP_ALLOWED"] = "true"
    with dashboard_of(town.config, port, environment=settings) as (address, process):
        yield Served(address, process, outside, town)


@pytest.fixture(scope="module")
def browser(chromium: str, chromium_options: list[str]) -> Iterator[Browser]:
    """Return a running browser."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=chromium_options)
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Page]:
    """Return a page of its own session, signed in as duty."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.context.add_cookies([cookie_of(served.town.config, "duty", "P2")])  # type: ignore[list-item]
    opened.set_default_timeout(60_000)
    yield opened
    opened.close()


def test_what_people_write_is_never_fetched(served: Served, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    picture, incident_id = quote(PICTURE), served.town.incident.incident_id
    for path in ("/", f"/incident?incident={picture}", f"/transformer?transformer={picture}", "/incidents", "/system"):
        page.goto(served.address + path)
        page.wait_for_selector(".rv-head, .rv-trouble")
    page.goto(f"{served.address}/incident?incident={incident_id}")
    page.get_by_role("button", name=re.compile(words.RESULT_BUTTONS[next(iter(words.RESULT_BUTTONS))].zh)).first.click()
    expect(page.locator("[data-testid=stToast]")).to_contain_text("![x]")
    page.get_by_role("button", name=re.compile(words.REVEAL.zh)).first.click()
    expect(page.locator("[data-testid=stDialog]")).to_contain_text("![x]")
    page.goto(f"{served.address}/my-list")
    page.wait_for_selector(".rv-door")
    assert [url for url in asked if not re.match(r"(https?|wss?)://127\.0\.0\.1:|data:|blob:", url)] == []


def test_the_server_asks_nobody_for_its_own_address(served: Served) -> None:
    knock = (
        f"GET /_stcore/stream HTTP/1.1\r\nHost: {OUTSIDE}\r\nOrigin: http://{OUTSIDE}\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", int(served.address.rpartition(":")[2])), 10) as connection:
        connection.sendall(knock.encode())
        connection.recv(1024)
    assert served.outside.asked == []


@pytest.mark.parametrize(("language", "said"), [("zh", "画面已不是实时"), ("en", "This page is not live")])
def test_a_page_whose_server_hangs_says_so_and_its_ages_grow(
    served: Served, page: Page, language: str, said: str
) -> None:
    page.goto(f"{served.address}/?lang={language}")
    page.wait_for_selector(".rv-tile")
    age = page.locator("time.rv-age").first
    expect(page.locator(STALE)).to_have_count(0)
    served.process.send_signal(signal.SIGSTOP)
    try:
        page.wait_for_timeout(3_000)
        expect(page.locator(STALE)).to_have_count(0)
        before = age.text_content()
        expect(page.locator(STALE)).to_contain_text(said, timeout=14_000)
        background = page.locator("#rv-stale").evaluate("box => getComputedStyle(box).backgroundImage")
        assert "repeating-linear-gradient" in background
        expect(age).not_to_have_text(before or "", timeout=70_000)
    finally:
        served.process.send_signal(signal.SIGCONT)
    expect(page.locator(STALE)).to_have_count(0, timeout=30_000)


def test_a_page_whose_server_is_gone_says_so_above_the_dialog_of_streamlit(served: Served, page: Page) -> None:
    page.goto(f"{served.address}/?lang=zh")
    page.wait_for_selector(".rv-tile")
    served.process.terminate()
    served.process.wait(90)
    stale = page.locator(STALE)
    expect(stale).to_contain_text("画面已不是实时", timeout=30_000)
    page.keyboard.press("Escape")
    page.wait_for_timeout(1_000)
    expect(stale).to_be_visible()
    on_top = stale.evaluate(
        "words => { const box = words.getBoundingClientRect();"
        " words.parentElement.style.pointerEvents = 'auto';"
        " return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2) === words; }"
    )
    assert on_top
