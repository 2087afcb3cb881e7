"""What can be wrong with devices and their lines, and how a person writes it: `late=0.05:2h`, `stuck=YX06:11:00`.

`KIND=WHOSE[:FROM[-TO]][:HOW MUCH]`. WHOSE is a share of the readings for faults of the line, and transformers
(`YX06`, `YX05,YX07`, `*`) for faults of a device. FROM and TO are clock times of the day that is played.
The public description is docs/faults.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import Literal

from grid.errors import NOTHING, UsageError
from grid.text import Text
from grid.timestamps import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from simulator.scenario.day import minute_of

EVERYBODY = "*"

_OPTION = "--fault"
_BODY = re.compile(r"(?P<whose>[^:]+)(:(?P<start>\d\d?:\d\d)(-(?P<end>\d\d?:\d\d))?)?(:(?P<amount>[^:]+))?")
_SPAN = re.compile(r"(?P<number>[+-]?\d+(\.\d+)?)(?P<unit>[smhd])", re.ASCII)
_FACTOR = re.compile(r"(?P<up>\d+(\.\d+)?)(/(?P<down>\d+(\.\d+)?))?", re.ASCII)
_UNIT_US = {"s": SECOND_US, "m": MINUTE_US, "h": HOUR_US, "d": DAY_US}


@dataclass(frozen=True)
class Grammar:
    """What is written behind the name of a kind of fault."""

    whose: Literal["share", "devices"]
    amount: Literal["none", "span", "factor"] = "none"
    default: float = 0.0
    """Amount where none is written; [µs] for a span."""
    amount_means: str = ""


_LINE, _DEVICE = Grammar("share"), Grammar("devices")


class Kind(Enum):
    """Every kind of fault. Those of the device come before those of the line, in the order in which they act."""

    SILENT = "silent"
    """The device sends nothing."""
    STUCK = "stuck"
    """The values stay as they were; the clock goes on."""
    WRONG_RATIO = "wrong-ratio"
    """Currents and powers are multiplied by a factor."""
    WATTS = "watts"
    """Powers are sent in W and var for kW and kvar."""
    PHASE_SWAP = "phase-swap"
    """The currents of phases A and C have changed places."""
    NEGATIVE = "negative"
    """Currents and powers have the wrong sign."""
    FROZEN_CLOCK = "frozen-clock"
    """The time stays as it was; the values go on."""
    DRIFTING_CLOCK = "drifting-clock"
    """The clock gains so much in each hour."""
    WRONG_ZONE = "wrong-zone"
    """The clock is ahead by the hours of a time zone."""
    RETAINED = "retained"
    """The device asks the broker to keep its readings."""
    LOST = "lost"
    """Readings never arrive."""
    GARBAGE = "garbage"
    """Bytes arrive that are no reading."""
    DUPLICATE = "duplicate"
    """Readings arrive twice."""
    SHUFFLED = "shuffled"
    """Readings arrive up to so much later than they should, in any order."""
    LATE = "late"
    """Devices keep blocks of so long and send each in one go at its end."""
    RECONNECT = "reconnect"
    """The line breaks before the reading, in the middle of what is on its way."""


GRAMMAR: dict[Kind, Grammar] = {
    Kind.SILENT: _DEVICE,
    Kind.STUCK: _DEVICE,
    Kind.WRONG_RATIO: Grammar("devices", "factor", 10.0, "a factor such as 120 or 1/120"),
    Kind.WATTS: _DEVICE,
    Kind.PHASE_SWAP: _DEVICE,
    Kind.NEGATIVE: _DEVICE,
    Kind.FROZEN_CLOCK: _DEVICE,
    Kind.DRIFTING_CLOCK: Grammar("devices", "span", MINUTE_US, "what it gains in an hour, such as 30s or -2m"),
    Kind.WRONG_ZONE: Grammar("devices", "span", 8 * HOUR_US, "how far it is ahead, such as 8h or -8h"),
    Kind.RETAINED: _DEVICE,
    Kind.LOST: _LINE,
    Kind.GARBAGE: _LINE,
    Kind.DUPLICATE: _LINE,
    Kind.SHUFFLED: Grammar("share", "span", 10 * MINUTE_US, "the longest delay, such as 10m"),
    Kind.LATE: Grammar("share", "span", 2 * HOUR_US, "the length of a block, such as 2h"),
    Kind.RECONNECT: _LINE,
}


@dataclass(frozen=True)
class Fault:
    """One fault as it was asked for."""

    kind: Kind
    text: str
    """As it was written; it also seeds the fault's chance."""
    share: float = 0.0
    """Of the readings, 0 to 1; for faults of the line."""
    transformer_ids: tuple[str, ...] = ()
    """Whose; empty is everybody's."""
    from_minute: int | None = None
    """Minute of the day; None is from the beginning."""
    to_minute: int | None = None
    """Minute of the day, not included; None is to the end."""
    amount: float = 0.0
    """Span [µs] or factor, as the kind has it."""


