"""HTML to PDF by a Chromium found on the path: the one program here that sets Chinese type as people expect it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from grid.errors import RedvestError
from grid.text import Text
from stores.owner_file import write_owner_file

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
TIMEOUT_SECONDS = 60.0
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--no-pdf-header-footer",
)
"""`--no-sandbox`: a service account or a container often has no user namespaces; the page is ours and has no script."""

_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ", "FONTCONFIG_FILE", "FONTCONFIG_PATH", "TMPDIR")


def html_to_pdf(html: str, path: Path) -> None:
    """Print a page into a PDF file that only its owner can read; the file is there whole or not at all.

    Raises RedvestError when there is no browser or it fails, OSError when the file cannot be written.
    """
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise RedvestError(
            Text("没有找到用来生成 PDF 的 Chromium", "no Chromium was found to make the PDF"),
            where=f"PATH ({', '.join(BROWSERS[:3])}, …)",
            remedy=Text(
                "请安装（Debian：apt-get install chromium fonts-noto-cjk），或改用 --xlsx 导出",
                "install one (Debian: apt-get install chromium fonts-noto-cjk), or export --xlsx instead",
            ),
        )
    with tempfile.TemporaryDirectory(prefix="redvest-print-", ignore_cleanup_errors=True) as folder:
        page, made = Path(folder, "page.html"), Path(folder, "page.pdf")
        page.write_text(html, encoding="utf-8")
        profile = Path(folder, "profile")
        said = _run([browser, *_OPTIONS, f"--user-data-dir={profile}", f"--print-to-pdf={made}", page.as_uri()], folder)
        if not made.is_file() or not made.stat().st_size:
            last = said.strip().splitlines()[-1][-200:] if said.strip() else "it said nothing"
            raise RedvestError(
                Text(f"浏览器没有生成 PDF（{last}）", f"the browser made no PDF ({last})"),
                where=browser,
                remedy=Text("请手动试一次，或改用 --xlsx 导出", "try it by hand, or export --xlsx instead"),
            )
        write_owner_file(path, made.read_bytes())


def _run(command: list[str], folder: str) -> str:
    """Run the browser in a process group of its own, so that a hanging one is ended with its children."""
    # Our own environment may hold passwords; the browser needs none of it.
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    environment |= {"HOME": folder, "XDG_CONFIG_HOME": folder, "XDG_CACHE_HOME": folder}
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=environment,
        start_new_session=True,
    ) as running:
        try:
            _, said = running.communicate(timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired as error:
            os.killpg(running.pid, signal.SIGKILL)
            raise RedvestError(
                Text(
                    f"浏览器在 {TIMEOUT_SECONDS:g} 秒内没有完成",
                    f"the browser did not finish within {TIMEOUT_SECONDS:g} s",
                ),
                where=command[0],
                remedy=Text(
                    "请在机器空闲些时再试，或改用 --xlsx 导出",
                    "try again when the machine is less busy, or export --xlsx instead",
                ),
            ) from error
        return said
