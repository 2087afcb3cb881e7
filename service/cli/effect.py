"""`effect`: what an incident's visits brought, as a whole, by wave and by door."""

from __future__ import annotations

from typing import Annotated

import typer

from alerts.effect.words import effect_sentence
from grid.text import Text
from service.cli.baseline import COLUMNS, effect_cells, effect_fields
from service.cli.options import AsJson, Config, Speak, opened
from service.cli.screen import Column, local, utc

_SCOPES = {
    "incident": Text("事件", "incident"),
    "wave": Text("批次", "wave"),
    "door": Text("一户", "door"),
}


def effect(
    incident: Annotated[str, typer.Argument(metavar="INCIDENT", help="incident_id, or a part that fits only one.")],
    config: Config = None,
    language: Speak = None,
    as_json: AsJson = False,
) -> None:
    """走访效果 · What the visits of an incident brought, and whether it can be shown."""
    with opened(config, language, as_json) as (container, screen):
        row, found = container.queries.effect(incident)
        rows = []
        for one in found:
            window = one.window
            if as_json:
                screen.line(
                    scope=window.scope.value,
                    incident_id=row.incident.incident_id,
                    wave=window.wave,
                    merchant_id=window.merchant_id,
                    transformer_id=row.incident.transformer_id,
                    **{"from": utc(window.from_us), "to": utc(window.to_us)},
                    **effect_fields(one.effect),
                    reason=effect_sentence(one.effect),
                )
                continue
            scope = _SCOPES[window.scope.value]
            which = window.merchant_id or ("" if window.wave is None else str(window.wave))
            times = [local(at_us, row.zone) for at_us in (window.from_us, window.to_us)]
            rows.append([scope, which, *times, *effect_cells(one.effect)])
        if not as_json:
            names = (Text("范围", "scope"), Text("哪个", "which"), Text("起", "from"), Text("止", "to"))
            screen.table(Text("走访效果", "Effect"), [*map(Column, names), *COLUMNS], rows)
            screen.say(effect_sentence(found[0].effect))
