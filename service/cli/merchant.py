"""`merchant`: what is kept about one merchant, given and deleted."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from grid.errors import UsageError
from grid.text import Text
from service.cli.account import who_runs_this
from service.cli.options import Config, Speak, opened

merchant = typer.Typer(help="商户 · What is kept about one merchant: give it, delete it.", no_args_is_help=True)
MerchantId = Annotated[str, typer.Argument(metavar="ID", help="The merchant_id of the ledger.")]


@merchant.command("export")
def export(merchant_id: MerchantId, config: Config = None, language: Speak = None) -> None:
    """导出 · Print everything that is kept about a merchant, as one JSON object."""
    with opened(config, language) as (container, _):
        found = container.records.merchant_data.export(merchant_id, who_runs_this(), container.clock.now_us())
        if found is None:
            raise _unknown(merchant_id)
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")


@merchant.command("erase")
def erase(merchant_id: MerchantId, config: Config = None, language: Speak = None) -> None:
    """删除 · Delete what is personal about a merchant; ids and results of visits stay."""
    with opened(config, language) as (container, screen):
        if not container.records.merchant_data.erase(merchant_id, who_runs_this(), container.clock.now_us()):
            raise _unknown(merchant_id)
        screen.note(
            Text(
                f"商户 {merchant_id} 的个人信息已删除；请同时从台账文件和备份中删除，否则下次导入会再出现",
                f"what was personal about {merchant_id} is deleted; delete it from the ledger's files and from "
                "backups too, or the next import brings it back",
            )
        )


def _unknown(merchant_id: str) -> UsageError:
    return UsageError(
        Text(f"没有商户 {merchant_id!r} 的记录", f"nothing is kept of a merchant {merchant_id!r}"),
        remedy=Text("请使用 merchants.csv 中的 merchant_id", "take a merchant_id of merchants.csv"),
    )
