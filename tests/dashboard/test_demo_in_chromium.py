"""`redvest demo` followed in a real browser, from the climb over 90 % to the end of the incident."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Error, Page, expect, sync_playwright

from dashboard import words
from tests.support.waiting import pause

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
expect.set_options(timeout=60_000)

SPEED = 200
STORY_SECONDS_MAX = 300.0
STOP_SECONDS_MAX = 90.0
_NUMBER = re.compile(r"(\d+\.\d) ?%")


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Return a running demo and the address of its dashboard."""
    command = [
        sys.executable,
        "-m",
        "service.cli.main",
        "demo",
        f"--speed={SPEED}",
        "--minutes=9",
        f"--data={tmp_path / 'd'}",
    ]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield running, _address(running)
    finally:
        if running.poll() is None:
            running.send_signal(signal.SIGINT)
            try:
                running.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                running.kill()
        assert running.stdout is not None
        running.stdout.close()


def _address(running: subprocess.Popen[str]) -> str:
    assert running.stdout is not None
    said = ""
    for line in running.stdout:
        said += line
        found = re.search(r"http://127\.0\.0\.1:\d+/enter\S+", line)
        if found:
            return found.group()
    pytest.fail(f"the demo said no address: {said}")


@pytest.fixture
def page(chromium: str, chromium_options: list[str]) -> Iterator[Page]:
    """Return a page of a running browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=chromium_options)
        yield browser.new_page(viewport={"width": 1440, "height": 900})
        browser.close()


def test_the_24_july_day_can_be_followed_on_the_pages(page: Page, demo: tuple[subprocess.Popen[str], str]) -> None:
    # The browser is there before the demo begins: its day does not wait for anybody.
    running, address = demo
    ends_at = time.monotonic() + STORY_SECONDS_MAX
    _open(page, address, ends_at)
    seen: list[float] = []

    tile = page.locator(".rv-tile", has_text="YX06").first
    row = page.locator(".rv-row", has_text="YX06").first
    _until(
        ends_at, lambda: row.is_visible(), "no incident on the wall", lambda: seen.append(_percent(tile.inner_text()))
    )
    assert all(rate < 90.0 for rate in seen[:1])  # none where the first page took longer than the climb

    row.click()
    big = page.locator(".rv-top .big").first
    big.wait_for()
    expect(page.locator(".rv-reason")).to_contain_text("early-warning@1")
    page.locator(".rv-door .ask").first.wait_for()
    assert page.locator(".rv-door .why").first.inner_text()

    def look() -> None:
        seen.append(_percent(big.inner_text()))

    answers = page.locator(".rv-answered > li")
    _until(ends_at, lambda: answers.count() >= 1, "no answer arrived", look)
    first = answers.count()
    _until(ends_at, lambda: answers.count() > first, "no further answer arrived", look)
    over = page.locator(".rv-advice.over")
    _until(ends_at, lambda: over.count() == 1, "the incident did not close", look)
    assert max(seen) >= 90.0
    assert _percent(big.inner_text()) < 85.0
    expect(over).to_contain_text(words.INCIDENT_CLOSED.zh)

    page.goto(address.partition("/enter")[0])
    expect(page.get_by_text(words.NO_OPEN_INCIDENTS.zh)).to_be_visible(timeout=60_000)
    running.send_signal(signal.SIGINT)
    assert running.wait(STOP_SECONDS_MAX) == 0


def _open(page: Page, address: str, ends_at: float) -> None:
    """Open the wall as soon as the dashboard is up."""
    while True:
        try:
            page.goto(address)
            page.wait_for_selector(".rv-tile .big small", timeout=30_000)
            return
        except Error as error:
            if time.monotonic() > ends_at:
                pytest.fail(f"the wall did not open: {error}")
            pause(0.3)


def _until(ends_at: float, happened: Callable[[], bool], failing: str, meanwhile: Callable[[], None]) -> None:
    while not happened():
        if time.monotonic() > ends_at:
            pytest.fail(failing)
        with suppress(Error, ValueError):  # what is looked at may just be drawn anew
            meanwhile()
        pause(0.2)


def _percent(text: str) -> float:
    found = _NUMBER.search(text.replace("\n", " "))
    if found is None:
        raise ValueError(text)
    return float(found.group(1))
