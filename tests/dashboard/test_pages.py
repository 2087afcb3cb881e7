"""The pages, run without a browser: every page in both languages, answers, personal data, and bad input."""

from __future__ import annotations

import ast
import csv
import io
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from html import unescape
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from alerts.model.episodes import Episode
from alerts.notification.audit_words import FORMULA
from alerts.outreach.planner import VisitResult
from alerts.rules.rule_set import parse_rule_set
from dashboard import channel_words, words
from dashboard.charts.curve import load_rate_chart
from dashboard.charts.layers import Beside, wall_clock_ms
from dashboard.markup.wall import gauge
from dashboard.session import TOKEN
from dashboard.transformer_view import View
from grid.assets import Transformer
from grid.readings import ReadingBatch
from grid.text import Language, Text
from grid.timestamps import DAY_US, MINUTE_US, SECOND_US, parse_timestamp_us
from service.cli.screen import percent
from service.container import Container
from service.exports.curve_csv import curve_csv
from service.notify.acknowledge import Outcome, Way
from service.queries.answers import Freshness
from service.rulebook import read_rule_sets
from service.settings.settings import CONFIG_VARIABLE, load_settings
from stores.journal.journal import Journal
from stores.records.changes import Changes, NewMessage, NotifiedEvent
from tests.support.dashboard import token_of
from tests.support.storm_town import StormTown, build_storm_town
from tests.support.town import FIRST_US, NASTY_SHOP, NOW_US, Town, build_town

APP = Path(__file__).resolve().parents[2] / "dashboard" / "app.py"
PAGES = (
    "views/wall.py",
    "views/incidents.py",
    "views/incident.py",
    "views/transformer.py",
    "views/my_list.py",
    "views/alarms.py",
    "views/channels.py",
    "views/roster.py",
    "views/system.py",
)
CHINESE = re.compile("[\u4e00-\u9fff]")

EARLY = next(rules for rules in read_rule_sets(None) if rules.name == "early-warning")
OWN_RULES = """
name = "own"
version = 1
title = { zh = "本所规则", en = "a station's own" }
source = "a test"

[[level]]
name = "overload"
enter = 1.1
leave = 1.0
incident = "raises"

[[level]]
name = "watch"
enter = 0.85
leave = 0.8
incident = "opens"
"""


@pytest.fixture(scope="module")
def quiet_town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """Return a town that no test changes."""
    return build_town(tmp_path_factory.mktemp("town"))


