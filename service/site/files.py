"""Writes the files of a new site into one folder, from those that `deploy/` shows."""

from __future__ import annotations

import csv
import secrets
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from grid.assets import Ledger
from grid.errors import UsageError
from grid.os_reasons import os_reason
from grid.text import Text
from service.site.certificates import make_certificates
from service.site.passwords import new_passwords, password_file
from stores.owner_file import write_owner_file

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
COLLECTOR = "redvest-collector"
"""Its name at the broker; its client id is this and what nobody can guess."""


@dataclass(frozen=True)
class SitePlan:
    """What a site is asked for."""

    folder: Path
    """Where its files are written, and stay: services and broker are told to read them there."""
    host: str
    """By which devices reach the broker."""
    data_folder: Path
    device_port: int = 8883
    collector_port: int = 1883
    dashboard_host: str = "127.0.0.1"
    dashboard_port: int = 8501
    language: str = "zh"


def write_site(plan: SitePlan, ledger: Ledger) -> tuple[Path, ...]:
    """Write all files of a site, or none; return them. Raises UsageError."""
    folder = plan.folder
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UsageError(
                Text("不是空的文件夹", "is not empty"),
                where=str(folder),
                remedy=Text("请指定新的文件夹", "name a new folder"),
            )
        try:
            _write(plan, ledger)
        except BaseException:
            shutil.rmtree(folder)
            raise
    except OSError as error:
        raise UsageError(
            Text(f"无法写入（{os_reason(error).zh}）", f"cannot be written ({error.strerror or error})"),
            where=str(folder),
            remedy=Text("请检查权限，或换一个文件夹", "look at its rights, or name another folder"),
        ) from error
    return tuple(sorted(path for path in folder.rglob("*") if path.is_file()))


def _write(plan: SitePlan, ledger: Ledger) -> None:
    folder = plan.folder.resolve()
    for name in ("mosquitto", "certificates", "secrets", "systemd"):
        (folder / name).mkdir(mode=0o700 if name == "secrets" else 0o755)
    make_certificates(folder / "certificates", plan.host)
    passwords = new_passwords([COLLECTOR, *_device_names(ledger)])
    write_owner_file(folder / "secrets" / "broker-password", passwords[COLLECTOR].encode() + b"\n")
    write_owner_file(folder / "secrets" / "devices.csv", _handed_out(passwords).encode("utf-8-sig"))
    write_owner_file(folder / "mosquitto" / "redvest.passwd", password_file(passwords).encode())
    access = (DEPLOY / "redvest.acl").read_text(encoding="utf-8")
    write_owner_file(folder / "mosquitto" / "redvest.acl", access.encode())
    (folder / "mosquitto" / "redvest.conf").write_text(_broker_file(plan, folder), encoding="utf-8")
    (folder / "redvest.toml").write_text(_settings(plan), encoding="utf-8")
    for service in ("collect", "dashboard"):
        (folder / "systemd" / f"redvest-{service}.service").write_text(_unit(service, plan, folder), encoding="utf-8")


def _device_names(ledger: Ledger) -> Iterator[str]:
    """A meter logs in with its transformer_id, a concentrator with its station_id."""
    yield from (transformer.transformer_id for transformer in ledger.transformers)
    yield from (station.station_id for station in ledger.stations)


def _handed_out(passwords: dict[str, str]) -> str:
    out = StringIO()
    rows = csv.writer(out)
    rows.writerow(["name", "password"])
    rows.writerows((name, password) for name, password in passwords.items() if name != COLLECTOR)
    return out.getvalue()


def _broker_file(plan: SitePlan, folder: Path) -> str:
    text = (DEPLOY / "mosquitto.conf").read_text(encoding="utf-8")
    text = text.replace("/etc/mosquitto/certs/", f"{folder}/certificates/")
    for name in ("redvest.passwd", "redvest.acl"):
        text = text.replace(f"/etc/mosquitto/{name}", f"{folder}/mosquitto/{name}")
    text = text.replace("listener 8883", f"listener {plan.device_port}")
    return text.replace("listener 1883 127.0.0.1", f"listener {plan.collector_port} 127.0.0.1")


def _settings(plan: SitePlan) -> str:
    client_id = f"{COLLECTOR}-{secrets.token_hex(12)}"
    return f"""# Settings of this site; every other key has its default (redvest.sample.toml lists them).
language = "{plan.language}"

[data]
folder = "{plan.data_folder}"

[broker]
# The collector comes in by loopback; devices come in by TLS at port {plan.device_port} of {plan.host}.
host = "127.0.0.1"
port = {plan.collector_port}
username = "{COLLECTOR}"
password_file = "secrets/broker-password"

[collector]
# Nobody can guess it: who logs in with it would be given what waits for the collector.
client_id = "{client_id}"

[dashboard]
host = "{plan.dashboard_host}"
port = {plan.dashboard_port}
"""


def _unit(service: str, plan: SitePlan, folder: Path) -> str:
    text = (DEPLOY / f"redvest-{service}.service").read_text(encoding="utf-8")
    program = Path(sys.executable).parent / "redvest"
    text = text.replace("/opt/redvest/.venv/bin/redvest", str(program))
    text = text.replace("/etc/redvest/redvest.toml", str(folder / "redvest.toml"))
    text = text.replace("/opt/redvest/README.md", str(DEPLOY.parent / "README.md"))
    return text.replace("/var/lib/redvest", str(plan.data_folder))
