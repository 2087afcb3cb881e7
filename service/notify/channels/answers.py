"""How receivers say no in an HTTP answer: the ways of robots and gateways as tables. The body decides, not the status.

Fields are compared without case and underscores: `StatusCode`, `status_code` and `statuscode` are one. A receiver
whose "yes" looks like a "no" here (such as `{"code": 1}` for done) is given a `SuccessRule` by the station.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from service.notify.channels.http_post import Answer
from service.notify.channels.notice import NotDelivered
from service.plain_text import one_line

WAIT_SECONDS_MAX = 3600.0
_DEPTH_MAX = 4
_ITEMS_MAX = 200
_REASON_LETTERS_MAX = 200
_TEXT_LETTERS_READ = 2000

CODE_FIELDS = frozenset(
    (
        *("errcode", "code", "statuscode", "errorcode", "errno", "ret", "retcode", "rc", "resultcode", "returncode"),
        *("respcode", "responsecode", "bizcode", "subcode", "resultstatus"),
    )
)
"""Fields that hold 0, a 2xx or a word of consent when all is well."""
_GOOD_CODE = re.compile(r"0*|0*2\d\d|ok|success|successful|succeed|succeeded|done|accepted|sent|none|null|true|成功")
CONSENT_FIELDS = frozenset(
    ("success", "ok", "successful", "succeeded", "issuccess", "isok", "delivered", "accepted", "sent", "passed")
)
"""Fields that are true when all is well."""
_NO = frozenset(("false", "no", "n", "f", "0", "fail", "failed", "failure", "error", "否", "失败"))
STATE_FIELDS = frozenset(["status", "state", "result", "outcome", "returnmsg", "resultmsg"])
"""Fields with a word, or a number that is an HTTP status; other numbers there mean nothing certain."""
_BAD_STATE = re.compile(
    r"(?:.*\b)?(?:false|no|ng|nok|fail\w*|err|error\w*|exception|denied|reject\w*|refused?|invalid\w*|unauthori[sz]ed|"
    r"forbidden|expired|blocked|throttled|timeout|[45]\d\d)\b.*|.*(?:失败|错误|拒绝|异常|无效|非法|未授权|无权限|过期).*|-\d+"
)
ERROR_FIELDS = frozenset(
    ("error", "errors", "err", "exception", "fault", "failure", "failures", "errordescription", "errorinfo")
)
"""Fields that are empty, or missing, when all is well."""
_NOTHING_WRONG = frozenset(("", "0", "false", "none", "null", "ok", "success", "no", "无", "成功"))
_WORD_FIELDS = ("errmsg", "msg", "message", "description", "statusmessage", "errormessage", "reason", "detail", "info")
_REFUSAL_TEXT = re.compile(
    r"\s*(?:[\[{(\"'【]?\s*)(?:false\b|no\b|nok\b|fail|err(?:or|code)?\b|exception|denied|access denied|forbidden|"
    r"unauthori[sz]ed|invalid|bad request|not (?:found|allowed|authori[sz]ed|logged)|too many|rate limit|refused|"
    r"rejected|blocked|expired|please log ?in|login|internal|service unavailable|bad gateway)"
    r"|.*(?:失败|错误|拒绝|异常|无效|非法|未授权|未登录|无权限|没有权限|请登录|登录超时|过期|不存在|过于频繁|超过限制|限流)",
    re.IGNORECASE | re.DOTALL,
)
_PAGE = re.compile(r"\s*(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+html|html|head|body|script|meta|title|form|div|h1)\b", re.I)
_XML_VALUE = re.compile(r"<(?:\w+:)?(\w+)[^<>]*>\s*(?:<!\[CDATA\[)?([^<>\]]*)(?:\]\]>)?\s*</")
_XML_FAULT = re.compile(r"<(?:\w+:)?(?:fault|exception|error)\b", re.IGNORECASE)


@dataclass(frozen=True)
class SuccessRule:
    """What a station says its receiver answers when it took a message: one field and its values."""

    field: str
    """With dots for what lies deeper, such as `data.result`."""
    values: tuple[str, ...]


def judge(answer: Answer, rule: SuccessRule | None = None) -> None:
    """Return when an answer says that the message was taken. Raises NotDelivered with what it says instead."""
    wait = _wait_seconds(answer.retry_after)
    if 300 <= answer.status < 400:
        raise NotDelivered(f"HTTP {answer.status}: the address redirects, which is not followed", wait)
    if not 200 <= answer.status < 300:
        raise NotDelivered(f"HTTP {answer.status}", wait)
    text = decoded(answer)
    refusal = _refusal(text, answer.content_type) if rule is None else _misses(text, rule)
    if refusal:
        raise NotDelivered(one_line(f"HTTP {answer.status}, but {refusal}")[:_REASON_LETTERS_MAX], wait)


def decoded(answer: Answer) -> str:
    """Return the body as text: by the charset that it names, else UTF-8, else GB18030 as older gateways send it."""
    named = re.search(r"charset=[\"']?([\w.-]+)", answer.content_type, re.IGNORECASE)
    for encoding in ([named[1]] if named else []) + ["utf-8-sig", "gb18030"]:
        try:
            return answer.body.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return answer.body.decode("latin-1")


def parsed(text: str) -> Any:
    """Return a body's JSON value; None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _refusal(text: str, content_type: str) -> str:
    value = parsed(text)
    if isinstance(value, dict | list):
        return next(_refusals(value, 0), "")
    if value is False:
        return "the answer is false"
    read = text[:_TEXT_LETTERS_READ]
    if _PAGE.match(read) or "text/html" in content_type.lower():
        return _page_words(read)
    if read.lstrip().startswith("<"):
        return _xml_refusal(read)
    return f"the answer is {read.strip()!r}" if _REFUSAL_TEXT.match(read) else ""


