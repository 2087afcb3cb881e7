"""One search over everything that has a page: transformers, incidents, shops, streets, the end of a phone number."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from alerts.model.incidents import Incident
from grid.assets import Merchant
from service.access.rights import Action, Rights
from service.queries.ledger_view import Ground

FOUND_MAX = 40
PHONE_DIGITS_MIN = 4
"""Fewer digits would fit half the street."""


class FoundKind(Enum):
    """What was found, in the order in which it is shown."""

    TRANSFORMER = "transformer"
    INCIDENT = "incident"
    MERCHANT = "merchant"


@dataclass(frozen=True)
class Found:
    """One thing that fits; its page is that of `transformer_id` or `incident_id`."""

    kind: FoundKind
    title: str
    detail: str
    transformer_id: str
    incident_id: str = ""


def find(words: str, ground: Ground, incidents: tuple[Incident, ...], rights: Rights) -> tuple[Found, ...]:
    """Return what fits all words, at most `FOUND_MAX`; nothing for no words.

    What an account may not see is not in `ground` and `incidents`. Phones are searched only by who may reveal them.
    """
    wanted = _folded(words).split()
    if not wanted:
        return ()
    found = [*_transformers(wanted, ground), *_incidents(wanted, ground, incidents)]
    if rights.may(Action.SEE_DOORS) and rights.visible.merchants and not rights.visible.doors_of:
        found += _merchants(wanted, ground, by_phone=rights.may(Action.REVEAL))
    return tuple(found[:FOUND_MAX])


def _transformers(wanted: list[str], ground: Ground) -> Iterator[Found]:
    for transformer in ground.ledger.transformers:
        grid = ground.grids.get(transformer.grid_id)
        place = (grid.name, grid.community) if grid else ()
        if _fits(wanted, transformer.transformer_id, transformer.name, transformer.feeder_id, *place):
            detail = " · ".join(part for part in (*place, transformer.feeder_id) if part)
            yield Found(
                FoundKind.TRANSFORMER,
                f"{transformer.transformer_id} {transformer.name}".strip(),
                detail,
                transformer.transformer_id,
            )


def _incidents(wanted: list[str], ground: Ground, incidents: tuple[Incident, ...]) -> Iterator[Found]:
    for incident in incidents:
        name = ground.transformer(incident.transformer_id).name
        if _fits(wanted, incident.incident_id, name):
            yield Found(
                FoundKind.INCIDENT,
                incident.incident_id,
                f"{incident.transformer_id} {name}".strip(),
                incident.transformer_id,
                incident.incident_id,
            )


def _merchants(wanted: list[str], ground: Ground, *, by_phone: bool) -> Iterator[Found]:
    for merchant in ground.ledger.merchants:
        known = (merchant.merchant_id, merchant.name, merchant.address, merchant.category)
        if _fits(wanted, *known) or (by_phone and _ends_phone(wanted, merchant)):
            yield Found(FoundKind.MERCHANT, merchant.name, merchant.address, merchant.transformer_id)


def _ends_phone(wanted: list[str], merchant: Merchant) -> bool:
    digits = "".join(letter for letter in merchant.phone if letter.isdecimal())
    asked = wanted[0]
    return len(wanted) == 1 and asked.isdecimal() and len(asked) >= PHONE_DIGITS_MIN and digits.endswith(asked)


def _fits(wanted: list[str], *texts: str) -> bool:
    known = _folded(" ".join(texts))
    return all(word in known for word in wanted)


def _folded(text: str) -> str:
    """Return text as it is compared: full-width letters and digits as plain ones, no difference of case."""
    return unicodedata.normalize("NFKC", text).casefold()
