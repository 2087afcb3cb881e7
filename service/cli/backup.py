"""`backup` and `restore`: copies of the stores while everything runs, and their way back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grid.errors import StoreError
from grid.text import Text
from service.cli.options import AsJson, Config, Speak, opened
from service.cli.screen import local, progress, utc
from service.container import Container
from stores.maintenance.backup import JOURNAL_FILE, RECORDS_FILE, Backup, back_up, read_backup
from stores.maintenance.backup import restore as put_back


def backup(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="New or empty folder for the copies.")],
    config: Config = None,
    language: Speak = None,
    as_json: AsJson = False,
) -> None:
    """备份 · Copy records and readings while everything runs; each copy is checked."""
    with opened(config, language, as_json) as (container, screen):
        stores = [file for file in _files(container) if file.exists()]
        if not stores:
            raise StoreError(
                Text("还没有可备份的内容", "there is nothing to back up yet"),
                where=str(container.settings.data.folder),
                remedy=Text("请先启动采集程序", "start the collector"),
            )
        if not _records_are_embedded(container):
            screen.note(
                Text(
                    "记录库在数据库服务器上，请另用 pg_dump 备份（先备份它）。",
                    "the records are on a database server: back them up with pg_dump, and before the readings",
                )
            )
        size = sum(file.stat().st_size for file in stores)
        with progress(Text("备份", "backing up"), screen.language, size) as tell:
            made = back_up(stores, folder, container.clock.now_us(), tell)
        for one in made.files if as_json else ():
            screen.line(file=one.file, bytes=one.bytes, sha256=one.sha256, made_at=utc(made.made_at_us))
        screen.say(Text(f"已备份到 {folder}：{_sizes(made)}", f"backed up to {folder}: {_sizes(made)}"))


def restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that `redvest backup` made.")],
    config: Config = None,
    language: Speak = None,
    as_json: AsJson = False,
) -> None:
    """恢复 · Put a backup in the place of the stores; stop every redvest process before. What was there is kept."""
    with opened(config, language, as_json) as (container, screen):
        found = read_backup(folder)
        replaced = put_back(found, folder, container.settings.data.folder, container.clock.now_us())
        for one in found.files if as_json else ():
            screen.line(file=one.file, bytes=one.bytes, sha256=one.sha256, made_at=utc(found.made_at_us))
        made_at = local(found.made_at_us, "UTC")
        screen.say(
            Text(f"已恢复 {made_at} UTC 的备份：{_sizes(found)}", f"restored, as of {made_at} UTC: {_sizes(found)}")
        )
        if replaced is not None:
            screen.say(Text(f"原来的文件在 {replaced}", f"what was there before is in {replaced}"))
        screen.say(
            Text(
                "请启动采集；备份之后的读数由消息服务器和终端补传，缺的见 redvest gaps。",
                "start the collector; what came after the backup is sent again as far as broker and devices have it "
                "(redvest gaps lists what is missing)",
            )
        )


def _files(container: Container) -> tuple[Path, ...]:
    """Return the store files in the order in which they are copied: incidents then find their readings."""
    folder = container.settings.data.folder
    records = (folder / RECORDS_FILE,) if _records_are_embedded(container) else ()
    return (*records, folder / JOURNAL_FILE)


def _records_are_embedded(container: Container) -> bool:
    return container.settings.records_url() == f"sqlite:///{container.settings.data.folder / RECORDS_FILE}"


def _sizes(found: Backup) -> str:
    return ", ".join(f"{one.file} {one.bytes / 1e6:.1f} MB" for one in found.files)
