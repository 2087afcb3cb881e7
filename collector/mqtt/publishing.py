"""A few messages of ours to the broker, on a short connection of their own; readings only ever come the other way."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import paho.mqtt.client as mqtt

from collector.mqtt.broker_address import BrokerAddress
from grid.errors import BrokerError
from grid.os_reasons import os_reason
from grid.text import Text, same


def publish_once(
    address: BrokerAddress, client_id: str, messages: Sequence[tuple[str, bytes]], seconds_max: float = 10.0
) -> None:
    """Connect, publish (topic, payload) at QoS 1, wait until the broker has them, hang up. Raises BrokerError."""
    welcome, refused = threading.Event(), ""
    client = address.client(client_id, kind=mqtt.Client)

    def on_connect(_: object, __: object, ___: object, reason: object, ____: object) -> None:
        nonlocal refused
        refused = str(reason) if getattr(reason, "is_failure", False) else ""
        welcome.set()

    client.on_connect = on_connect
    give_up_at = time.monotonic() + seconds_max
    try:
        address.connect(client)
        client.loop_start()
        if not welcome.wait(seconds_max) or refused:
            raise _not_sent(
                address, same(refused) if refused else Text("它没有应答 CONNECT", "it did not answer our CONNECT")
            )
        sent = [client.publish(topic, payload, qos=1) for topic, payload in messages]
        for message in sent:
            message.wait_for_publish(max(give_up_at - time.monotonic(), 0.0))
            if not message.is_published():
                raise _not_sent(address, Text("它没有确认", "it did not acknowledge"))
    except (OSError, ValueError, RuntimeError) as error:
        raise _not_sent(address, os_reason(error) if isinstance(error, OSError) else same(str(error))) from error
    finally:
        client.disconnect()
        client.loop_stop()


def _not_sent(address: BrokerAddress, why: Text) -> BrokerError:
    return BrokerError(
        Text(f"补传请求未能发出（{why.zh}）", f"our request could not be published ({why.en})"),
        where=Text(f"消息服务器 {address}", f"broker {address}"),
        remedy=Text(
            "消息服务器在运行吗？允许我们在那里发布吗？", "is the broker up, and are we allowed to publish there?"
        ),
    )
