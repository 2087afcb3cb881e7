"""A server on loopback that behaves like the robots of WeCom, DingTalk and Feishu: signatures, limits, codes, words.

What it answers is what the providers document for custom group robots; the signature checks are written anew here
and share nothing with the product.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.webhook_receiver import Server

KEY = "0f3b2c"
SECRET = "SEC9f2e"
WORDS: Mapping[str, Mapping[int, str]] = {
    "wecom": {
        0: "ok",
        -1: "system busy",
        40058: "invalid Request Parameter",
        45009: "api freq out of limit",
        93000: "invalid webhook url, hint: [1627094520]",
    },
    "dingtalk": {
        0: "ok",
        130101: "send too fast, exceed 20 times per minute",
        310000: "sign not match",
        300001: "token is not exist",
        460101: "message too long",
    },
    "feishu": {
        0: "success",
        9499: "Bad Request",
        11232: "frequency limited psm[lark.oapi.app_platform_runtime]appID[1500]",
        19001: "param invalid: incoming webhook access token invalid",
        19021: "sign match fail or timestamp is not within one hour from current time",
        19022: "Ip Not Allowed",
        19024: "Key Words Not Found",
    },
}
CODE_FIELD = {"wecom": "errcode", "dingtalk": "errcode", "feishu": "code"}


@dataclass
class Provider:
    """How one robot is set up, and what its group has seen."""

    kind: str
    code: int = 0
    """Answered instead of what the checks give, where it is not 0."""
    signed: bool = True
    per_minute: int | None = None
    keyword: str = ""
    clock_off_seconds: float = 0.0
    seen: list[str] = field(default_factory=list)
    called: list[list[str]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    blocked_until: float = 0.0

    def take(self, query: Mapping[str, list[str]], path: str, body: dict[str, Any]) -> int:
        """Return the code for one message."""
        code = self.code or self._check(query, path, body)
        if code:
            self.refused.append(code)
            return code
        text = body["text"]["content"] if self.kind != "feishu" else body["content"]["text"]
        self.seen.append(text)
        self.times.append(time.monotonic())
        match self.kind:
            case "wecom":
                self.called.append(body["text"].get("mentioned_list", []))
            case "dingtalk":
                self.called.append([each for each in body["at"]["atUserIds"] if f"@{each}" in text])
            case _:
                self.called.append([part.split('"')[0] for part in text.split('<at user_id="')[1:]])
        return 0

    def _check(self, query: Mapping[str, list[str]], path: str, body: dict[str, Any]) -> int:
        match self.kind:
            case "wecom":
                if query.get("key") != [KEY]:
                    return 93000
                if body.get("msgtype") != "text" or len(body["text"]["content"].encode()) > 2048:
                    return 40058
                return self._too_fast(45009, block_seconds=0.0)
            case "dingtalk":
                if query.get("access_token") != [KEY]:
                    return 300001
                if self.signed and not self._dingtalk_signed(query):
                    return 310000
                if self.keyword not in body["text"]["content"]:
                    return 310000
                return self._too_fast(130101, block_seconds=600.0)
            case _:
                if not path.endswith(KEY):
                    return 19001
                if len(json.dumps(body, ensure_ascii=False).encode()) > 20_000:
                    return 9499
                if self.signed and not self._feishu_signed(body):
                    return 19021
                if self.keyword not in body["content"]["text"]:
                    return 19024
                return self._too_fast(11232, block_seconds=0.0)

    def _too_fast(self, code: int, block_seconds: float) -> int:
        now = time.monotonic()
        if now < self.blocked_until:
            return code
        if self.per_minute is not None and sum(now - at < 60.0 for at in self.times) >= self.per_minute:
            self.blocked_until = now + block_seconds
            return code
        return 0

    def _now(self) -> float:
        return time.time() + self.clock_off_seconds

    def _dingtalk_signed(self, query: Mapping[str, list[str]]) -> bool:
        stamp, sign = query.get("timestamp", [""])[0], query.get("sign", [""])[0]
        wanted = hmac.digest(SECRET.encode(), f"{stamp}\n{SECRET}".encode(), hashlib.sha256)
        return sign == base64.b64encode(wanted).decode() and abs(int(stamp) / 1000 - self._now()) < 3600

    def _feishu_signed(self, body: dict[str, Any]) -> bool:
        stamp = str(body.get("timestamp", "0"))
        wanted = hmac.digest(f"{stamp}\n{SECRET}".encode(), b"", hashlib.sha256)
        return body.get("sign") == base64.b64encode(wanted).decode() and abs(int(stamp) - self._now()) < 3600


class ChatProviders:
    """Serves one robot of each kind: /cgi-bin/webhook/send, /robot/send and /open-apis/bot/v2/hook/."""

    def __init__(self) -> None:
        """Listen on any free loopback port."""
        self.robot = {kind: Provider(kind) for kind in WORDS}
        self._server = Server(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def url(self, kind: str, key: str = KEY) -> str:
        """Return a robot's address, as its group shows it."""
        path = {
            "wecom": f"/cgi-bin/webhook/send?key={key}",
            "dingtalk": f"/robot/send?access_token={key}",
            "feishu": f"/open-apis/bot/v2/hook/{key}",
        }[kind]
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        robots = self.robot

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                address = urlsplit(self.path)
                kind = {"cgi-bin": "wecom", "robot": "dingtalk"}.get(address.path.split("/")[1], "feishu")
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                code = robots[kind].take(parse_qs(address.query), address.path, body)
                words = "msg" if kind == "feishu" else "errmsg"
                answer = {CODE_FIELD[kind]: code, words: WORDS[kind].get(code, "refused")}
                if kind == "feishu" and code == 0:
                    answer = {"StatusCode": 0, "StatusMessage": "success", **answer, "data": {}}
                data = json.dumps(answer, ensure_ascii=False).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json; charset=UTF-8")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        return Handler
