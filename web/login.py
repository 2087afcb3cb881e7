"""The login page, the first account, tokens of walls and of the demo, sign-out, and one's own sessions."""

from __future__ import annotations

import asyncio
import math
from html import escape
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from grid.errors import RedvestError
from grid.text import Language, Text
from grid.timestamps import as_datetime
from service.access.passwords import is_right
from service.access.rights import ROLE_NAMES, AccountRole
from service.access.sessions import Refused, SignedIn, Visitor
from service.container import Container
from service.settings.sections import ClockKind
from web import words
from web.addresses import Site, safe_next
from web.cookies import Cookies
from web.forms import FormFault, form_of
from web.markup import alert, button, field, heading, hidden, page


class Login:
    """The routes by which people come in and go out."""

    def __init__(self, container: Container, site: Site) -> None:
        """Keep the parts."""
        self._container = container
        self._accounts = container.accounts
        self._sessions = container.sessions
        self._site = site
        self._cookies = Cookies(https=site.https)

    def routes(self) -> list[Route]:
        """Return the routes."""
        base = self._site.base
        return [
            Route(f"{base}/login", self._page, methods=["GET"]),
            Route(f"{base}/login", self._sign_in, methods=["POST"]),
            Route(f"{base}/enter", self._enter, methods=["GET"]),
            Route(f"{base}/setup", self._set_up_page, methods=["GET"]),
            Route(f"{base}/setup", self._set_up, methods=["POST"]),
            Route(f"{base}/logout", self._sign_out, methods=["POST"]),
            Route(f"{base}/session", self._session, methods=["GET"]),
            Route(f"{base}/session", self._change, methods=["POST"]),
            Route(f"{base}/me", self._me, methods=["GET"]),
        ]

    async def _page(self, request: Request) -> Response:
        if request.state.signed_in is not None:
            return self._to(safe_next(request.query_params.get("next", "/")))
        ended = words.ENDED.to(self._language(request)) if "ended" in request.query_params else ""
        return self._login(request, ended, next_path=request.query_params.get("next", "/"))

    def _login(self, request: Request, said: str, *, status: int = 200, next_path: str, name: str = "") -> Response:
        language, then = self._language(request), safe_next(next_path)
        other = Language.EN if language is Language.ZH else Language.ZH
        to_other = f"{self._site.base}/login?{urlencode({'lang': other.value, 'next': then})}"
        action = f"{self._site.base}/login?lang={language.value}"
        body = (
            heading(words.SIGN_IN, language, to_other)
            + alert(said)
            + f'<form method="post" action="{escape(action)}">'
            + field("name", words.NAME, language, complete="username", value=name)
            + field("password", words.PASSWORD, language, kind="password", complete="current-password")
            + hidden("next", then)
            + button(words.SIGN_IN, language)
            + "</form>"
        )
        return self._html(words.SIGN_IN, body, language, status)

    async def _sign_in(self, request: Request) -> Response:
        language = self._language(request)
        try:
            sent = await form_of(request)
            name, password = sent["name"], sent["password"]
        except (FormFault, KeyError):
            return self._login(request, words.FORM_FAULT.to(language), status=400, next_path="/")
        then = safe_next(sent.get("next", "/"))
        device = self._cookies.value(request.scope["headers"], self._cookies.device)
        result = await self._sessions.sign_in(name, password, self._visitor(request, device))
        if isinstance(result, Refused):
            if result.wait_seconds:
                seconds = math.ceil(result.wait_seconds)
                said = words.TOO_MANY.to(language).format(seconds=seconds)
                answer = self._login(request, said, status=429, next_path=then, name=name[:64])
                answer.headers["retry-after"] = str(seconds)
                return answer
            return self._login(request, words.WRONG.to(language), status=401, next_path=then, name=name[:64])
        return await self._signed_in(request, then, result)

    async def _enter(self, request: Request) -> Response:
        """A wall's or a demo's token is exchanged for a session; the address that held it is left at once."""
        token = request.query_params.get("token", "")
        then = safe_next(request.query_params.get("next", "/"))
        is_demo = self._container.settings.clock.kind is ClockKind.SCALED and request.state.from_here
        entered = await asyncio.to_thread(self._sessions.enter, token, self._visitor(request), is_demo=is_demo)
        if entered is None:
            return self._to(f"/login?next={quote(then, safe='')}")
        return await self._signed_in(request, then, entered)

    async def _signed_in(self, request: Request, then: str, token: str) -> Response:
        before: SignedIn | None = request.state.signed_in
        if before is not None:
            await asyncio.to_thread(
                self._sessions.end, before.account.name, before.session_id, before.account.name, "signed in anew"
            )
        answer = self._to(then)
        answer.raw_headers.extend(self._cookies.keep_session(token, token))
        return answer

    async def _set_up_page(self, request: Request) -> Response:
        token = request.query_params.get("token", "")
        if not await self._may_set_up(request, token):
            return self._to("/login")
        return self._set_up_form(request, token, "")

    def _set_up_form(self, request: Request, token: str, said: str, status: int = 200) -> Response:
        language = self._language(request)
        other = Language.EN if language is Language.ZH else Language.ZH
        to_other = f"{self._site.base}/setup?{urlencode({'lang': other.value, 'token': token})}"
        action = f"{self._site.base}/setup?lang={language.value}"
        body = (
            heading(words.SET_UP, language, to_other)
            + f'<p class="note">{escape(words.SET_UP_NOTE.to(language))}</p>'
            + alert(said)
            + f'<form method="post" action="{escape(action)}">'
            + field("name", words.NAME, language, complete="username")
            + field("password", words.PASSWORD, language, kind="password", complete="new-password")
            + hidden("token", token)
            + button(words.MAKE_ACCOUNT, language)
            + "</form>"
        )
        return self._html(words.SET_UP, body, language, status)

    async def _set_up(self, request: Request) -> Response:
        language = self._language(request)
        try:
            sent = await form_of(request)
            name, password, token = sent["name"], sent["password"], sent["token"]
        except (FormFault, KeyError):
            return self._to("/login")
        if not await self._may_set_up(request, token):
            return self._to("/login")
        add = self._accounts.add
        try:
            await asyncio.to_thread(add, name, AccountRole.ADMINISTRATOR, "set-up", password=password, only_first=True)
        except RedvestError as error:
            return self._set_up_form(request, token, error.line.to(language), 422)
        await asyncio.to_thread(self._accounts.use_up, token)
        result = await self._sessions.sign_in(name, password, self._visitor(request))
        return self._to("/login") if isinstance(result, Refused) else await self._signed_in(request, "/", result)

    async def _may_set_up(self, request: Request, token: str) -> bool:
        """Only from this computer, only with the token that was printed, only while there is no account."""
        if not request.state.from_here:
            return False
        return await asyncio.to_thread(self._accounts.is_set_up_token, token)

    async def _sign_out(self, request: Request) -> Response:
        me: SignedIn = request.state.signed_in
        await asyncio.to_thread(self._sessions.end, me.account.name, me.session_id, me.account.name, "signed out")
        request.state.gate.forget()
        answer = self._to("/login")
        answer.raw_headers.extend(self._cookies.drop_session())
        return answer

    async def _me(self, request: Request) -> Response:
        me: SignedIn = request.state.signed_in
        until = None if me.until_us is None else me.until_us // 1000
        return JSONResponse({"account": me.account.name, "role": me.account.role.value, "until_ms": until})

    async def _session(self, request: Request, said: str = "", status: int = 200) -> Response:
        me: SignedIn = request.state.signed_in
        language = self._language(request)
        other = Language.EN if language is Language.ZH else Language.ZH
        zone = ZoneInfo(self._container.queries.first_zone())
        until = words.UNTIL_ENDED.to(language) if me.until_us is None else _time(me.until_us, zone)
        role = ROLE_NAMES[me.account.role].to(language)
        rows = "".join(
            f"<li><span>{escape(words.SINCE.to(language))} {_time(each.opened_at_us, zone)} · {escape(each.address)}"
            + (
                f" · <b>{escape(words.THIS_ONE.to(language))}</b></span>"
                if each.session_id == me.session_id
                else "</span>"
            )
            + self._form("end", each.session_id, button(words.END, language, "quiet"))
            + "</li>"
            for each in await asyncio.to_thread(self._sessions.of, me.account.name)
        )
        password = "" if me.account.role is AccountRole.WALL else self._password_form(language)
        body = (
            heading(words.WHO_AM_I, language, f"{self._site.base}/session?lang={other.value}")
            + alert(said)
            + f"<dl><dt>{escape(words.NAME.to(language))}</dt><dd>{escape(me.account.name)} · {escape(role)}</dd>"
            + f"<dt>{escape(words.UNTIL.to(language))}</dt><dd>{escape(until)}</dd></dl>"
            + f'<form method="post" action="{self._site.base}/logout">{button(words.SIGN_OUT, language)}</form>'
            + f"<h2>{escape(words.SESSIONS.to(language))}</h2><ul>{rows}</ul>"
            + password
            + f'<p><a href="{self._site.base}/">{escape(words.BACK.to(language))}</a></p>'
        )
        return self._html(words.WHO_AM_I, body, language, status)

    def _form(self, what: str, value: str, inside: str) -> str:
        return f'<form method="post" action="{self._site.base}/session">{hidden(what, value)}{inside}</form>'

    def _password_form(self, language: Language) -> str:
        inside = (
            field("old", words.OLD_PASSWORD, language, kind="password", complete="current-password")
            + field("new", words.NEW_PASSWORD, language, kind="password", complete="new-password")
            + button(words.CHANGE_PASSWORD, language)
        )
        return f"<h2>{escape(words.CHANGE_PASSWORD.to(language))}</h2>" + self._form("do", "password", inside)

    async def _change(self, request: Request) -> Response:
        me: SignedIn = request.state.signed_in
        language = self._language(request)
        try:
            sent = await form_of(request)
        except FormFault:
            return await self._session(request, words.FORM_FAULT.to(language), 400)
        if "end" in sent:
            name = me.account.name
            await asyncio.to_thread(self._sessions.end, name, sent["end"], name, "ended by its owner")
            request.state.gate.forget()
            return self._to("/session")
        if sent.get("do") != "password" or me.account.role is AccountRole.WALL:
            return await self._session(request, words.FORM_FAULT.to(language), 400)
        if not await asyncio.to_thread(is_right, sent.get("old", ""), me.account.secret_hash):
            return await self._session(request, words.WRONG.to(language), 403)
        try:
            await asyncio.to_thread(self._accounts.set_password, me.account.name, sent.get("new", ""), me.account.name)
        except RedvestError as error:
            return await self._session(request, error.line.to(language), 422)
        request.state.gate.forget()
        return self._login(request, words.PASSWORD_CHANGED.to(language), next_path="/")

    def _visitor(self, request: Request, device: str = "") -> Visitor:
        return Visitor(request.state.client, request.headers.get("user-agent", ""), device)

    def _language(self, request: Request) -> Language:
        asked = request.query_params.get("lang", "")
        return words.LANGUAGES.get(asked, self._container.settings.language)

    def _to(self, path: str) -> Response:
        return RedirectResponse(self._site.base + path, status_code=303)

    def _html(self, title: Text, body: str, language: Language, status: int) -> Response:
        content = page(title, body, language, self._site.base)
        return Response(content, status, media_type="text/html")


def _time(timestamp: int, zone: ZoneInfo) -> str:
    return f"{as_datetime(timestamp, zone):%Y-%m-%d %H:%M}"
