"""Why there is no connection to a broker, and what to mend: the same words from the collector and from the doctor."""

from __future__ import annotations

import socket
import ssl

from collector.mqtt.broker_address import BrokerAddress
from grid.errors import BrokerError

_NOT_YET_VALID, _EXPIRED = 9, 10
_OTHER_NAMES = (62, 64)
"""OpenSSL's X509_V_ERR codes (x509_vfy.h): host name, IP address. Those of a missing authority are several."""
_NOT_OUR_FILE = ("NO_CERTIFICATE_OR_CRL_FOUND", "NO_START_LINE", "BAD_BASE64_DECODE", "BAD_END_LINE", "PEM_LIB")
_CERTIFICATE_ASKED = ("CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE", "BAD_CERTIFICATE")

NO_ANSWER_REMEDY = (
    'if it speaks only MQTT 3.1.1, set broker.protocol = "3.1.1"; if the port wants TLS, set broker.tls_ca_file; '
    "else check broker.port"
)
"""For a broker that hangs up before it has said anything."""


def no_connection(error: OSError, address: BrokerAddress) -> BrokerError:
    """Return what is wrong and how to mend it, of an error from connecting; it does not name the address."""
    match error:
        case ssl.SSLCertVerificationError():
            return _not_trusted(error, address)
        case ssl.SSLError():
            return _no_tls(error)
        case TimeoutError():
            return BrokerError("no answer", remedy="check broker.host, broker.port and firewalls")
        case socket.gaierror():
            return BrokerError(f"nobody knows the name {address.host}", remedy="mend broker.host, or the name service")
        case ConnectionRefusedError():
            what = "cannot be reached (nobody listens on this port)"
            return BrokerError(what, remedy="start the broker, or mend broker.host and broker.port")
        case ConnectionResetError() | BrokenPipeError() if address.tls_ca_file is not None:
            return _speaks_no_tls()
        case ConnectionResetError() | BrokenPipeError():
            return BrokerError("it hung up without an answer", remedy=NO_ANSWER_REMEDY)
        case _:
            what = f"cannot be reached ({error.strerror or error})"
            return BrokerError(what, remedy="start the broker, or mend broker.host and broker.port")


def _not_trusted(error: ssl.SSLCertVerificationError, address: BrokerAddress) -> BrokerError:
    if error.verify_code in _OTHER_NAMES:
        return BrokerError(
            f"its certificate is for another name than {address.host}",
            remedy="set broker.host to a name in the certificate, or have one made for this name",
        )
    if error.verify_code == _EXPIRED:
        return BrokerError(
            "its certificate has expired", remedy="renew it on the broker, or set this computer's clock if it is wrong"
        )
    if error.verify_code == _NOT_YET_VALID:
        return BrokerError(
            "its certificate is not valid yet", remedy="set this computer's clock, or look when the certificate begins"
        )
    return BrokerError(
        f"its certificate is not signed by the authority in broker.tls_ca_file ({error.verify_message})",
        remedy="put the certificate of the authority that signed the broker's into that file",
    )


def _no_tls(error: ssl.SSLError) -> BrokerError:
    reason = error.reason or str(error)
    if any(word in reason for word in _NOT_OUR_FILE):
        return BrokerError(
            "broker.tls_ca_file holds no certificate", remedy="name a PEM file that begins with BEGIN CERTIFICATE"
        )
    if isinstance(error, ssl.SSLEOFError) or reason in ("WRONG_VERSION_NUMBER", "UNEXPECTED_EOF_WHILE_READING"):
        return _speaks_no_tls()
    if any(word in reason for word in _CERTIFICATE_ASKED):
        return BrokerError(
            f"it ends the secure connection ({reason}): perhaps it asks for a certificate of ours, which we have not",
            remedy="let the broker ask for a name and password instead (mosquitto: require_certificate false)",
        )
    return BrokerError(f"no secure connection ({reason})", remedy="check broker.tls_ca_file and broker.port")


def _speaks_no_tls() -> BrokerError:
    return BrokerError(
        "it does not speak TLS on this port",
        remedy="set broker.port to its TLS port (usually 8883); without TLS, anybody on the way can read the password",
    )
