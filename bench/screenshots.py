"""Takes the pictures of docs/images from a running demo: `make screenshots`.

The demo runs as anybody would start it; a browser opens the pages a person would and takes each picture at the
moment of the story that it is about. Pictures are reduced to a palette, so that the repository stays small.
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Error, Page, ViewportSize, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "images"
DESK: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
COLOURS = 200
BYTES_MAX = 150_000
WAIT_SECONDS_MAX = 240.0
ANSWERS_FOR_PICTURE = 9
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def main() -> int:
    """Run the demo, take the pictures, end the demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--speed", type=float, default=110.0, help="seconds of the day in one real second")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    browser_path = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    if browser_path is None:
        print("needs chromium: apt-get install chromium fonts-noto-cjk", file=sys.stderr)
        return 2
    with _demo(options.speed) as addresses, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=list(_SWITCHES))
        for name, picture in _pictures(browser, addresses):
            _save(picture, options.folder / name)
        browser.close()
    return 0


@contextmanager
def _demo(speed: float) -> Iterator[tuple[str, str]]:
    """Run the demo and give the addresses that sign in to its dashboard."""
    with tempfile.TemporaryDirectory(prefix="redvest-pictures-") as folder:
        command = [
            sys.executable,
            "-m",
            "service.cli.main",
            "demo",
            f"--speed={speed}",
            "--minutes=8",
            f"--data={folder}/d",
        ]
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            yield _addresses(running)
        finally:
            running.send_signal(signal.SIGINT)
            running.wait(30)


def _addresses(running: subprocess.Popen[str]) -> tuple[str, str]:
    """Return the addresses that sign in: at the desk, and on a phone."""
    assert running.stdout is not None
    found: list[str] = []
    for line in running.stdout:
        found += re.findall(r"http://127\.0\.0\.1:\d+/enter\S+", line)
        if len(found) == 2:
            return found[0], found[1]
    raise SystemExit("the demo ended before it said its address")


def _pictures(browser: Browser, addresses: tuple[str, str]) -> Iterator[tuple[str, bytes]]:
    """Yield each picture with its file name, in the order of the story."""
    visit_recorder = browser.new_context(viewport=DESK)
    phone = browser.new_context(viewport=PHONE, device_scale_factor=2, is_mobile=True, has_touch=True)
    desk_address, phone_address = addresses
    address = desk_address.partition("/enter")[0]
    wall = _opened(visit_recorder, desk_address, ".rv-tile .big small")
    _until("an incident", lambda: wall.locator(".rv-row").count() > 0)
    about = str(wall.locator(".rv-row").first.get_attribute("href")).removeprefix(".")
    incident = _opened(visit_recorder, address + about, ".rv-door")
    english = _opened(visit_recorder, f"{address}/?lang=en", ".rv-tile")
    mine = _opened(phone, phone_address, ".rv-door")
    answers = incident.locator(".rv-answered > li")
    _until("answers", lambda: answers.count() >= ANSWERS_FOR_PICTURE)
    for name, page in (
        ("live-page.png", incident),
        ("wall.png", wall),
        ("wall-en.png", english),
        ("my-list.png", mine),
    ):
        yield name, _settled(page)
    _until("the end of the incident", lambda: incident.locator(".rv-advice.over").count() == 1)
    day = _opened(visit_recorder, f"{address}/transformer?transformer=YX06", "[data-testid=stVegaLiteChart] svg")
    yield "transformer.png", _settled(day)


def _opened(context: BrowserContext, address: str, wanted: str) -> Page:
    page = context.new_page()
    ends_at = time.monotonic() + WAIT_SECONDS_MAX
    while True:
        try:
            page.goto(address)
            page.wait_for_selector(wanted, timeout=20_000)
            return page
        except Error:
            if time.monotonic() > ends_at:
                raise
            time.sleep(0.5)


def _until(what: str, happened: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + WAIT_SECONDS_MAX
    while not happened():
        if time.monotonic() > ends_at:
            raise SystemExit(f"waited in vain for {what}")
        time.sleep(0.2)


def _settled(page: Page) -> bytes:
    """Return the picture of a page between two of its refreshes."""
    page.wait_for_function("!document.querySelector('[data-stale=true]')")
    page.wait_for_timeout(300)
    return page.screenshot()


def _save(picture: bytes, file: Path) -> None:
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    reduced = image.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    reduced.save(file, optimize=True)
    size = file.stat().st_size
    if size > BYTES_MAX:
        raise SystemExit(f"{file} has {size} bytes, more than {BYTES_MAX}")
    print(f"{file.name}: {size // 1000} kB")


if __name__ == "__main__":
    raise SystemExit(main())
