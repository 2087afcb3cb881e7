"""The settings: one TOML file, overridden by the environment, checked as a whole before anything starts.

`redvest.toml` in the current folder, the file in `REDVEST_CONFIG`, or the one given on the command line;
`REDVEST_BROKER__HOST=…` overrides `host` in `[broker]`. Relative paths are relative to the folder of
the file, or to the current folder when there is no file. Every fault is one line: key, what, how to mend.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, PrivateAttr, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from grid.errors import SettingsError
from grid.os_reasons import os_reason
from grid.text import Language, Text
from service.settings.checks import check_together, refuse_secrets, refuse_unknown_variables, sections_of
from service.settings.faults import VARIABLE_PREFIX, first_fault
from service.settings.renamed import with_new_names
from service.settings.sections import (
    BrokerSection,
    ClockSection,
    CollectorSection,
    DashboardSection,
    DataSection,
    DecoderSection,
    InfluxSection,
    NotifySection,
    OutreachSection,
    RecordsSection,
    SilenceSection,
    SimulatorSection,
    TerminalSection,
    VerdictsSection,
)

CONFIG_VARIABLE = "REDVEST_CONFIG"
DEFAULT_FILE = Path("redvest.toml")


class Settings(BaseSettings):
    """All settings, checked. Use `load_settings` to read them; this alone takes values and the environment."""

    model_config = SettingsConfigDict(
        env_prefix=VARIABLE_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, enable_decoding=False
    )

    language: Language = Language.ZH
    data: DataSection = Field(default_factory=DataSection)
    records: RecordsSection = Field(default_factory=RecordsSection)
    broker: BrokerSection = Field(default_factory=BrokerSection)
    collector: CollectorSection = Field(default_factory=CollectorSection)
    terminal: TerminalSection = Field(default_factory=TerminalSection)
    decoders: tuple[DecoderSection, ...] = ()
    verdicts: VerdictsSection = Field(default_factory=VerdictsSection)
    outreach: OutreachSection = Field(default_factory=OutreachSection)
    silence: SilenceSection = Field(default_factory=SilenceSection)
    notify: NotifySection = Field(default_factory=NotifySection)
    influx: InfluxSection = Field(default_factory=InfluxSection)
    dashboard: DashboardSection = Field(default_factory=DashboardSection)
    clock: ClockSection = Field(default_factory=ClockSection)
    simulator: SimulatorSection = Field(default_factory=SimulatorSection)

    _file: Path | None = PrivateAttr(default=None)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, whose table arrives as plain values."""
        return env_settings, init_settings

    @property
    def file(self) -> Path | None:
        """Return the settings file these were read from, None without one."""
        return self._file

    @property
    def journal_file(self) -> Path:
        """Return where the readings journal lives."""
        return self.data.folder / "journal.sqlite"

    @property
    def notifications_file(self) -> Path:
        """Return where the file channel writes."""
        return self.notify.file.path or self.data.folder / "notifications.jsonl"

    @property
    def link(self) -> str:
        """Return the address of the dashboard as people reach it, without a slash at its end."""
        scheme = "https" if self.dashboard.tls_certificate_file else "http"
        own = f"{scheme}://{self.dashboard.host}:{self.dashboard.port}"
        return (self.dashboard.public_url or own).rstrip("/")

    @property
    def https(self) -> bool:
        """Return whether browsers reach the dashboard by https: directly, or through a proxy."""
        return self.dashboard.tls_certificate_file is not None or self.dashboard.public_url.startswith("https:")

    def records_url(self) -> str:
        """Return the URL of the records store; it may hold a password. Raises SettingsError for an unreadable file."""
        if self.records.url_file is not None:
            return read_secret(self.records.url_file, "records.url_file")
        return self.records.url or f"sqlite:///{self.data.folder / 'records.sqlite'}"

    def broker_password(self) -> str:
        """Return the broker password, empty without one. Raises SettingsError for an unreadable file."""
        return _secret(self.broker.password, self.broker.password_file, "broker.password_file")

    def influx_token(self) -> str:
        """Return the InfluxDB token, empty without one. Raises SettingsError for an unreadable file."""
        return _secret(self.influx.token, self.influx.token_file, "influx.token_file")

    def webhook_secret(self) -> str:
        """Return the secret that webhook bodies are signed with, empty without one. Raises SettingsError."""
        channel = self.notify.webhook
        return _secret(channel.secret, channel.secret_file, "notify.webhook.secret_file")

    def smtp_password(self) -> str:
        """Return the mail server's password, empty without one. Raises SettingsError for an unreadable file."""
        return _secret(self.notify.smtp.password, self.notify.smtp.password_file, "notify.smtp.password_file")

    def webhook_url(self) -> str:
        """Return the webhook's address. Raises SettingsError when there is none."""
        channel = self.notify.webhook
        if not channel.url_file:
            return http_address(channel.url, "notify.webhook.url")
        return http_address(read_secret(channel.url_file, "notify.webhook.url_file"), "notify.webhook.url_file")


