"""How receivers say no: a 200 that refuses in other words is no delivery, and a yes in other words is one."""

from __future__ import annotations

import json

import pytest

from service.notify.channels.answers import SuccessRule, judge
from service.notify.channels.http_post import Answer
from service.notify.channels.notice import NotDelivered

YES = [
    "",
    "ok",
    "OK\n",
    "success",
    "true",
    "1",
    "accepted",
    "[" * 5000,
    '{"errcode": 0, "errmsg": "ok"}',
    '{"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"}',
    '{"code": "0"}',
    '{"code": "00000", "message": "成功"}',
    '{"code": 200, "msg": "success"}',
    '{"Code": "OK", "Message": "OK", "BizId": "9006"}',
    '{"success": true}',
    '{"ok": true, "result": {"message_id": 7, "text": "error 42 failed"}}',
    '{"success": true, "error": null}',
    '{"status": "ok", "errors": []}',
    '{"status": "queued", "id": "7"}',
    '{"status": 200}',
    '{"status": 1}',
    '{"id": 12, "event": "message", "topic": "alarms"}',
    '{"retcode": 0, "status": "ok", "data": {"message_id": 5}}',
    '{"SendStatusSet": [{"Code": "Ok", "Message": "send success"}]}',
    "<xml><return_code>SUCCESS</return_code></xml>",
    "<string>ok</string>",
]
NO = [
    ('{"success": false, "message": "no such room"}', "success false no such room"),
    ('{"success": "false"}', "success false"),
    ('{"success": 0}', "success 0"),
    ('{"success": null}', "success None"),
    ('{"Success":false}', "Success false"),
    ('{"is_success": "F"}', "is_success F"),
    ('{"ok":false}', "ok false"),
    ('{"ok": false, "error_code": 400, "description": "Bad Request: chat not found"}', "ok false"),
    ("false", "false"),
    ('{"StatusCode":1}', "StatusCode 1"),
    ('{"StatusCode": 1, "StatusMessage": "token invalid"}', "token invalid"),
    ('{"errcode": 93000, "errmsg": "invalid webhook"}', "errcode 93000 invalid webhook"),
    ('{"errCode": "40035"}', "errCode 40035"),
    ('{"errno": 3}', "errno 3"),
    ('{"code": 19024, "msg": "Key Words Not Found"}', "code 19024 Key Words Not Found"),
    ('{"code": "InvalidKey"}', "code InvalidKey"),
    ('{"code": 1}', "code 1"),
    ('{"code": -1, "msg": ""}', "code -1"),
    ('{"code": 401}', "code 401"),
    ('{"Code": "isv.BUSINESS_LIMIT_CONTROL", "Message": "触发流控"}', "isv.BUSINESS_LIMIT_CONTROL"),
    ('{"ret": -1}', "ret -1"),
    ('{"retcode": 100, "status": "failed"}', "retcode 100"),
    ('{"resultCode": "FAIL"}', "resultCode FAIL"),
    ('{"status": "error", "message": "quota"}', "status error quota"),
    ('{"status": "failed"}', "failed"),
    ('{"status": 403}', "status 403"),
    ('{"result": "fail"}', "fail"),
    ('{"result": false}', "result false"),
    ('{"state": "REJECTED"}', "REJECTED"),
    ('{"error": "invalid_auth"}', "invalid_auth"),
    ('{"error": {"code": 7, "message": "no"}}', "error"),
    ('{"errors": ["a"]}', "errors"),
    ('{"data": {"success": false}}', "success false"),
    ('{"Response": {"Error": {"Code": "AuthFailure", "Message": "x"}, "RequestId": "1"}}', "Error"),
    ('{"SendStatusSet": [{"Code": "FailedOperation.PhoneNumberInBlacklist"}]}', "FailedOperation"),
    ('[{"success": false}]', "success false"),
    ('[{"code": 1}]', "code 1"),
    ('{"msg": "x", "status": "失败"}', "失败"),
    ("fail", "fail"),
    ("failed: no such room", "failed"),
    ("ERROR 17", "ERROR"),
    ("error", "error"),
    ("invalid token", "invalid token"),
    ("Too many requests", "Too many"),
    ("not logged in", "not logged"),
    ("发送失败", "发送失败"),
    ("登录超时，请重新登录", "登录超时"),
    ("<!DOCTYPE html><html><head><title>统一身份认证</title></head></html>", "统一身份认证"),
    ("<html><body>Please log in</body></html>", "web page"),
    ("  \n<HTML><form action=/login></form></HTML>", "web page"),
    ("<script>location='/login'</script>", "web page"),
    ("<xml><return_code><![CDATA[FAIL]]></return_code><return_msg>签名失败</return_msg></xml>", "return_code FAIL"),
    ("<soap:Envelope><soap:Body><soap:Fault/></soap:Body></soap:Envelope>", "XML fault"),
    ("<resp><code>5</code></resp>", "code 5"),
]