@pytest.fixture
def town(quiet_town: Town, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """Let the pages look at a town that no test changes."""
    yield from _looked_at(quiet_town, monkeypatch)


@pytest.fixture
def own_town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """Let the pages look at a town of one's own."""
    yield from _looked_at(build_town(tmp_path), monkeypatch)


def _looked_at(town: Town, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    monkeypatch.setenv(CONFIG_VARIABLE, str(town.config))
    st.cache_resource.clear()
    yield town
    st.cache_resource.clear()


def opened(page: str = "views/wall.py", who: str = "P4", role: str = "duty", **parameters: str) -> AppTest:
    """Return the app after it drew a page with these parameters in its address, for somebody signed in."""
    app = AppTest.from_file(str(APP), default_timeout=120)
    app.session_state[TOKEN] = token_of(Path(os.environ[CONFIG_VARIABLE]), role, who)
    for name, value in parameters.items():
        app.query_params[name] = value
    app.run()
    if page != "views/wall.py":
        app.switch_page(page)
        for name, value in parameters.items():
            app.query_params[name] = value
        app.run()
    return app


def told(app: AppTest) -> str:
    """Return everything that the page says, as HTML and text."""
    return "\n".join(_said(element) for element in app.main)


def _said(element: Any) -> str:
    if hasattr(element, "children"):
        return "\n".join(_said(child) for child in element.children.values())
    proto = getattr(element, "proto", None)
    return "\n".join(str(getattr(proto, part, "")) for part in ("body", "label", "value") if getattr(proto, part, ""))


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("language", list(Language))
def test_every_page_draws_in_both_languages(town: Town, page: str, language: Language) -> None:
    app = opened(page, lang=language.value, who="P1")
    assert not app.exception
    assert not app.error
    title = {
        "views/wall.py": words.WALL,
        "views/incidents.py": words.INCIDENTS,
        "views/incident.py": words.INCIDENT,
        "views/transformer.py": words.TRANSFORMER,
        "views/my_list.py": words.MY_LIST,
        "views/alarms.py": words.ALARM_AUDIT,
        "views/channels.py": channel_words.CHANNELS,
        "views/roster.py": channel_words.ROSTER,
        "views/system.py": words.SYSTEM,
    }[page]
    assert title.to(language) in told(app)


def test_every_text_of_the_pages_exists_in_both_languages() -> None:
    texts = list(_texts(vars(words)))
    assert len(texts) > 150
    for text in texts:
        assert text.zh.strip(), text
        assert text.en.strip(), text
        assert set(re.findall(r"{\w+}", text.zh)) == set(re.findall(r"{\w+}", text.en)), text
        assert not CHINESE.search(text.en), text
        assert CHINESE.search(text.zh) or not re.search("[A-Za-z]{3}", text.zh), text


def _texts(names: dict[str, Any]) -> Iterator[Text]:
    for value in names.values():
        match value:
            case Text():
                yield value
            case dict():
                yield from (each for each in value.values() if isinstance(each, Text))
            case tuple():
                yield from (each for each in value if isinstance(each, Text))


def test_chinese_comes_first_and_the_address_chooses_english(town: Town) -> None:
    assert words.OPEN_INCIDENTS.zh in told(opened())
    assert words.OPEN_INCIDENTS.en in told(opened(lang="en"))
    assert words.OPEN_INCIDENTS.zh in told(opened(lang="xx"))


def test_a_language_that_a_widget_forgot_is_still_spoken(town: Town) -> None:
    app = opened(lang="en")
    app.session_state["language_switch"] = None
    app.run()
    assert not app.exception
    assert words.OPEN_INCIDENTS.en in told(app)


def test_a_silent_transformer_is_never_drawn_as_normal(town: Town) -> None:
    page = told(opened())
    kinds = {t: k for k, t in re.findall(r'<a class="rv-tile ([a-z_ ]+)" href="[^"]*transformer=(YX\d\d)', page)}
    assert kinds["YX09"] == kinds["YX10"] == "blind"
    assert kinds["YX06"] == "severe_heavy"
    assert kinds["YX11"] == "severe_heavy phase"
    assert kinds["YX08"] == "normal"
    assert "09:40 起无数据" in page


def test_a_level_has_a_word_and_a_shape_beside_its_colour(town: Town) -> None:
    page = told(opened())
    assert "◆ 严重重载" in page
    assert "▲ 重载" in page
    assert "○ 失去数据" in page
    assert "● 正常" in page


def test_the_wall_says_that_the_collector_does_not_answer(town: Town) -> None:
    assert "采集程序没有应答" in told(opened())


def test_the_wall_leads_to_the_incident_in_one_click(town: Town) -> None:
    assert f"./incident?incident={town.incident.incident_id}" in told(opened())


@pytest.mark.parametrize(("name", "page"), [("incident", "views/incident.py"), ("transformer", "views/transformer.py")])
def test_a_link_from_a_message_opens_what_it_names(town: Town, name: str, page: str) -> None:
    value = town.incident.incident_id if name == "incident" else "YX07"
    app = opened(**{name: value})
    assert not app.exception
    wanted = words.DOORS_TO_WALK if name == "incident" else words.LOAD_RATE_CURVE
    assert wanted.zh in told(app)


def test_the_name_of_a_shop_is_text_and_nothing_else(town: Town) -> None:
    page = told(opened("views/incident.py", incident=town.incident.incident_id))
    assert NASTY_SHOP not in page
    assert "&lt;script&gt;" in page


def test_phones_and_contacts_are_masked_on_every_page(town: Town) -> None:
    personal = [v for m in town.ledger.merchants for v in (m.phone, m.contact_name)]
    personal += [person.phone for person in town.ledger.people]
    for page in ("views/wall.py", "views/incident.py", "views/transformer.py", "views/my_list.py"):
        shown = told(opened(page, incident=town.incident.incident_id, transformer="YX06", who="P1"))
        assert not [value for value in personal if value in shown], page


def test_an_answer_goes_into_the_record_and_shows_at_once(own_town: Town) -> None:
    town = own_town
    door = town.outreach.doors[-1].merchant_id
    app = opened("views/incident.py", incident=town.incident.incident_id, who="P2")
    app.button(key=f"incident-{town.incident.incident_id}-{door}-agreed").click().run()
    assert not app.exception
    container = Container(load_settings(town.config))
    visit = container.records.current_visits(town.incident.incident_id)[door]
    assert (visit.result, visit.recorded_by) == (VisitResult.AGREED, "P2")
    assert "模拟乙 记录" in told(app)
    container.close()


def test_who_takes_an_incident_is_told_when_somebody_was_faster(own_town: Town) -> None:
    town = own_town
    container = Container(load_settings(town.config))
    app = opened("views/incident.py", incident=town.incident.incident_id, who="P4")
    assert container.acknowledger.take(town.incident.incident_id, "P2", Way.PHONE).outcome is Outcome.RECORDED
    app.button(key="take_it").click().run()
    assert not app.exception
    assert [toast.value for toast in app.toast] == ["模拟乙 之前已接手。"]
    taken = container.records.acknowledgement(town.incident.incident_id)
    assert taken is not None and (taken.person_id, taken.way) == ("P2", "phone")
    container.close()


def test_what_could_not_be_delivered_is_sent_again_from_the_page(own_town: Town) -> None:
    town = own_town
    container = Container(load_settings(town.config))
    text = Text("送不到的一条", "one that was not delivered")
    message = NewMessage("dead", "incident_opened", town.ledger.stations[0].station_id, None, text, NOW_US, ("file",))
    container.records.commit(Changes(messages=(message,)))
    due = next(each for each in container.records.due_messages(NOW_US, 99, "file") if each.text == text)
    container.records.mark_failed(due.delivery_no, "disk full", None)
    app = opened("views/channels.py")
    assert "送不到的一条" in told(app) and "disk full" in told(app)
    app.button(key="resend-file").click().run()
    assert not app.exception
    assert container.records.dead_messages(None, 9) == ()
    assert container.records.audit(1)[0].action == "messages_resent"
    container.close()


def test_an_account_that_belongs_to_nobody_gets_no_buttons(town: Town) -> None:
    app = opened("views/incident.py", incident=town.incident.incident_id, who="")
    assert not app.exception
    assert not [button for button in app.button if "-agreed" in (button.key or "")]
    assert not [button for button in app.button if "reveal-" in (button.key or "")]


def test_a_page_without_a_sign_in_shows_nothing(town: Town) -> None:
    app = AppTest.from_file(str(APP), default_timeout=120)
    app.run()
    assert words.SIGNED_OUT.zh in told(app)
    assert "YX06" not in told(app)


def test_asking_for_a_phone_asks_for_a_reason_first(town: Town) -> None:
    door = town.outreach.doors[-1].merchant_id
    phone = next(m.phone for m in town.ledger.merchants if m.merchant_id == door)
    app = opened("views/incident.py", incident=town.incident.incident_id)
    app.button(key=f"reveal-incident-{town.incident.incident_id}-{door}").click().run()
    assert not app.exception
    assert words.REVEAL_REASONS[0].zh in app.radio[0].options
    next(b for b in app.button if b.label == words.REVEAL_CONFIRM.zh).click().run()
    assert phone not in told(app)


def test_my_list_shows_the_next_door_first_and_only_my_doors(town: Town) -> None:
    mine = told(opened("views/my_list.py", who="P1"))
    own = [d.merchant_id for d in town.outreach.doors if d.assigned_to == "P1"]
    names = {m.merchant_id: m.name for m in town.ledger.merchants}
    other = [names[d.merchant_id] for d in town.outreach.doors if d.assigned_to == "P2"]
    assert words.NEXT_DOOR.zh in mine
    assert not [name for name in other if f'"shop">{name}<' in mine]
    unanswered = [m for m in own if m not in {v.merchant_id for v in town.visits}]
    assert mine.index(f'"shop">{names[unanswered[0]]}<') < mine.index(f'"shop">{names[own[0]]}<')


def test_the_alarm_audit_links_a_missed_incident_and_states_its_limits(town: Town) -> None:
    page = told(opened("views/alarms.py"))
    assert f"./incident?incident={town.incident.incident_id}" in page
    assert "漏报" in page
    assert FORMULA.zh in page
    assert "144 个 10 分钟时段" in page


def test_the_alarm_audit_says_when_a_station_was_flooded(own_town: Town) -> None:
    town = own_town
    incident, at_us = town.incident, town.incident.opened_at_us + 30 * SECOND_US
    container = Container(load_settings(town.config))
    told_of = [
        NotifiedEvent(f"{incident.incident_id}/{what}", kind, "YX", incident.level, incident.transformer_id,
                   incident.incident_id, at_us, at_us + n, f"message {n}")
        for n, (what, kind) in enumerate([("opened", "incident_opened"), *((f"list/{n}", "list") for n in range(9))])
    ]  # fmt: skip
    container.records.commit(Changes(told=tuple(told_of)))
    container.close()
    page = told(opened("views/alarms.py", lang="en"))
    assert "10 ■ above limit" in page
    assert "1 to mend" in page
    assert "Missed</span>" in page
    assert "was missed" not in page


def test_the_transformer_page_states_voltage_limits_and_trust(town: Town) -> None:
    page = told(opened("views/transformer.py", transformer="YX08"))
    assert "198.0…235.4 V" in page
    assert "可信，有标注" in page
    assert "260 / 260" in page
    assert f"S / Sn · {words.ACTIVE_ONLY_LONG.zh}" in page
    assert "warned" not in page


def test_a_frozen_meter_with_a_low_voltage_is_marked_and_on_the_list_to_check(own_town: Town) -> None:
    at = NOW_US - np.arange(20)[::-1] * MINUTE_US
    volts, amps = np.full((20, 3), 190.0), np.full((20, 3), 300.0)
    with Journal.open_writer(own_town.folder / "data" / "journal.sqlite") as journal:
        number = journal.numbers(["YX10"])["YX10"]
        journal.append(ReadingBatch.of(np.full(20, number, np.int32), at, voltage_v=volts, current_amp=amps))
    kind, key = "check_the_meter", f"YX10/STUCK/{NOW_US}"
    container = Container(load_settings(own_town.config))
    container.records.commit(Changes(told=(NotifiedEvent(key, kind, "YX", kind, "YX10", None, NOW_US, NOW_US, key),)))
    container.close()
    page = told(opened("views/transformer.py", transformer="YX10"))
    assert set(re.findall(r"<tr class=warned><th>(.) 相电压</th>", page)) == {"A", "B", "C"}
    assert words.VOLTAGE_OUTSIDE.zh in page
    assert words.QUALITY_NEWEST_FLAGGED.zh in page
    system = told(opened("views/system.py"))
    assert "./transformer?transformer=YX10" in system
    assert "数据冻结" in system


def test_a_lost_feeder_is_one_red_line_and_its_tiles_name_it(own_town: Town) -> None:
    ids = [f"YX2{n}" for n in range(6)]
    more = tuple(Transformer(i, f"城东 {i}", "YX", 315.0, "G02", "F2") for i in ids)
    container = Container(load_settings(own_town.config))
    ledger = replace(own_town.ledger, transformers=own_town.ledger.transformers + more)
    container.records.replace_ledger(ledger, by="test", now_us=FIRST_US)
    container.close()
    with Journal.open_writer(own_town.folder / "data" / "journal.sqlite") as journal:
        at_us = np.full(6, NOW_US - 30 * MINUTE_US)
        numbers = list(journal.numbers(ids).values())
        journal.append(ReadingBatch.of(numbers, at_us, received_at_us=at_us, active_power_kw=np.full(6, 100.0)))
    wall = told(opened())
    assert "【通信中断】线路 F2：6 个台区中 6 个无数据" in wall
    cells = re.findall(r'class="cell blind"[^>]*transformer=(YX\d\d)[^>]*title="([^"]*)"', wall)
    named = {transformer_id for transformer_id, title in cells if words.FEEDER_LOST.zh.format(feeder="F2") in title}
    assert named == set(ids)
    system = told(opened("views/system.py"))
    assert words.LOST_FEEDERS.zh in system
    assert words.SILENT_COVERED.zh.format(count=6) in system
    assert "<td>YX20</td>" not in system


def test_a_feeder_without_voltage_is_black_and_one_line_and_never_normal(own_town: Town) -> None:
    ids = [f"YX2{n}" for n in range(3)]
    more = tuple(Transformer(i, f"城东 {i}", "YX", 315.0, "G02", "F2") for i in ids)
    container = Container(load_settings(own_town.config))
    ledger = replace(own_town.ledger, transformers=own_town.ledger.transformers + more)
    container.records.replace_ledger(ledger, by="test", now_us=FIRST_US)
    since_us = NOW_US - 8 * MINUTE_US
    dark = tuple(
        Episode(i, "supply@1", "no_voltage", since_us, since_us, None, None, 0.0, 0.0, since_us, 7) for i in ids[:2]
    )
    container.records.commit(Changes(episodes=dark))
    container.close()
    with Journal.open_writer(own_town.folder / "data" / "journal.sqlite") as journal:
        at_us = np.full(3, NOW_US - MINUTE_US)
        numbers = list(journal.numbers(ids).values())
        no_voltage, none = np.zeros((3, 3)), np.zeros(3)
        journal.append(
            ReadingBatch.of(
                numbers, at_us, received_at_us=at_us, voltage_v=no_voltage, current_amp=no_voltage,
                active_power_kw=none, reactive_power_kvar=none,
            )
        )  # fmt: skip
    wall = told(opened())
    assert "【线路停电】线路 F2：有读数的台区全部无电压，共 2 个" in wall
    cells = {i: k for k, i in re.findall(r'class="cell ([a-z_]+)"[^>]*transformer=(YX\d\d)', wall)}
    tiles = {i: k for k, i in re.findall(r'<a class="rv-tile ([a-z_ ]+)" href="[^"]*transformer=(YX\d\d)', wall)}
    assert {(cells | tiles)[i] for i in ids} == {"dark"}
    page = told(opened("views/transformer.py", transformer="YX20"))
    assert "起三相无电压" in page and ">0<" not in page and "● 正常" not in page


def test_a_wrong_address_says_so_and_shows_no_page_of_code(town: Town) -> None:
    for page, parameters in (
        ("views/incident.py", {"incident": "no-such"}),
        ("views/transformer.py", {"transformer": "YX99"}),
    ):
        app = opened(page, **parameters)
        assert not app.exception, page


def test_faulty_settings_are_one_line_in_both_languages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "redvest.toml"
    config.write_text("[broker]\nprot = 1\n", encoding="utf-8")
    monkeypatch.setenv(CONFIG_VARIABLE, str(config))
    st.cache_resource.clear()
    app = AppTest.from_file(str(APP), default_timeout=120).run()
    assert not app.exception
    said = unescape(told(app))
    for text in ("设置有误", "键 broker.prot 不认识", "The settings are faulty", "key broker.prot is unknown"):
        assert text in said
    st.cache_resource.clear()


def test_before_anything_was_imported_the_wall_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "redvest.toml"
    config.write_text('[data]\nfolder = "data"\n', encoding="utf-8")
    monkeypatch.setenv(CONFIG_VARIABLE, str(config))
    st.cache_resource.clear()
    for page in (each for each in PAGES if each != "views/my_list.py"):
        app = opened(page, who="")
        assert not app.exception, page
        assert not app.error, page
    assert "redvest ledger import" in told(opened(who=""))
    st.cache_resource.clear()


def test_the_axis_of_a_chart_reads_as_the_stations_time(town: Town) -> None:
    chart = _chart(town, "Asia/Shanghai")
    at_eleven_in_shanghai_read_as_utc = int(datetime(2021, 7, 24, 11, 0, tzinfo=UTC).timestamp() * 1000)
    assert at_eleven_in_shanghai_read_as_utc in chart["datasets"]["readings"]["at"].tolist()
    axis = next(layer for layer in chart["layer"] if layer["mark"]["type"] == "line")["encoding"]["x"]
    assert axis["scale"]["type"] == "utc"
    assert axis["axis"]["format"] == "%H:%M"


def test_a_change_of_the_clocks_moves_the_axis_with_it(town: Town) -> None:
    before, after = parse_timestamp_us("2026-10-25T00:30:00Z"), parse_timestamp_us("2026-10-25T01:30:00Z")
    shown = wall_clock_ms(np.array([before, after]), "Europe/Paris")
    assert shown[0] == shown[1] == int(datetime(2026, 10, 25, 2, 30, tzinfo=UTC).timestamp() * 1000)


def test_a_hole_in_the_readings_is_a_hole_in_the_line(town: Town) -> None:
    container = Container(load_settings(town.config))
    curve = container.queries.curve("YX08", FIRST_US, NOW_US)
    container.close()
    drawn = load_rate_chart(
        curve,
        (),
        from_us=FIRST_US,
        to_us=NOW_US,
        zone="Asia/Shanghai",
        language=Language.ZH,
        gap_us=20 * MINUTE_US,
        levels=(),
    )
    rates = drawn["datasets"]["readings"]["rate"]
    assert len(rates) == len(curve) + 1
    assert rates.isna().sum() == 1


def test_a_chart_of_no_readings_still_shows_its_lines(town: Town) -> None:
    container = Container(load_settings(town.config))
    curve = container.queries.curve("YX10", FIRST_US, NOW_US)
    container.close()
    drawn = load_rate_chart(
        curve,
        (),
        from_us=FIRST_US,
        to_us=NOW_US,
        zone="Asia/Shanghai",
        language=Language.EN,
        gap_us=MINUTE_US,
        levels=EARLY.ladder,
        air=True,
    )
    assert drawn["datasets"]["linesevere_heavy"]["label"].tolist() == ["90 % Severe heavy load"]


def test_charts_gauges_and_tables_draw_the_lines_of_the_stations_own_rules(town: Town) -> None:
    own = parse_rule_set(OWN_RULES, "own")
    container = Container(load_settings(town.config))
    curve = container.queries.curve("YX06", FIRST_US, NOW_US)
    container.close()
    drawn = load_rate_chart(
        curve,
        (),
        from_us=FIRST_US,
        to_us=NOW_US,
        zone="Asia/Shanghai",
        language=Language.EN,
        gap_us=MINUTE_US,
        levels=own.ladder,
    )
    labels = {name: table["label"].tolist() for name, table in drawn["datasets"].items() if name.startswith("line")}
    assert labels == {"linewatch": ["85 % Watch"], "lineoverload": ["110 % Overload"]}
    assert drawn["layer"][1]["encoding"]["y"]["scale"]["domain"][1] >= 1.2
    assert gauge(0.9, own.ladder).count("<u ") == 2
    assert [percent(rate, own.levels).style for rate in (0.84, 0.86, 1.10)] == ["", "bold red", "bold red"]


def test_every_layer_of_a_chart_draws_a_table_that_is_there(town: Town) -> None:
    chart = _chart(town, "Asia/Shanghai")
    for layer in chart["layer"]:
        table = chart["datasets"][layer["data"]["name"]]
        columns = {part["field"] for part in layer["encoding"].values() if isinstance(part, dict) and "field" in part}
        assert columns <= set(table.columns), layer


def _chart(town: Town, zone: str) -> Any:
    container = Container(load_settings(town.config))
    shown = container.queries.incident(town.incident.incident_id)
    container.close()
    return load_rate_chart(
        shown.curve,
        shown.marks,
        from_us=FIRST_US,
        to_us=NOW_US,
        zone=zone,
        language=Language.ZH,
        gap_us=20 * MINUTE_US,
        levels=EARLY.ladder,
        target_load_rate=0.8,
    )


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory) -> StormTown:
    """Return a town of a hundred areas with twenty open incidents."""
    return build_storm_town(tmp_path_factory.mktemp("storm"), 100, 20)


@pytest.fixture
def storm_wall(storm: StormTown, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the wall of that town as HTML."""
    monkeypatch.setenv(CONFIG_VARIABLE, str(storm.config))
    st.cache_resource.clear()
    yield told(opened(who=""))
    st.cache_resource.clear()


_CELL = re.compile(r'<a class="cell (\w+)[^"]*" href="[^"]*transformer=(T\d+)[^>]*title="([^"]*)')


def test_a_wall_of_many_areas_has_a_cell_for_each_and_a_next_step_in_its_rows(
    storm: StormTown, storm_wall: str
) -> None:
    cells = {transformer_id: kind for kind, transformer_id, _ in _CELL.findall(storm_wall)}
    assert sorted(cells) == [t.transformer_id for t in storm.ledger.transformers]
    overloaded = {incident.transformer_id for incident in storm.incidents if incident.level == "overload"}
    assert {transformer_id for transformer_id, kind in cells.items() if kind == "overload"} == overloaded
    advised = set(re.findall(r'incident=([^&"]+)[^>]*>(?:(?!</a>).)*<div class="next ', storm_wall))
    assert len(advised) == 6
    assert words.MORE_INCIDENTS.zh.format(count=14) in storm_wall


def test_a_cell_is_never_green_where_data_are_missing(storm: StormTown, storm_wall: str) -> None:
    container = Container(load_settings(storm.config))
    unseen = {
        now.transformer.transformer_id
        for now in container.queries.wall().transformers
        if now.freshness is not Freshness.FRESH
    }
    container.close()
    cells = {transformer_id: (kind, title) for kind, transformer_id, title in _CELL.findall(storm_wall)}
    assert unseen
    assert {cells[transformer_id][0] for transformer_id in unseen} == {"blind"}
    assert all("—" in cells[transformer_id][1] for transformer_id in unseen)


def test_the_transformer_page_shows_a_day_beside_others_and_keeps_it_in_its_address(town: Town) -> None:
    asked = {
        "transformer": "YX06",
        "day": "2021-07-24",
        "beside": "weekday,2021-07-20",
        "lines": "phases,voltage,imbalance",
    }
    app = opened("views/transformer.py", **asked)
    assert not app.exception
    said = told(app)
    for text in (words.BESIDE_KINDS["weekday"].zh, "2021-07-20", words.NO_READINGS.zh):
        assert text in said
    assert words.BESIDE_KINDS["yesterday"].zh not in said
    assert {name: app.query_params[name] for name in asked} == asked


def test_another_day_lies_at_the_same_hours_as_the_one_shown(town: Town) -> None:
    container = Container(load_settings(town.config))
    curve = container.queries.curve("YX06", FIRST_US, NOW_US)
    container.close()
    earlier = replace(curve, measured_at_us=curve.measured_at_us - DAY_US, load_rate=curve.load_rate - 0.1)
    drawn = load_rate_chart(
        curve,
        (),
        from_us=FIRST_US,
        to_us=NOW_US,
        zone="Asia/Shanghai",
        language=Language.ZH,
        gap_us=20 * MINUTE_US,
        levels=(),
        beside=[Beside(words.BESIDE_KINDS["yesterday"], earlier, DAY_US)],
    )
    shown, beside = drawn["datasets"]["readings"], drawn["datasets"]["beside0"]
    assert beside["at"].tolist() == shown["at"].tolist()
    assert np.allclose(beside["rate"], shown["rate"] - 0.1, equal_nan=True)


def test_a_day_of_the_station_begins_at_its_own_midnight() -> None:
    view = View(date(2021, 7, 24), 6, (), ("yesterday", "weekday"), None, ZoneInfo("Asia/Shanghai"))
    midnight = parse_timestamp_us("2021-07-24T00:00:00+08:00")
    assert view.span(0) == (midnight, midnight + DAY_US)
    assert [shift for _, shift in view.other_days(midnight)] == [DAY_US, 7 * DAY_US]


def test_a_curve_is_taken_along_as_csv_with_what_is_missing_left_blank(town: Town) -> None:
    container = Container(load_settings(town.config))
    curve = container.queries.curve("YX08", FIRST_US, NOW_US)
    container.close()
    rows = list(csv.DictReader(io.StringIO(curve_csv(curve).decode("utf-8-sig"))))
    assert len(rows) == len(curve)
    assert rows[0]["measured_at"] == "2021-07-23T22:00:00Z"
    assert rows[0]["basis"] == "active_only"
    assert (rows[0]["voltage_a_v"], rows[0]["imbalance"]) == ("", "")
    assert float(rows[0]["load_rate"]) == pytest.approx(float(curve.load_rate[0]), rel=1e-5)


_MAY_SAY = {
    "error",
    "warning",
    "info",
    "success",
    "markdown",
    "caption",
    "write",
    "title",
    "header",
    "subheader",
    "toast",
}


def test_no_widget_of_the_pages_takes_markdown_from_data() -> None:
    found = []
    for file in (APP.parent).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _MAY_SAY):
                continue
            if not node.args or ast.unparse(node.func.value) not in ("st", "st.sidebar"):
                continue
            said = node.args[0]
            is_ours = isinstance(said, ast.Call) and (
                ast.unparse(said.func) == "plain" or (ast.unparse(said.func) == "say" and not said.keywords)
            )
            if not is_ours:
                found.append(f"{file.name}:{node.lineno}: {ast.unparse(node)}")
    assert found == []


def found(words_asked: str, **who: str) -> str:
    """Return what the page says of a search."""
    app = opened("views/find.py", **who)
    app.text_input(key="find_words").set_value(words_asked).run()
    assert not app.exception
    return unescape(told(app))


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ("yx06", "YX06 英雄街 6 号台区"),
        ("ＹＸ０７", "YX07 英雄街 7 号台区"),
        ("河东 8", "YX08 河东 8 号台区"),
        ("20210724", "YX06-20210724T"),
        ("英雄街 8 号", "模拟茶楼店 4"),
        ("药店", "模拟药店店 7"),
        ("0005", "模拟理发店 5"),
    ],
)
def test_one_field_finds_by_id_name_street_shop_incident_and_the_end_of_a_phone(
    town: Town, asked: str, fits: str
) -> None:
    assert fits in found(asked)


def test_what_is_searched_for_is_never_in_the_address_and_phones_stay_masked(town: Town) -> None:
    app = opened("views/find.py")
    app.text_input(key="find_words").set_value("0005").run()
    assert "0005" not in str(app.query_params)
    assert "13900000005" not in told(app)


def test_shops_are_found_only_by_those_who_may_see_their_doors(town: Town) -> None:
    said = found("英雄街", role="wall", who="")
    assert "YX06" in said
    assert "模拟茶楼店" not in said
    assert "模拟理发店" not in found("0005", role="community_lead", who="P3")


def test_the_network_is_drawn_with_a_link_for_each_area_and_a_sign_for_what_is_abnormal(town: Town) -> None:
    said = told(opened("views/find.py"))
    cells = re.findall(r'class="cell (\w+)[^>]*transformer=(YX\d\d)', said)
    kinds = {transformer_id: kind for kind, transformer_id in cells}
    assert sorted(kinds) == sorted(t.transformer_id for t in town.ledger.transformers)
    assert (kinds["YX08"], kinds["YX07"], kinds["YX06"]) == ("normal", "heavy", "severe_heavy")
    assert kinds["YX09"] == kinds["YX10"] == "blind"
    assert "F1" in said
