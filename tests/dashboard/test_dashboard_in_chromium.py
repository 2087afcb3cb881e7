"""The dashboard in a real browser: live figures, one click to the incident, answers with a thumb, no outside calls."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, ViewportSize, expect, sync_playwright

from alerts.outreach.planner import VisitResult
from dashboard import words
from grid.readings import ReadingBatch
from grid.timestamps import MINUTE_US
from service.container import Container
from service.metrics.health import ADDRESS_FILE, HealthServer
from service.metrics.metrics import Metrics
from service.settings.settings import load_settings
from stores.journal.journal import Journal
from tests.support.dashboard import cookie_of, dashboard_of
from tests.support.town import NOW_US, RATED_KVA, Town, build_town

pytestmark = pytest.mark.browser

WALL_SCREEN: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
THUMB_PIXELS = 44
expect.set_options(timeout=60_000)
LIVE_SECONDS = 60_000
"""Milliseconds within which a live part must show what changed."""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Return a town with a collector's health page that says all is well."""
    built = build_town(tmp_path_factory.mktemp("town"))
    metrics = Metrics()
    metrics.beat(connected=True, queued=0)
    health = HealthServer(metrics, "127.0.0.1", 0, built.folder / "data" / ADDRESS_FILE)
    health.start()
    yield built
    health.stop()


@pytest.fixture(scope="module")
def address(town: Town, free_port: Callable[[], int]) -> Iterator[str]:
    """Return the address of a dashboard that serves the town, started as `redvest dashboard` starts it."""
    with dashboard_of(town.config, free_port()) as (running, _):
        yield running