def answered(body: str | bytes, content_type: str = "", status: int = 200) -> Answer:
    return Answer(status, "", content_type, body if isinstance(body, bytes) else body.encode())


@pytest.mark.parametrize("body", YES)
def test_a_yes_is_a_delivery(body: str) -> None:
    judge(answered(body))


@pytest.mark.parametrize(("body", "reason"), NO)
def test_a_no_in_any_words_is_no_delivery(body: str, reason: str) -> None:
    with pytest.raises(NotDelivered) as raised:
        judge(answered(body))
    assert reason in raised.value.reason
    assert raised.value.reason.startswith("HTTP 200, but ")


@pytest.mark.parametrize("content_type", ["", "text/plain; charset=gbk", "application/json;charset=GB2312"])
@pytest.mark.parametrize(
    "words", ['{"success": false, "message": "密钥错误"}', "发送失败：密钥错误", '{"code": 5, "msg": "密钥错误"}']
)
def test_a_no_in_gbk_is_read(words: str, content_type: str) -> None:
    with pytest.raises(NotDelivered, match="密钥错误"):
        judge(answered(words.encode("gbk"), content_type))


def test_a_page_that_says_so_only_in_its_header_is_a_page() -> None:
    with pytest.raises(NotDelivered, match="web page"):
        judge(answered("welcome", "text/html; charset=utf-8"))


@pytest.mark.parametrize(
    "code_field", ["errcode", "err_code", "ErrCode", "error_code", "StatusCode", "status_code", "code"]
)
def test_a_code_is_read_however_its_field_is_written(code_field: str) -> None:
    judge(answered(json.dumps({code_field: 0})))
    with pytest.raises(NotDelivered):
        judge(answered(json.dumps({code_field: 45009})))


@pytest.mark.parametrize(
    ("body", "is_taken"),
    [
        ('{"data": {"result": 1}}', True),
        ('{"data": {"result": "done"}, "code": 1}', True),
        ('{"data": {"result": true}}', False),
        ('{"data": {"result": 0}}', False),
        ('{"data": {}}', False),
        ('{"code": 0}', False),
        ("ok", False),
        ("<html>", False),
    ],
)
def test_a_station_s_own_rule_decides_alone(body: str, is_taken: bool) -> None:
    rule = SuccessRule("data.result", ("1", "done"))
    if is_taken:
        judge(answered(body), rule)
    else:
        with pytest.raises(NotDelivered, match=r"data\.result"):
            judge(answered(body), rule)


def test_no_rule_makes_a_refusing_status_a_success() -> None:
    with pytest.raises(NotDelivered, match="HTTP 500"):
        judge(answered('{"code": 0}', status=500), SuccessRule("code", ("0",)))


def test_a_reason_is_one_short_line() -> None:
    with pytest.raises(NotDelivered) as raised:
        judge(answered(json.dumps({"error": "a\r\nb\x1b[2J" + "x" * 5000})))
    assert len(raised.value.reason) <= 200
    assert "\n" not in raised.value.reason and "\x1b" not in raised.value.reason
