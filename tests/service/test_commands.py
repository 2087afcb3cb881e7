"""Commands: JSON fields, exit codes, errors of one line; every command and option is in the documentation."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from grid.timestamps import format_utc, parse_timestamp_us
from service.cli import main, replay
from service.cli.options import span_of, timestamp_of
from service.container import Container
from service.metrics.health import ADDRESS_FILE
from service.settings.settings import load_settings
from tests.support.mosquitto import Mosquitto
from tests.support.town import INCIDENT_TRANSFORMER, Town, build_town
from tests.support.waiting import pause

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs" / "commands.md"
LEDGER = ROOT / "simulator" / "ledgers" / "yx06"
DAY = ROOT / "tests" / "cases" / "days" / "clean"


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test where there is no settings file and no variable of ours."""
    for name in [name for name in os.environ if name.startswith("REDVEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """Return a town with an open incident, its list and first answers."""
    return build_town(tmp_path_factory.mktemp("town"))


class Run:
    """What one command did."""

    def __init__(self, code: int, out: str, error: str) -> None:
        self.code = code
        self.out = out
        self.error = error

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Return its JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def redvest(capsys: pytest.CaptureFixture[str]) -> Any:
    """Return a function that runs one command in this process."""

    def run(*words: str | Path) -> Run:
        capsys.readouterr()
        code = main.main([str(word) for word in words])
        said = capsys.readouterr()
        return Run(code, said.out, said.err)

    return run


@pytest.fixture
def in_town(redvest: Any, town: Town) -> Any:
    """Return a function that runs one command in the town, in English."""
    return lambda *words: redvest(*words, "--config", town.config, "--language", "en")


def walk(command: Any, path: str = "redvest") -> Iterator[tuple[str, Any]]:
    """Yield (name, command) of every command below one."""
    if hasattr(command, "commands"):
        if command.invoke_without_command and path != "redvest":
            yield path, command
        for name, below in command.commands.items():
            yield from walk(below, f"{path} {name}")
    else:
        yield path, command


def all_commands() -> dict[str, Any]:
    import typer.main

    return dict(walk(typer.main.get_command(main.app)))


def sections() -> dict[str, str]:
    """Return the documentation's text by command."""
    parts = re.split(r"^### (redvest [a-z ]+[a-z]).*$", DOCS.read_text(encoding="utf-8"), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


# Documentation


def test_every_command_is_documented_and_every_documented_one_is_there() -> None:
    assert set(sections()) == set(all_commands())


def test_every_option_is_documented_and_every_documented_one_is_there() -> None:
    for name, text in sections().items():
        options = {o for p in all_commands()[name].params for o in p.opts if o.startswith("--")} - {"--help"}
        first_cells = re.findall(r"^\|((?:\\\||[^|\n])*)\|", text, flags=re.M)
        documented = set(re.findall(r"--[a-z][a-z-]*", " ".join(first_cells)))
        assert documented == options, name


def test_every_command_of_the_design_is_there() -> None:
    words = [
        "demo",
        "collect",
        "dashboard",
        "simulate",
        "replay",
        "judge",
        "curve",
        "incidents",
        "outreach",
        "visit",
        "rejects",
        "doctor",
    ]
    assert {f"redvest {word}" for word in words} <= set(all_commands())
    assert {"redvest ledger check", "redvest ledger import", "redvest ledger export"} <= set(all_commands())


def test_documented_json_fields_are_those_that_are_printed(in_town: Any, town: Town) -> None:
    runs = {
        "redvest rules": in_town("rules", "--json"),
        "redvest curve": in_town("curve", INCIDENT_TRANSFORMER, "--json"),
        "redvest incidents": in_town("incidents", "--json"),
        "redvest rejects": in_town("rejects", "--json"),
        "redvest doctor": in_town("doctor", "--json"),
        "redvest judge": in_town("judge", DAY / "readings.csv", "--ledger", DAY / "ledger", "--json"),
    }
    for name, run in runs.items():
        told = sections()[name].partition("JSON")[2]
        assert run.lines, name
        for line in run.lines:
            missing = [field for field in line if f"`{field}`" not in told]
            assert not missing, (name, missing)


def test_help_says_what_it_is_for(redvest: Any) -> None:
    run = redvest("--help")
    assert run.code == 0
    assert "红马甲" in run.out
    for name in all_commands():
        run = redvest(*name.split()[1:], "--help")
        assert run.code == 0
        assert "Usage" in run.out


# Wrong use


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["curv"], "curv"),
        (["curve"], "TRANSFORMER"),
        (["curve", "YX06", "--form", "x"], "--form"),
        (["curve", "YX06", "--from", "2021-07-24T11:00:00"], "no UTC offset"),
        (["curve", "YX06", "--from", "yesterday"], "not an ISO 8601 time"),
        (["curve", "YX06", "--from", "2021-07-24T12:00:00Z", "--to", "2021-07-24T11:00:00Z"], "after the last"),
        (["curve", "YX06", "--step", "0"], "no span of time"),
        (["curve", "NOBODY"], "knows no transformer 'NOBODY'"),
        (["outreach", "NOTHING"], "no incident 'NOTHING'"),
        (["visit", "NOTHING", "M1", "--result", "agreed", "--by", "P1"], "no incident 'NOTHING'"),
        (["visit", "x", "M1", "--result", "perhaps", "--by", "P1"], "perhaps"),
        (["visit", "x", "M1", "--result", "agreed"], "--by"),
        (["rejects", "--limit", "0"], "--limit"),
        (["judge", "none.csv", "--ledger", "none"], "none.csv: there is no such file"),
        (["judge", "here.csv", "--ledger", "none"], "none: there is no such folder or file"),
        (["judge", "here.csv", "--ledger", "none", "--rules", "early-warming"], "no rule set early-warming"),
        (["replay", "none.csv"], "none.csv: there is no such file"),
        (["replay", "here.csv", "--speed", "0"], "'0' is no speed"),
        (["replay", "here.csv", "--speed", "fast"], "'fast' is no speed"),
        (["ledger", "check", "none"], "none: there is no such folder or file"),
        (["ledger", "chekc", "none"], "chekc"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(words: list[str], complaint: str, in_town: Any) -> None:
    Path("here.csv").write_text("transformer_id,measured_at\n")
    run = in_town(*words)
    assert run.code == 2, run.error
    assert run.out == ""
    assert complaint in run.error
    assert len(run.error.splitlines()) == 1, run.error
    assert run.error.startswith("redvest")


def test_no_words_at_all_show_the_help(redvest: Any) -> None:
    run = redvest()
    assert run.code == 2
    assert "doctor" in run.out + run.error


def test_a_fault_in_the_settings_stops_every_command(redvest: Any) -> None:
    Path("redvest.toml").write_text("[brokr]\nhost = 'x'\n")
    run = redvest("incidents", "--language", "en")
    assert run.code == 2
    assert "key brokr is unknown; did you mean broker?" in run.error
    assert len(run.error.splitlines()) == 1


def test_an_error_cannot_forge_a_line(redvest: Any) -> None:
    run = redvest("curve", "a\nredvest: all is well\x1b[2J")
    assert len(run.error.splitlines()) == 1
    assert "\x1b" not in run.error


def test_without_a_ledger_it_is_said_how_to_get_one(redvest: Any) -> None:
    run = redvest("curve", "YX06", "--language", "en")
    assert run.code == 1
    assert "redvest ledger import DIR" in run.error


# Times and spans


def test_spans_as_people_write_them() -> None:
    minutes = [span_of(text, "--step") / 60e6 for text in ("90s", "15m", "15", "2h", "1d", "1.5h")]
    assert minutes == [1.5, 15.0, 15.0, 120.0, 1440.0, 90.0]
    assert timestamp_of(" 2021-07-24T11:00:00+0800 ", "--from") == parse_timestamp_us("2021-07-24T03:00:00Z")


# Ledger


def copy_ledger(folder: Path) -> Path:
    folder.mkdir()
    for sheet in LEDGER.glob("*.csv"):
        (folder / sheet.name).write_bytes(sheet.read_bytes())
    return folder


def test_a_sound_ledger_is_imported_once_and_exported_again(redvest: Any) -> None:
    assert redvest("ledger", "check", LEDGER, "--json").out == ""
    assert redvest("ledger", "check", LEDGER, "--json").code == 0
    shown = redvest("ledger", "import", LEDGER, "--dry-run", "--json")
    assert shown.code == 0
    assert {line["action"] for line in shown.lines} == {"add"}
    assert {"action": "add", "sheet": "transformers", "id": "YX06", "columns": []} in shown.lines
    assert redvest("curve", "YX06").code == 1, "a look imports nothing"
    assert redvest("ledger", "import", LEDGER, "--json").lines == shown.lines
    assert redvest("ledger", "import", LEDGER, "--json").lines == []
    assert redvest("ledger", "export", "out").code == 0
    assert redvest("ledger", "import", "out", "--json").lines == []


def test_what_a_new_ledger_changes_and_retires_is_shown(redvest: Any) -> None:
    folder = copy_ledger(Path("ledger"))
    redvest("ledger", "import", folder)
    merchants = (folder / "merchants.csv").read_text(encoding="utf-8-sig").splitlines()
    header, first, *rest = merchants
    gone = rest.pop().split(",")[0]
    names = first.split(",")
    changed = ",".join([names[0], "another name", *names[2:]])
    (folder / "merchants.csv").write_text("\n".join([header, changed, *rest]) + "\n", encoding="utf-8")
    appliances = (folder / "appliances.csv").read_text(encoding="utf-8-sig").splitlines()
    kept = [row for row in appliances if not row.startswith(f"{gone},")]
    (folder / "appliances.csv").write_text("\n".join(kept) + "\n", encoding="utf-8")
    lines = redvest("ledger", "import", folder, "--json").lines
    assert {"action": "change", "sheet": "merchants", "id": names[0], "columns": ["name"]} in lines
    assert {"action": "retire", "sheet": "merchants", "id": gone, "columns": []} in lines


def test_an_export_with_contacts_leaves_a_line_in_the_audit_record(redvest: Any) -> None:
    redvest("ledger", "import", LEDGER)
    assert redvest("ledger", "export", "out").code == 0
    with Container(load_settings(None)).records as records:
        (line, *_) = records.audit(1)
    assert line.action == "contacts_listed"
    assert "ledger export" in line.detail
    assert "138" not in line.detail


def test_retiring_much_of_a_ledger_is_asked_first(redvest: Any) -> None:
    folder = copy_ledger(Path("ledger"))
    redvest("ledger", "import", folder)
    merchants = folder / "merchants.csv"
    kept = merchants.read_text("utf-8-sig").splitlines()[:3]
    merchants.write_text("\n".join(kept) + "\n", encoding="utf-8")
    for name in ("appliances", "links"):
        (folder / f"{name}.csv").unlink(missing_ok=True)
    refused = redvest("ledger", "import", folder, "--language", "en")
    assert refused.code == 1
    assert "merchants: " in refused.error
    assert "--retire" in refused.error
    assert redvest("ledger", "export", "before").code == 0
    assert len((Path("before") / "merchants.csv").read_text("utf-8-sig").splitlines()) > len(kept)
    assert redvest("ledger", "import", folder, "--retire").code == 0
    redvest("ledger", "export", "after")
    assert len((Path("after") / "merchants.csv").read_text("utf-8-sig").splitlines()) == len(kept)


def test_a_faulty_ledger_is_listed_and_nothing_is_taken(redvest: Any) -> None:
    folder = copy_ledger(Path("ledger"))
    sheet = folder / "transformers.csv"
    text = sheet.read_text(encoding="utf-8-sig")
    rated = re.search(r"YX06,[^,\n]*,[^,\n]*,([^,\n]*)", text)
    assert rated
    sheet.write_text(text.replace(rated[0], rated[0][: -len(rated[1])] + "many"), encoding="utf-8")
    run = redvest("ledger", "check", folder, "--json", "--language", "en")
    assert run.code == 1
    fault = next(line for line in run.lines if line["column"] == "rated_power_kva")
    assert list(fault) == ["file", "line", "column", "problem", "remedy"]
    assert fault["file"] == "transformers.csv"
    assert isinstance(fault["line"], int)
    taken = redvest("ledger", "import", folder, "--json", "--language", "en")
    assert (taken.code, taken.lines) == (1, run.lines)
    assert redvest("ledger", "export", "out").code == 1
    judged = redvest("judge", DAY / "readings.csv", "--ledger", folder)
    assert judged.code == 1
    assert f"redvest ledger check {folder}" in judged.error


# Judge and rules


VERDICT = [
    "transformer_id",
    "rule",
    "level",
    "started_at",
    "ended_at",
    "ended_by",
    "peak_load_rate",
    "peak_at",
    "readings",
    "reason",
]


def test_judge_prints_verdicts_with_exactly_the_fields_of_the_contract(redvest: Any) -> None:
    run = redvest("judge", DAY / "readings.csv", "--ledger", DAY / "ledger", "--json")
    assert run.code == 0
    assert run.lines
    for line in run.lines:
        assert list(line) == VERDICT
        assert line["started_at"].endswith("Z")
        assert line["ended_by"] in ("leave", "gap", None)
        assert (line["ended_at"] is None) == (line["ended_by"] is None)
        assert line["reason"]
    one = redvest("judge", DAY / "readings.csv", "--ledger", DAY / "ledger", "--rules", "two-hours@1", "--json")
    assert {line["rule"] for line in one.lines} == {"two-hours@1"}


def test_judge_speaks_the_chosen_language(redvest: Any) -> None:
    words = ["judge", DAY / "readings.csv", "--ledger", DAY / "ledger"]
    zh, en = redvest(*words), redvest(*words, "--language", "en")
    assert "判定结果" in zh.out
    assert "Verdicts" in en.out
    assert not re.search(r"[\u4e00-\u9fff]", en.out)


def test_a_file_that_no_ledger_knows_is_a_no(redvest: Any) -> None:
    Path("readings.csv").write_text(
        "transformer_id,measured_at,active_power_kw\nNOBODY,2021-07-24T11:00:00+08:00,1.0\n"
    )
    run = redvest("judge", "readings.csv", "--ledger", LEDGER, "--language", "en")
    assert run.code == 1
    assert "no reading in it could be judged" in run.error
    assert "unknown_transformer" in run.error


def test_rules_lists_what_there_is_and_what_is_used(redvest: Any) -> None:
    lines = redvest("rules", "--json").lines
    assert {"early-warning@1", "two-hours@1", "supply@1"} == {line["rule"] for line in lines if line["used"]}
    severe = next(line for line in lines if (line["rule"], line["level"]) == ("early-warning@1", "severe_heavy"))
    assert (severe["enter"], severe["leave"], severe["leave_minutes"], severe["incident"]) == (0.9, 0.85, 10, "opens")
    versions = {line["rule"]: (line["superseded"], line["unbroken_hold"]) for line in lines}
    assert versions["thirty-minutes@1"] == versions["long-overload@1"] == (True, False)
    assert versions["thirty-minutes@2"] == versions["long-overload@2"] == (False, True)


# The stores


def test_curve_has_exactly_the_fields_of_the_contract(in_town: Any) -> None:
    run = in_town("curve", INCIDENT_TRANSFORMER, "--json")
    assert run.code == 0
    fields = ["transformer_id", "measured_at", "load_rate", "phase_load_rate", "apparent_power_kva", "basis"]
    for line in run.lines:
        assert list(line) == fields
        assert len(line["phase_load_rate"]) == 3
        assert line["basis"] in ("p_q", "u_i", "active_only")
    times = [line["measured_at"] for line in run.lines]
    assert times == sorted(set(times))
    assert max(line["load_rate"] for line in run.lines) >= 0.9


def test_a_part_of_the_curve_and_coarser_steps(in_town: Any) -> None:
    every = in_town("curve", INCIDENT_TRANSFORMER, "--json").lines
    first, last = every[10]["measured_at"], every[40]["measured_at"]
    part = in_town("curve", INCIDENT_TRANSFORMER, "--from", first, "--to", last, "--json").lines
    assert part == every[10:41]
    coarse = in_town("curve", INCIDENT_TRANSFORMER, "--from", first, "--to", last, "--step", "1h", "--json").lines
    assert 0 < len(coarse) < len(part)
    assert max(line["load_rate"] for line in coarse) == max(line["load_rate"] for line in part)
    assert [line for line in coarse if line not in part] == []


def test_a_time_without_readings_is_no_fault(in_town: Any) -> None:
    words = ["curve", INCIDENT_TRANSFORMER, "--from", "2020-01-01T00:00:00Z", "--to", "2020-01-02T00:00:00Z"]
    assert in_town(*words, "--json").out == ""
    run = in_town(*words)
    assert run.code == 0
    assert "no readings" in run.error


def test_incidents_have_exactly_the_fields_of_the_contract(in_town: Any, town: Town) -> None:
    fields = [
        "incident_id",
        "transformer_id",
        "level",
        "state",
        "opened_at",
        "opened_load_rate",
        "peak_load_rate",
        "peak_at",
        "last_load_rate",
        "closed_at",
        "blind",
        "no_voltage_since",  # an addition to the contract stands behind its fields
    ]
    run = in_town("incidents", "--open", "--json")
    assert run.code == 0
    assert [list(line) for line in run.lines] == [fields] * len(run.lines)
    incident = next(line for line in run.lines if line["transformer_id"] == INCIDENT_TRANSFORMER)
    assert (incident["state"], incident["closed_at"], incident["blind"]) == ("open", None, False)
    assert incident["opened_load_rate"] >= 0.9
    assert incident["peak_load_rate"] >= incident["opened_load_rate"]


def incident_of(in_town: Any) -> str:
    lines = in_town("incidents", "--open", "--json").lines
    return str(next(line["incident_id"] for line in lines if line["transformer_id"] == INCIDENT_TRANSFORMER))


def test_outreach_tells_the_list_and_then_each_door(in_town: Any) -> None:
    incident_id = incident_of(in_town)
    run = in_town("outreach", incident_id, "--json")
    assert run.code == 0
    head, *doors = run.lines
    assert head["incident_id"] == incident_id
    assert head["needed_kw"] > 0.0
    assert (head["target_load_rate"], head["probability"]) == (0.8, 0.9)
    fields = ["incident_id", "order", "merchant_id", "ask", "expected_relief_kw", "assigned_to", "reason", "result"]
    assert doors
    for door in doors:
        assert list(door) == fields
        assert door["ask"]
        assert door["reason"]
    assert [door["order"] for door in doors] == sorted(door["order"] for door in doors)
    assert in_town("outreach", incident_id[-6:], "--json").lines == run.lines, "a part of the id will do"


def test_what_a_shop_calls_itself_is_not_taken_as_markup(in_town: Any) -> None:
    run = in_town("outreach", incident_of(in_town))
    assert run.code == 0
    assert "merchant" in run.out
    assert "\x1b" not in run.out


def test_the_list_is_written_for_a_spreadsheet(in_town: Any) -> None:
    import openpyxl

    run = in_town("outreach", incident_of(in_town), "--xlsx", "list.xlsx")
    assert run.code == 0
    assert "list.xlsx" in run.out
    assert openpyxl.load_workbook("list.xlsx").active is not None
    refused = in_town("outreach", incident_of(in_town), "--xlsx", "none/list.xlsx")
    assert refused.code == 1
    assert len(refused.error.splitlines()) == 1


def test_a_visit_is_recorded_and_seen_in_the_list(in_town: Any, town: Town) -> None:
    incident_id = incident_of(in_town)
    doors = in_town("outreach", incident_id, "--json").lines[1:]
    door = next(door for door in doors if door["result"] is None)
    person = town.ledger.people[0].person_id
    run = in_town("visit", incident_id, door["merchant_id"], "--result", "agreed", "--by", person, "--json")
    assert run.code == 0
    (line,) = run.lines
    assert list(line) == ["incident_id", "merchant_id", "result", "recorded_at"]
    assert (line["incident_id"], line["result"]) == (incident_id, "agreed")
    after = in_town("outreach", incident_id, "--json").lines[1:]
    assert next(d for d in after if d["merchant_id"] == door["merchant_id"])["result"] == "agreed"
    container = Container(load_settings(town.config))
    entry = container.records.audit(1)[0]
    assert (entry.action, entry.by) == ("visit_recorded", person)
    assert container.records.verify_audit() is None
    container.close()


def test_a_visit_at_a_door_that_is_on_no_list_is_a_no(in_town: Any, town: Town) -> None:
    incident_id = incident_of(in_town)
    listed = {door["merchant_id"] for door in in_town("outreach", incident_id, "--json").lines[1:]}
    other = next(m.merchant_id for m in town.ledger.merchants if m.merchant_id not in listed)
    person = town.ledger.people[0].person_id
    run = in_town("visit", incident_id, other, "--result", "agreed", "--by", person)
    assert run.code == 1
    assert f"merchant {other} is not on the list" in run.error
    for words in ([next(iter(listed)), "--by", "NOBODY"], ["NOBODY", "--by", person]):
        run = in_town("visit", incident_id, *words, "--result", "agreed")
        assert run.code == 2
        assert "NOBODY" in run.error


def test_rejects_have_exactly_the_fields_of_the_contract(in_town: Any) -> None:
    run = in_town("rejects", "--json")
    assert run.code == 0
    assert run.lines
    for line in run.lines:
        assert list(line)[:5] == ["received_at", "topic", "reason", "field", "sha256"], "additions stand behind"
        assert re.fullmatch("[0-9a-f]{64}", line["sha256"])
    assert len(in_town("rejects", "--limit", "1", "--json").lines) == 1
    newest = run.lines[0]["received_at"]
    later = format_utc(parse_timestamp_us(newest) + 1_000_000)
    assert in_town("rejects", "--since", later, "--json").lines == []


@pytest.mark.parametrize("words", [["incidents"], ["rejects"], ["curve", "YX06"], ["rules"], ["doctor"]])
def test_tables_are_in_one_language(words: list[str], in_town: Any) -> None:
    assert not re.search(r"[\u3000-\u303f\uff01-\uff5e]", in_town(*words).out)


# Processes


def start(*words: str | Path, environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "service.cli.main", *(str(word) for word in words)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )


def settings_for(mosquitto: Mosquitto, folder: Path) -> Path:
    config = folder / "redvest.toml"
    config.write_text(
        f"language = 'en'\n[broker]\nhost = '{mosquitto.host}'\nport = {mosquitto.port}\n"
        "[collector]\nhealth_port = 0\n[notify]\nchannels = ['file']\n"
    )
    return config


def test_collect_stops_when_nothing_comes(mosquitto: Mosquitto, tmp_path: Path, redvest: Any) -> None:
    config = settings_for(mosquitto, tmp_path)
    redvest("ledger", "import", LEDGER, "--config", config)
    process = start("collect", "--until-idle", "0.5", "--config", config)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert f"collecting from {mosquitto.host}:{mosquitto.port}" in error
    assert not (tmp_path / "data" / ADDRESS_FILE).exists()


def test_collect_ends_cleanly_on_the_signal_of_a_service_manager(
    mosquitto: Mosquitto, tmp_path: Path, redvest: Any
) -> None:
    config = settings_for(mosquitto, tmp_path)
    redvest("ledger", "import", LEDGER, "--config", config)
    process = start("collect", "--config", config)
    give_up_at = time.monotonic() + 120
    while not (tmp_path / "data" / ADDRESS_FILE).exists() and time.monotonic() < give_up_at:
        pause(0.05)
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert "Traceback" not in error


def test_collect_says_when_its_health_port_is_taken(tmp_path: Path, free_port: Any) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        (tmp_path / "redvest.toml").write_text(f"[collector]\nhealth_port = {port}\n")
        process = start("collect", "--config", tmp_path / "redvest.toml", "--language", "en")
        _, error = process.communicate(timeout=120)
    assert process.returncode == 1
    assert f"port {port}" in error
    assert "set another port" in error
    assert "Traceback" not in error


def test_a_broker_that_is_away_is_said_with_the_remedy(
    redvest: Any, free_port: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "CONNECT_SECONDS_MAX", 0.2)
    Path("redvest.toml").write_text(f"[broker]\nport = {free_port()}\n")
    Path("readings.csv").write_text("transformer_id,measured_at\n")
    run = redvest("replay", "readings.csv", "--language", "en")
    assert run.code == 1
    assert "cannot be reached" in run.error.splitlines()[-1]


def test_a_reader_that_goes_away_is_no_error(town: Town) -> None:
    process = start("curve", INCIDENT_TRANSFORMER, "--json", "--config", town.config)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    error = process.stderr.read()
    process.stderr.close()
    assert process.wait(120) == 0
    assert error == ""


def test_output_is_utf_8_whatever_the_locale(town: Town) -> None:
    done = start(
        "rules", "--config", town.config, environment={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    )
    out, error = done.communicate(timeout=120)
    assert done.returncode == 0, error
    assert "判定规则" in out


def test_the_dashboard_says_when_its_port_is_taken(redvest: Any, free_port: Any) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        Path("redvest.toml").write_text(f"language = 'en'\n[dashboard]\nport = {port}\n")
        run = redvest("dashboard")
    assert run.code == 2
    assert f"port {port}" in run.error
    assert "set another port" in run.error
    assert len(run.error.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["frobnicate"], "没有命令 frobnicate"),
        (["curve"], "缺少参数 TRANSFORMER"),
        (["curve", "T1", "--bogus"], "没有选项 --bogus"),
        (["rejects", "--limit"], "选项 --limit 后面要有值"),
        (["rejects", "extra"], "多出了 extra"),
        (["curve", "T1", "--from", "yesterday"], "'yesterday' 不是带时区偏移的时间；请写成 2021-07-24T11:00:00+08:00"),
        (["judge", "missing.csv", "--ledger", "here"], "没有这个文件；请指定读数的 CSV 文件"),
        (["replay", "missing.csv"], "没有这个文件"),
        (["incidents", "--config", "missing.toml"], "没有这个设置文件；请把 redvest.sample.toml 复制到那里"),
    ],
)
def test_an_error_is_told_in_chinese_where_chinese_is_chosen(redvest: Any, words: list[str], told: str) -> None:
    run = redvest(words[0], *(["--language", "zh"] if words != ["frobnicate"] else []), *words[1:])
    assert run.code == 2
    assert told in run.error
    assert len(run.error.splitlines()) == 1
    assert not re.search(r"[a-z]{3,} [a-z]{3,} [a-z]{3,}", run.error), run.error
