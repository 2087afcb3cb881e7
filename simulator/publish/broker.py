"""A broker for the demo, on loopback only: mosquitto when it is on the path, else the embedded one (amqtt).

The embedded broker is for showing, not for use: it redelivers nothing and knows MQTT 3.1.1 only
(docs/decisions/007). `python -m simulator.publish.broker --port N` runs it alone.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from grid.errors import BrokerError
from grid.text import Text

START_SECONDS_MAX = 20.0
STOP_SECONDS_MAX = 5.0
_HOST = "127.0.0.1"


@dataclass(frozen=True)
class BrokerProcess:
    """A running broker that was started here and is ended here."""

    kind: Literal["mosquitto", "amqtt"]
    port: int
    process: subprocess.Popen[bytes]

    @property
    def protocol(self) -> Literal["5", "3.1.1"]:
        """Return the newest MQTT version that it speaks."""
        return "5" if self.kind == "mosquitto" else "3.1.1"

    @staticmethod
    def start(port: int, folder: Path, kind: Literal["mosquitto", "amqtt"] | None = None) -> BrokerProcess:
        """Start a broker on a loopback port and wait until it listens; its files go into `folder`.

        Without a `kind` mosquitto is preferred. Raises BrokerError when it does not come up.
        """
        if not _is_free(port):
            raise BrokerError(
                Text("这里已有程序在监听", "something listens here already"),
                where=f"{_HOST}:{port}",
                remedy=Text("请结束它，或换一个端口", "end it, or name another port"),
            )
        folder.mkdir(parents=True, exist_ok=True)
        mosquitto = shutil.which("mosquitto", path=_path_with_sbin())
        kind = kind or ("mosquitto" if mosquitto else "amqtt")
        if kind == "mosquitto":
            if mosquitto is None:
                raise BrokerError(
                    Text("找不到 mosquitto", "mosquitto is not on the path"),
                    remedy=Text("请安装：apt-get install mosquitto", "apt-get install mosquitto"),
                )
            config = folder / "mosquitto.conf"
            config.write_text(_mosquitto_config(port), encoding="utf-8")
            command = [mosquitto, "-c", str(config)]
        else:
            command = [sys.executable, "-m", "simulator.publish.broker", "--host", _HOST, "--port", str(port)]
        log_file = folder / "broker.log"
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        broker = BrokerProcess(kind, port, process)
        try:
            _wait_until_it_listens(broker, log_file)
        except BrokerError:
            broker.stop()
            raise
        return broker

    def stop(self) -> None:
        """End it and wait until it is gone."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def _mosquitto_config(port: int) -> str:
    # No inflight and queue limits worth the name: the demo's broker must not drop what a fast clock sends.
    return (
        f"listener {port} {_HOST}\nallow_anonymous true\npersistence false\n"
        "max_inflight_messages 0\nmax_queued_messages 1000000\nlog_dest stderr\nlog_type error\nlog_type warning\n"
    )


def _path_with_sbin() -> str:
    # Debian puts mosquitto into /usr/sbin, which is not on every user's path.
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
    return True


def _wait_until_it_listens(broker: BrokerProcess, log_file: Path) -> None:
    end = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < end:
        if broker.process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex((_HOST, broker.port)) == 0:
                return
        time.sleep(0.02)
    said = log_file.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
    raise BrokerError(
        Text(
            f"{broker.kind} 没有开始监听（{' | '.join(said) or '没有任何输出'}）",
            f"{broker.kind} does not listen ({' | '.join(said) or 'it said nothing'})",
        ),
        where=f"{_HOST}:{broker.port}",
        remedy=Text("端口被占用了吗？请换一个", "is the port in use? Name another one"),
    )


async def _serve(host: str, port: int) -> None:
    from amqtt.broker import Broker

    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"{host}:{port}", "max_connections": 100}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await broker.start()
    await stop.wait()
    await broker.shutdown()


def main() -> None:
    """Run the embedded broker until it is told to stop."""
    parser = argparse.ArgumentParser(
        prog="python -m simulator.publish.broker", description="The embedded broker of the demo."
    )
    parser.add_argument("--host", default=_HOST)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    # It calls every client that just hangs up an error, and a second PUBACK a warning.
    logging.getLogger("amqtt").setLevel(logging.CRITICAL)
    logging.getLogger("transitions").setLevel(logging.ERROR)
    asyncio.run(_serve(options.host, options.port))


if __name__ == "__main__":
    main()
