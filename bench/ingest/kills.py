"""What a kill -9 costs: a receiver at QoS 1 is killed under way, started again, and asked for what it has."""

from __future__ import annotations

import signal
import threading
import time

from bench.broker import running_broker
from bench.ingest.counts import JOURNAL_READINGS, Database
from bench.ingest.figures import Killed
from bench.ingest.measure import standing, wait_for
from bench.ingest.packets import Stream
from bench.ingest.publisher import Publisher, at_pace
from bench.ingest.receivers import Kind, Place, running
from grid.fleet import Fleet

_SECONDS_BEFORE = 1.5
_SECONDS_IN_ALL = 3.0
_PEER_DISTINCT = "SELECT count(*) FROM (SELECT DISTINCT transformer_id, measured_at FROM reading)"


def kill_under_way(kind: Kind, place: Place, fleet: Fleet, stream: Stream, readings_per_second: float) -> Killed:
    """Return what was lost and what was stored twice, by sets of keys."""
    with running_broker(place.folder / "broker") as broker:
        place = Place(place.folder, broker.port, place.case, place.qos, place.node_modules)
        sent: list[int] = []
        with standing(kind, place, fleet, broker) as stand:
            probes = stand.probes
            sending = threading.Thread(target=_send, args=(broker.port, stream, readings_per_second, sent))
            sending.start()
            time.sleep(_SECONDS_BEFORE)
            stand.receiver.process.send_signal(signal.SIGKILL)
            stand.receiver.process.wait()
        with running(kind, place) as again:
            sending.join()
            wait_for(lambda: again.seen() - probes, sent[0], again.check)
            database = Database(place.folder / ("data/journal.sqlite" if kind is Kind.COLLECTOR else "peer.sqlite"))
            distinct = database.number(JOURNAL_READINGS if kind is Kind.COLLECTOR else _PEER_DISTINCT)
            rows = again.seen()
            database.close()
    return Killed(kind.value, sent[0], sent[0] + probes - distinct, rows - distinct)


def _send(port: int, stream: Stream, readings_per_second: float, sent: list[int]) -> None:
    with Publisher(port, "bench-publisher-2") as publisher:
        sent.append(len(publisher.send(stream, at_pace(readings_per_second), _SECONDS_IN_ALL)))
