"""What is said: right numbers in the station's own time, both languages, nobody's name, phone or address."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from importlib import resources
from zoneinfo import ZoneInfo

import pytest

from alerts.figures import clock_time, kilowatts, later_time, percent, span, whole_percent
from alerts.model import display_names
from alerts.model.episodes import Ending, Episode
from alerts.model.incidents import Incident, IncidentEventKind, IncidentState
from alerts.model.outreach_model import AdviceKind, Ask, OutreachSettings, Visit, VisitResult
from alerts.notification import messages
from alerts.outreach.acceptance import Agreement, History
from alerts.outreach.offers import offer_of
from alerts.outreach.planner import make_list
from alerts.outreach.words import list_reason
from alerts.rules.rule_set import RuleSet, parse_rule_set
from grid.assets import Appliance, ApplianceKind, Merchant, Person, Phase, Role, Transformer
from grid.electrical import Basis
from grid.text import Text
from grid.timestamps import HOUR_US, MINUTE_US, parse_timestamp_us

SHANGHAI = ZoneInfo("Asia/Shanghai")
YX06 = Transformer("YX06", "永兴街 6 号台区", "S1", 400.0, "G1")


def timestamp(time: str) -> int:
    return parse_timestamp_us(f"2021-07-24T{time}+08:00")


def rule_set(name: str) -> RuleSet:
    text = resources.files("alerts.rules").joinpath("rulesets", f"{name}.toml").read_text(encoding="utf-8")
    return parse_rule_set(text, name)


EARLY = rule_set("early-warning")
INCIDENT = Incident(
    "YX06-20210724T0242Z-80d10d",
    "YX06",
    "early-warning@1",
    "severe_heavy",
    IncidentState.OPEN,
    timestamp("10:42:00"),
    timestamp("10:41:32"),
    0.9021,
    0.9533,
    timestamp("11:00:00"),
    0.8906,
    timestamp("11:30:00"),
)
EPISODE = Episode(
    "YX06",
    "early-warning@1",
    "severe_heavy",
    timestamp("10:42:00"),
    timestamp("10:41:32"),
    timestamp("11:52:10"),
    Ending.LEAVE,
    0.9021,
    0.9533,
    timestamp("11:00:00"),
    37,
)


def test_the_reason_of_the_24_july_verdict_cites_rule_version_and_numbers() -> None:
    reason = messages.episode_reason(EPISODE, EARLY.level("severe_heavy"), SHANGHAI)
    assert reason.zh == (
        "early-warning@1 严重重载：7月24日 10:41:32 负载率越过 90%，须保持 0 分钟，峰值 95.33%（11:00），"
        "共 37 个读数；11:52:10 起低于 85% 满 10 分钟。"
    )
    assert reason.en == (
        "early-warning@1 severe heavy load: load rate crossed 90 % on 24 July 10:41:32, hold 0 min, "
        "peak 95.33 % (11:00), 37 readings; below 85 % from 11:52:10 for 10 min."
    )


def test_active_power_alone_is_said_because_it_reads_too_low() -> None:
    reason = messages.episode_reason(EPISODE, EARLY.level("severe_heavy"), SHANGHAI, active_only=True)
    assert "实际更高" in reason.zh
    assert "active power only" in reason.en


def test_an_open_episode_a_gap_and_a_start_without_crossing_are_said() -> None:
    level = EARLY.level("severe_heavy")
    open_one = replace(EPISODE, ended_at_us=None, ended_by=None, readings=1, started_at_us=EPISODE.first_reading_at_us)
    assert "仍在持续" in messages.episode_reason(open_one, level, SHANGHAI).zh
    assert "起负载率不低于 90%" in messages.episode_reason(open_one, level, SHANGHAI).zh
    assert "1 reading;" in messages.episode_reason(open_one, level, SHANGHAI).en
    cut = replace(EPISODE, ended_by=Ending.GAP)
    assert "读数中断" in messages.episode_reason(cut, level, SHANGHAI).zh


def test_a_rule_that_holds_two_hours_says_so_and_a_phase_rule_names_the_phase() -> None:
    two_hours = rule_set("two-hours").level("heavy")
    reason = messages.episode_reason(replace(EPISODE, rule="two-hours@1"), two_hours, SHANGHAI)
    assert "须保持 120 分钟" in reason.zh
    assert "低于 80%。" in reason.zh
    assert "最重相负载率" in messages.episode_reason(EPISODE, EARLY.level("phase_heavy"), SHANGHAI).zh
    assert messages.level_line(two_hours) == Text(
        "负载率 ≥ 80% 并保持 2 小时；低于 80% 解除", "load rate ≥ 80 % for 2 h; left below 80 % at once"
    )


def test_times_are_those_of_the_station_and_another_day_is_named() -> None:
    level = EARLY.level("severe_heavy")
    assert "02:41:32" in messages.episode_reason(EPISODE, level, ZoneInfo("UTC")).zh
    late = replace(EPISODE, ended_at_us=EPISODE.started_at_us + 20 * HOUR_US)
    assert "7月25日 06:41:32" in messages.episode_reason(late, level, SHANGHAI).zh
    assert later_time(EPISODE.peak_at_us, EPISODE.started_at_us, SHANGHAI).zh == "11:00"


def test_every_turn_of_an_incident_has_its_sentence_with_the_number_of_the_incident() -> None:
    closed = replace(INCIDENT, state=IncidentState.CLOSED, closed_at_us=timestamp("11:52:10"), last_load_rate=0.7542)
    raised = replace(INCIDENT, level="overload", last_load_rate=1.012)
    opened = messages.incident_opened(INCIDENT, YX06, SHANGHAI)
    assert opened.zh.startswith("【严重重载】YX06 永兴街 6 号台区：7月24日 10:42 负载率达 90.21%")
    assert "101.2%" in messages.incident_raised(raised, YX06, SHANGHAI, doors_left=True).zh
    over = messages.incident_closed(closed, YX06, SHANGHAI)
    assert "历时 1 小时 11 分钟，峰值 95.33%（11:00），最新负载率 75.42%" in over.zh
    blind = messages.incident_went_blind(INCIDENT, YX06, SHANGHAI)
    assert "没有读数不等于已经回落" in blind.zh
    assert "does not mean relief" in blind.en
    for text in (
        opened,
        over,
        blind,
        messages.incident_saw_again(INCIDENT, YX06, SHANGHAI),
        messages.incident_retracted(INCIDENT, YX06, SHANGHAI),
        messages.incident_lost_supply(DARK, YX06, SHANGHAI),
        messages.incident_got_supply(DARK, INCIDENT, YX06, SHANGHAI),
        messages.incident_ended_unknown(UNKNOWN, YX06, SHANGHAI),
    ):
        assert INCIDENT.incident_id in text.zh
        assert INCIDENT.incident_id in text.en


DARK = replace(INCIDENT, no_voltage_since_us=timestamp("11:30:30"))
UNKNOWN = replace(INCIDENT, state=IncidentState.UNKNOWN, closed_at_us=INCIDENT.last_reading_at_us)


def test_supply_that_goes_is_told_as_no_relief_and_what_comes_back_with_the_load_that_was_seen_since() -> None:
    lost = messages.incident_lost_supply(DARK, YX06, SHANGHAI)
    assert lost.zh.startswith("【停电】YX06 永兴街 6 号台区：7月24日 11:30:30 起三相无电压，停电前负载率 89.06%")
    assert "没有电不等于负荷已降，事件保持未结" in lost.zh and "No supply is no relief" in lost.en
    assert not any(word in lost.zh + lost.en for word in ("够了", "解除", "Enough", "thank you"))
    unseen = messages.incident_got_supply(DARK, INCIDENT, YX06, SHANGHAI)
    assert "还没有可信的负载率" in unseen.zh and "no load rate that can be trusted yet" in unseen.en
    seen = replace(INCIDENT, last_reading_at_us=timestamp("11:50:00"), last_load_rate=0.91)
    back = messages.incident_got_supply(DARK, seen, YX06, SHANGHAI)
    assert "11:50 负载率 91%" in back.zh and "load rate 91 % on" in back.en


def test_an_end_that_nobody_knows_is_told_as_such_and_counts_no_silence() -> None:
    said = messages.incident_ended_unknown(UNKNOWN, YX06, SHANGHAI)
    assert "11:30（负载率 89.06%）之后没有可信读数" in said.zh and "不是已经回落" in said.zh
    assert "有读数的 48 分钟内峰值 95.33%" in said.zh
    assert "not as relieved" in said.en and "in the 48 min that were measured" in said.en


def test_what_the_team_is_told_of_an_advice_names_transformer_and_incident() -> None:
    said = messages.incident_advice(Text("上报值班台。", "Escalate."), INCIDENT, YX06)
    assert said.zh == f"YX06 永兴街 6 号台区：上报值班台。事件 {INCIDENT.incident_id}"
    assert said.en.startswith("YX06 ") and INCIDENT.incident_id in said.en


def test_an_overloaded_phase_is_told_to_the_desk_to_be_balanced() -> None:
    phase = replace(INCIDENT, level="phase_overload", last_load_rate=1.14)
    said = messages.incident_opened(phase, YX06, SHANGHAI)
    assert said.zh.startswith("【单相过载】") and "114%" in said.zh and "调整三相负荷" in said.zh
    assert "114 %" in said.en and "balance the phases" in said.en


def test_why_there_is_an_incident_tells_the_line_that_opened_it_and_that_it_was_raised() -> None:
    opening = EARLY.level("severe_heavy")
    assert "越过严重重载线 90%" in messages.incident_reason(INCIDENT, opening, SHANGHAI).zh
    raised = messages.incident_reason(replace(INCIDENT, level="overload"), opening, SHANGHAI)
    assert "越过严重重载线 90%" in raised.zh
    assert "已升级为过载" in raised.zh


def test_of_the_levels_of_a_rule_set_the_one_that_opens_is_found_whatever_an_incident_was_raised_to() -> None:
    for highest in ("severe_heavy", "overload"):
        assert EARLY.opening_level_of(highest) == EARLY.level("severe_heavy")
    assert rule_set("two-hours").opening_level_of("heavy") is None


def test_why_there_is_an_incident_names_no_line_of_a_rule_set_that_is_not_here() -> None:
    reason = messages.incident_reason(replace(INCIDENT, rule="own@3", level="overload"), None, SHANGHAI)
    assert "判定线不详" in reason.zh
    assert "过载" in reason.zh
    assert "its line is unknown" in reason.en
    assert "100 %" not in reason.en


def test_what_was_at_the_line_from_its_first_reading_on_crossed_nothing() -> None:
    at_once = replace(INCIDENT, opened_at_us=INCIDENT.first_reading_at_us)
    reason = messages.incident_reason(at_once, EARLY.level("severe_heavy"), SHANGHAI)
    assert "达到严重重载线 90%" in reason.zh
    assert "at or above the severe heavy load line of 90 %" in reason.en


def test_a_retraction_says_whether_late_readings_or_a_corrected_ledger_brought_it() -> None:
    by_ledger = messages.incident_retracted(INCIDENT, YX06, SHANGHAI)
    assert "更正的台账" in by_ledger.zh
    assert "补到" not in by_ledger.zh
    assert "late reading" not in by_ledger.en
    by_readings = messages.incident_retracted(INCIDENT, YX06, SHANGHAI, 3, timestamp("12:30:00"))
    assert "7月24日 12:30 补到 3 条读数" in by_readings.zh
    assert "3 late readings received on 24 July 12:30" in by_readings.en


def test_nobody_is_told_to_speed_up_visits_where_nobody_can_be_asked() -> None:
    raised = replace(INCIDENT, level="overload", last_load_rate=1.012)
    more = messages.incident_raised(raised, YX06, SHANGHAI, doors_left=True)
    none = messages.incident_raised(raised, YX06, SHANGHAI, doors_left=False)
    assert "请加快走访" in more.zh
    assert "Speed up the visits" in more.en
    assert "加快" not in none.zh
    assert "没有可再走访的商户" in none.zh
    assert "Speed up" not in none.en


def test_a_revision_tells_old_and_new_and_nothing_that_stayed() -> None:
    after = replace(INCIDENT, opened_at_us=timestamp("10:38:00"), closed_at_us=timestamp("12:00:00"))
    revised = messages.incident_revised(INCIDENT, after, SHANGHAI)
    assert "起点由 7月24日 10:41:32 改为 7月24日 10:38" in revised.zh
    assert "结束由 未结 改为 7月24日 12:00" in revised.zh
    assert "峰值" not in revised.zh
    assert "结论不变" in messages.incident_revised(INCIDENT, INCIDENT, SHANGHAI).zh


@pytest.mark.parametrize(
    ("ask", "zh", "en"),
    [
        (
            Ask(2, 3, 22, 26, lights_off=True),
            "关 2 台空调（共 3 台），其余空调由 22℃ 调到 26℃，关闭不需要的照明",
            "switch off 2 of 3 air conditioners, set the others from 22 °C to 26 °C, "
            "switch off lights that are not needed",
        ),
        (Ask(1, 1), "关闭全部 1 台空调", "switch off the air conditioner"),
        (Ask(0, 2, 23.5, 26), "空调由 23.5℃ 调到 26℃", "set air conditioning from 23.5 °C to 26 °C"),
        (Ask(other_off_units=2), "停用 2 台可停的其他设备", "pause 2 other appliances"),
        (Ask(), "无可调设备", "nothing to ask"),
    ],
)
def test_what_is_asked_is_said_as_at_the_door(ask: Ask, zh: str, en: str) -> None:
    assert messages.ask_text(ask) == Text(zh, en)


def test_a_door_says_what_it_brings_how_likely_and_on_what_grounds() -> None:
    offer = offer_of([Appliance("M1", ApplianceKind.AIR_CONDITIONER, 3, 2.5, 2, 22)], OutreachSettings())
    reason = messages.door_reason(offer, Agreement(0.74, History(3, 1, 0)), 0.8, Phase.A, Phase.A, 2, 14)
    assert reason.zh == (
        "可降约 4.5 kW（停 2 台空调 4 kW，空调调温 0.5 kW）；以往走访 4 次（同意 3 次、拒绝 1 次），约 74% 会同意，"
        "落实约 80%，折合 2.7 kW；接在负荷最重的 A 相；在可走访的 14 户中排第 2。"
    )
    first = messages.door_reason(offer, Agreement(0.65, History()), 0.8, Phase.ABC, None, 1, 1)
    assert "首次走访" in first.zh
    assert "相；" not in first.zh


MERCHANT = Merchant("M01", "张三小吃店", "YX06", "永兴街 12 号", "张三", "13812345678", "restaurant", Phase.A, 1)
PERSON = Person("P1", "李四", Role.MEMBER, "G1", "13987654321", "wx-lisi")


def test_nobodys_name_phone_or_address_is_in_any_sentence() -> None:
    units = tuple(Appliance("M01", kind, 3, 8.0, 2, 22) for kind in ApplianceKind)
    made = make_list(
        INCIDENT,
        YX06,
        0.85,
        0.1,
        math.nan,
        (MERCHANT,),
        units,
        (PERSON,),
        (),
        timestamp("11:30:00"),
        OutreachSettings(),
    )
    assert made.doors[0].assigned_to == "P1"
    told = [made.reason, messages.list_summary(made, YX06), messages.list_made(made)]
    told += [text for door in made.doors for text in (door.reason, messages.ask_text(door.ask))]
    told.append(messages.visit_recorded(Visit(INCIDENT.incident_id, "M01", VisitResult.AGREED, 0, "P1"), 1))
    for text in told:
        for secret in ("张三", "小吃", "永兴街 12", "13812345678", "李四", "13987654321", "wx-lisi", "restaurant"):
            assert secret not in text.zh
            assert secret not in text.en


def test_a_list_tells_the_chat_how_many_doors_and_whether_they_will_do() -> None:
    made = make_list(INCIDENT, YX06, 0.85, 0.0, 0.95, (), (), (), (), 0, OutreachSettings())
    assert "没有可以走访的商户" in messages.list_summary(made, YX06).zh
    units = (Appliance("M01", ApplianceKind.AIR_CONDITIONER, 3, 8.0, 2, 22),)
    one = make_list(INCIDENT, YX06, 0.85, 0.0, 0.95, (MERCHANT,), units, (), (), 0, OutreachSettings())
    summary = messages.list_summary(one, YX06)
    assert "走访名单第 1 版，1 户，按降 19 kW 编制" in summary.zh
    assert "准备其他措施" in summary.zh
    assert "1 door," in summary.en
    enough = messages.list_summary(replace(one, reached_probability=0.93), YX06)
    assert "把握 93%" in enough.zh
    assert "其他措施" not in enough.zh


def test_numbers_are_written_as_people_write_them() -> None:
    assert percent(0.9533) == Text("95.33%", "95.33 %")
    assert percent(0.9).zh == "90%"
    assert percent(1.0).zh == "100%"
    assert percent(0.8906).zh == "89.06%"
    assert percent(-0.00001).zh == "0%"
    assert percent(math.nan).zh == "—"
    assert whole_percent(0.926).zh == "93%"
    assert [kilowatts(p) for p in (0.0, -0.01, 0.04, 6.14, 9.94, 9.96, 58.3, math.nan)] == [
        "0 kW",
        "0 kW",
        "0 kW",
        "6.1 kW",
        "9.9 kW",
        "10 kW",
        "58 kW",
        "—",
    ]
    assert span(0).zh == "0 分钟"
    assert span(78 * MINUTE_US) == Text("1 小时 18 分钟", "1 h 18 min")
    assert span(2 * HOUR_US).en == "2 h"
    assert clock_time(timestamp("10:41:32"), SHANGHAI) == "10:41:32"


def test_everything_has_a_name_in_both_languages() -> None:
    named = [display_names.level_name(level.name) for level in EARLY.levels]
    named += [display_names.state_name(state) for state in IncidentState]
    named += [display_names.visit_result_name(result) for result in VisitResult]
    named += [display_names.event_name(kind) for kind in IncidentEventKind]
    named += [display_names.advice_name(kind) for kind in AdviceKind]
    named += [display_names.ending_name(ending) for ending in (None, *Ending)]
    named += [display_names.phase_name(phase) for phase in Phase]
    named += [display_names.role_name(role) for role in Role]
    named += [display_names.appliance_name(kind) for kind in ApplianceKind]
    named += [display_names.basis_name(basis) for basis in Basis]
    assert all(re.search("[\u4e00-\u9fff]", text.zh) for text in named)
    assert all(text.en and text.en.isascii() for text in named)
    assert display_names.level_name("my_own_line") == Text("my_own_line", "my own line")


def test_a_list_that_reserves_for_the_trend_says_how_much_of_its_kilowatts_that_is() -> None:
    reason = list_reason(0.90, 0.05, 0.80, 0.95, 60.0, 0.0)
    assert "为此另留 20 kW" in reason.zh
    assert "名单按 60 kW 编制" in reason.zh
    assert "for which 20 kW are reserved" in reason.en
    assert "made for 60 kW" in reason.en
    assert "另留" not in list_reason(0.90, 0.0, 0.80, 0.95, 40.0, 0.0).zh
