"""Fixtures of the fault tests.

new_site    makes installations: new_site(street, broker); their collectors are ended after the test
tell        notes a figure of this test: one line for each stands at the end of the run
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.figures import FIGURE
from tests.faults.site import Site
from tests.faults.street import Street
from tests.support.mosquitto import Mosquitto


@pytest.fixture
def new_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Return a function that makes an installation at a broker (or a port) for a street."""
    sites: list[Site] = []
    numbers = itertools.count()

    def make(street: Street, broker: Mosquitto | int, /, **sections: dict[str, Any]) -> Site:
        port = broker if isinstance(broker, int) else broker.port
        site = Site(tmp_path / f"site-{next(numbers)}", port, street.ledger, sections)
        sites.append(site)
        return site

    yield make
    for site in sites:
        site.close()


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str, str], None]:
    """Return a function that notes a figure of a fault under its number."""

    def note(fault: str, figure: str) -> None:
        line = f"{fault}  {figure}"
        record_property(FIGURE, line)
        sys.stdout.write(line + "\n")

    return note
