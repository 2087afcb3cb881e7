"""F28: a collector with wrong settings does not start, says in one line which key it is, and ends with 2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.faults.promises import require
from tests.faults.site import Running

CASES = {
    "broker.port": "[broker]\nport = 0\n",
    "broker.hostt": "[broker]\nhostt = 'x'\n",
    "broker.password": "[broker]\npassword = 'secret'\n",
    "collector.queue_messages_max": "[collector]\nqueue_messages_max = 'many'\n",
    "verdicts.rules": "[verdicts]\nrules = []\n",
    "notify.channels": "[notify]\nchannels = ['webhook']\n",
    "clock.kind": "[clock]\nkind = 'scaled'\n",
    "records.url": "[records]\nurl = 'mysql://x'\n",
    "redvest.toml": "[broker\n",
}
TOLD = {"broker.hostt": "hostt"}


def refuse_to_start(folder: Path) -> str:
    """Start the collector once with each of the wrong settings."""
    for number, (key, text) in enumerate(CASES.items()):
        config = folder / str(number) / "redvest.toml"
        config.parent.mkdir()
        config.write_text(text, encoding="utf-8")
        log = config.with_name("log")
        code = Running(["collect", "--config", str(config)], log).wait()
        told = log.read_text(encoding="utf-8")
        require(code == 2, f"{key}: ended with {code}, not 2")
        require(told.count("\n") == 1, f"{key}: not one line: {told}")
        require(TOLD.get(key, key) in told, f"{key}: not named in {told!r}")
    return f"{len(CASES)} wrong settings: none starts, each is one line that names its key, exit code 2"


def test_wrong_settings_are_refused_in_one_line(tmp_path: Path, tell: Callable[[str, str], None]) -> None:
    tell("F28", refuse_to_start(tmp_path))