def load_settings(config: Path | None = None) -> Settings:
    """Read and check the settings. Raises SettingsError (exit 2) with key, what and remedy.

    `config`: the file asked for on the command line; without it the one in REDVEST_CONFIG, else
    `redvest.toml` in the current folder when it is there, else the defaults alone.
    """
    file = _settings_file(config)
    table = with_new_names(_read_table(file) if file else {}, file)
    refuse_secrets(table, file, Settings)
    refuse_unknown_variables(Settings)
    try:
        settings = Settings(**table)
    except ValidationError as error:
        raise first_fault(error, file, Settings) from error
    settings = _with_absolute_paths(settings, file.parent if file else Path.cwd())
    settings._file = file
    check_together(settings)
    return settings


def read_secret(file: Path, key: str) -> str:
    """Return the one line of a secret's file. Raises SettingsError when it cannot be read or is empty."""
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            Text(f"{file} 无法读取（{error}）", f"{file} cannot be read ({error})"),
            where=key,
            remedy=Text("请指定可读的文件", "name a readable file"),
        ) from error
    if not text:
        raise SettingsError(
            Text(f"{file} 是空的", f"{file} is empty"),
            where=key,
            remedy=Text("请把密钥写进去，一行", "write the secret into it, one line"),
        )
    return text


def http_address(url: str, key: str) -> str:
    """Return an address that can be posted to. Raises SettingsError, naming `key`, for any other text."""
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or len(url.split()) != 1:
        raise SettingsError(
            Text("不是 http(s) 地址", "is no http(s) address"),
            where=key,
            remedy=Text("请把地址写在一行里", "write the address on one line"),
        )
    return url


def _secret(value: SecretStr, file: Path | None, key: str) -> str:
    return value.get_secret_value() or (read_secret(file, key) if file else "")


def _settings_file(config: Path | None) -> Path | None:
    named = config or (Path(os.environ[CONFIG_VARIABLE]) if os.environ.get(CONFIG_VARIABLE) else None)
    if named is None:
        return DEFAULT_FILE.resolve() if DEFAULT_FILE.is_file() else None
    if not named.is_file():
        raise SettingsError(
            Text("没有这个设置文件", "there is no such settings file"),
            where=str(named),
            remedy=Text(
                "请把 redvest.sample.toml 复制到那里，或指定另一个", "copy redvest.sample.toml there, or name another"
            ),
        )
    return named.resolve()


def _read_table(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(
            Text(f"无法读取（{os_reason(error).zh}）", f"cannot be read ({error.strerror})"),
            where=str(file),
            remedy=Text("请检查权限", "check its rights"),
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(
            Text("不是 UTF-8", "is not UTF-8"), where=str(file), remedy=Text("请存为 UTF-8", "save it as UTF-8")
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            Text(f"不是 TOML：{error}", f"not TOML: {error}"),
            where=str(file),
            remedy=Text("请改正那里的语法", "mend the syntax there"),
        ) from error


def _with_absolute_paths(settings: Settings, folder: Path) -> Settings:
    changed: dict[str, Any] = {}
    for name in sections_of(Settings):
        changed[name] = _absolute(getattr(settings, name), folder)
    url = changed["records"].url
    if url.startswith("sqlite:///") and url != "sqlite:///:memory:":
        path = (folder / Path(url.removeprefix("sqlite:///")).expanduser()).resolve()
        changed["records"] = changed["records"].model_copy(update={"url": f"sqlite:///{path}"})
    return settings.model_copy(update=changed)


def _absolute(section: BaseModel, folder: Path) -> BaseModel:
    changed: dict[str, Any] = {}
    for key in type(section).model_fields:
        value = getattr(section, key)
        if isinstance(value, Path):
            changed[key] = (folder / value.expanduser()).resolve()
        elif isinstance(value, BaseModel):
            changed[key] = _absolute(value, folder)
        elif isinstance(value, tuple) and any(isinstance(item, BaseModel) for item in value):
            changed[key] = tuple(_absolute(item, folder) if isinstance(item, BaseModel) else item for item in value)
    return section.model_copy(update=changed) if changed else section
