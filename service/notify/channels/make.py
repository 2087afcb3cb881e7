"""From the settings to the channels: each with its name, its kind, whom it serves and how fast it may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TextIO

from service.notify.channels.answers import SuccessRule
from service.notify.channels.local import FileNotifier, TerminalNotifier
from service.notify.channels.notice import Notifier
from service.notify.channels.robots import PROVIDERS, RobotNotifier
from service.notify.channels.smtp import MailServer, SmtpNotifier
from service.notify.channels.webhook import WebhookNotifier
from service.notify.rates import UNLIMITED, SendRate
from service.settings.sections import ChannelName, RobotChannel
from service.settings.settings import Settings, http_address, read_secret


@dataclass(frozen=True)
class Channel:
    """One way for messages to go, as the settings name it."""

    name: str
    kind: str
    stations: tuple[str, ...]
    """Empty: all of them, but for `grids`."""
    grids: tuple[str, ...]
    rate: SendRate
    make: Callable[[TextIO], Notifier]
    """Raises SettingsError. The terminal is the only one that writes to the given stream."""


def channels_of(settings: Settings) -> tuple[Channel, ...]:
    """Return the channels of the settings, in their order; no secret is read yet."""
    makers: Mapping[ChannelName, Callable[[TextIO], Notifier]] = {
        ChannelName.TERMINAL: lambda stream: TerminalNotifier(stream, settings.language),
        ChannelName.FILE: lambda _: FileNotifier(settings.notifications_file, settings.language),
        ChannelName.WEBHOOK: lambda _: _webhook(settings),
        ChannelName.SMTP: lambda _: _smtp(settings),
    }
    own = [Channel(each.value, each.value, (), (), UNLIMITED, makers[each]) for each in settings.notify.channels]
    named = zip(settings.notify.robot_names(), settings.notify.robots, strict=True)
    return (*own, *(_robot(name, robot, settings) for name, robot in named))


def make_notifiers(settings: Settings, terminal: TextIO) -> Mapping[str, Notifier]:
    """Return the senders of all channels by name. Raises SettingsError."""
    return {channel.name: channel.make(terminal) for channel in channels_of(settings)}


def _webhook(settings: Settings) -> Notifier:
    values = settings.notify.webhook
    success = SuccessRule(values.success_field, values.success_values) if values.success_field else None
    return WebhookNotifier(
        settings.webhook_url(),
        settings.language,
        values.timeout_seconds,
        values.tls_ca_file,
        settings.webhook_secret(),
        success,
    )


def _smtp(settings: Settings) -> Notifier:
    values = settings.notify.smtp
    server = MailServer(
        host=values.host,
        port=values.port,
        security=values.security,
        username=values.username,
        password=settings.smtp_password(),
        timeout_seconds=values.timeout_seconds,
        tls_ca_file=values.tls_ca_file,
    )
    return SmtpNotifier(server, values.sender, values.recipients, settings.language)


def _robot(name: str, robot: RobotChannel, settings: Settings) -> Channel:
    def make(_: TextIO) -> Notifier:
        key = f"notify.robots ({name}) url_file"
        url = http_address(read_secret(robot.url_file, key), key) if robot.url_file else ""
        secret = read_secret(robot.secret_file, f"notify.robots ({name}) secret_file") if robot.secret_file else ""
        return RobotNotifier(robot.kind, url, secret, settings.language, robot.timeout_seconds, robot.tls_ca_file)

    return Channel(name, robot.kind.value, robot.stations, robot.grids, PROVIDERS[robot.kind].rate, make)
