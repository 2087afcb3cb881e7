"""How the dashboard is started: the switches of Streamlit that we ship with. Nothing calls outside."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from service.settings.settings import Settings

_FONT = "'Noto Sans', 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', 'WenQuanYi Micro Hei', Arial, sans-serif"
_FIXED = {
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "server.runOnSave": "false",
    "browser.gatherUsageStats": "false",
    "client.showErrorDetails": "none",
    "logger.hideWelcomeMessage": "true",
    "client.toolbarMode": "minimal",
    "client.showErrorLinks": "false",
    "runner.magicEnabled": "false",
    "theme.base": "light",
    "theme.primaryColor": "#16202c",
    "theme.backgroundColor": "#ffffff",
    "theme.secondaryBackgroundColor": "#f3f5f7",
    "theme.textColor": "#16202c",
    "theme.borderColor": "#c3cad3",
    "theme.linkColor": "#17497d",
    "theme.baseRadius": "0.6rem",
    "theme.showWidgetBorder": "true",
    "theme.font": _FONT,
}


def app_file() -> Path:
    """Return the file that `streamlit run` takes. It lies beside this package; nothing of it is imported here."""
    return Path(__file__).resolve().parents[1] / "dashboard" / "app.py"


def streamlit_arguments(settings: Settings) -> list[str]:
    """Return the words behind `streamlit`: run, the file, and every switch."""
    values = {
        **_FIXED,
        "server.address": settings.dashboard.host,
        "server.port": str(settings.dashboard.port),
        **_public(settings.dashboard.public_url),
    }
    return ["run", str(app_file()), *(f"--{key}={value}" for key, value in values.items())]


def _public(url: str) -> dict[str, str]:
    """Return what Streamlit has to know when people reach it by another address, such as through a proxy."""
    if not url:
        return {}
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found = {"browser.serverAddress": parts.hostname or "", "browser.serverPort": str(port)}
    if parts.path.strip("/"):
        found["server.baseUrlPath"] = parts.path.strip("/")
    return found
