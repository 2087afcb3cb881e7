"""Writing ready lines through influxdb-client; every way to fail comes out as NotTaken.

Imported only when a copy begins: the client takes long to import, and most sites have no InfluxDB.
"""

from __future__ import annotations

from collections.abc import Sequence

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from stores.influx.target import InfluxTarget, NotTaken

_WAIT_SECONDS_MAX = 3600


class InfluxServer:
    """One server, through the unmodified client. Synchronous writes: a failure is raised, not called back."""

    def __init__(self, target: InfluxTarget) -> None:
        """Prepare the connection; nothing is sent yet."""
        self._target = target
        self._client = InfluxDBClient(
            url=target.url,
            token=target.token,
            org=target.org,
            timeout=int(target.timeout_seconds * 1000),
            # Trying again is the copy's business: it knows when, and does not block while it waits.
            retries=False,
        )
        self._write_api = self._client.write_api(write_options=SYNCHRONOUS)

    def write(self, lines: Sequence[str]) -> None:
        """Write lines with timestamps in microseconds. Raises NotTaken."""
        precision: str = WritePrecision.US
        try:
            self._write_api.write(self._target.bucket, self._target.org, "\n".join(lines), precision)  # type: ignore[arg-type]
        except ApiException as error:
            asked = str(error.headers.get("Retry-After", "")) if error.headers else ""
            wait_seconds = min(int(asked), _WAIT_SECONDS_MAX) if asked.isdecimal() else 0
            raise NotTaken(_told(error), status=error.status, wait_seconds=wait_seconds) from error
        except (HTTPError, OSError) as error:
            # The text begins with the connection object's address, which says nothing to a person.
            said = str(getattr(error, "reason", None) or error).rpartition(">: ")[2]
            raise NotTaken(f"{type(error).__name__}: {said}") from error

    def close(self) -> None:
        """Close the connection."""
        self._write_api.close()  # type: ignore[no-untyped-call]
        self._client.close()  # type: ignore[no-untyped-call]


def _told(error: ApiException) -> str:
    body = error.body.decode("utf-8", "replace") if isinstance(error.body, bytes) else str(error.body or "")
    return " ".join(f"{error.status} {error.reason} {body}".split())
