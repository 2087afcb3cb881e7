"""The long-term copy: a thread that writes the journal on to an InfluxDB-compatible server, where switched on."""

from __future__ import annotations

import logging
import threading

from service.house import House
from service.settings import Settings
from stores.influx import InfluxCopy, InfluxTarget

log = logging.getLogger("redvest.copy")


class CopyThread:
    """Copies what the journal has and the server has not, in its own time and never in the reading path's way."""

    @staticmethod
    def if_enabled(settings: Settings, house: House) -> list[CopyThread]:
        """Return the copy of these settings, or nothing when it is switched off."""
        return [CopyThread(settings, house)] if settings.influx.enabled else []

    def __init__(self, settings: Settings, house: House) -> None:
        """Prepare; `start` begins."""
        self._values = settings.influx
        self._token = settings.influx_token()
        self._house = house
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="copy", daemon=True)

    def start(self) -> None:
        """Begin to copy."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch under way and end."""
        self._stop.set()
        self._thread.join(self._values.timeout_seconds + 5.0)

    def _run(self) -> None:
        house = House(self._house.settings)
        try:
            self._copy_until_stopped(house)
        finally:
            house.close()

    def _copy_until_stopped(self, house: House) -> None:
        copy: InfluxCopy | None = None
        said = ""
        while not self._stop.is_set():
            journal = house.journal_reader()
            if copy is None and journal is not None:
                copy = InfluxCopy(self._target(), journal, house.records)
            copied = copy.copy_once(house.fleet(), house.clock.now_us(), self._values.batch_rows_max) if copy else None
            if copy and copy.last_error != said:
                said = copy.last_error
                log.warning("copy to %s: %s", self._values.url, said or "works again")
            if copied is None or not copied.rows:
                self._stop.wait(self._values.interval_seconds)
        if copy:
            copy.close()

    def _target(self) -> InfluxTarget:
        values = self._values
        return InfluxTarget(
            url=values.url,
            token=self._token,
            org=values.org,
            bucket=values.bucket,
            timeout_seconds=values.timeout_seconds,
        )
