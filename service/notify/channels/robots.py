"""Group robots of WeCom, DingTalk and Feishu: one message as each of them wants it, and what its answer means.

Limits and codes are those of the providers' documents for custom group robots.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote_plus

from grid.text import Language
from service.clock import SystemClock
from service.notify.channels.answers import decoded, judge, parsed
from service.notify.channels.chat_text import body_text, chat_ids
from service.notify.channels.http_post import Answer, HttpPost
from service.notify.channels.notice import NotDelivered, Notice
from service.notify.rates import SendRate
from service.settings.sections import RobotKind


@dataclass(frozen=True)
class Meaning:
    """What a provider's error code means for us."""

    words: str
    wait_seconds: float | None = None
    """How long the robot is left alone."""
    is_final: bool = False
    """The message itself is refused: it will never be taken."""


class Provider(Protocol):
    """What differs between chat programs."""

    rate: SendRate
    code_field: str
    meanings: Mapping[int, Meaning]

    def request(self, url: str, secret: str, notice: Notice, language: Language) -> tuple[str, dict[str, Any]]:
        """Return address and body of a message."""
        ...


class WeCom:
    """企业微信: 20 a minute, text of 2,048 bytes, ids in `mentioned_list`; the address is the secret."""

    rate = SendRate(limits=((20, 61.0),))
    code_field = "errcode"
    meanings: Mapping[int, Meaning] = {
        45009: Meaning("too many messages a minute", 60.0),
        45033: Meaning("too many requests at once", 10.0),
        -1: Meaning("the server is busy", 5.0),
        93000: Meaning("the address is no robot's (any more)"),
        93004: Meaning("the robot was removed from its group"),
        93008: Meaning("the robot is not in the group"),
        40001: Meaning("the key in the address is wrong"),
        40008: Meaning("it does not know the kind of message", is_final=True),
        40058: Meaning("it does not take the message: too long or malformed", is_final=True),
        44004: Meaning("the message is empty", is_final=True),
        45002: Meaning("the message is too long", is_final=True),
        47001: Meaning("the message is no JSON to it", is_final=True),
    }
    _BYTES_MAX = 2048

    def request(self, url: str, secret: str, notice: Notice, language: Language) -> tuple[str, dict[str, Any]]:
        """Return address and body."""
        text: dict[str, Any] = {"content": body_text(notice, language, self._BYTES_MAX)}
        ids = chat_ids(notice.mentions)
        if ids:
            text["mentioned_list"] = list(ids)
        return url, {"msgtype": "text", "text": text}


class DingTalk:
    """钉钉: 20 a minute or blocked for ten; ids in `atUserIds` and in the text; signed in the address."""

    rate = SendRate(limits=((18, 61.0),))
    """Two less than allowed: messages that meet on the way would cost ten minutes."""
    code_field = "errcode"
    meanings: Mapping[int, Meaning] = {
        130101: Meaning("too fast: it takes nothing for ten minutes", 600.0),
        410100: Meaning("too fast: it takes nothing for ten minutes", 600.0),
        -1: Meaning("the server is busy", 5.0),
        310000: Meaning("signature, key word or address is not what the robot asks for, or our clock is wrong"),
        300001: Meaning("the token in the address is wrong"),
        300005: Meaning("the token in the address is wrong"),
        400101: Meaning("the token in the address is wrong"),
        400013: Meaning("the group was dissolved"),
        400102: Meaning("the robot is switched off"),
        40035: Meaning("it misses a part of the message", is_final=True),
        400105: Meaning("it does not know the kind of message", is_final=True),
        430101: Meaning("an address in the message is not allowed", is_final=True),
        430102: Meaning("a word in the message is not allowed", is_final=True),
        430103: Meaning("a picture in the message is not allowed", is_final=True),
        430104: Meaning("the message is not allowed", is_final=True),
        460101: Meaning("the message is too long", is_final=True),
    }
    _BYTES_MAX = 16_000

    def request(self, url: str, secret: str, notice: Notice, language: Language) -> tuple[str, dict[str, Any]]:
        """Return address, signed where there is a secret, and body."""
        ids = chat_ids(notice.mentions)
        content = body_text(notice, language, self._BYTES_MAX, " ".join(f"@{each}" for each in ids))
        body = {"msgtype": "text", "text": {"content": content}, "at": {"atUserIds": list(ids), "isAtAll": False}}
        if secret:
            at_milliseconds = SystemClock().now_us() // 1000
            joint = "&" if "?" in url else "?"
            url += f"{joint}timestamp={at_milliseconds}&sign={quote_plus(dingtalk_signature(secret, at_milliseconds))}"
        return url, body


