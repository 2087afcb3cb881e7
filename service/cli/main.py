"""The command `redvest`: which commands there are, and how each of them ends.

Exit codes: 0 done; 1 the answer is "no", or faults were found; 2 wrong use or settings; 130 Ctrl-C.
Foreseeable errors are one line on the error output: what was wrong, where, what to do.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from grid.errors import RedvestError
from grid.text import Language
from service.cli.account import account
from service.cli.alarms import alarms
from service.cli.audit import audit
from service.cli.backup import backup, restore
from service.cli.baseline import baseline
from service.cli.channels import channels
from service.cli.collect import collect
from service.cli.columns import columns
from service.cli.decode import decode, devices
from service.cli.demo import dashboard, demo, version
from service.cli.doctor import doctor
from service.cli.effect import effect
from service.cli.fleet import fleet
from service.cli.init import init
from service.cli.judge import judge, rules, spread_rules
from service.cli.ledger import ledger
from service.cli.merchant import merchant
from service.cli.outreach import incidents, outreach, visit
from service.cli.readings import curve, gaps, rejects
from service.cli.replay import replay
from service.cli.report import report
from service.cli.roster import acknowledge, handover, roster
from service.cli.simulate import simulate
from service.cli.wrong_use import wrong_use
from service.plain_text import one_line
from service.settings.settings import load_settings

INTERRUPTED = 130
_WrongUse: type[Exception] = typer.BadParameter.__mro__[1]
"""What typer raises for words that do not fit; its own name for it differs between versions."""

app = typer.Typer(
    name="redvest",
    help="红马甲 · Which transformer is too heavily loaded, whose door to knock on, and what it brought.",
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["--help", "-h"]},
)
for _command in (
    demo,
    init,
    collect,
    dashboard,
    simulate,
    replay,
    judge,
    rules,
    baseline,
    curve,
    incidents,
    outreach,
    visit,
    effect,
    acknowledge,
    roster,
    handover,
    alarms,
    report,
    rejects,
    gaps,
    decode,
    devices,
    columns,
    backup,
    restore,
    doctor,
    version,
):
    app.command(_command.__name__)(_command)
app.add_typer(account, name="account")
app.add_typer(audit, name="audit")
app.add_typer(ledger, name="ledger")
app.add_typer(merchant, name="merchant")
app.add_typer(fleet, name="fleet")
app.add_typer(channels, name="channels")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    _speak_utf8()
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        words = spread_rules(words)
        code = app(args=words, prog_name="redvest", standalone_mode=False)
        sys.stdout.flush()
    except RedvestError as error:
        return _refuse(error.line.to(language_of(words)), error.exit_code)
    except _WrongUse as error:
        return _wrong_use(error, language_of(words))
    except BrokenPipeError:
        return _go_quietly()
    except SystemExit as ending:
        if isinstance(ending.__context__, BrokenPipeError):
            return _go_quietly()
        raise
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    return code if isinstance(code, int) else 0


def language_of(words: Sequence[str]) -> Language:
    """Return the language that a command's errors are told in: its --language, else the settings', else Chinese."""
    by_value = {language.value: language for language in Language}
    chosen = by_value.get(_option(words, "--language"))
    if chosen is not None:
        return chosen
    config = _option(words, "--config")
    try:
        return load_settings(Path(config) if config else None).language
    except RedvestError:
        return by_value.get(os.environ.get("REDVEST_LANGUAGE", ""), Language.ZH)


def _option(words: Sequence[str], name: str) -> str:
    """Return the value of an option, empty where it is not given."""
    for i, word in enumerate(words):
        if word == name and i + 1 < len(words):
            return words[i + 1]
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return ""


def _wrong_use(error: Exception, language: Language) -> int:
    context = getattr(error, "ctx", None)
    path = getattr(context, "command_path", "redvest")
    words = getattr(error, "format_message", lambda: str(error))()
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(words.rstrip() + "\n")
        return 2
    sys.stderr.write(one_line(wrong_use(path, words).to(language)) + "\n")
    return 2


def _refuse(line: str, code: int) -> int:
    sys.stderr.write(f"redvest: {one_line(line)}\n")
    return code


def _go_quietly() -> int:
    """The reader of our output has gone, as `head` does: there is nobody to tell."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 0


def _speak_utf8() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main())
