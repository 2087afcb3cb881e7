"""MQTT messages as they were received, before anybody looked into them: one, and a block of them as columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

_RETAINED = 0x01
_QOS_SHIFT = 1
_QOS_MASK = 0x03


@dataclass(frozen=True, slots=True)
class Message:
    """A message and what is needed to acknowledge it later."""

    topic: str
    payload: bytes
    received_at_us: int
    """When the collector had it [µs since the epoch, UTC]."""
    mid: int
    """Packet id on its connection; 0 at QoS 0."""
    qos: int
    epoch: int
    """Which connection brought it. Packet ids mean nothing on any other one."""
    retained: bool
    """The broker kept it from some earlier day: it says nothing about now."""


@dataclass(frozen=True, slots=True, eq=False)
class MessageBlock(Sequence[Message]):
    """n messages of one connection, in order of arrival, as columns: a message costs no object of its own."""

    topics: list[bytes]
    """As they came: nothing says that they are UTF-8."""
    payloads: list[bytes]
    flags: bytes
    """(n,) the low bits of each packet's first byte (MQTT 3.3.1): retained, QoS, repeated."""
    mids: list[int]
    """Packet ids of those with QoS above 0, in order."""
    received_at_us: NDArray[np.int64]
    epoch: int

    @staticmethod
    def of(messages: Iterable[Message]) -> MessageBlock:
        """Return messages of one connection as a block; a block is returned as it is.

        Raises ValueError when they are of several connections.
        """
        if isinstance(messages, MessageBlock):
            return messages
        given = list(messages)
        epochs = {message.epoch for message in given}
        if len(epochs) > 1:
            raise ValueError(f"messages of the connections {sorted(epochs)} in one block; take a block of each")
        return MessageBlock(
            [message.topic.encode() for message in given],
            [message.payload for message in given],
            bytes(message.qos << _QOS_SHIFT | message.retained for message in given),
            [message.mid for message in given if message.qos],
            np.array([message.received_at_us for message in given], np.int64),
            epochs.pop() if epochs else 0,
        )

    @staticmethod
    def join(blocks: Sequence[MessageBlock]) -> MessageBlock:
        """Return the messages of several blocks of one connection as one block; of none, an empty one."""
        if len(blocks) == 1:
            return blocks[0]
        return MessageBlock(
            [topic for block in blocks for topic in block.topics],
            [payload for block in blocks for payload in block.payloads],
            b"".join(block.flags for block in blocks),
            [mid for block in blocks for mid in block.mids],
            np.concatenate([np.empty(0, np.int64), *(block.received_at_us for block in blocks)]),
            blocks[0].epoch if blocks else 0,
        )

    @property
    def has_retained(self) -> bool:
        """Return whether the broker had kept any of them from some earlier day."""
        return bool((np.frombuffer(self.flags, np.uint8) & _RETAINED).any())

    def is_retained(self, index: int) -> bool:
        """Return whether the broker had kept this one from some earlier day."""
        return bool(self.flags[index] & _RETAINED)

    def topic(self, index: int) -> str:
        """Return the topic of one message; empty, which is nobody's, when it is not UTF-8."""
        try:
            return self.topics[index].decode()
        except UnicodeDecodeError:
            return ""

    def among(self, places: Sequence[int]) -> MessageBlock:
        """Return some of the messages as a block, in the order of their places, which must rise."""
        asks = np.frombuffer(self.flags, np.uint8) >> _QOS_SHIFT & _QOS_MASK > 0
        place_of_mid = (np.cumsum(asks) - 1).tolist()
        return MessageBlock(
            [self.topics[place] for place in places],
            [self.payloads[place] for place in places],
            bytes([self.flags[place] for place in places]),
            [self.mids[place_of_mid[place]] for place in places if asks[place]],
            self.received_at_us[np.array(places, np.intp)],
            self.epoch,
        )

    def __len__(self) -> int:
        """Return how many messages there are."""
        return len(self.payloads)

    @overload
    def __getitem__(self, index: int) -> Message: ...
    @overload
    def __getitem__(self, index: slice) -> MessageBlock: ...
    def __getitem__(self, index: int | slice) -> Message | MessageBlock:
        """Return one message, or a stretch of them as a block."""
        if isinstance(index, int):
            qos = self.flags[index] >> _QOS_SHIFT & _QOS_MASK
            place = range(len(self))[index]
            mid = self.mids[self._acknowledgeable(place)] if qos else 0
            timestamp_us = int(self.received_at_us[index])
            return Message(
                self.topic(index), self.payloads[index], timestamp_us, mid, qos, self.epoch, self.is_retained(index)
            )
        start, stop, step = index.indices(len(self))
        if step != 1:
            raise ValueError("a block is cut into stretches only")
        stop = max(start, stop)
        return MessageBlock(
            self.topics[start:stop],
            self.payloads[start:stop],
            self.flags[start:stop],
            self.mids[self._acknowledgeable(start) : self._acknowledgeable(stop)],
            self.received_at_us[start:stop],
            self.epoch,
        )

    def __iter__(self) -> Iterator[Message]:
        """Yield the messages one by one; for those who are in no hurry."""
        return (self[index] for index in range(len(self)))

    def _acknowledgeable(self, count: int) -> int:
        """Return how many of the first messages want an acknowledgement."""
        if len(self.mids) == len(self.payloads):
            return count
        return int(np.count_nonzero(np.frombuffer(self.flags[:count], np.uint8) >> _QOS_SHIFT & _QOS_MASK))
