"""Topics that no subscription covers leave a trace, and the doctor shows it."""

from __future__ import annotations

from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.client import topic_matches_sub

from collector.mqtt.broker_address import BrokerAddress
from collector.mqtt.stray_topics import STRAY_FILTERS, StrayTopicsThread
from collector.wire.format import batch_topic, reading_topic, replay_topic
from grid.timestamps import DAY_US, parse_timestamp_us
from service.doctor.doctor import examine
from service.monitors.stray_topics import TOPICS_MAX, StrayTopics, read_stray_topics
from tests.support.mosquitto import Mosquitto
from tests.support.waiting import pause, wait_until

NOON_US = parse_timestamp_us("2021-07-24T12:00:00+08:00")
STRAY = (
    "/redvest/v1/ST01/YX06/reading",
    "Redvest/v1/ST01/YX06/reading",
    "redvest/v1/ST01/YX06/Reading",
    "redvest/v1/YX06/reading",
    "redvest/v1/ST01/YX06/reading/",
)


def test_no_stray_filter_covers_a_topic_that_is_right() -> None:
    for topic in (reading_topic("ST01", "YX06"), batch_topic("ST01"), replay_topic("ST01", "YX06")):
        assert not any(topic_matches_sub(name, topic) for name in STRAY_FILTERS), topic


def test_what_a_broker_gives_to_nobody_is_heard_kept_and_shown_by_the_doctor(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    strays = StrayTopics(tmp_path, lambda: NOON_US)
    thread = StrayTopicsThread(BrokerAddress(mosquitto.host, mosquitto.port), "collector", strays.hear)
    thread.start()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "meter")  # type: ignore[attr-defined]
    client.connect(mosquitto.host, mosquitto.port)
    client.loop_start()
    try:

        def all_heard() -> bool:
            for topic in (*STRAY, reading_topic("ST01", "YX06")):
                client.publish(topic, b"{}", qos=1).wait_for_publish(5.0)
            pause(0.1)
            return {stray.topic for stray in read_stray_topics(tmp_path)} == set(STRAY)

        wait_until(all_heard, what="all stray topics")
    finally:
        client.loop_stop()
        client.disconnect()
        thread.stop()
    assert read_stray_topics(tmp_path, NOON_US + DAY_US) == ()
    again = StrayTopics(tmp_path, lambda: NOON_US)
    again.hear(STRAY[0])
    assert {stray.topic for stray in read_stray_topics(tmp_path)} == set(STRAY)


def test_the_doctor_names_a_stray_topic_and_what_to_mend(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    config = tmp_path / "redvest.toml"
    config.write_text("[broker]\nport = 1\n")
    StrayTopics(tmp_path / "data", lambda: 4_000_000_000_000_000).hear(STRAY[0])
    [check] = [check for check in examine(config) if check.name == "topics"]
    assert not check.ok
    assert STRAY[0] in check.detail.en
    assert "lower case" in check.remedy.en
    (tmp_path / "data" / "stray_topics.json").write_text("[[")
    assert all(check.ok for check in examine(config) if check.name == "topics")


def test_a_flood_of_stray_topics_is_bounded(tmp_path: Path) -> None:
    strays = StrayTopics(tmp_path, lambda: NOON_US)
    for number in range(TOPICS_MAX + 50):
        strays.hear(f"/redvest/{number}")
    assert len(read_stray_topics(tmp_path)) == TOPICS_MAX
