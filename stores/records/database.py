"""One relational database by URL: short reading and writing transactions, errors told as StoreError."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, event, exc, text
from sqlalchemy.engine import URL, make_url

from grid.errors import DamagedError, SettingsError, StoreError
from grid.os_reasons import os_reason
from grid.text import Text
from stores.owner_file import private_mode
from stores.records.audit_anchors import Head
from stores.sqlite_errors import DAMAGED_REMEDY, READ_ONLY_REMEDY, store_error

_BUSY_TIMEOUT_SECONDS = 20
_WRITES = "redvest_writes"
AUDIT_HEAD = "redvest_audit_head"
"""Of a transaction's notes: the last row that it added to the audit record."""


class Database:
    """A SQLite file or a PostgreSQL database. Safe to share between threads and processes."""

    def __init__(self, url: str) -> None:
        """Prepare the database of a URL; connects when first asked. Raises SettingsError for an unusable URL."""
        self.url = _parsed(url)
        self.after_audit: Callable[[Head], None] | None = None
        """Told the head of the audit record after each transaction that added to it."""
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.where = self.url.database or "" if self.is_sqlite else self.url.render_as_string(hide_password=True)
        try:
            self._engine = _sqlite_engine(self.url) if self.is_sqlite else _postgresql_engine(self.url)
        except ModuleNotFoundError as error:
            raise SettingsError(
                Text(
                    f"没有安装这个数据库的驱动（{error.name}）",
                    f"the driver for this database is not installed ({error.name})",
                ),
                where="[records] url",
                remedy=Text("请安装带 [postgresql] 扩展的 redvest", "install redvest with the extra [postgresql]"),
            ) from error
        isolation: dict[str, Any] = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        self._reading = self._engine.execution_options(**isolation, **{_WRITES: False})
        self._writing = self._engine.execution_options(**{_WRITES: True})

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction that sees one state of the database throughout."""
        with self._telling(), self._reading.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, committed when the block is left, undone when anything in it fails.

        On SQLite it is alone from its first statement on; on PostgreSQL use `alone` for that.
        """
        with self._telling(), self._writing.begin() as connection:
            connection.info.pop(AUDIT_HEAD, None)
            yield connection
            head = connection.info.pop(AUDIT_HEAD, None)
        if head is not None and self.after_audit is not None:
            self.after_audit(head)

    def make_file(self) -> None:
        """Make a SQLite file and its folder where there is none. Raises StoreError when that cannot be done.

        Only its owner, or the group that shares the folder, may read it: it holds personal data. SQLite gives the
        same rights to the files beside it.
        """
        if self.is_sqlite:
            try:
                path = Path(self.where)
                path.parent.mkdir(parents=True, exist_ok=True)
                if not path.exists():
                    path.touch(mode=private_mode(path.parent))
            except OSError as error:
                what = Text(f"无法写入（{os_reason(error).zh}）", f"cannot be written ({error.strerror})")
                raise StoreError(what, where=self.where, remedy=READ_ONLY_REMEDY) from error

    def refuse_damaged(self) -> None:
        """Raise DamagedError when a SQLite file is not whole; a server looks after its own files."""
        if not self.is_sqlite or not Path(self.where).exists():
            return
        with self.reading() as connection:
            found = connection.execute(text("PRAGMA quick_check(1)")).scalar_one()
        if found != "ok":
            raise DamagedError(
                Text(f"文件已损坏（{found}）", f"the file is damaged ({found})"),
                where=self.where,
                remedy=DAMAGED_REMEDY,
            )

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except exc.DBAPIError as error:
            raise self._store_error(error.orig) from error
        except exc.TimeoutError as error:
            raise StoreError(
                Text("连接已全部占用", "all connections are in use"),
                where=self.where,
                remedy=Text("请再试一次", "try again"),
            ) from error

    def _store_error(self, error: BaseException | None) -> StoreError:
        said = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        if "no such table" in said or "UndefinedTable" in type(error).__name__:
            return StoreError(
                Text("数据库里还没有表", "the database has no tables yet"),
                where=self.where,
                remedy=Text("请启动一次采集程序", "start the collector once"),
            )
        if isinstance(error, sqlite3.Error):
            return store_error(error, self.where)
        return StoreError(
            Text(f"数据库出错（{said}）", said),
            where=self.where,
            remedy=Text(
                "请确认数据库在运行，并接受该用户和数据库名",
                "see that the server runs and takes this user and database",
            ),
        )


def alone(connection: Connection, what: str) -> None:
    """Wait until no other writing transaction does the same; until this one ends, no other begins it."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:what))"), {"what": f"redvest {what}"})


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except exc.ArgumentError as error:
        raise SettingsError(
            Text(f"{url!r} 不是数据库 URL", f"{url!r} is no database URL"),
            where="[records] url",
            remedy=Text("请写成 sqlite:////folder/records.sqlite", "write sqlite:////folder/records.sqlite"),
        ) from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql") or (
        parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:")
    ):
        raise SettingsError(
            Text(
                f"{parsed.render_as_string(hide_password=True)!r} 既不是 SQLite 文件，也不是 PostgreSQL",
                f"{parsed.render_as_string(hide_password=True)!r} is neither a SQLite file nor PostgreSQL",
            ),
            where="[records] url",
            remedy=Text(
                "请写成 sqlite:////folder/records.sqlite 或 postgresql+psycopg://user@host/database",
                "write sqlite:////folder/records.sqlite or postgresql+psycopg://user@host/database",
            ),
        )
    return parsed


def _postgresql_engine(url: URL) -> Engine:
    return sqlalchemy.create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 10})


def _sqlite_engine(url: URL) -> Engine:
    engine = sqlalchemy.create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_SECONDS})

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: object) -> None:
        # Transactions are begun by `begin` below, not by the driver when it sees fit.
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA recursive_triggers = ON")
        # Not WAL: before SQLite 3.51.3 a WAL file with several writing processes can be damaged. TRUNCATE: a commit
        # empties the rollback journal and syncs that, where DELETE has to sync the folder before and after.
        connection.execute("PRAGMA journal_mode = TRUNCATE")
        # EXTRA, that a commit cannot come undone by power loss, whatever becomes of the journal.
        connection.execute("PRAGMA synchronous = EXTRA")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # IMMEDIATE: a writer waits its turn at the start, where waiting is harmless, and not in the middle.
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