def _refusals(value: Any, depth: int) -> Iterator[str]:
    if depth >= _DEPTH_MAX:
        return
    if isinstance(value, list):
        for item in value[:_ITEMS_MAX]:
            yield from _refusals(item, depth + 1)
        return
    if not isinstance(value, dict):
        return
    for name, of in list(value.items())[:_ITEMS_MAX]:
        if _says_no(name.replace("_", "").replace("-", "").lower(), of):
            yield f"{name} {_shown(of)} {_words_beside(value, name)}".strip()
    for of in list(value.values())[:_ITEMS_MAX]:
        yield from _refusals(of, depth + 1)


def _says_no(field: str, value: Any) -> bool:
    plain = str(value).strip().lower()
    if field in CODE_FIELDS:
        return not isinstance(value, dict | list) and not _GOOD_CODE.fullmatch(plain)
    if field in CONSENT_FIELDS:
        return value is None or (not isinstance(value, dict | list) and plain in _NO)
    if field in STATE_FIELDS:
        return not isinstance(value, dict | list) and bool(_BAD_STATE.fullmatch(plain))
    if field in ERROR_FIELDS:
        return bool(value) and plain not in _NOTHING_WRONG
    return False


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, bool | dict | list) else str(value)


def _words_beside(value: dict[str, Any], name: str) -> str:
    by_field = {key.replace("_", "").lower(): str(of) for key, of in value.items() if key != name}
    return next((by_field[field] for field in _WORD_FIELDS if field in by_field), "")


def _page_words(text: str) -> str:
    title = re.search(r"<title[^>]*>([^<]{1,60})", text, re.IGNORECASE)
    named = f" {title[1].strip()!r}" if title else ""
    return f"the answer is a web page{named}, such as that of a login or a proxy"


def _xml_refusal(text: str) -> str:
    if _XML_FAULT.search(text):
        return "the answer is an XML fault"
    for name, of in _XML_VALUE.findall(text):
        field = name.replace("_", "").lower()
        if _says_no(field, of):
            return f"{name} {of}"
    return ""


def _misses(text: str, rule: SuccessRule) -> str:
    """Return why an answer is not what the station's rule wants; empty when it is."""
    value = parsed(text)
    for part in rule.field.split("."):
        if isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict) and part in value:
            value = value[part]
        else:
            return f"it has no field {rule.field}"
    if _shown(value) in rule.values:
        return ""
    return f"{rule.field} is {_shown(value)}, wanted {' or '.join(rule.values)}"


def _wait_seconds(retry_after: str) -> float | None:
    return min(float(retry_after), WAIT_SECONDS_MAX) if retry_after.isascii() and retry_after.isdigit() else None
