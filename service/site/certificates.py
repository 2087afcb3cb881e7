"""An authority of the site's own and the broker's certificate, made by openssl."""

from __future__ import annotations

import shutil
import subprocess
from ipaddress import ip_address
from pathlib import Path

from grid.errors import UsageError
from grid.text import Text

_DAYS = 3650
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def make_certificates(folder: Path, host: str) -> None:
    """Write authority.crt, authority.key, broker.crt and broker.key. Raises UsageError without openssl.

    `host`: the name or address by which devices reach the broker.
    """
    program = shutil.which("openssl")
    if program is None:
        raise UsageError(
            Text("没有找到 openssl", "there is no openssl"),
            where="PATH",
            remedy=Text("请安装（apt-get install openssl）", "install it (apt-get install openssl)"),
        )
    named = f"subjectAltName={_kind(host)}:{host},DNS:localhost,IP:127.0.0.1"
    _run(program, folder, "req", "-x509", *_KEY, "-keyout", "authority.key", "-out", "authority.crt",
         "-subj", "/CN=Redvest site authority", "-days", str(_DAYS))  # fmt: skip
    _run(program, folder, "req", *_KEY, "-keyout", "broker.key", "-out", "broker.csr", "-subj", f"/CN={host}")
    (folder / "broker.ext").write_text(named + "\n", encoding="ascii")
    _run(program, folder, "x509", "-req", "-in", "broker.csr", "-CA", "authority.crt", "-CAkey", "authority.key",
         "-CAcreateserial", "-extfile", "broker.ext", "-out", "broker.crt", "-days", str(_DAYS))  # fmt: skip
    for rest in ("broker.csr", "broker.ext", "authority.srl"):
        (folder / rest).unlink(missing_ok=True)
    for key in ("authority.key", "broker.key"):
        (folder / key).chmod(0o600)


def _kind(host: str) -> str:
    try:
        ip_address(host)
    except ValueError:
        return "DNS"
    return "IP"


def _run(program: str, folder: Path, *words: str) -> None:
    done = subprocess.run([program, *words], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise UsageError(
            Text(f"openssl 失败：{said[-1] if said else ''}", f"openssl failed: {said[-1] if said else ''}"),
            where="--host",
            remedy=Text("请检查 --host", "look at --host"),
        )
