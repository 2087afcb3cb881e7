"""The schema of a scenario file, for editors: JSON Schema made from the same types that read the file."""

from __future__ import annotations

from typing import Any

import msgspec

from simulator.scenario.file import habit_keys, habit_names
from simulator.scenario.scenario import Scenario


def scenario_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a scenario file.

    What habits can give is not required; curves and clock times have their bounds, unknown keys are faults.
    """
    (made,), parts = msgspec.json.schema_components([Scenario], ref_template="#/$defs/{name}")
    top = parts.pop(made["$ref"].rpartition("/")[2])
    given = {key for name in habit_names() for key in habit_keys(name)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **top,
        "properties": {**top["properties"], "habits": {"enum": list(habit_names())}},
        "required": [key for key in top["required"] if key not in given],
        "$defs": parts,
    }
