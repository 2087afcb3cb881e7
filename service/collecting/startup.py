"""The check of the stores when the collector starts: a damaged one is not used, not hidden, and not deleted.

A damaged journal is moved aside and a new one begun, so that monitoring goes on; health stays red until
somebody has dealt with what was moved. Damaged records stop the start: the ledger cannot be made up.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING

from alerts.model.kinds import MessageKind
from alerts.notification.event import NotificationEvent, Urgency
from alerts.notification.store_words import journal_log_missing, journal_quarantined
from grid.errors import DamagedError, StoreError
from grid.fleet import Fleet
from grid.text import Text
from service.collecting.installation import join_stores
from service.collecting.pipeline import EVALUATED_CURSOR
from service.container import Container
from stores.influx.copy import CURSOR as COPIED_CURSOR
from stores.journal.file import CHECKED_BYTES_MAX
from stores.journal.journal import Journal, LogState
from stores.maintenance.backup import refuse_half_restored
from stores.maintenance.quarantine import quarantine, what_was_quarantined
from stores.maintenance.salvage import salvage

if TYPE_CHECKING:
    from stores.records.records import Records

log = logging.getLogger("redvest.startup")


@dataclass(frozen=True)
class Opened:
    """The journal, open for writing, and what the check found."""

    journal: Journal
    quarantine: tuple[str, ...]
    """Damaged journals that lie in the data folder, by their folder there, the oldest first."""
    damaged_readings: int = 0
    """Packed readings of the journal that cannot be unpacked any more."""
    was_damaged: bool = False
    """The journal is new: it holds what could be read of a damaged one, and may lack readings of any age."""

    @property
    def degraded(self) -> tuple[str, ...]:
        """Return why health is red from the start, as lines for operators."""
        lines = [
            f"journal: a damaged one lies in {folder}; what could be read of it was taken over, the rest is asked for "
            "again; restore the last backup (redvest restore) or make do without, then move that folder away"
            for folder in self.quarantine
        ]
        if self.damaged_readings:
            lines.append(
                f"journal: {self.damaged_readings} readings are damaged, the log says which; restore "
                "the last backup (redvest restore), or delete these rows to make do without (docs/stores.md)"
            )
        return tuple(lines)

    def notification_events(self, fleet: Fleet, now_us: int) -> tuple[NotificationEvent, ...]:
        """Return what is said to people; nothing while the fleet has no station to say it to."""
        row = next((row for row, station_id in enumerate(fleet.station_ids) if station_id), None)
        if row is None:
            return ()
        zone, station_id = fleet.zones[row], fleet.station_ids[row]
        found = [(folder, journal_quarantined(folder, now_us, zone)) for folder in self.quarantine]
        found += _log_words(self.journal, now_us, zone)
        kind = MessageKind.JOURNAL_DAMAGED
        return tuple(
            NotificationEvent(
                f"journal/{what}",
                kind,
                station_id,
                kind,
                Urgency.BLIND,
                now_us,
                text,
            )
            for what, text in found
        )


def open_stores(container: Container, *, adopt: bool = False) -> Opened:
    """Check and open the stores. Raises StoreError when the collector cannot start with them.

    `adopt`: somebody says that the stores belong together, whatever they say of themselves.
    """
    refuse_half_restored(container.settings.data.folder)
    container.records.refuse_damaged()
    is_new = False
    try:
        journal = container.journal_writer()
    except DamagedError as error:
        folder = quarantine(container.settings.journal_file, container.clock.now_us())
        log.error("%s; it was moved to %s and a new journal begun", error, folder)
        journal = container.journal_writer()
        is_new = True
        ledger_ids = {transformer.transformer_id for transformer in container.records.ledger().transformers}
        saved = salvage(folder / journal.path.name, journal, ledger_ids)
        log.warning("%d readings of %d transformers were read back from it", saved.readings, saved.transformers)
    try:
        join_stores(journal, container.records, (EVALUATED_CURSOR, COPIED_CURSOR), adopt=adopt or is_new)
    except StoreError:
        journal.close()
        raise
    if journal.log_state is not LogState.SOUND:
        log.error(
            "the log of %s is %s: the last readings acknowledged before the crash may be lost, gaps are searched for",
            journal.path,
            journal.log_state.value,
        )
    _turn_back_followers(journal, container.records)
    data_folder = container.settings.data.folder
    aside = tuple(str(folder.relative_to(data_folder)) for folder in what_was_quarantined(data_folder))
    return Opened(journal, aside, journal.damaged_readings(CHECKED_BYTES_MAX), was_damaged=is_new)


def _turn_back_followers(journal: Journal, records: Records) -> None:
    """Let no follower stand ahead of the journal: it would pass over as many blocks as were lost."""
    last = journal.counts().blocks
    for name in (EVALUATED_CURSOR, COPIED_CURSOR):
        if records.cursor(name) > last:
            log.warning("the journal ends at block %d, before where %r stood: it is turned back", last, name)
            records.set_cursor(name, last)


def _log_words(journal: Journal, now_us: int, zone: tzinfo) -> list[tuple[str, Text]]:
    if journal.log_state is LogState.SOUND:
        return []
    return [(f"log/{now_us}", journal_log_missing(now_us, zone))]