@pytest.fixture(scope="module")
def browser(chromium: str, chromium_options: list[str]) -> Iterator[Browser]:
    """Return a running browser."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=chromium_options)
        yield running
        running.close()


@pytest.fixture(scope="module")
def viewers(browser: Browser, town: Town) -> Iterator[dict[str, BrowserContext]]:
    """Return a desk and a phone, in another time zone than the station's; each keeps its cache between tests.

    Both are signed in as duty: the desk as P4, the phone as P2.
    """
    zone = "America/New_York"
    desk = browser.new_context(viewport=WALL_SCREEN, timezone_id=zone)
    phone = browser.new_context(viewport=PHONE, timezone_id=zone, has_touch=True, is_mobile=True)
    desk.add_cookies([cookie_of(town.config, "duty", "P4")])  # type: ignore[list-item]
    phone.add_cookies([cookie_of(town.config, "duty", "P2")])  # type: ignore[list-item]
    yield {"desk": desk, "phone": phone}
    desk.close()
    phone.close()


@pytest.fixture
def new_page(viewers: dict[str, BrowserContext], address: str) -> Iterator[Callable[..., Page]]:
    """Return a function that opens a page of the dashboard in a session of its own, on the desk or on a phone."""
    pages = []

    def opened(path: str = "/", viewer: str = "desk") -> Page:
        page = viewers[viewer].new_page()
        pages.append(page)
        page.set_default_timeout(90_000)
        page.goto(address + path)
        page.wait_for_selector(".rv-head")
        return page

    yield opened
    for page in pages:
        page.close()


def test_the_pages_ask_nothing_of_the_outside_world(
    viewers: dict[str, BrowserContext], address: str, town: Town
) -> None:
    page = viewers["desk"].new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    page.goto(address)
    page.wait_for_selector(".rv-tile")
    page.goto(f"{address}/incident?incident={town.incident.incident_id}")
    page.wait_for_selector("[data-testid=stVegaLiteChart] svg")
    outside = [url for url in asked if not re.match(r"(https?|wss?)://127\.0\.0\.1:|data:|blob:", url)]
    assert any(url.startswith("ws://") for url in asked)
    assert not outside
    page.close()


def test_the_wall_follows_new_readings_without_a_reload(new_page: Callable[..., Page], town: Town) -> None:
    page = new_page()
    tile = page.locator(".rv-tile", has_text="YX07")
    expect(tile).to_have_class(re.compile(r"\bheavy"))
    with Journal.open_writer(town.folder / "data" / "journal.sqlite") as journal:
        number = journal.numbers(["YX07"])["YX07"]
        power_kw = 1.034 * RATED_KVA
        journal.append(ReadingBatch.of([number], [NOW_US + MINUTE_US], active_power_kw=[power_kw]))
    expect(tile).to_contain_text("103.4", timeout=LIVE_SECONDS)
    expect(tile).to_have_class(re.compile("overload"))
    expect(tile).to_contain_text(words.ACTIVE_ONLY.zh)


def test_one_click_leads_from_the_wall_to_the_incident(new_page: Callable[..., Page], town: Town) -> None:
    page = new_page()
    page.locator(".rv-row", has_text="YX06").click()
    page.wait_for_selector(".rv-door")
    assert town.incident.incident_id in page.url
    expect(page.locator(".rv-advice")).to_be_visible()
    waiting, answered = page.locator(".rv-door").count(), page.locator(".rv-answered > li").count()
    assert (waiting, answered) == (len(town.outreach.doors) - len(town.visits), len(town.visits))


def test_an_answer_from_a_phone_appears_on_the_desk_without_a_reload(new_page: Callable[..., Page], town: Town) -> None:
    incident_id = town.incident.incident_id
    desk = new_page(f"/?incident={incident_id}")
    mine = [d for d in town.outreach.doors if d.assigned_to == "P2"]
    names = {m.merchant_id: m.name for m in town.ledger.merchants}
    door = mine[0]
    expect(desk.locator(".rv-door", has_text=names[door.merchant_id])).to_contain_text(words.NOT_VISITED.zh)
    phone = new_page("/my-list", "phone")
    next_door = phone.locator(".rv-door.next")
    expect(next_door).to_contain_text(names[door.merchant_id])
    phone.get_by_role("button", name=words.RESULT_BUTTONS[VisitResult.AGREED].zh).first.tap()
    on_desk = desk.locator(".rv-answered > li", has_text=names[door.merchant_id])
    expect(on_desk).to_contain_text("模拟乙 记录", timeout=LIVE_SECONDS)
    expect(on_desk).to_have_class("agreed")
    expect(desk.locator(".rv-door", has_text=names[door.merchant_id])).to_have_count(0)
    expect(phone.locator(".rv-door.next")).to_contain_text(names[mine[1].merchant_id])


def test_buttons_fit_a_thumb_and_nothing_scrolls_sideways(new_page: Callable[..., Page], town: Town) -> None:
    for path in (
        "/my-list?lang=en",
        f"/incident?incident={town.incident.incident_id}&lang=en",
        "/?lang=en",
    ):
        phone = new_page(path, "phone")
        phone.wait_for_timeout(500)
        sideways = phone.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert sideways <= 0, path
        for button in phone.locator("[class*='st-key-answers-'] button:visible").all():
            box = button.bounding_box()
            assert box is not None
            assert box["height"] >= THUMB_PIXELS, path
            assert box["x"] >= 0, path
            assert box["x"] + box["width"] <= PHONE["width"], path
            cut_off = button.evaluate("b => b.querySelector('p').scrollWidth > b.clientWidth")
            assert not cut_off, button.inner_text()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_wide_tables_are_read_on_a_phone_without_scrolling_sideways(
    new_page: Callable[..., Page], language: str
) -> None:
    for path in ("/alarms", "/system"):
        phone = new_page(f"{path}?lang={language}", "phone")
        phone.wait_for_selector(".rv-cards")
        for wide in phone.locator(".rv-scroll").all():
            assert wide.evaluate("e => e.scrollWidth - e.clientWidth") <= 0, wide.inner_text()
        named = "e => [e.dataset.name, getComputedStyle(e, '::before').content]"
        for cell in phone.locator(".rv-cards td").all():
            name, shown = cell.evaluate(named)
            assert name and shown == f'"{name}"'


@pytest.mark.parametrize("viewer", ["desk", "phone"])
def test_nothing_on_the_system_page_touches_the_table_below_it(new_page: Callable[..., Page], viewer: str) -> None:
    page = new_page("/system", viewer)
    page.wait_for_selector(".rv-badge")
    above = "e => e.getBoundingClientRect().top - e.previousElementSibling.getBoundingClientRect().bottom"
    for table in page.locator(":is(.rv-badge, .rv-note, h2) + :is(.rv-table, .rv-scroll)").all():
        assert table.evaluate(above) >= 4, table.inner_text()[:80]


def test_a_phone_number_needs_a_name_and_a_reason_and_leaves_a_record(
    new_page: Callable[..., Page], town: Town
) -> None:
    door = town.outreach.doors[-1].merchant_id
    number = next(m.phone for m in town.ledger.merchants if m.merchant_id == door)
    page = new_page(f"/incident?incident={town.incident.incident_id}")
    assert number not in page.content()
    page.locator(f".st-key-reveal-incident-{town.incident.incident_id}-{door} button").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name=words.REVEAL_CONFIRM.zh).click()
    expect(dialog).to_contain_text(words.REASON_TOO_SHORT.zh)
    assert number not in page.content()
    dialog.get_by_text(words.REVEAL_REASONS[0].zh).click()
    dialog.get_by_role("button", name=words.REVEAL_CONFIRM.zh).click()
    expect(dialog).to_contain_text(number)
    container = Container(load_settings(town.config))
    assert any(
        door in repr(entry) and words.REVEAL_REASONS[0].zh in repr(entry) for entry in container.records.audit(50)
    )
    container.close()
    assert number not in page.url


def test_the_language_switches_in_place(new_page: Callable[..., Page]) -> None:
    page = new_page("/transformer?transformer=YX08")
    expect(page.locator(".rv-head")).to_contain_text(words.TRANSFORMER.zh)
    page.locator(".rv-lang").click()
    expect(page.locator(".rv-head")).to_contain_text(words.TRANSFORMER.en)
    assert "transformer=YX08" in page.url


def test_the_axis_shows_the_stations_time_to_a_viewer_in_another_zone(
    new_page: Callable[..., Page], town: Town
) -> None:
    page = new_page(f"/incident?incident={town.incident.incident_id}")
    axis = page.locator("[data-testid=stVegaLiteChart] svg text")
    expect(axis.get_by_text("11:00", exact=True)).to_be_visible()
    assert "23:00" not in axis.all_text_contents()


def test_the_list_can_be_taken_along_as_a_workbook_and_on_paper(new_page: Callable[..., Page], town: Town) -> None:
    page = new_page(f"/incident?incident={town.incident.incident_id}")
    for word, beginning in ((words.EXPORT_XLSX, b"PK"), (words.EXPORT_PRINT, b"<!doctype html>")):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=word.zh).click()
        made = Path(waiting.value.path()).read_bytes()
        assert made[:15].lower().startswith(beginning.lower())
        assert town.incident.incident_id in waiting.value.suggested_filename
        assert not any(m.phone.encode() in made for m in town.ledger.merchants)


def test_a_shops_name_runs_nothing(new_page: Callable[..., Page], town: Town) -> None:
    page = new_page("/")
    alerts: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        alerts.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    page.goto(page.url.split("?")[0].rstrip("/") + f"/incident?incident={town.incident.incident_id}")
    page.wait_for_selector(".rv-answered")
    expect(page.locator(".rv-answered > li", has_text="粥铺")).to_contain_text("<script>")
    assert alerts == []
