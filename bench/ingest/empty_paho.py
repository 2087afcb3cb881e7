"""An empty paho subscriber: what paho's own loop costs when nothing is done with a message.

python -m bench.ingest.empty_paho --port PORT --qos QOS --count FILE
"""

from __future__ import annotations

import argparse
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bench.ingest.bulk_reader import RECEIVE_MAXIMUM
from bench.ingest.counts import CountFile
from collector.wire.format import subscription_filters


def main() -> None:
    """Count until the connection ends."""
    words = argparse.ArgumentParser(prog="python -m bench.ingest.empty_paho")
    words.add_argument("--port", type=int, required=True)
    words.add_argument("--qos", type=int, choices=(0, 1), required=True)
    words.add_argument("--count", type=Path, required=True)
    given = words.parse_args()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bench-empty-paho", protocol=mqtt.MQTTv5)
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 3600
    properties.ReceiveMaximum = RECEIVE_MAXIMUM
    with CountFile(given.count) as count:
        client.on_message = lambda *_: count.add(1)
        client.connect("127.0.0.1", given.port, clean_start=False, properties=properties)
        client.subscribe([(name, given.qos) for name in subscription_filters()])
        client.loop_forever(retry_first_connection=False)


if __name__ == "__main__":
    main()
