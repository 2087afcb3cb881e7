"""Rule sets as files: those that are shipped, and those of a station's own folder beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from alerts.rules.rule_set import Level, Quantity, RuleSet, parse_rule_set
from grid.errors import RuleError
from grid.text import Text


def read_rule_sets(folder: Path | None = None) -> tuple[RuleSet, ...]:
    """Return all rule sets there are, by name and version. Raises RuleError for a faulty or doubled file."""
    texts = [(f"rule set {entry.name}", entry.read_text(encoding="utf-8")) for entry in _shipped()]
    texts += _from_folder(folder) if folder else []
    found: dict[str, tuple[RuleSet, str]] = {}
    for where, text in texts:
        rule_set = parse_rule_set(text, where)
        if rule_set.cited in found:
            raise RuleError(
                Text(
                    f"{rule_set.cited} 已在 {found[rule_set.cited][1]} 中",
                    f"{rule_set.cited} is already in {found[rule_set.cited][1]}",
                ),
                where=where,
                remedy=Text("请换一个名称，或提高版本号", "give it another name or a higher version"),
            )
        found[rule_set.cited] = (rule_set, where)
    return tuple(sorted((rule_set for rule_set, _ in found.values()), key=lambda r: (r.name, r.version)))


def choose_rule_sets(names: Sequence[str], known: Iterable[RuleSet]) -> tuple[RuleSet, ...]:
    """Return the sets of these names, in this order; `early-warning` means its highest version, `…@1` that one.

    Raises RuleError for a name that is not there, listing what there is.
    """
    by_cited = {rule_set.cited: rule_set for rule_set in known}
    newest = {rule_set.name: rule_set for rule_set in sorted(by_cited.values(), key=lambda r: r.version)}
    chosen: dict[str, RuleSet] = {}
    for name in names:
        rule_set = by_cited.get(name) or newest.get(name)
        if rule_set is None:
            raise RuleError(
                Text(f"没有规则集 {name}", f"there is no rule set {name}"),
                remedy=Text(f"可用的规则集：{'、'.join(by_cited)}", f"the rule sets are {', '.join(by_cited)}"),
            )
        chosen[rule_set.cited] = rule_set
    return tuple(chosen.values())


def with_settings(rule_sets: Iterable[RuleSet], phase_overload_minutes: float) -> tuple[RuleSet, ...]:
    """Return rule sets whose phase levels open incidents after so long, as the settings want it."""

    def of(level: Level) -> Level:
        is_of_phase = level.incident.opens and level.quantity is Quantity.WORST_PHASE_LOAD_RATE
        return replace(level, incident_hold_minutes=phase_overload_minutes) if is_of_phase else level

    return tuple(replace(rules, levels=tuple(of(level) for level in rules.levels)) for rules in rule_sets)


def superseded(rule_set: RuleSet, known: Iterable[RuleSet]) -> bool:
    """Return whether a higher version of a set is known; the set itself stays as it is, for verdicts that cite it."""
    return any(other.name == rule_set.name and other.version > rule_set.version for other in known)


def _shipped() -> list[Path]:
    return sorted(Path(str(files("alerts.rules") / "rulesets")).glob("*.toml"))


def _from_folder(folder: Path) -> list[tuple[str, str]]:
    if not folder.is_dir():
        raise RuleError(
            Text("没有这个文件夹", "there is no such folder"),
            where=str(folder),
            remedy=Text("请建立它，或让 verdicts.rules_folder 留空", "make it, or leave verdicts.rules_folder empty"),
        )
    texts = []
    for file in sorted(folder.glob("*.toml")):
        try:
            texts.append((str(file), file.read_text(encoding="utf-8-sig")))
        except (OSError, UnicodeDecodeError) as error:
            raise RuleError(
                Text(f"无法读取（{error}）", f"cannot be read ({error})"),
                where=str(file),
                remedy=Text("请存为可读的 UTF-8 文件", "save it as readable UTF-8"),
            ) from error
    return texts
