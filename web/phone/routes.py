"""The phone page's routes: the page with its offline shell, my doors, and answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from alerts.model.display_names import advice_name
from grid.errors import RedvestError
from grid.text import Text
from grid.timestamps import format_utc
from service.access.phone import NewAnswer, Taken
from service.access.rights import Action
from service.access.sessions import SignedIn
from service.container import Container
from service.queries.answers import DoorRow, Freshness, MyIncident, MyList
from web.forms import FormFault, body_of
from web.phone.answer_form import AnswerFault, answer_id_of, read_answer

_FOLDER = Path(__file__).parent
_FILES = {
    "": ("page.html", "text/html"),
    "app.js": ("app.js", "text/javascript"),
    "outbox.js": ("outbox.js", "text/javascript"),
    "app.css": ("app.css", "text/css"),
    "sw.js": ("sw.js", "text/javascript"),
    "manifest.webmanifest": ("manifest.webmanifest", "application/manifest+json"),
}
Handler = Callable[[Request], Awaitable[Response]]
_STATUS = {Taken.STORED: 201, Taken.SAME_AGAIN: 200, Taken.ANOTHER_BODY: 409}


class Phone:
    """The routes below /m/."""

    def __init__(self, container: Container, base: str) -> None:
        """Keep the parts."""
        self._container = container
        self._base = base

    def routes(self) -> list[Route]:
        """Return the routes."""
        base = self._base
        files = [Route(f"{base}/m/{name}", _file(*_FILES[name])) for name in _FILES]
        return [
            Route(f"{base}/m", _file(*_FILES[""])),
            *files,
            Route(f"{base}/m/list", self._list, methods=["GET"]),
            Route(f"{base}/m/answers/{{answer_id}}", self._answer, methods=["PUT"]),
            Route(f"{base}/m/reveal", self._reveal, methods=["POST"]),
        ]

    async def _list(self, request: Request) -> Response:
        me: SignedIn = request.state.signed_in
        if not me.rights.person_id:
            return _nothing_here()
        body = await asyncio.to_thread(self._list_of, me)
        etag = f'"{sha256(body).hexdigest()[:16]}"'
        if etag in [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]:
            return Response(status_code=304, headers={"etag": etag})
        return Response(body, media_type="application/json", headers={"etag": etag})

    def _list_of(self, me: SignedIn) -> bytes:
        found = self._container.queries.seen_by(me.rights).my_list(me.rights.person_id)
        return json.dumps(list_as_json(found, me), ensure_ascii=False, separators=(",", ":")).encode()

    async def _answer(self, request: Request) -> Response:
        me: SignedIn = request.state.signed_in
        try:
            answer_id = answer_id_of(request.path_params["answer_id"])
            form = read_answer(await body_of(request))
        except AnswerFault as fault:
            return JSONResponse({"field": fault.field, "reason": fault.reason.en, "reason_zh": fault.reason.zh}, 422)
        except FormFault:
            return JSONResponse({"field": "", "reason": "is too long", "reason_zh": "太长"}, 413)
        answer = NewAnswer(
            answer_id, **{name: getattr(form, name) for name in NewAnswer.__annotations__ if name != "answer_id"}
        )
        try:
            taken = await asyncio.to_thread(self._container.phone_desk.take, answer, me.rights)
        except RedvestError as error:
            return JSONResponse({"reason": error.line.en, "reason_zh": error.line.zh}, 503)
        if taken is None:
            return _nothing_here()
        outcome, kept = taken
        told = {
            "answer_id": kept.answer_id,
            "recorded_at": format_utc(kept.recorded_at_us),
            "reassigned": kept.reassigned,
        }
        return JSONResponse(told, _STATUS[outcome])

    async def _reveal(self, request: Request) -> Response:
        me: SignedIn = request.state.signed_in
        try:
            sent = json.loads(await body_of(request))
            merchant_id, reason = str(sent["merchant_id"]), str(sent["reason"])
        except (FormFault, ValueError, KeyError, TypeError):
            return JSONResponse({"field": "reason", "reason": "merchant_id and reason are needed"}, 422)
        if not me.rights.may(Action.REVEAL):
            return _nothing_here()
        visits = self._container.visit_recorder.seen_by(me.rights)
        if not visits.sees(merchant_id):
            return _nothing_here()
        try:
            contact = await asyncio.to_thread(visits.reveal, merchant_id, me.rights.person_id, reason)
        except RedvestError as error:
            return JSONResponse({"field": "reason", "reason": error.line.en, "reason_zh": error.line.zh}, 422)
        return JSONResponse({"contact_name": contact.contact_name, "phone": contact.phone})


def list_as_json(mine: MyList, me: SignedIn) -> dict[str, Any]:
    """Return a person's doors as the phone keeps them. Nothing in it changes while nothing happens."""
    return {
        "account": me.account.name,
        "person": mine.person.name,
        "until_ms": None if me.until_us is None else me.until_us // 1000,
        "reveals": me.rights.may(Action.REVEAL),
        "incidents": [_incident(part) for part in mine.incidents],
    }


def _incident(part: MyIncident) -> dict[str, Any]:
    incident, now = part.row.incident, part.current
    advice = part.advice
    fresh = now.freshness is Freshness.FRESH and now.load_rate == now.load_rate
    return {
        "incident_id": incident.incident_id,
        "called": part.row.called,
        "transformer": now.transformer.name,
        "load_percent": round(now.load_rate * 100) if fresh else None,
        "advice": None if advice is None else {"kind": advice.kind.value, **_both("name", advice_name(advice.kind))},
        "doors": [_door(row) for row in part.doors],
    }


def _door(row: DoorRow) -> dict[str, Any]:
    door = row.door
    return {
        "merchant_id": door.merchant_id,
        "order": door.order,
        "name": row.merchant_name,
        "address": row.address,
        "category": row.category,
        "phase": row.phase.value,
        "contact": row.contact_masked,
        "phone": row.phone_masked,
        "kw": round(door.offer_kw, 1),
        "units": door.ask.switch_off_units,
        "of_units": door.ask.of_units,
        "setpoint_c": door.ask.setpoint_to_c,
        "lights_off": door.ask.lights_off,
        "result": row.result.value if row.result else None,
        "result_at": format_utc(row.result_at_us) if row.result_at_us else None,
        "result_by": row.result_by_name,
        **_both("ask", row.ask),
        **_both("why", door.reason),
    }


def _both(name: str, text: Text) -> dict[str, str]:
    return {f"{name}_zh": text.zh, f"{name}_en": text.en}


def _file(name: str, media_type: str) -> Handler:
    content = (_FOLDER / name).read_bytes()

    async def answer(_: Request) -> Response:
        return Response(content, media_type=media_type)

    return answer


def _nothing_here() -> Response:
    return JSONResponse({"reason": "nothing here", "reason_zh": "没有"}, 404)
