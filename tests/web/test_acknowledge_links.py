"""The page behind a one-time link, in the running dashboard: no session is needed, and only its button counts."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from service.container import Container
from service.settings.settings import load_settings
from stores.records.records import Records
from tests.support.dashboard import dashboard_of
from tests.support.town import Town, build_town


@dataclass
class Desk:
    """A running dashboard, its records, and a link of one of its people."""

    address: str
    records: Records
    incident_id: str
    token: str

    def ask(self, method: str, token: str = "", origin: str | None = None) -> tuple[int, str]:
        """Return status and text of one request without a session."""
        host = urlsplit(self.address).netloc
        connection = http.client.HTTPConnection(host, timeout=30)
        headers = {"Origin": f"http://{host}" if origin is None else origin} if method == "POST" else {}
        connection.request(method, f"/a/{token or self.token}?lang=en", headers=headers)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response.status, text


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return build_town(Path(tmp_path_factory.mktemp("links")))


@pytest.fixture(scope="module")
def desk(town: Town, free_port: Callable[[], int]) -> Iterator[Desk]:
    container = Container(load_settings(town.config))
    incident_id = town.incident.incident_id
    token = container.acknowledge_links.token(incident_id, "P2", container.clock.now_us())
    with dashboard_of(town.config, free_port()) as (address, _):
        yield Desk(address, container.records, incident_id, token)
    container.close()


def test_a_link_asks_then_takes_once_and_shows_no_merchant(desk: Desk, town: Town) -> None:
    status, text = desk.ask("GET")
    assert status == 200
    assert "do you take the incident of transformer YX06?" in text and 'method="post"' in text
    assert not [m for m in town.ledger.merchants if m.name in text or (m.phone and m.phone in text)]
    assert desk.records.acknowledgement(desk.incident_id) is None, "a preview of the chat program takes nothing"
    assert desk.ask("POST", origin="http://evil.example")[0] == 403
    assert desk.records.acknowledgement(desk.incident_id) is None
    status, text = desk.ask("POST")
    assert (status, "has it. The others are told." in text) == (200, True)
    taken = desk.records.acknowledgement(desk.incident_id)
    assert taken is not None and (taken.person_id, taken.way) == ("P2", "link")
    assert "had it before" in desk.ask("POST")[1]
    assert "had it before" in desk.ask("GET")[1]


@pytest.mark.parametrize("token", ["x", "a.b", "%2e%2e", "A" * 600])
def test_a_link_that_is_none_of_ours_says_so(desk: Desk, token: str) -> None:
    for method in ("GET", "POST"):
        status, text = desk.ask(method, token)
        assert status in (401, 404)
        assert "YX06" not in text
