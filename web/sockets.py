"""Live sockets of sessions: each is closed within two seconds after its session is over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from grid.errors import StoreError
from service.access.sessions import Sessions, SignedIn

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

SESSION_OVER = 4401
"""Close code by which the page knows that it has to ask for a sign-in."""
_LOOKED_AT_EVERY_SECONDS = 0.7
_log = logging.getLogger("redvest.web")


class LiveSockets:
    """Runs sockets, and ends those whose session has ended. One question for all of them, whatever their number."""

    def __init__(self, sessions: Sessions) -> None:
        """Begin with none."""
        self._sessions = sessions
        self._over: dict[str, tuple[int | None, set[asyncio.Event]]] = {}
        self._watch: asyncio.Task[None] | None = None

    async def run(self, app: App, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Run one socket until it ends by itself or its session is over."""
        signed_in: SignedIn = scope["state"]["signed_in"]
        over = asyncio.Event()
        events = self._over.setdefault(signed_in.session_id, (signed_in.until_us, set()))[1]
        events.add(over)
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._look())
        closed = False

        async def receiving() -> Message:
            if over.is_set():
                return {"type": "websocket.disconnect", "code": SESSION_OVER}
            wanted = asyncio.ensure_future(receive())
            ending = asyncio.ensure_future(over.wait())
            done, waiting = await asyncio.wait({wanted, ending}, return_when=asyncio.FIRST_COMPLETED)
            for each in waiting:
                each.cancel()
            if wanted in done:
                return wanted.result()
            await close()
            return {"type": "websocket.disconnect", "code": SESSION_OVER}

        async def sending(message: Message) -> None:
            if not over.is_set():
                await send(message)

        async def close() -> None:
            nonlocal closed
            if not closed:
                closed = True
                await send({"type": "websocket.close", "code": SESSION_OVER})

        try:
            await app(scope, receiving, sending)
        finally:
            events.discard(over)
            if not events:
                self._over.pop(signed_in.session_id, None)

    async def _look(self) -> None:
        while self._over:
            await asyncio.sleep(_LOOKED_AT_EVERY_SECONDS)
            ends = {session_id: until_us for session_id, (until_us, _) in self._over.items()}
            try:
                over = await asyncio.to_thread(self._sessions.over, ends)
            except StoreError as error:
                # What cannot be looked up holds for now; pages say themselves that the store does not answer.
                _log.warning("sessions could not be looked at: %s", error)
                continue
            for session_id in over:
                for event in tuple(self._over.get(session_id, (None, set()))[1]):
                    event.set()
