"""Settings: one file and the environment, every fault one line with key, what and remedy; the clock they name."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from collector.devices.device_format import DecoderKind, TimeUnit
from grid.errors import RuleError, SettingsError
from grid.text import Language
from grid.timestamps import MINUTE_US, parse_timestamp_us
from service.clock import ScaledClock, SystemClock, real_seconds
from service.container import Container
from service.rulebook import choose_rule_sets, read_rule_sets
from service.settings.sections import ChannelName, DecoderSection, RobotChannel, RobotKind
from service.settings.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "redvest.sample.toml"


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run each test where there is no settings file and no variable of ours."""
    for name in [name for name in os.environ if name.startswith("REDVEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text: str, name: str = "redvest.toml") -> Path:
    file = Path(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def keys_of(model: type[BaseModel], at: str = "") -> dict[str, bool]:
    """Return every key as `section.key` -> whether it only comes from the environment."""
    found: dict[str, bool] = {}
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found |= keys_of(kind, f"{at}{name}.")
        else:
            extra = field.json_schema_extra
            found[f"{at}{name}"] = isinstance(extra, dict) and bool(extra.get("env_only"))
    return found


def flat(table: dict[str, Any], at: str = "") -> set[str]:
    keys: set[str] = set()
    for name, value in table.items():
        keys |= flat(value, f"{at}{name}.") if isinstance(value, dict) else {f"{at}{name}"}
    return keys


def test_without_a_file_everything_has_a_default() -> None:
    settings = load_settings()
    assert settings.file is None
    assert settings.language is Language.ZH
    assert settings.journal_file == Path.cwd() / "data" / "journal.sqlite"
    assert settings.records_url() == f"sqlite:///{Path.cwd()}/data/records.sqlite"
    assert settings.link == "http://127.0.0.1:8501"


def test_the_sample_holds_every_key_with_its_default() -> None:
    keys = keys_of(Settings)
    keys.pop("notify.robots")  # tables of their own, as a comment
    keys.pop("decoders")
    assert flat(tomllib.loads(SAMPLE.read_text(encoding="utf-8"))) == {k for k, secret in keys.items() if not secret}
    write(SAMPLE.read_text(encoding="utf-8"))
    assert load_settings().model_dump() == Settings().model_dump() | {
        "data": {"folder": Path.cwd() / "data", "disk_reserve_mib": 64, "pack_after_hours": 24}
    }


def test_the_robot_of_the_sample_has_every_key_and_is_one() -> None:
    lines = SAMPLE.read_text(encoding="utf-8").splitlines()
    begin = lines.index("# [[notify.robots]]")
    robot = "\n".join(line.removeprefix("# ") for line in lines[begin : lines.index("", begin)])
    (table,) = tomllib.loads(robot)["notify"]["robots"]
    assert set(table) == set(RobotChannel.model_fields)
    write(robot)
    (loaded,) = load_settings().notify.robots
    assert (loaded.kind, loaded.stations, loaded.url_file) == (
        RobotKind.DINGTALK,
        ("ST01",),
        Path.cwd() / "secrets" / "yongxing.url",
    )


def test_the_decoder_of_the_sample_has_every_key_and_is_one() -> None:
    lines = SAMPLE.read_text(encoding="utf-8").splitlines()
    begin = lines.index("# [[decoders]]")
    decoder = "\n".join(line.removeprefix("# ") for line in lines[begin : lines.index("", begin)])
    (table,) = tomllib.loads(decoder)["decoders"]
    assert set(table) == set(DecoderSection.model_fields)
    write(decoder)
    (loaded,) = load_settings().decoders
    assert (loaded.kind, loaded.fields["measured_at"].unit) == (DecoderKind.MAPPED_JSON, TimeUnit.SECONDS)


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ("kind = 'mapped_json'\ntopics = ['a/{device_id}']", "needs fields"),
        ("kind = 'shelly_3em'\ntopics = ['a/b']", "names no device"),
        ("kind = 'tasmota_energy'\ntopics = ['a/{device_id}']\nfields = {active_power_kw = 'p'}", "takes no fields"),
        ("kind = 'mapped_json'\ntopics = ['a/{device_id}']\nfields = {power = 'p'}", "no value of a reading"),
        ("kind = 'tasmota_energy'\ntopics = ['a/{device_id}']\ntimezone = 'UTC+8'", "Asia/Shanghai"),
        ("kind = 'modbus'\ntopics = ['a/{device_id}']", "decoders"),
    ],
)
def test_a_decoder_that_cannot_work_is_refused_with_what_to_mend(lines: str, complaint: str) -> None:
    write(f"[[decoders]]\nname = 'd'\n{lines}\n")
    with pytest.raises(SettingsError) as fault:
        load_settings()
    assert complaint in str(fault.value)


def test_robots_are_named_by_kind_and_number_where_nobody_names_them() -> None:
    robots = "".join(f"[[notify.robots]]\nkind = '{kind}'\nurl_file = 'x'\n" for kind in ("wecom", "feishu", "wecom"))
    write(robots)
    assert load_settings().notify.channel_names() == ("terminal", "file", "wecom-1", "feishu-1", "wecom-2")


def test_the_sample_says_where_secrets_come_from() -> None:
    secrets = [key for key, secret in keys_of(Settings).items() if secret]
    assert secrets == ["broker.password", "notify.webhook.secret", "notify.smtp.password", "influx.token"]
    text = SAMPLE.read_text(encoding="utf-8")
    for key in secrets:
        assert f"REDVEST_{key.replace('.', '__').upper()}" in text


def test_every_key_of_the_sample_has_a_comment_above_it_or_above_its_group() -> None:
    lines = SAMPLE.read_text(encoding="utf-8").splitlines()
    for section in [line for line in lines if line.startswith("[")]:
        at = lines.index(section)
        above_or_below = [*lines[max(0, at - 2) : at], *lines[at + 1 : at + 3]]
        assert any(line.startswith("#") for line in above_or_below), section


def test_the_environment_overrides_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    write('language = "en"\n[broker]\nhost = "broker.example"\nport = 1884\n')
    monkeypatch.setenv("REDVEST_BROKER__PORT", "2000")
    monkeypatch.setenv("REDVEST_COLLECTOR__STATIONS", "ST01, ST02")
    monkeypatch.setenv("REDVEST_NOTIFY__CHANNELS", '["file"]')
    monkeypatch.setenv("REDVEST_NOTIFY__FILE__PATH", "said.jsonl")
    settings = load_settings()
    assert (settings.broker.host, settings.broker.port) == ("broker.example", 2000)
    assert settings.collector.stations == ("ST01", "ST02")
    assert settings.notify.channels == (ChannelName.FILE,)
    assert settings.notifications_file == Path.cwd() / "said.jsonl"
    assert settings.language is Language.EN


def test_a_file_is_named_on_the_command_line_or_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    write('[dashboard]\ntitle = "here"\n')
    named = write('[dashboard]\ntitle = "named"\n', "etc/named.toml")
    variable = write('[dashboard]\ntitle = "variable"\n', "etc/variable.toml")
    assert load_settings().dashboard.title == "here"
    monkeypatch.setenv("REDVEST_CONFIG", str(variable))
    assert load_settings().dashboard.title == "variable"
    assert load_settings(named).dashboard.title == "named"


def test_relative_paths_are_relative_to_the_file() -> None:
    file = write(
        '[data]\nfolder = "d"\n[records]\nurl = "sqlite:///r/records.sqlite"\n'
        '[broker]\ntls_ca_file = "ca.pem"\n[notify.file]\npath = "../out.jsonl"\n',
        "etc/redvest.toml",
    )
    settings = load_settings(file)
    etc = Path.cwd() / "etc"
    assert settings.data.folder == etc / "d"
    assert settings.records_url() == f"sqlite:///{etc}/r/records.sqlite"
    assert settings.broker.tls_ca_file == etc / "ca.pem"
    assert settings.notifications_file == Path.cwd() / "out.jsonl"


def test_a_secret_comes_from_the_environment_or_from_a_file_and_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    write('[broker]\nusername = "collector"\npassword_file = "password"\n')
    write("from the file\n", "password")
    assert load_settings().broker_password() == "from the file"
    monkeypatch.setenv("REDVEST_BROKER__PASSWORD", "from the environment")
    settings = load_settings()
    assert settings.broker_password() == "from the environment"
    assert "environment" not in repr(settings)


FAULTS = {
    "not TOML": ("language = \n", "redvest.toml", "not TOML", "mend the syntax"),
    "unknown section": ("[brokr]\nhost = 'x'\n", "brokr", "unknown", "did you mean broker?"),
    "unknown key": ("[broker]\nhots = 'x'\n", "broker.hots", "unknown", "did you mean host?"),
    "unknown key, none like it": ("[clock]\nzzz = 1\n", "clock.zzz", "unknown", "the keys here are kind, real_start"),
    "unknown nested key": ("[notify.webhook]\nurll = ''\n", "notify.webhook.urll", "unknown", "did you mean url?"),
    "language": ("language = 'fr'\n", "language", "'fr'", "'zh' or 'en'"),
    "text for a number": ("[broker]\nport = 'x'\n", "broker.port", "'x'", "write a whole number"),
    "fraction for a whole number": ("[broker]\nport = 1.5\n", "broker.port", "1.5", "write a whole number"),
    "true for a number": ("[broker]\nport = true\n", "broker.port", "true or false", "redvest.sample.toml"),
    "port out of range": ("[broker]\nport = 70000\n", "broker.port", "70000", "at most 65535"),
    "nan": ("[verdicts]\ngap_minutes = nan\n", "verdicts.gap_minutes", "nan", "write a number"),
    "probability of 1": ("[outreach]\nprobability = 1.0\n", "outreach.probability", "1.0", "below 1"),
    "protocol": ("[broker]\nprotocol = '4'\n", "broker.protocol", "'4'", "'5' or '3.1.1'"),
    "host with a scheme": ("[broker]\nhost = 'mqtt://x'\n", "broker.host", "mqtt://x", "redvest.sample.toml"),
    "empty host": ("[broker]\nhost = ''\n", "broker.host", "empty", "give it a value"),
    "a section that is a value": ("broker = 'x'\n", "broker", "not a section", "[broker]"),
    "channel": (
        "[notify]\nchannels = ['sms']\n",
        "notify.channels.0",
        "'sms'",
        "'terminal', 'file', 'webhook' or 'smtp'",
    ),
    "a list that is none": ("[verdicts]\nrules = 3\n", "verdicts.rules", "3", "write a list"),
    "no rules": ("[verdicts]\nrules = []\n", "verdicts.rules", "empty", "early-warning"),
    "mail without host": ("[notify]\nchannels = ['smtp']\n", "notify.channels", "smtp", "[notify.smtp]"),
    "robot without address": ("[[notify.robots]]\nkind = 'wecom'\n", "notify.robots", "url_file", "a file of its own"),
    "robot of unknown kind": (
        "[[notify.robots]]\nkind = 'slack'\nurl_file = 'x'\n",
        "notify.robots.0.kind",
        "'slack'",
        "'wecom'",
    ),
    "robot with a misspelt key": (
        "[[notify.robots]]\nkind = 'wecom'\nurlfile = 'x'\n",
        "notify.robots.0.urlfile",
        "unknown",
        "url_file",
    ),
    "two robots of one name": (
        "[[notify.robots]]\nkind = 'wecom'\nname = 'a'\nurl_file = 'x'\n" * 2,
        "called a",
        "called a",
        "name of its own",
    ),
    "secret of a webhook": ("[notify.webhook]\nsecret = 'x'\n", "notify.webhook.secret", "a secret", "secret_file"),
    "webhook without address": ("[notify]\nchannels = ['webhook']\n", "notify.channels", "webhook", "url_file"),
    "webhook address": ("[notify.webhook]\nurl = 'ftp://x'\n", "notify.webhook.url", "ftp://x", "http://"),
    "naive time": ("[clock]\nstart = '2021-07-24T11:00:00'\n", "clock.start", "no UTC offset", "redvest.sample.toml"),
    "scaled without start": ("[clock]\nkind = 'scaled'\n", "clock.kind", "without real_start", "give both"),
    "speed": ("[clock]\nspeed = 0\n", "clock.speed", "0", "above 0"),
    "station with a wildcard": ("[collector]\nstations = ['ST/#']\n", "collector.stations", "'ST/#'", "without / + #"),
    "password in the file": ("[broker]\npassword = 'x'\n", "broker.password", "secret", "REDVEST_BROKER__PASSWORD"),
    "token in the file": ("[influx]\ntoken = 'x'\n", "influx.token", "secret", "token_file"),
    "password in a URL": ("[records]\nurl = 'postgresql://u:p@h/d'\n", "records.url", "password", "url_file"),
    "another database": ("[records]\nurl = 'mysql://h/d'\n", "records.url", "neither", "postgresql"),
    "retries": ("[notify]\nretry_seconds_max = 1.0\n", "notify.retry_seconds_max", "below", "raise it"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_line_with_key_what_and_remedy(fault: str) -> None:
    text, key, what, remedy = FAULTS[fault]
    write(text)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    line = str(raised.value)
    assert "\n" not in line
    assert str(Path.cwd() / "redvest.toml") in line
    assert key in line
    assert what in line
    assert remedy in raised.value.remedy.en
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("variable", "value", "remedy"),
    [
        ("REDVEST_BROKER__PORT", "abc", "write a whole number"),
        ("REDVEST_BROKER__PORRT", "1", "did you mean port?"),
        ("REDVEST_BROKR__PORT", "1", "did you mean broker?"),
        ("REDVEST_COLLECTOR__STATIONS", '["ST01"', "redvest.sample.toml"),
        ("REDVEST_LANGUAGE", "fr", "'zh' or 'en'"),
    ],
)
def test_a_faulty_variable_is_named(variable: str, value: str, remedy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=f"environment variable {variable}") as raised:
        load_settings()
    assert remedy in raised.value.remedy.en


def test_a_value_that_may_be_a_secret_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    write('[broker]\npassword = "hunter2"\n')
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert "hunter2" not in str(raised.value)


def test_a_file_that_is_not_there_is_said() -> None:
    with pytest.raises(SettingsError, match="there is no such settings file"):
        load_settings(Path("none.toml"))


@pytest.mark.parametrize("content", ["", "  \n"])
def test_an_empty_secret_file_is_said(content: str) -> None:
    write('[broker]\npassword_file = "password"\n')
    write(content, "password")
    with pytest.raises(SettingsError, match=r"broker\.password_file.*is empty"):
        load_settings().broker_password()


def test_a_scaled_clock_is_the_same_for_all_who_have_its_numbers() -> None:
    write(
        '[clock]\nkind = "scaled"\nreal_start = "2026-01-01T00:00:00Z"\n'
        'start = "2021-07-24T09:00:00+08:00"\nspeed = 180.0\n'
    )
    clock = Container(load_settings()).clock
    assert isinstance(clock, ScaledClock)
    assert clock.start_us == parse_timestamp_us("2021-07-24T01:00:00Z")
    real_us = SystemClock().now_us()
    expected = clock.start_us + (real_us - clock.real_start_us) * 180
    assert abs(clock.now_us() - expected) < 180 * 2_000_000
    assert real_seconds(clock, 3 * MINUTE_US) == 1.0
    assert real_seconds(clock, -1) == 0.0


def test_rule_sets_are_found_by_name_and_by_version() -> None:
    known = read_rule_sets()
    assert {"early-warning@1", "two-hours@1"} <= {rule_set.cited for rule_set in known}
    chosen = choose_rule_sets(["two-hours", "early-warning@1", "two-hours@1"], known)
    assert [rule_set.cited for rule_set in chosen] == ["two-hours@1", "early-warning@1"]
    with pytest.raises(RuleError, match=r"no rule set early-warming; the rule sets are early-warning@1, "):
        choose_rule_sets(["early-warming"], known)


OWN_RULES = """
name = "{name}"
version = {version}
title = {{ zh = "自有", en = "Own" }}
source = "practice"
[[level]]
name = "heavy"
enter = 0.7
leave = 0.6
"""


def test_a_station_adds_its_own_rule_sets() -> None:
    write(OWN_RULES.format(name="own", version=1), "rules/own.toml")
    write(OWN_RULES.format(name="early-warning", version=2), "rules/newer.toml")
    known = read_rule_sets(Path("rules"))
    assert [r.cited for r in choose_rule_sets(["own", "early-warning"], known)] == ["own@1", "early-warning@2"]
    write(OWN_RULES.format(name="early-warning", version=1), "rules/same.toml")
    with pytest.raises(RuleError, match=r"rules/same\.toml.*already in.*early-warning\.toml"):
        read_rule_sets(Path("rules"))


def test_a_faulty_rule_file_is_named_with_its_key() -> None:
    write(OWN_RULES.format(name="own", version=1).replace("0.6", "0.9"), "rules/own.toml")
    with pytest.raises(RuleError, match=r"rules/own\.toml.*leave.*above enter"):
        read_rule_sets(Path("rules"))
    with pytest.raises(RuleError, match="there is no such folder"):
        read_rule_sets(Path("none"))


def test_a_renamed_key_is_accepted_under_its_old_name_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "redvest.toml"
    file.write_text("[data]\nballast_mib = 7\n", encoding="utf-8")
    assert load_settings(file).data.disk_reserve_mib == 7
    assert "data.disk_reserve_mib" in caplog.text
    monkeypatch.setenv("REDVEST_DATA__BALLAST_MIB", "9")
    monkeypatch.setenv("REDVEST_DATA__DISK_RESERVE_MIB", "")  # so that what is set below goes with the test
    monkeypatch.delenv("REDVEST_DATA__DISK_RESERVE_MIB")
    file.write_text("", encoding="utf-8")
    assert load_settings(file).data.disk_reserve_mib == 9
    file.write_text("[data]\nballast_mib = 7\ndisk_reserve_mib = 8\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="one setting"):
        load_settings(file)


def test_another_host_than_loopback_is_refused_without_tls(tmp_path: Path) -> None:
    config = tmp_path / "redvest.toml"
    config.write_text('[dashboard]\nhost = "0.0.0.0"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"dashboard\.host .* without TLS"):
        load_settings(config)
    config.write_text('[dashboard]\nhost = "0.0.0.0"\nplain_http_allowed = true\n', encoding="utf-8")
    assert load_settings(config).dashboard.host == "0.0.0.0"
    config.write_text('[dashboard]\ntls_key_file = "x.key"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match="one is missing"):
        load_settings(config)
