"""The station's own words: checked with their line, filled from a closed list, no merchant's name among them."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.model.kinds import MessageKind
from alerts.notification.event import NotificationEvent
from alerts.notification.on_duty import Roster
from alerts.notification.throttling import ThrottlingSettings
from alerts.outreach.planner import OutreachSettings
from alerts.silence.detection import SilenceSettings
from collector.decoding.plausibility import Limits
from grid.assets import Ledger, Merchant, Person, Phase, Role
from grid.errors import SettingsError
from grid.text import Language, Text
from grid.timestamps import MINUTE_US, SECOND_US, parse_timestamp_us
from service.collecting.pipeline import Pipeline, PipelineOptions
from service.metrics.metrics import Metrics
from service.notify.assembly import NotifyOptions, make_policy
from service.notify.audiences import Audience
from service.notify.channels.chat_text import body_text
from service.notify.channels.notice import Notice
from service.notify.escalation import EscalationSettings
from service.notify.templates import PLACEHOLDERS, Template, filled, read_templates
from service.rulebook import choose_rule_sets, read_rule_sets
from stores.journal.journal import Journal
from stores.records.records import Records
from tests.alerts.test_on_duty import a_ledger
from tests.service.test_pipeline import NOON, a_town, message

EVENT = NotificationEvent(
    key="k",
    kind=MessageKind.INCIDENT_OPENED,
    station_id="ST01",
    level="severe_heavy",
    urgency=1,
    created_at_us=parse_timestamp_us("2021-07-24T11:00:00+08:00"),
    text=Text("原话。", "Own words."),
    transformer_id="YX06",
    load_rate=0.9533,
    incident_id="YX06-1",
)


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "templates.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_template_is_filled_in_both_languages(tmp_path: Path) -> None:
    templates = read_templates(
        written(
            tmp_path,
            '[incident_opened]\nzh = "{station_name} {transformer} {transformer_name} {level} {load_rate} {time}："\n'
            'en = "x"\n'.replace("x", "{station} {incident} {{{level}}} {load_rate} at {time}: {text}"),
        )
    )
    text = filled(EVENT, templates, Roster(a_ledger()), {"ST01": "永兴"})
    assert text.zh == "永兴 YX06 Six 严重重载 95.33% 7月24日 11:00："
    assert text.en == "ST01 YX06-1 {severe heavy load} 95.33 % at 24 July 11:00: Own words."


def test_what_is_not_named_is_said_as_the_product_says_it(tmp_path: Path) -> None:
    templates = read_templates(written(tmp_path, '[incident_closed]\nzh = "完 {text}"\n'))
    assert filled(EVENT, templates, Roster(a_ledger()), {}) == EVENT.text
    closed = replace(EVENT, kind=MessageKind.INCIDENT_CLOSED)
    assert filled(closed, templates, Roster(a_ledger()), {}) == Text("完 原话。", "Own words.")
    assert read_templates(None) == {}


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ('[incident_opened]\nzh = "{merchant_name}"\n', 2, "no placeholder merchant_name"),
        ('[incident_opened]\nzh = "a"\n\nen = "{phone}"\n', 4, "no placeholder phone"),
        ('[incident_opened]\nzh = "{text.zh}"\n', 2, "no placeholder text.zh"),
        ('[incident_opened]\nzh = "{text!r}"\n', 2, "no placeholder text"),
        ('[incident_opened]\nzh = "{load_rate:.1f}"\n', 2, "no placeholder load_rate"),
        ('[incident_opened]\nzh = "{}"\n', 2, "no placeholder {}"),
        ('[incident_opened]\nzh = "{0}"\n', 2, "no placeholder 0"),
        ('[incident_opened]\nzh = "{text"\n', 2, "braces"),
        ('[incident_opened]\nzh = "text}"\n', 2, "braces"),
        ('[incident_opened]\nzh = ""\n', 2, "no text"),
        ("[incident_opened]\nzh = 7\n", 2, "no text"),
        (f'[incident_opened]\nzh = "{"a" * 501}"\n', 2, "longer than 500"),
        ('\n[incident_opend]\nzh = "a"\n', 2, "no kind of message incident_opend"),
        ('[digest]\nzh = "a"\n', 1, "no kind of message digest"),
        ('[incident_opened]\nfr = "a"\n', 2, "fr is neither"),
        ("[incident_opened\n", 0, "not TOML"),
    ],
)
def test_a_bad_template_is_refused_with_its_line(tmp_path: Path, text: str, line: int, what: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read_templates(written(tmp_path, text))
    told = raised.value.line.en
    assert what in told
    assert f"templates.toml line {line}" in told or not line
    assert raised.value.line.zh != told


SECRET = "Zq7x"
"""In every word of a merchant, and nowhere else."""


def hostile_ledger(chance: random.Random) -> Ledger:
    """Make the town's merchants say what would get out if it could."""
    town = a_town()

    def word() -> str:
        tricks = [f"{{{name}}}" for name in PLACEHOLDERS] + [
            "{}",
            "{0}",
            "%s",
            "[x](http://e)",
            "<@all>",
            "\u202e",
            "》",
        ]
        noise = "".join(chance.choice(string.printable.strip()) for _ in range(chance.randrange(6)))
        return f"{chance.choice(tricks)}{SECRET}{noise}{chance.choice(tricks)}"

    shops = tuple(
        Merchant(
            m.merchant_id,
            word(),
            m.transformer_id,
            word(),
            word(),
            f"138{SECRET}0001",
            word(),
            Phase.ABC,
            m.walk_order,
            protected=m.protected,
            protected_reason=word(),
        )
        for m in town.merchants
    )
    return replace(town, merchants=shops)


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    with Records(f"sqlite:///{tmp_path / 'records.sqlite'}") as store:
        store.migrate()
        yield store


