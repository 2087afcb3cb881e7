"""Asks a broker whether it would take us, in one exchange: CONNECT, CONNACK, DISCONNECT. Leaves no session behind."""

from __future__ import annotations

import os
import socket
import ssl

from collector.mqtt.broker_address import BrokerAddress
from collector.mqtt.connection_errors import NO_ANSWER_REMEDY, no_connection
from grid.errors import BrokerError
from grid.text import Text

_LEVELS = {"3.1.1": 4, "5": 5}
_VERSION = Text("它不支持这个 MQTT 版本", "it does not speak this MQTT version")
_NAME = Text("它不接受我们的客户端名称", "it does not take our client name")
_AWAY = Text("它暂不可用", "it is not available")
_LOGIN = Text("用户名或口令不对", "wrong user name or password")
_RIGHTS = Text("我们没有授权", "we are not authorised")
_REFUSALS = {
    1: _VERSION,
    2: _NAME,
    3: _AWAY,
    4: _LOGIN,
    5: _RIGHTS,
    0x84: _VERSION,
    0x85: _NAME,
    0x86: _LOGIN,
    0x87: _RIGHTS,
    0x88: _AWAY,
    0x8A: Text("我们被禁止连接", "we are banned"),
}
_REMEDIES = {
    _VERSION: Text("请把 broker.protocol 设为另一个版本", "set broker.protocol to the other version"),
    _LOGIN: Text("请检查 broker.username 和 broker.password_file", "check broker.username and broker.password_file"),
    _RIGHTS: Text(
        "请检查 broker.username 和消息服务器的访问控制表", "check broker.username and the broker's access list"
    ),
}
_SEE_ITS_LOG = Text("请查看消息服务器的日志", "see the broker's log")
_CLEAN_START, _PASSWORD, _USERNAME = 0x02, 0x40, 0x80


def probe(address: BrokerAddress, timeout_seconds: float = 3.0) -> None:
    """Return when the broker would take us. Raises BrokerError with the reason and the remedy."""
    where = str(address)
    try:
        with (
            socket.create_connection((address.host, address.port), timeout_seconds) as plain,
            _secured(plain, address) as connection,
        ):
            connection.sendall(_connect(address))
            answer = connection.recv(64)
            if answer[:1] == b"\x20":
                connection.sendall(b"\xe0\x00")
    except OSError as error:
        fault = no_connection(error, address)
        raise BrokerError(fault.what, where=where, remedy=fault.remedy) from error
    _judge(answer, where)


def _secured(plain: socket.socket, address: BrokerAddress) -> socket.socket:
    if address.tls_ca_file is None:
        return plain
    return ssl.create_default_context(cafile=address.tls_ca_file).wrap_socket(plain, server_hostname=address.host)


def _connect(address: BrokerAddress) -> bytes:
    """Return a CONNECT packet (MQTT 3.1.1 and 5, section 3.1)."""
    level = _LEVELS[address.protocol]
    flags = (
        _CLEAN_START
        | (_USERNAME if address.username else 0)
        | (_PASSWORD if address.username and address.password else 0)
    )
    body = _text("MQTT") + bytes([level, flags]) + (10).to_bytes(2, "big") + (b"\x00" if level == 5 else b"")
    body += _text(f"redvest-doctor-{os.getpid()}")
    if flags & _USERNAME:
        body += _text(address.username)
    if flags & _PASSWORD:
        body += _text(address.password)
    length, rest = b"", len(body)
    while True:
        rest, low = divmod(rest, 128)
        length += bytes([low | (0x80 if rest else 0)])
        if not rest:
            return b"\x10" + length + body


def _text(text: str) -> bytes:
    raw = text.encode()
    return len(raw).to_bytes(2, "big") + raw


def _judge(answer: bytes, where: str) -> None:
    if len(answer) < 4 or answer[0] != 0x20:
        raise BrokerError(
            Text("它断开了连接，或不是 MQTT 消息服务器", "it hung up or is no MQTT broker"),
            where=where,
            remedy=NO_ANSWER_REMEDY,
        )
    code = answer[3]
    if code:
        reason = _REFUSALS.get(code, Text(f"它拒绝了，代码 {code}", f"refused with code {code}"))
        raise BrokerError(reason, where=where, remedy=_REMEDIES.get(reason, _SEE_ITS_LOG))
