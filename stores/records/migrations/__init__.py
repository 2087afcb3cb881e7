"""Schema changes of the records, one file each in versions/, run by the program itself.

`upgrade` runs what is missing inside the caller's one transaction: a kill leaves the old schema or the new one.
To add one: copy the newest file, count on, change tables with `op`, and bring stores/records/schema.py along.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def upgrade(connection: Connection) -> None:
    """Run the migrations that the database lacks, within the transaction of `connection`."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
