"""A running dashboard over a small town, for the tests of the gate and the phone page."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.dashboard import dashboard_of
from tests.support.town import Town, build_town


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """Return a town of its own for each file of tests."""
    return build_town(tmp_path_factory.mktemp("town"))


@pytest.fixture(scope="module")
def address(town: Town, free_port: Callable[[], int]) -> Iterator[str]:
    """Return the address of a dashboard that serves the town."""
    with dashboard_of(town.config, free_port()) as (running, _):
        yield running
