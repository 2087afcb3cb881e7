"""What is kept about one merchant can be given and deleted; who left the ledger is forgotten in time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from service.cli.main import main
from service.container import Container
from service.settings.settings import load_settings
from tests.support.town import NOW_US, build_town


def test_everything_about_a_merchant_is_given_and_what_is_personal_is_deleted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    town = build_town(tmp_path)
    shop = next(m for m in town.ledger.merchants if m.merchant_id == town.visits[0].merchant_id)
    assert main(["merchant", "export", shop.merchant_id, "--config", str(town.config)]) == 0
    given = json.loads(capsys.readouterr().out)
    assert (given["merchant"]["phone"], given["merchant"]["name"]) == (shop.phone, shop.name)
    assert given["doors"] and given["visits"] and given["appliances"]
    assert main(["merchant", "erase", shop.merchant_id, "--config", str(town.config)]) == 0
    capsys.readouterr()
    assert main(["merchant", "export", shop.merchant_id, "--config", str(town.config)]) == 0
    left = capsys.readouterr().out
    for personal in (shop.phone, shop.name, shop.address, shop.contact_name):
        assert json.dumps(personal, ensure_ascii=False)[1:-1] not in left
    assert json.loads(left)["visits"] == given["visits"]
    container = Container(load_settings(town.config))
    actions = [entry.action for entry in container.records.audit(5)]
    container.close()
    assert actions[:3] == ["merchant_exported", "merchant_erased", "merchant_exported"]
    assert main(["merchant", "erase", "no-such", "--config", str(town.config)]) == 2


def test_merchants_that_left_the_ledger_are_forgotten_after_their_time(tmp_path: Path) -> None:
    town = build_town(tmp_path)
    gone, kept = town.ledger.merchants[0], town.ledger.merchants[1]
    container = Container(load_settings(town.config))
    smaller = replace(
        town.ledger,
        merchants=town.ledger.merchants[1:],
        appliances=tuple(a for a in town.ledger.appliances if a.merchant_id != gone.merchant_id),
    )
    container.records.replace_ledger(smaller, "test", NOW_US)
    data = container.records.merchant_data
    assert data.erase_retired(NOW_US, NOW_US) == 0, "its time is not over yet"
    assert data.erase_retired(NOW_US + 1, NOW_US) == 1
    assert data.erase_retired(NOW_US + 1, NOW_US) == 0
    for shop, personal_left in ((gone, False), (kept, True)):
        found = data.export(shop.merchant_id, "test", NOW_US)
        assert found is not None
        assert (found["merchant"]["phone"] == shop.phone) is personal_left
    container.close()
