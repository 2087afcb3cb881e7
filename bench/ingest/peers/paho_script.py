"""What many would write first: paho, json, a dict of states, SQLite. Acknowledges at receipt, commits every 50 ms.

python paho_script.py PORT QOS DATABASE RATINGS
"""

import json
import math
import sqlite3
import sys
import time
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

COMMIT_SECONDS = 0.05
ENTER, LEAVE = 0.90, 0.85

port, qos, database, ratings = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
rated_power_kva = json.loads(Path(ratings).read_text())
store = sqlite3.connect(database)
store.execute("PRAGMA journal_mode=WAL")
store.execute("PRAGMA synchronous=NORMAL")
store.execute(
    "CREATE TABLE IF NOT EXISTS reading (transformer_id, measured_at, ua, ub, uc, ia, ib, ic, p, q, load_rate, seq)"
)
store.execute("CREATE TABLE IF NOT EXISTS event (transformer_id, measured_at, kind, load_rate)")
severe, readings, events = set(), [], []


def take(transformer_id, reading):
    p, q = reading["active_power_kw"], reading["reactive_power_kvar"]
    load_rate = math.hypot(p, q) / rated_power_kva[transformer_id]
    at = reading["measured_at"]
    if transformer_id in severe:
        if load_rate < LEAVE:
            severe.discard(transformer_id)
            events.append((transformer_id, at, "over", load_rate))
    elif load_rate >= ENTER:
        severe.add(transformer_id)
        events.append((transformer_id, at, "opened", load_rate))
    voltage, current = reading["voltage_v"], reading["current_amp"]
    readings.append((transformer_id, at, *voltage, *current, p, q, load_rate, reading["seq"]))


def on_message(client, userdata, message):
    topic = message.topic.split("/")
    content = json.loads(message.payload)
    if topic[-1] == "reading":
        take(topic[3], content)
    elif "readings" in content:
        for reading in content["readings"]:
            take(reading["transformer_id"], reading)
    else:
        columns = content["columns"]
        for row in zip(*columns.values(), strict=True):
            reading = dict(zip(columns, row, strict=True))
            take(reading["transformer_id"], reading)


def commit():
    with store:
        store.executemany("INSERT INTO reading VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", readings)
        store.executemany("INSERT INTO event VALUES (?,?,?,?)", events)
    readings.clear()
    events.clear()


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "bench-paho-script", protocol=mqtt.MQTTv5)
client.on_message = on_message
client.on_connect = lambda *_: client.subscribe([("redvest/v1/+/+/reading", qos), ("redvest/v1/+/readings", qos)])
session = Properties(PacketTypes.CONNECT)
session.SessionExpiryInterval = 3600
client.connect("127.0.0.1", port, clean_start=False, properties=session)
committed_at = time.monotonic()
while client.loop(COMMIT_SECONDS) == mqtt.MQTT_ERR_SUCCESS:
    if readings and time.monotonic() - committed_at >= COMMIT_SECONDS:
        commit()
        committed_at = time.monotonic()
