"""The list to take along, by a route that asks for the rights: media addresses of Streamlit answer to anybody.

Each export leaves a line in the audit record: contacts stand in it, masked.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from grid.errors import UsageError
from service.access.rights import Action
from service.access.sessions import SignedIn
from service.container import Container
from service.exports.exports import outreach_html, outreach_pdf, outreach_xlsx_bytes
from web import words

_KINDS = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
    "html": "text/html; charset=utf-8",
}
_FILE = re.compile(r"(?P<incident_id>[^/]{1,200})\.(?P<ending>xlsx|pdf|html)")


def export_routes(container: Container, base: str) -> list[Route]:
    """Return the route of exports."""

    async def export(request: Request) -> Response:
        me: SignedIn = request.state.signed_in
        asked = _FILE.fullmatch(request.path_params["file"])
        if asked is None or not me.rights.may(Action.EXPORT):
            return Response("nothing here\n", 404, media_type="text/plain")
        language = words.LANGUAGES.get(request.query_params.get("lang", ""), container.settings.language)
        ending = asked["ending"]

        def made() -> tuple[str, bytes] | None:
            try:
                page = container.queries.seen_by(me.rights).incident(asked["incident_id"])
            except UsageError:
                return None
            if page.outreach is None:
                return None
            incident_id = page.row.incident.incident_id
            container.accounts.note_contacts_listed(incident_id, me.account.name, ending)
            match ending:
                case "xlsx":
                    return incident_id, outreach_xlsx_bytes(page, language)
                case "html":
                    return incident_id, outreach_html(page, language).encode()
                case _:
                    with tempfile.TemporaryDirectory(prefix="redvest-pdf-") as folder:
                        file = Path(folder) / "list.pdf"
                        outreach_pdf(page, file, language)
                        return incident_id, file.read_bytes()

        found = await asyncio.to_thread(made)
        if found is None:
            return Response("nothing here\n", 404, media_type="text/plain")
        name = f"outreach-{found[0]}.{ending}"
        return Response(
            found[1], media_type=_KINDS[ending], headers={"content-disposition": f'attachment; filename="{name}"'}
        )

    return [Route(f"{base}/exports/{{file}}", export, methods=["GET"])]
