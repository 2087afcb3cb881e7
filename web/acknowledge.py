"""The page behind a one-time link of a message: it says what is asked, and only its button takes the incident.

It answers without a session: the link itself is the key, for one person, one incident, some hours and one use. Opening
it changes nothing, for chat programs open links to preview them. It shows no merchant.
"""

from __future__ import annotations

import asyncio
from html import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from grid.errors import RedvestError
from grid.text import Language, Text
from service.container import Container
from service.notify.acknowledge import Acknowledged, Outcome
from service.notify.links import PATH
from web import words
from web.addresses import Site
from web.markup import alert, button, heading, page

TITLE = Text("接手事件", "Take an incident")
ASK = Text(
    "{name}：由您处理台区 {transformer} 的事件吗？", "{name}: do you take the incident of transformer {transformer}?"
)
I_HAVE_IT = Text("我来处理", "I have it")
NOW_YOU_HAVE_IT = Text("已记录：{name} 接手。其他人会收到通知。", "Recorded: {name} has it. The others are told.")
HAD_IT_BEFORE = Text("{name} 之前已接手，不必再处理。", "{name} had it before; nothing is to be done.")
IS_OVER = Text("事件已结束，不必再处理。", "The incident is over; nothing is to be done.")
NO_LINK = Text("链接无效或已过期，请登录后处理。", "This link is not valid, or too old. Please sign in.")
STORE_TROUBLE = Text("暂时无法记录，请稍后再试。", "It cannot be recorded just now. Please try again.")
_STATUS = {Outcome.NO_LINK: 404}


class AcknowledgePages:
    """The routes of the links."""

    def __init__(self, container: Container, site: Site) -> None:
        """Keep the parts."""
        self._container = container
        self._site = site

    def routes(self) -> list[Route]:
        """Return the routes."""
        path = f"{self._site.base}{PATH}{{token}}"
        return [Route(path, self._look, methods=["GET"]), Route(path, self._use, methods=["POST"])]

    async def _look(self, request: Request) -> Response:
        language = self._language(request)
        try:
            found = await asyncio.to_thread(self._container.acknowledger.look_at_link, request.path_params["token"])
        except RedvestError:
            return self._said(request, alert(STORE_TROUBLE.to(language)), 503)
        if found.outcome is not Outcome.RECORDED or found.incident is None or found.person is None:
            return self._outcome(request, found)
        asked = ASK.to(language).format(name=found.person.name, transformer=found.incident.transformer_id)
        form = f'<form method="post" action="?lang={language.value}">{button(I_HAVE_IT, language)}</form>'
        return self._said(request, f"<p>{escape(asked)}</p>{form}", 200)

    async def _use(self, request: Request) -> Response:
        try:
            done = await asyncio.to_thread(self._container.acknowledger.use_link, request.path_params["token"])
        except RedvestError:
            return self._said(request, alert(STORE_TROUBLE.to(self._language(request))), 503)
        return self._outcome(request, done)

    def _outcome(self, request: Request, done: Acknowledged) -> Response:
        name = done.has_it.name if done.has_it else ""
        text = {
            Outcome.RECORDED: NOW_YOU_HAVE_IT,
            Outcome.ALREADY: HAD_IT_BEFORE,
            Outcome.OVER: IS_OVER,
            Outcome.NO_LINK: NO_LINK,
        }[done.outcome]
        said = escape(text.to(self._language(request)).format(name=name))
        return self._said(request, f'<p role="status">{said}</p>', _STATUS.get(done.outcome, 200))

    def _said(self, request: Request, body: str, status: int) -> Response:
        language = self._language(request)
        other = Language.EN if language is Language.ZH else Language.ZH
        whole = heading(TITLE, language, f"?lang={other.value}") + body
        headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
        html = page(TITLE, whole, language, self._site.base)
        return Response(html, status, headers, media_type="text/html")

    def _language(self, request: Request) -> Language:
        return words.LANGUAGES.get(request.query_params.get("lang", ""), self._container.settings.language)
