"""How the dashboard is started: the switches of Streamlit that we ship with. Nothing calls outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from service.settings.settings import Settings

_FONT = "'Noto Sans', 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', 'WenQuanYi Micro Hei', Arial, sans-serif"
_FIXED: dict[str, Any] = {
    "server.enableStaticServing": False,
    "server.enableAgentApi": False,
    "global.developmentMode": False,
    "server.headless": True,
    "server.fileWatcherType": "none",
    "server.runOnSave": False,
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",
    "logger.hideWelcomeMessage": True,
    "client.toolbarMode": "minimal",
    "client.showErrorLinks": False,
    "runner.magicEnabled": False,
    "theme.base": "light",
    "theme.primaryColor": "#16202c",
    "theme.backgroundColor": "#ffffff",
    "theme.secondaryBackgroundColor": "#f3f5f7",
    "theme.textColor": "#16202c",
    "theme.borderColor": "#c3cad3",
    "theme.linkColor": "#17497d",
    "theme.baseRadius": "0.6rem",
    "theme.showWidgetBorder": True,
    "theme.font": _FONT,
}


def app_file() -> Path:
    """Return the file that `streamlit run` takes. It lies beside this package; nothing of it is imported here."""
    return Path(__file__).resolve().parents[1] / "dashboard" / "app.py"


def streamlit_options(settings: Settings) -> dict[str, Any]:
    """Return every switch of Streamlit by its name."""
    values = settings.dashboard
    tls = {"server.sslCertFile": str(values.tls_certificate_file), "server.sslKeyFile": str(values.tls_key_file)}
    return {
        **_FIXED,
        "server.address": values.host,
        "server.port": values.port,
        **(tls if values.tls_certificate_file else {}),
        **_public(values.public_url),
    }


def _public(url: str) -> dict[str, Any]:
    """Return what Streamlit has to know when people reach it by another address, such as through a proxy."""
    if not url:
        return {}
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found: dict[str, Any] = {"browser.serverAddress": parts.hostname or "", "browser.serverPort": port}
    if parts.path.strip("/"):
        found["server.baseUrlPath"] = parts.path.strip("/")
    return found
