"""The product broken on purpose, one promise at a time: each of these builds must fail the test of its fault.

They change the product from outside, in the child process that runs it; the product has no switch for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tests.faults.broken_copy import copy_from_memory


def auto_ack() -> None:
    """Acknowledge a message when it is received, as paho does by itself."""
    from collector.mqtt.connection import Connection

    block_of = Connection._block

    def acknowledging(self: Any, published: Any) -> Any:
        self._client.line.acknowledge(published.mids)
        return block_of(self, published)

    Connection._block = acknowledging  # type: ignore[method-assign]
    Connection.acknowledge = lambda self, mids: None  # type: ignore[method-assign]


def ack_before_commit() -> None:
    """Acknowledge a block when it is taken from the queue."""
    from collector.mqtt.subscriber import Subscriber

    take, acknowledge = Subscriber.take, Subscriber.acknowledge

    def taking(self: Any, *arguments: Any) -> Any:
        messages = take(self, *arguments)
        acknowledge(self, messages)
        return messages

    Subscriber.take = taking  # type: ignore[method-assign]
    Subscriber.acknowledge = lambda self, messages: None  # type: ignore[method-assign]


def synchronous_off() -> None:
    """Let the journal commit without a sync."""
    from stores.journal import journal

    open_for_writing = journal.open_for_writing

    def opening(*arguments: Any, **named: Any) -> Any:
        opened = open_for_writing(*arguments, **named)
        opened[0].execute("PRAGMA synchronous = OFF")
        return opened

    journal.open_for_writing = opening


def no_epoch_check() -> None:
    """Acknowledge on whatever connection there is now, whichever one brought the message."""
    from collector.message import MessageBlock
    from collector.mqtt.subscriber import Subscriber

    def acknowledging(self: Any, messages: Sequence[Any]) -> None:
        connection = self._connection
        if connection is not None:
            connection.acknowledge(MessageBlock.of(messages).mids)

    Subscriber.acknowledge = acknowledging  # type: ignore[method-assign]


def no_ack_on_error() -> None:
    """Leave a message that cannot be read unacknowledged."""
    from collector.mqtt.subscriber import Subscriber
    from service.collecting import decoding

    decode_block, acknowledge = decoding.decode_block, Subscriber.acknowledge
    refused: set[bytes] = set()

    def looking(*arguments: Any) -> Any:
        decoded = decode_block(*arguments)
        refused.update(reject.payload for reject in decoded.rejects)
        return decoded

    decoding.decode_block = looking  # type: ignore[assignment]
    Subscriber.acknowledge = lambda self, messages: acknowledge(  # type: ignore[method-assign]
        self, [message for message in messages if message.payload not in refused]
    )


def no_keep_alive() -> None:
    """Never ask whether the broker is still there."""
    from service.container import Container

    broker_address = Container.broker_address
    Container.broker_address = lambda self: replace(  # type: ignore[method-assign]
        broker_address(self), keep_alive_seconds=3600
    )


def unbounded_queue() -> None:
    """Take whatever the broker sends into memory."""
    from collector.mqtt.message_queue import MessageQueue

    init = MessageQueue.__init__
    MessageQueue.__init__ = lambda self, messages_max, bytes_max: init(  # type: ignore[method-assign]
        self, 10**9, 10**12
    )


def keeps_every_message() -> None:
    """Never let go of a message."""
    from collector.mqtt.subscriber import Subscriber

    kept: list[Any] = []
    take = Subscriber.take

    def taking(self: Any, *arguments: Any) -> Any:
        messages = take(self, *arguments)
        kept.extend(messages)
        return messages

    Subscriber.take = taking  # type: ignore[method-assign]


def last_write_wins() -> None:
    """Let a later reading of the same moment overwrite the one that is stored."""
    import stores.journal.append as journal_append

    def last_rows(batch: Any) -> Any:
        order = np.lexsort((np.arange(len(batch)), batch.measured_at_us, batch.transformer))
        number, at_us = batch.transformer[order], batch.measured_at_us[order]
        return order[np.append((number[1:] != number[:-1]) | (at_us[1:] != at_us[:-1]), True)]

    journal_append.rows_with_precedence = last_rows


def error_treated_as_ok() -> None:
    """Go on as if a block that the store did not take were stored."""
    import numpy as np

    from grid.errors import StoreError
    from stores.journal.journal import Appended, Journal

    append = Journal.append

    def appending(self: Any, batch: Any, rejects: Any = ()) -> Any:
        try:
            return append(self, batch, rejects)
        except StoreError:
            return Appended(np.ones(len(batch), np.bool_), 0, 0, 0)

    Journal.append = appending  # type: ignore[method-assign]


def no_gap_scan() -> None:
    """Never search for what the broker lost."""
    from service.monitors.gaps import GapWatch

    GapWatch.suspect = lambda self, cause, newest_stored_us: None  # type: ignore[method-assign]


def damage_ignored() -> None:
    """Look at no file at the start."""
    import stores.journal.file as journal_file
    from stores.journal.log import LogState

    journal_file._refuse_damaged = lambda connection, path: None
    journal_file.WriterLock.log_state = property(  # type: ignore[assignment]
        lambda self: LogState.SOUND, lambda self, state: None
    )


def believes_its_clock() -> None:
    """Refuse readings for their age whatever the fleet agrees on."""
    from service.collecting import decoding

    decoding._agree = lambda ahead_us: False


def foreign_files_taken() -> None:
    """Take journal and records together whatever they say of themselves."""
    from service.collecting import startup

    join = startup.join_stores
    startup.join_stores = lambda *arguments, adopt=False: join(*arguments, adopt=True)


def fresh_by_payload() -> None:
    """Take every message for fresh whose measuring time is, also those that the broker had kept."""
    from collector.mqtt.subscriber import Subscriber

    take = Subscriber.take

    def taking(self: Any, *arguments: Any) -> Any:
        block = take(self, *arguments)
        return replace(block, flags=bytes(flags & ~1 for flags in block.flags))

    Subscriber.take = taking  # type: ignore[method-assign]


def wall_clock_freshness() -> None:
    """Believe the computer's clock, whatever happens to it."""
    from service.collecting.decoding import Decoder
    from service.collecting.pipeline import Pipeline

    Pipeline.clock_stepped = lambda self, step_us: None  # type: ignore[method-assign]
    Decoder.estimate = lambda self: None  # type: ignore[method-assign]


