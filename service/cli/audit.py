"""`audit`: whether the record of who did what is whole."""

from __future__ import annotations

from typing import Annotated

import typer

from grid.errors import UsageError
from grid.text import Text
from service.audit_check import check_audit
from service.cli.options import AsJson, Config, Speak, opened
from stores.records.audit_anchors import Head

audit = typer.Typer(help="审计 · Is the record of who did what whole?", no_args_is_help=True)


@audit.callback()
def _group() -> None:
    """Keep `verify` a command of its own."""


@audit.command("verify")
def verify(
    head: Annotated[
        str | None,
        typer.Option("--head", metavar="NO:HASH", help="A head that was noted elsewhere, as in the collector's log."),
    ] = None,
    as_json: AsJson = False,
    config: Config = None,
    language: Speak = None,
) -> None:
    """核对 · Find rows that were changed, removed or inserted, the last ones too; exit 1 when there are any."""
    noted = _head_of(head)
    with opened(config, language, as_json) as (container, screen):
        state = check_audit(container.records, container.audit_anchors, noted)
        if as_json:
            for each in state.findings:
                screen.line(no=each.no, problem=each.what)
        for each in state.findings:
            screen.say(Text(f"第 {each.no} 行：{each.what.zh}", f"row {each.no}: {each.what.en}"))
        if not state.findings:
            now = "0" if state.head is None else f"{state.head.no}:{state.head.hash}"
            screen.note(
                Text(
                    f"完整，末行 {now}，锚到第 {state.anchored_no} 行",
                    f"whole, head {now}, anchored up to row {state.anchored_no}",
                )
            )
    if state.findings:
        raise typer.Exit(1)


def _head_of(text: str | None) -> Head | None:
    if text is None:
        return None
    number, _, digest = text.partition(":")
    if not (number.isdecimal() and len(digest) == 64):
        raise UsageError(
            Text(f"{text[:80]!r} 不是 行号:哈希", f"{text[:80]!r} is no NO:HASH"),
            where="--head",
            remedy=Text("请照采集日志抄写", "copy it from the collector's log"),
        )
    return Head(int(number), digest)
