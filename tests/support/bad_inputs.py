"""The corpus of bad inputs (tests/cases/bad-inputs/): what was sent, and what must become of it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from collector.wire.format import reading_topic
from grid.assets import Transformer
from grid.timestamps import parse_timestamp_us

CORPUS = Path(__file__).parents[1] / "cases" / "bad-inputs"
GOOD = "good"
MISSING = "value_missing"
"""The folder of what is taken without a value or two."""
OWN_TOPIC = reading_topic("ST01", "YX06")
RECEIVED_US = parse_timestamp_us("2021-07-24T11:00:30+08:00")
TRANSFORMERS = (
    Transformer("YX06", "north", "ST01", 400.0),
    Transformer("YX07", "south", "ST01", 400.0),
    Transformer("BX01", "mill", "ST02", 630.0, ct_ratio=80.0),
)

TIME = '"measured_at":"2021-07-24T11:00:00+08:00"'
POWERS = '"active_power_kw":361.0,"reactive_power_kvar":112.4'
READING = f"{{{TIME},{POWERS}}}"


def having(members: str) -> str:
    """Return a good reading with further members."""
    return f"{{{TIME},{POWERS},{members}}}"


class Publication(NamedTuple):
    """One message of a device, and what must become of it."""

    topic: str
    payload: bytes
    reason: str
    """`good` for what must be taken."""
    field: str
    refused: bytes
    """What the quarantine must hold: the message, or the one row of a batch."""
    missing: tuple[tuple[str, str], ...] = ()
    """Reason and field of each value that is missing in what must be taken."""


def good(topic: str, payload: bytes) -> Publication:
    """Return a publication that must be taken."""
    return Publication(topic, payload, GOOD, "", payload)


@dataclass(frozen=True)
class Case:
    """One item of the corpus; mostly one message."""

    name: str
    """`reason/what it is`."""
    publications: tuple[Publication, ...]
    received_at_us: int = RECEIVED_US


@cache
def payload_of(name: str) -> bytes:
    """Return the bytes of one file, such as `good/all_fields`."""
    return (CORPUS / name).read_bytes()


def file_cases() -> list[Case]:
    """Return the cases that are files: the folder is the reason, fields.toml has the field."""
    fields: dict[str, dict[str, str]] = _table("fields.toml")
    found = sorted(path.relative_to(CORPUS) for path in CORPUS.glob("*/*"))
    named = {f"{reason}/{name}" for reason, table in fields.items() for name in table}
    files = {path.as_posix() for path in found if path.parts[0] != GOOD}
    if named != files:
        raise ValueError(f"fields.toml and the files differ: {sorted(named ^ files)}")
    return [
        Case(path.as_posix(), (_file(path.as_posix(), path.parts[0], told),))
        for path in found
        for told in [fields.get(path.parts[0], {}).get(path.name, "")]
    ]


def _file(name: str, folder: str, told: str) -> Publication:
    if folder != MISSING:
        return _whole(OWN_TOPIC, payload_of(name), folder, told)
    missing = tuple(tuple(each.split()) for each in told.split(","))
    return good(OWN_TOPIC, payload_of(name))._replace(missing=missing)  # type: ignore[arg-type]


def built_cases() -> list[Case]:
    """Return the cases of built.toml: other topics, other moments, and what is too large to be kept as a file."""
    return [_built(entry) for entry in _table("built.toml")["case"]]


def _built(entry: Mapping[str, Any]) -> Case:
    name: str = entry["name"]
    received_at_us = parse_timestamp_us(entry["received_at"]) if "received_at" in entry else RECEIVED_US
    if "cut" in entry:
        return Case(name, tuple(_cut_everywhere(payload_of(entry["cut"]))), received_at_us)
    reason = name.partition("/")[0]
    payload = b"".join(_parts(entry["payload"])) if "payload" in entry else READING.encode()
    topic: str = entry.get("topic", OWN_TOPIC)
    topics = [topic.replace("{n}", str(n)) for n in range(entry.get("copies", 1))]
    refused = payload[payload.index(b"[") + 1 : payload.rindex(b"]")] if entry.get("row") else payload
    field: str = entry.get("field", "")
    return Case(name, tuple(Publication(each, payload, reason, field, refused) for each in topics), received_at_us)


def _whole(topic: str, payload: bytes, reason: str, field: str = "") -> Publication:
    return Publication(topic, payload, reason, field, payload)


def _parts(parts: list[Mapping[str, Any]]) -> Iterator[bytes]:
    """Yield the parts of a payload: a text (or the hexadecimal digits of bytes), so often; `{n}` counts from 0."""
    for part in parts:
        text = bytes.fromhex(part["hex"]) if "hex" in part else part["text"].encode()
        if b"{n}" in text:
            yield b"".join(text.replace(b"{n}", b"%d" % n) for n in range(part["times"]))
        else:
            yield text * part.get("times", 1)


def _cut_everywhere(whole: bytes) -> Iterator[Publication]:
    for length in range(len(whole)):
        part = whole[:length]
        yield _whole(OWN_TOPIC, part, _reason_of_a_part(part))


def _reason_of_a_part(part: bytes) -> str:
    if not part:
        return "empty"
    try:
        part.decode()
    except UnicodeDecodeError:
        return "not_utf8"
    return "not_json"


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads((CORPUS / name).read_text(encoding="utf-8"))