STUMBLING_BLOCK = b'"stumble"'
"""Bytes in a payload over which a stumbling decoder falls."""


def stumbling_decoder() -> None:
    """Let the decoder fail over some messages with an error that nobody foresaw: this the product must outlive."""
    from service.collecting import decoding

    decode_block = decoding.decode_block

    def stumbling(messages: Sequence[Any], *more: Any) -> Any:
        if any(STUMBLING_BLOCK in message.payload for message in messages):
            raise ZeroDivisionError("nobody had thought of this\n2021 INFO all is well")
        return decode_block(messages, *more)

    decoding.decode_block = stumbling


def unforeseen_not_isolated() -> None:
    """Let the decoder stumble, and nobody search the message that it stumbles over."""
    from service.collecting import decoding

    stumbling_decoder()
    decoding.Decoder._isolating = lambda self, messages, limits: (  # type: ignore[method-assign]
        decoding.decode_block(messages, self._fleet, limits)
    )


def whole() -> None:
    """Break nothing here: what is broken stands elsewhere, such as in the broker's settings."""


BUILDS: dict[str, Callable[[], None]] = {
    "wall-clock-freshness": wall_clock_freshness,
    "whole": whole,
    "auto-ack": auto_ack,
    "ack-before-commit": ack_before_commit,
    "synchronous-off": synchronous_off,
    "no-epoch-check": no_epoch_check,
    "no-ack-on-error": no_ack_on_error,
    "no-gap-scan": no_gap_scan,
    "no-keep-alive": no_keep_alive,
    "unbounded-queue": unbounded_queue,
    "fresh-by-payload": fresh_by_payload,
    "keeps-every-message": keeps_every_message,
    "last-write-wins": last_write_wins,
    "damage-ignored": damage_ignored,
    "believes-its-clock": believes_its_clock,
    "foreign-files-taken": foreign_files_taken,
    "copy-from-memory": copy_from_memory,
    "error-treated-as-ok": error_treated_as_ok,
    "stumbling-decoder": stumbling_decoder,
    "unforeseen-not-isolated": unforeseen_not_isolated,
}
