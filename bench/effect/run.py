"""Makes the tables of docs/effect.md again: `python -m bench.effect.run [own] [town]`.

`own`: loads of bench/effect/loads.py, on seeds on which nothing was chosen. `town`: simulated towns over weeks.
Both are seeded: a second run writes the same.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.effect.loads import AreaLoad, area_load
from bench.effect.study import Case, Said, study, table
from bench.effect.town import town_loads

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "effect.md"
OWN_SEEDS = range(1000, 1080)
TOWN_SEEDS = range(11, 17)
TOWN_DAYS = 42


def own_loads() -> tuple[str, list[Said]]:
    """Return what is said of windows on loads by formula."""
    said: list[Said] = []
    for seed in OWN_SEEDS:
        for hot in (True, False):
            for large in (True, False):
                load = area_load(seed, hot=hot, large=large)
                classes = ("hot" if hot else "mild", "large" if large else "small")
                said += study(Case(seed, load, classes), windows_each=2)
    return f"Loads by formula, seeds {OWN_SEEDS[0]} to {OWN_SEEDS[-1]}", said


def towns() -> tuple[str, list[Said]]:
    """Return what is said of windows on the areas of simulated towns."""
    said: list[Said] = []
    for seed in TOWN_SEEDS:
        for hot in (True, False):
            loads = town_loads(seed, TOWN_DAYS, hot=hot)
            for area, power_kw in enumerate(loads.power_kw):
                rated = float(loads.rated_kva[area])
                load = AreaLoad(loads.at_us, power_kw, loads.temperature_c, rated)
                classes = ("hot" if hot else "mild", "large" if rated >= _LARGE_KVA else "small")
                # Areas of one town share its weather: they are one seed.
                said += study(Case(seed * 100 + int(hot), load, classes))
    return f"Simulated towns, seeds {TOWN_SEEDS[0]} to {TOWN_SEEDS[-1]}, {TOWN_DAYS} days", said


_LARGE_KVA = 315.0
PARTS = {"own": own_loads, "town": towns}


def main(names: Sequence[str]) -> None:
    """Run the parts of these names, all without any, and write their tables into the document."""
    for name in names or PARTS:
        title, said = PARTS[name]()
        written = f"{title}.\n\n{table(said)}"
        print(written)
        text = DOCUMENT.read_text(encoding="utf-8")
        marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.S)
        DOCUMENT.write_text(marks.sub(lambda m, new=written: f"{m[1]}{new}\n{m[2]}", text), encoding="utf-8")  # type: ignore[misc]


if __name__ == "__main__":
    main(sys.argv[1:])
