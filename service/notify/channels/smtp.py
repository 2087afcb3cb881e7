"""Messages by mail, one for each notice, under a Message-ID that stays the same however often it is sent."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path

from grid.errors import SettingsError
from grid.text import Language, Text
from grid.timestamps import SECOND_US
from service.notify.channels.http_post import tls_context
from service.notify.channels.notice import NotDelivered, Notice
from service.plain_text import one_line

_SUBJECT_LETTERS_MAX = 70
_DOMAIN = "redvest.invalid"


@dataclass(frozen=True)
class MailServer:
    """Where mail is handed in, and by whom."""

    host: str
    port: int
    security: str
    """`starttls`, `tls` from the first byte, or `none`."""
    username: str
    password: str
    timeout_seconds: float
    tls_ca_file: Path | None = None


class SmtpNotifier:
    """Hands each message to a mail server."""

    def __init__(self, server: MailServer, sender: str, recipients: tuple[str, ...], language: Language) -> None:
        """Send from `sender` to all `recipients`. Raises SettingsError for an address that is none."""
        self._server = server
        self._sender = sender
        self._recipients = recipients
        self._language = language
        self._tls = tls_context(server.tls_ca_file, "notify.smtp.tls_ca_file")
        for address in (sender, *recipients):
            if "@" not in address or any(letter.isspace() or letter in ",;<>" for letter in address):
                raise SettingsError(
                    Text(f"{address!r} 不是邮箱地址", f"{address!r} is no mail address"),
                    where="notify.smtp",
                    remedy=Text("请写成 name@example.org", "write it like name@example.org"),
                )

    def send(self, notice: Notice) -> None:
        """Send the mail. Raises NotDelivered, also where only some of the recipients were taken."""
        try:
            with self._connected() as connection:
                refused = connection.send_message(self._mail(notice), self._sender, list(self._recipients))
        except smtplib.SMTPResponseException as error:
            words = (
                error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
            )
            raise NotDelivered(one_line(f"SMTP {error.smtp_code} {words}")[:200]) from error
        except smtplib.SMTPRecipientsRefused as error:
            codes = sorted({code for code, _ in error.recipients.values()})
            raise NotDelivered(f"SMTP {codes[0] if codes else ''}: no recipient was taken") from error
        except (OSError, smtplib.SMTPException, ssl.SSLError, UnicodeError) as error:
            if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
                raise NotDelivered(f"no answer within {self._server.timeout_seconds:g} s") from error
            raise NotDelivered(one_line(f"{type(error).__name__}: {error}")[:200]) from error
        if refused:
            raise NotDelivered(f"SMTP: {len(refused)} of {len(self._recipients)} recipients were refused")

    def _connected(self) -> smtplib.SMTP:
        by = self._server
        if by.security == "tls":
            connection: smtplib.SMTP = smtplib.SMTP_SSL(by.host, by.port, timeout=by.timeout_seconds, context=self._tls)
        else:
            connection = smtplib.SMTP(by.host, by.port, timeout=by.timeout_seconds)
        try:
            if by.security == "starttls":
                connection.starttls(context=self._tls)
            if by.username:
                connection.login(by.username, by.password)
        except BaseException:
            connection.close()
            raise
        return connection

    def _mail(self, notice: Notice) -> EmailMessage:
        words = notice.text.to(self._language)
        mail = EmailMessage()
        subject = one_line(words)
        mail["Subject"] = subject if len(subject) <= _SUBJECT_LETTERS_MAX else subject[:_SUBJECT_LETTERS_MAX] + "…"
        mail["From"], mail["To"] = self._sender, ", ".join(self._recipients)
        mail["Date"] = formatdate(notice.created_at_us / SECOND_US)
        mail["Message-ID"] = f"<{notice.number}.{notice.created_at_us}@{_DOMAIN}>"
        mail["Auto-Submitted"] = "auto-generated"
        lines = "\n".join(one_line(line) for line in words.split("\n"))
        mail.set_content(f"{lines}\n\n#{notice.number} {notice.link}\n")
        return mail