class Feishu:
    """飞书: 100 a minute and 5 a second, crowded at :00 and :30; `<at>` in the text; signed in the body."""

    rate = SendRate(limits=((100, 61.0), (5, 1.2)), hour_pause_seconds=15.0)
    code_field = "code"
    meanings: Mapping[int, Meaning] = {
        11232: Meaning("too many messages", 10.0),
        11247: Meaning("too many messages", 10.0),
        19021: Meaning("the signature is wrong, or our clock is more than an hour off"),
        19022: Meaning("our address is not in the robot's list"),
        19024: Meaning("the robot's key word is not in the message"),
        19001: Meaning("the token in the address is wrong"),
        19002: Meaning("it misses a part of the message", is_final=True),
        19005: Meaning("the robot was removed from its group"),
        19036: Meaning("the robot is switched off"),
        9499: Meaning("it does not take the body", is_final=True),
    }
    _BYTES_MAX = 16_000

    def request(self, url: str, secret: str, notice: Notice, language: Language) -> tuple[str, dict[str, Any]]:
        """Return address and body, signed where there is a secret."""
        called = " ".join(f'<at user_id="{each}"></at>' for each in chat_ids(notice.mentions))
        content = body_text(notice, language, self._BYTES_MAX, called)
        body: dict[str, Any] = {"msg_type": "text", "content": {"text": content}}
        if secret:
            at_seconds = SystemClock().now_us() // 1_000_000
            body = {"timestamp": str(at_seconds), "sign": feishu_signature(secret, at_seconds), **body}
        return url, body


PROVIDERS: Mapping[RobotKind, Provider] = {
    RobotKind.WECOM: WeCom(),
    RobotKind.DINGTALK: DingTalk(),
    RobotKind.FEISHU: Feishu(),
}


class RobotNotifier:
    """Speaks through one robot."""

    def __init__(
        self,
        kind: RobotKind,
        url: str,
        secret: str,
        language: Language,
        timeout_seconds: float,
        tls_ca_file: Path | None = None,
    ) -> None:
        """Post to the robot's address. Raises SettingsError for a certificate file that is none."""
        self._provider = PROVIDERS[kind]
        self._url = url
        self._secret = secret
        self._language = language
        self._post = HttpPost(timeout_seconds, tls_ca_file, "notify.robots.tls_ca_file")

    def send(self, notice: Notice) -> None:
        """Post the message and judge the answer by its code. Raises NotDelivered."""
        url, body = self._provider.request(self._url, self._secret, notice, self._language)
        answer = self._post.send(url, json.dumps(body, ensure_ascii=False).encode())
        judge_robot(self._provider, answer)


def judge_robot(provider: Provider, answer: Answer) -> None:
    """Return when the body's code is 0. Raises NotDelivered; an answer without a code is none of this provider's."""
    value = parsed(decoded(answer))
    code = value.get(provider.code_field, value.get("StatusCode")) if isinstance(value, dict) else None
    number = int(code) if isinstance(code, int | str) and str(code).lstrip("-").isdigit() else None
    if number is not None and number in provider.meanings:
        meaning = provider.meanings[number]
        reason = f"{provider.code_field} {number}: {meaning.words}"
        raise NotDelivered(reason, meaning.wait_seconds, is_final=meaning.is_final)
    judge(answer)
    if number is None:
        raise NotDelivered(f"HTTP {answer.status}, but the answer has no {provider.code_field}: not the robot's own")


def dingtalk_signature(secret: str, at_milliseconds: int) -> str:
    """Return DingTalk's signature: Base64 of HMAC-SHA256, the key the secret, the message time, LF and secret."""
    signed = f"{at_milliseconds}\n{secret}".encode()
    return base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()


def feishu_signature(secret: str, at_seconds: int) -> str:
    """Return Feishu's signature: Base64 of HMAC-SHA256, the key time, LF and secret, the message empty."""
    key = f"{at_seconds}\n{secret}".encode()
    return base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()
