"""A webhook: each message as a JSON POST to an address of the station's own, signed where there is a secret."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

from grid.text import Language
from service.clock import SystemClock
from service.notify.channels.answers import SuccessRule, judge
from service.notify.channels.http_post import HttpPost
from service.notify.channels.notice import Notice, notice_json

TIMESTAMP_HEADER = "X-Redvest-Timestamp"
SIGNATURE_HEADER = "X-Redvest-Signature"


class WebhookNotifier:
    """Posts each message. Redirects are not followed; what the answer says is judged."""

    def __init__(
        self,
        url: str,
        language: Language,
        timeout_seconds: float,
        tls_ca_file: Path | None = None,
        secret: str = "",
        success: SuccessRule | None = None,
    ) -> None:
        """Post to `url`, http or https; an answer that takes longer than the timeout in all is a failure."""
        self._url = url
        self._language = language
        self._post = HttpPost(timeout_seconds, tls_ca_file, "notify.webhook.tls_ca_file")
        self._secret = secret
        self._success = success

    def send(self, notice: Notice) -> None:
        """Post the message and judge the answer. Raises NotDelivered."""
        body = json.dumps(notice_json(notice, self._language), ensure_ascii=False).encode()
        headers = {}
        if self._secret:
            at_seconds = SystemClock().now_us() // 1_000_000
            headers = {TIMESTAMP_HEADER: str(at_seconds), SIGNATURE_HEADER: signature(self._secret, at_seconds, body)}
        judge(self._post.send(self._url, body, headers), self._success)


def signature(secret: str, at_seconds: int, body: bytes) -> str:
    """Return `sha256=` and HMAC-SHA256 of the time [s since 1970], a dot and the body, in hexadecimal.

    >>> signature("hunter2", 1627094520, b"{}")
    'sha256=5237f0cd7ea178d30aeafabf94ee8623699e9f5fdd5ffe41791794e65e73efe6'
    """
    signed = str(at_seconds).encode() + b"." + body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
