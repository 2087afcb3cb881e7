"""Why there is no connection to a broker, and what to mend: the same words from the collector and from the doctor."""

from __future__ import annotations

import os
import socket
import ssl

from collector.mqtt.broker_address import BrokerAddress
from grid.errors import BrokerError
from grid.os_reasons import os_reason
from grid.text import Text

_NOT_YET_VALID, _EXPIRED = 9, 10
_OTHER_NAMES = (62, 64)
"""OpenSSL's X509_V_ERR codes (x509_vfy.h): host name, IP address. Those of a missing authority are several."""
_NOT_OUR_FILE = ("NO_CERTIFICATE_OR_CRL_FOUND", "NO_START_LINE", "BAD_BASE64_DECODE", "BAD_END_LINE", "PEM_LIB")
_CERTIFICATE_ASKED = ("CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE", "BAD_CERTIFICATE")

NO_ANSWER_REMEDY = Text(
    '若它只支持 MQTT 3.1.1，请设 broker.protocol = "3.1.1"；若该端口要求 TLS，请设 broker.tls_ca_file；'
    "否则请检查 broker.port",
    'if it speaks only MQTT 3.1.1, set broker.protocol = "3.1.1"; if the port wants TLS, set broker.tls_ca_file; '
    "else check broker.port",
)
"""For a broker that hangs up before it has said anything."""

PASSWORD_SHOWN = Text(
    "口令不经加密发送，途中的任何人都能看到", "the password goes without TLS: anybody on the way can read it"
)
PASSWORD_SHOWN_REMEDY = Text(
    "请设 broker.tls_ca_file，并把 broker.port 设为 TLS 端口（通常为 8883）",
    "set broker.tls_ca_file, and broker.port to the TLS port (usually 8883)",
)


def no_connection(error: OSError, address: BrokerAddress) -> BrokerError:
    """Return what is wrong and how to mend it, of an error from connecting; it does not name the address."""
    match error:
        case ssl.SSLCertVerificationError():
            return _not_trusted(error, address)
        case ssl.SSLError():
            return _no_tls(error)
        case FileNotFoundError() | IsADirectoryError() | PermissionError() if _is_unreadable(address):
            why = os_reason(error)
            return BrokerError(
                Text(
                    f"broker.tls_ca_file（{address.tls_ca_file}）无法读取（{why.zh}）",
                    f"broker.tls_ca_file ({address.tls_ca_file}) cannot be read ({error.strerror or error})",
                ),
                remedy=Text(
                    "请指定签发消息服务器证书的机构的证书文件（PEM）",
                    "name the file with the certificate of the authority that signed the broker's (PEM)",
                ),
            )
        case TimeoutError():
            return BrokerError(
                Text("没有应答", "no answer"),
                remedy=Text("请检查 broker.host、broker.port 和防火墙", "check broker.host, broker.port and firewalls"),
            )
        case socket.gaierror():
            return BrokerError(
                Text(f"域名 {address.host} 无法解析", f"nobody knows the name {address.host}"),
                remedy=Text("请改正 broker.host，或检查域名服务", "mend broker.host, or the name service"),
            )
        case ConnectionRefusedError():
            what = Text("无法连上（该端口无人监听）", "cannot be reached (nobody listens on this port)")
            return BrokerError(
                what,
                remedy=Text(
                    "请启动消息服务器，或改正 broker.host 和 broker.port",
                    "start the broker, or mend broker.host and broker.port",
                ),
            )
        case ConnectionResetError() | BrokenPipeError() if address.tls_ca_file is not None:
            return _speaks_no_tls()
        case ConnectionResetError() | BrokenPipeError():
            return BrokerError(Text("它没有应答就断开了", "it hung up without an answer"), remedy=NO_ANSWER_REMEDY)
        case _:
            what = Text(f"无法连上（{os_reason(error).zh}）", f"cannot be reached ({error.strerror or error})")
            return BrokerError(
                what,
                remedy=Text(
                    "请启动消息服务器，或改正 broker.host 和 broker.port",
                    "start the broker, or mend broker.host and broker.port",
                ),
            )


def _is_unreadable(address: BrokerAddress) -> bool:
    return address.tls_ca_file is not None and not (
        address.tls_ca_file.is_file() and os.access(address.tls_ca_file, os.R_OK)
    )


def _not_trusted(error: ssl.SSLCertVerificationError, address: BrokerAddress) -> BrokerError:
    if error.verify_code in _OTHER_NAMES:
        return BrokerError(
            Text(f"它的证书上的名称不是 {address.host}", f"its certificate is for another name than {address.host}"),
            remedy=Text(
                "请把 broker.host 设为证书上的名称，或为这个名称签发证书",
                "set broker.host to a name in the certificate, or have one made for this name",
            ),
        )
    if error.verify_code == _EXPIRED:
        return BrokerError(
            Text("它的证书已过期", "its certificate has expired"),
            remedy=Text(
                "请在消息服务器上更新证书；若本机时钟不准，请先校准",
                "renew it on the broker, or set this computer's clock if it is wrong",
            ),
        )
    if error.verify_code == _NOT_YET_VALID:
        return BrokerError(
            Text("它的证书尚未生效", "its certificate is not valid yet"),
            remedy=Text(
                "请校准本机时钟，或查看证书的生效时间", "set this computer's clock, or look when the certificate begins"
            ),
        )
    return BrokerError(
        Text(
            f"它的证书不是由 broker.tls_ca_file 中的机构签发的（{error.verify_message}）",
            f"its certificate is not signed by the authority in broker.tls_ca_file ({error.verify_message})",
        ),
        remedy=Text(
            "请把签发消息服务器证书的机构的证书放入该文件",
            "put the certificate of the authority that signed the broker's into that file",
        ),
    )


def _no_tls(error: ssl.SSLError) -> BrokerError:
    reason = error.reason or str(error)
    if any(word in reason for word in _NOT_OUR_FILE):
        return BrokerError(
            Text("broker.tls_ca_file 中没有证书", "broker.tls_ca_file holds no certificate"),
            remedy=Text(
                "请指定以 BEGIN CERTIFICATE 开头的 PEM 文件", "name a PEM file that begins with BEGIN CERTIFICATE"
            ),
        )
    if isinstance(error, ssl.SSLEOFError) or reason in ("WRONG_VERSION_NUMBER", "UNEXPECTED_EOF_WHILE_READING"):
        return _speaks_no_tls()
    if any(word in reason for word in _CERTIFICATE_ASKED):
        return BrokerError(
            Text(
                f"它中断了安全连接（{reason}）：可能要求本方证书，而本方没有",
                f"it ends the secure connection ({reason}): it may ask for a certificate of ours, which we have not",
            ),
            remedy=Text(
                "请让消息服务器改用用户名和口令（mosquitto：require_certificate false）",
                "let the broker ask for a name and password instead (mosquitto: require_certificate false)",
            ),
        )
    return BrokerError(
        Text(f"无法建立安全连接（{reason}）", f"no secure connection ({reason})"),
        remedy=Text("请检查 broker.tls_ca_file 和 broker.port", "check broker.tls_ca_file and broker.port"),
    )


def _speaks_no_tls() -> BrokerError:
    return BrokerError(
        Text("它在这个端口上不使用 TLS", "it does not speak TLS on this port"),
        remedy=Text(
            "请把 broker.port 设为它的 TLS 端口（通常为 8883）；不用 TLS，途中的任何人都能看到口令",
            "set broker.port to its TLS port (usually 8883); without TLS, anybody on the way can read the password",
        ),
    )