def parse_fault(text: str) -> Fault:
    """Return the fault that a text asks for. Raises UsageError that says what is wrong with it, and how to mend it."""
    name, _, body = text.partition("=")
    kind = _kind(name, text)
    grammar = GRAMMAR[kind]
    match = _BODY.fullmatch(body)
    if match is None:
        raise _wrong(
            text, Text("没有写明是谁的读数、何时、多少", "does not say whose readings, when and how much"), kind
        )
    from_minute, to_minute = _clock(match["start"], text, kind), _clock(match["end"], text, kind)
    if from_minute is not None and to_minute is not None and to_minute <= from_minute:
        raise _wrong(text, Text(f"结束于 {match['end']}，早于开始", f"ends at {match['end']}, before it begins"), kind)
    share = 0.0
    transformer_ids: tuple[str, ...] = ()
    if grammar.whose == "share":
        share = _share(match["whose"], text, kind)
    else:
        transformer_ids = _devices(match["whose"], text, kind)
    return Fault(kind, text, share, transformer_ids, from_minute, to_minute, _amount(match["amount"], text, kind))


def how_to_write(kind: Kind) -> str:
    """Return what is written for a kind of fault."""
    grammar = GRAMMAR[kind]
    whose = "SHARE" if grammar.whose == "share" else "TRANSFORMERS"
    amount = {"none": "", "span": "[:BY]", "factor": "[:FACTOR]"}[grammar.amount]
    return f"{kind.value}={whose}[:FROM[-TO]]{amount}"


def _kind(name: str, text: str) -> Kind:
    names = [kind.value for kind in Kind]
    if name in names:
        return Kind(name)
    near = get_close_matches(name, names, 1)
    meant = Text(f"是否应为 {near[0]}？", f"did you mean {near[0]}? ") if near else NOTHING
    raise UsageError(
        Text(f"没有故障 {name!r}", f"there is no fault {name!r}"),
        where=f"{_OPTION} {text}",
        remedy=Text(f"{meant.zh}可用的：{'、'.join(names)}", f"{meant.en}there are {', '.join(names)}"),
    )


def _share(words: str, text: str, kind: Kind) -> float:
    try:
        share = float(words)
    except ValueError:
        share = -1.0
    if not 0.0 < share <= 1.0:
        raise _wrong(
            text,
            Text(
                f"{words!r} 不是读数的份额（大于 0，不超过 1）",
                f"{words!r} is no share of the readings, above 0 and up to 1",
            ),
            kind,
        )
    return share


def _devices(words: str, text: str, kind: Kind) -> tuple[str, ...]:
    if words == EVERYBODY:
        return ()
    transformer_ids = tuple(word.strip() for word in words.split(","))
    if not all(transformer_ids):
        raise _wrong(text, Text(f"{words!r} 没有写台区", f"{words!r} names no transformers"), kind)
    return transformer_ids


def _clock(words: str | None, text: str, kind: Kind) -> int | None:
    if words is None:
        return None
    try:
        return minute_of(words)
    except ValueError as error:
        raise _wrong(text, Text(f"{words!r} 不是钟点", str(error)), kind) from error


def _amount(words: str | None, text: str, kind: Kind) -> float:
    grammar = GRAMMAR[kind]
    if words is None:
        return grammar.default
    if grammar.amount == "span" and (span := _SPAN.fullmatch(words)):
        amount = float(span["number"]) * _UNIT_US[span["unit"]]
        if amount > 0.0 or (grammar.whose == "devices" and amount):
            return amount
    if grammar.amount == "factor" and (factor := _FACTOR.fullmatch(words)):
        down = float(factor["down"] or 1.0)
        if down and float(factor["up"]):
            return float(factor["up"]) / down
    if grammar.amount == "none":
        raise _wrong(text, Text(f"不接受 {words!r}", f"takes nothing like {words!r}"), kind)
    raise _wrong(text, Text(f"{words!r} 不是可用的数值", f"{words!r} is not {grammar.amount_means}"), kind)


def _wrong(text: str, what: Text, kind: Kind) -> UsageError:
    how = how_to_write(kind)
    remedy = Text(f"请写成 {how}，见 docs/faults.md", f"write {how}, as docs/faults.md shows")
    return UsageError(what, where=f"{_OPTION} {text}", remedy=remedy)
