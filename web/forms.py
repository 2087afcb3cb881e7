"""Reading what a form sends: bounded, and each field once."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request

from web.gate import BODY_BYTES_MAX

_FIELDS_MAX = 16


class FormFault(Exception):
    """What was sent is no form of ours."""


async def body_of(request: Request, bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """Return the body of a request. Raises FormFault when it is longer than allowed, however it was announced."""
    parts = bytearray()
    async for part in request.stream():
        parts += part
        if len(parts) > bytes_max:
            raise FormFault
    return bytes(parts)


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of an urlencoded form. Raises FormFault."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().casefold()
    if kind != "application/x-www-form-urlencoded":
        raise FormFault
    try:
        text = (await body_of(request)).decode("ascii")
        pairs = parse_qsl(
            text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=_FIELDS_MAX, errors="strict"
        )
    except ValueError as error:
        raise FormFault from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise FormFault
    return fields
