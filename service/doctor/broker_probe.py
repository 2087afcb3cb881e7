"""Asks a broker whether it would take us, in one exchange: CONNECT, CONNACK, DISCONNECT. Leaves no session behind."""

from __future__ import annotations

import os
import socket
import ssl

from collector.mqtt.broker_address import BrokerAddress
from collector.mqtt.connection_errors import NO_ANSWER_REMEDY, no_connection
from grid.errors import BrokerError

_LEVELS = {"3.1.1": 4, "5": 5}
_REFUSALS = {
    1: "it does not speak this MQTT version",
    2: "it does not take our client name",
    3: "it is not available",
    4: "wrong user name or password",
    5: "we are not authorised",
    0x84: "it does not speak this MQTT version",
    0x85: "it does not take our client name",
    0x86: "wrong user name or password",
    0x87: "we are not authorised",
    0x88: "it is not available",
    0x8A: "we are banned",
}
_REMEDIES = {
    "it does not speak this MQTT version": "set broker.protocol to the other version",
    "wrong user name or password": "check broker.username and broker.password_file",
    "we are not authorised": "check broker.username and the broker's access list",
}
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
            "it hung up or is no MQTT broker",
            where=where,
            remedy=NO_ANSWER_REMEDY,
        )
    code = answer[3]
    if code:
        reason = _REFUSALS.get(code, f"refused with code {code}")
        raise BrokerError(reason, where=where, remedy=_REMEDIES.get(reason, "see the broker's log"))
