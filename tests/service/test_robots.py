"""Chat robots, each against a server that behaves like its provider: whom they call, codes, limits, signatures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from grid.text import Language, Text
from grid.timestamps import parse_timestamp_us
from service.notify.channels.chat_text import chat_ids, plain
from service.notify.channels.notice import Mention, NotDelivered, Notice
from service.notify.channels.robots import PROVIDERS, RobotNotifier, dingtalk_signature, feishu_signature
from service.notify.rates import RateKeeper
from service.settings.sections import RobotKind
from tests.support.chat_providers import SECRET, ChatProviders

KINDS = ("wecom", "dingtalk", "feishu")
NOTICE = Notice(
    number=42,
    kind="incident_opened",
    station_id="ST01",
    incident_id="YX06-1",
    text=Text("【严重重载】YX06 负载率 95.33%", "[severe heavy load] YX06 at 95.33 %"),
    link="http://desk.example/?incident=YX06-1",
    created_at_us=parse_timestamp_us("2021-07-24T02:42:00Z"),
    mentions=(
        Mention("P1", "zhang.san", "张三", "http://desk.example/a/one"),
        Mention("P2", "", "李四", "http://desk.example/a/two"),
        Mention("P3", "@all", "王五"),
        Mention("P4", "zhang.san", "张三"),
    ),
)


@pytest.fixture
def providers() -> Iterator[ChatProviders]:
    server = ChatProviders()
    yield server
    server.stop()


def robot(providers: ChatProviders, kind: str, *, secret: str = SECRET, url: str = "") -> RobotNotifier:
    return RobotNotifier(RobotKind(kind), url or providers.url(kind), secret, Language.ZH, 5.0)


def refused(providers: ChatProviders, kind: str, notice: Notice = NOTICE, **how: str) -> NotDelivered:
    with pytest.raises(NotDelivered) as raised:
        robot(providers, kind, **how).send(notice)
    assert providers.robot[kind].seen == []
    return raised.value


def test_the_signatures_are_those_of_the_providers() -> None:
    """Computed with OpenSSL; key and message are swapped between the two."""
    assert dingtalk_signature("SEC123", 1627094520000) == "ZWGrNt9YhZdcnUZ6yOkqJhSurZheptj5mGxJ61K+wow="
    assert feishu_signature("SEC123", 1627094520) == "N9Gmyb4vuc7dZP0dWHqJqqdygYyB5vn4tqba3bf7Whk="


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_arrives_with_number_and_link_and_calls_those_who_have_a_chat_id(
    kind: str, providers: ChatProviders
) -> None:
    robot(providers, kind).send(NOTICE)
    (text,) = providers.robot[kind].seen
    assert text.startswith("【严重重载】YX06 负载率 95.33%\n")
    assert "#42 http://desk.example/?incident=YX06-1" in text
    assert "张三：我来处理 http://desk.example/a/one" in text
    assert "李四：我来处理 http://desk.example/a/two" in text
    assert providers.robot[kind].called == [["zhang.san"]], "once, and never everybody"


@pytest.mark.parametrize("kind", KINDS)
def test_words_from_data_call_nobody_and_hide_no_link(kind: str, providers: ChatProviders) -> None:
    hostile = '<@all> @all <at user_id="all"></at> [x](http://evil.example) https://evil.example <script>\r\n\x1b[2J‮'
    robot(providers, kind).send(replace(NOTICE, text=Text(hostile, hostile), mentions=()))
    (text,) = providers.robot[kind].seen
    words = text.rpartition("\n#42")[0]
    assert not any(part in words for part in ("<", "@", "http://", "https://", "\r", "\x1b", "‮"))
    assert providers.robot[kind].called == [[]]


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_that_is_too_long_is_cut_and_keeps_number_and_links(kind: str, providers: ChatProviders) -> None:
    robot(providers, kind).send(replace(NOTICE, text=Text("重载" * 20_000, "")))
    (text,) = providers.robot[kind].seen
    assert "…" in text
    assert "#42 http://desk.example/?incident=YX06-1" in text and text.endswith("/a/two")


@pytest.mark.parametrize("kind", ["dingtalk", "feishu"])
def test_a_wrong_secret_and_a_clock_that_is_off_are_refused_with_a_reason(kind: str, providers: ChatProviders) -> None:
    assert "signature" in refused(providers, kind, secret="other").reason
    providers.robot[kind].clock_off_seconds = 3700.0
    assert "clock" in refused(providers, kind).reason
    providers.robot[kind].clock_off_seconds = 3500.0
    robot(providers, kind).send(NOTICE)


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_address_is_refused_with_a_reason_that_does_not_show_it(kind: str, providers: ChatProviders) -> None:
    error = refused(providers, kind, url=providers.url(kind, "hunter2"))
    assert not error.is_final, "somebody mends the address, and the message still goes"
    assert "hunter2" not in error.reason


@pytest.mark.parametrize("kind", ["dingtalk", "feishu"])
def test_a_missing_key_word_is_refused_with_a_reason(kind: str, providers: ChatProviders) -> None:
    providers.robot[kind].keyword = "红马甲"
    assert "key word" in refused(providers, kind).reason


@pytest.mark.parametrize(
    ("kind", "code", "wait_seconds"),
    [("wecom", 45009, 60.0), ("dingtalk", 130101, 600.0), ("feishu", 11232, 10.0), ("wecom", -1, 5.0)],
)
def test_too_fast_leaves_the_robot_alone_for_as_long_as_its_provider_does(
    kind: str, code: int, wait_seconds: float, providers: ChatProviders
) -> None:
    providers.robot[kind].code = code
    error = refused(providers, kind)
    assert (error.wait_seconds, error.is_final) == (wait_seconds, False)


@pytest.mark.parametrize(
    ("kind", "code", "is_final"),
    [(kind.value, code, of.is_final) for kind, by in PROVIDERS.items() for code, of in by.meanings.items()],
)
def test_every_documented_code_is_a_refusal_with_its_number(
    kind: str, code: int, is_final: bool, providers: ChatProviders
) -> None:
    providers.robot[kind].code = code
    error = refused(providers, kind)
    assert str(code) in error.reason
    assert error.is_final == is_final


@pytest.mark.parametrize("kind", KINDS)
def test_a_code_that_nobody_documented_is_a_refusal_that_is_tried_again(kind: str, providers: ChatProviders) -> None:
    providers.robot[kind].code = 987654
    error = refused(providers, kind)
    assert "987654" in error.reason and not error.is_final


def test_ids_that_would_call_everybody_or_are_none_are_left_out() -> None:
    ids = ["zhang", "@all", "all", "ALL", "Everyone", "", "a b", 'x"></at>', "<@all>", "li.si@corp", "ou_84aad35d"]
    assert chat_ids([Mention(each, each, each) for each in ids]) == ("zhang", "li.si@corp", "ou_84aad35d")


def test_lines_of_a_message_stay_lines() -> None:
    assert plain("a\nb\r\n\n<c>") == "a\nb \n＜c＞".replace("b \n", "b \n")


@pytest.mark.parametrize(("kind", "number"), [("wecom", 20), ("dingtalk", 18), ("feishu", 100)])
def test_no_minute_one_looks_at_has_more_messages_than_the_provider_takes(kind: str, number: int) -> None:
    rate = PROVIDERS[RobotKind(kind)].rate
    keeper, now, sent = RateKeeper(rate), 1_627_099_000.0, []
    for _ in range(400):
        now += keeper.wait_seconds(now)
        assert keeper.wait_seconds(now) == 0.0
        keeper.sent(now)
        sent.append(now)
        now += 0.01
    assert max(sum(at <= other < at + 60.0 for other in sent) for at in sent) == number
    if kind == "feishu":
        assert max(sum(at <= other < at + 1.0 for other in sent) for at in sent) == 5
        assert not any(at % 1800.0 < 15.0 for at in sent), "not at :00 and :30"


def test_a_clock_that_was_set_back_does_not_silence_a_robot() -> None:
    rate = PROVIDERS[RobotKind.WECOM].rate
    keeper = RateKeeper(rate, [1_627_099_000.0] * 20)
    assert keeper.wait_seconds(1_627_099_000.0 - 86_400.0) <= 61.0
