"""The delivery of one collector: all channels of the settings, with a connection to the records of its own."""

from __future__ import annotations

import sys
from typing import TextIO

from service.clock import Clock
from service.metrics.metrics import Metrics
from service.notify.channels.make import channels_of
from service.notify.dispatcher import Delivery, RetryPolicy
from service.notify.mentions import Mentions
from service.settings.settings import Settings
from stores.records.records import Records


class DeliveryThread:
    """Sends what the outbox holds, until it is stopped."""

    def __init__(self, settings: Settings, clock: Clock, metrics: Metrics, terminal: TextIO | None = None) -> None:
        """Prepare the channels; messages for the terminal go to the standard output. Raises SettingsError."""
        values = settings.notify
        channels = channels_of(settings)
        notifiers = {channel.name: channel.make(terminal or sys.stdout) for channel in channels}
        policy = RetryPolicy(values.attempts_max, values.retry_seconds_first, values.retry_seconds_max)
        self._records = Records(settings.records_url())
        self._mentions = Mentions(self._records, clock, settings)
        self._delivery = Delivery(
            self._records,
            notifiers,
            clock,
            policy,
            settings.link,
            metrics,
            rates={channel.name: channel.rate for channel in channels},
            mentions_of=self._mentions.of,
        )

    def start(self) -> None:
        """Begin to send."""
        self._delivery.start()

    def wake(self) -> None:
        """Look at once: the outbox has something new."""
        self._delivery.wake()

    def stop(self) -> None:
        """Stop after the messages that are on their way."""
        self._delivery.stop()
        self._records.close()