def random_templates(chance: random.Random) -> dict[str, Template]:
    def words() -> str:
        return "".join(f"{{{chance.choice(PLACEHOLDERS)}}} " for _ in range(chance.randrange(1, 8)))

    return {kind: Template(words(), words()) for kind in MessageKind}


@pytest.mark.parametrize("seed", range(4))
def test_no_merchant_s_name_phone_or_address_is_in_any_message_whatever_ledger_and_templates(
    seed: int, tmp_path: Path, records: Records
) -> None:
    chance = random.Random(seed)
    records.replace_ledger(hostile_ledger(chance), "test", NOON)
    notify = NotifyOptions(
        (Audience(("file",)),),
        escalation=EscalationSettings({}, 5.0),
        communities_first=True,
        templates=random_templates(chance) if seed else {},
    )
    with Journal.open_writer(tmp_path / "journal.sqlite") as journal:
        options = PipelineOptions(
            rule_sets=choose_rule_sets(("early-warning",), read_rule_sets()),
            gap_minutes=20.0,
            limits=Limits(measured_age_hours_max=None, measured_ahead_minutes_max=5.0),
            outreach=OutreachSettings(),
            silence=SilenceSettings(slot_minutes=5.0, silent_slots=3),
            channels=("file",),
            throttling=ThrottlingSettings(),
            notify=notify,
        )
        pipeline = Pipeline(journal, records, options, Metrics(), lambda messages: None, NOON)
        rates = [0.85, 0.92, 0.95] + [1.02] * 6 + [0.97] * 6 + [0.6] * 15
        for minute, rate in enumerate(rates):
            received_us = NOON + minute * MINUTE_US
            pipeline.tick([message(received_us, "T1", minute, rate)], received_us)
            for second in range(1, 60, 2):
                pipeline.look(received_us + second * SECOND_US)
        for minute in range(len(rates), len(rates) + 40):
            pipeline.look(NOON + minute * MINUTE_US)
        pipeline.close()
    messages = records.messages(500)
    kinds = {message.kind for message in messages} | {told.kind for told in records.told_since(0)}
    assert {"incident_opened", "incident_list", "incident_raised", "incident_unanswered", "community_notice"} <= kinds
    assert "incident_closed" in kinds
    for each in messages:
        for language in Language:
            notice = Notice(
                each.message_no, each.kind, each.station_id, each.incident_id, each.text, "http://desk", NOON
            )
            assert SECRET not in body_text(notice, language, 16_000) + each.text.to(language) + each.key
    lines = [event for incident in records.incidents() for event in records.events(incident.incident_id)]
    assert lines and not any(SECRET in event.detail_zh + event.detail_en for event in lines)


def test_a_community_is_told_before_its_street_and_its_lead_is_called(tmp_path: Path) -> None:
    people = (Person("C1", "社区甲", Role.COMMUNITY_LEAD, "G1"), Person("M1", "队员", Role.MEMBER, "G1"))
    ledger = a_ledger(people=people)
    with Records(f"sqlite:///{tmp_path / 'records.sqlite'}") as store:
        store.migrate()
        robots = (Audience(("desk",)), Audience(("grid-robot",), (), ("G1",)), Audience(("other",), (), ("G2",)))
        policy, _ = make_policy(store, ledger, NotifyOptions(robots, communities_first=True))
        policy.say([EVENT], EVENT.created_at_us)
        said = policy.say([], EVENT.created_at_us + 31 * SECOND_US).messages
    for channel in ("desk", "grid-robot"):
        first, second = [m for m in said if channel in m.channels]
        assert (first.kind, second.kind) == (MessageKind.COMMUNITY_NOTICE, MessageKind.INCIDENT_OPENED)
        assert (first.mentions, second.mentions) == (("C1",), ("M1",))
        assert first.text.zh.startswith("【社区先知】Community：YX06 Six")
    assert not [m for m in said if "other" in m.channels]
