"""Records and journal carry the id of their installation: what does not belong together does not start together.

An empty ledger beside a full journal would have every reading refused and acknowledged; a foreign journal would be
evaluated as if its readings were ours; an empty one would leave a hole that nobody looks for.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence

from grid.errors import StoreError
from grid.text import Text
from stores.journal.journal import Journal
from stores.records.records import Records

_ID_BITS = 62

log = logging.getLogger("redvest.startup")


def join_stores(journal: Journal, records: Records, followers: Sequence[str], *, adopt: bool = False) -> None:
    """Refuse stores that do not belong together; give new ones the id of their installation.

    `followers`: cursors in the records that say how far the journal was followed. `adopt`: take them together all the
    same. Raises StoreError in one line that says which is which.
    """
    problem = _problem(journal, records, followers)
    if problem is not None and not adopt:
        raise StoreError(
            problem,
            where=str(journal.path.parent),
            remedy=Text(
                "请把缺少或放错的文件放回，或恢复备份（redvest restore）；"
                "确实要一起使用，请运行 redvest collect --adopt",
                "put back the file that is missing or of elsewhere, or restore a backup (redvest restore); "
                "to use them together all the same: redvest collect --adopt",
            ),
        )
    if problem is not None:
        log.warning("the stores are taken together all the same: %s", problem.en)
    ours = records.installation() or journal.installation() or 1 + secrets.randbits(_ID_BITS)
    if records.installation() != ours:
        records.join(ours)
    if journal.installation() != ours or problem is not None:
        journal.join(ours)


def _problem(journal: Journal, records: Records, followers: Sequence[str]) -> Text | None:
    """Return why journal and records cannot be of one installation, None where they can."""
    of_journal, of_records = journal.installation(), records.installation()
    readings = journal.counts().readings
    if of_journal and of_records and of_journal != of_records:
        return Text(
            "journal.sqlite 与记录库属于不同的安装", "journal.sqlite and the records are of different installations"
        )
    if of_journal and not of_records:
        return Text(
            f"读数库有 {readings:,} 条读数，而记录库是新的或属于别处",
            f"the journal has {readings:,} readings, but the records are new or of elsewhere",
        )
    if of_records and not of_journal and (readings or any(records.cursor(name) for name in followers)):
        return Text(
            "记录库跟随过一个读数库，而这个读数库是新的或属于别处",
            "the records followed a journal, but this one is new or of elsewhere",
        )
    if readings and not records.ledger().transformers:
        return Text(
            f"台账是空的，而读数库有 {readings:,} 条读数",
            f"the ledger is empty, but the journal has {readings:,} readings",
        )
    if not journal.numbers_are_kept():
        return Text(
            "读数库里台区的序号已被改动，读数会算到别的台区上",
            "the numbers of transformers in the journal were changed: readings would count for others",
        )
    return None
