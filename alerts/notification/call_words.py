"""What is said of who is called, who has it and who did not answer. Names are those of our own people."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.model.display_names import role_name
from grid.assets import Person, Role, Transformer
from grid.text import Text


def called(people: Sequence[Person], role: Role) -> Text:
    """Return the line of an incident's record for a first call."""
    name, who = role_name(role), names(people)
    return Text(f"通知{name.zh}：{who.zh}。", f"Called ({name.en}): {who.en}.")


def unanswered(
    transformer: Transformer, silent: Sequence[Person], minutes: float, next_people: Sequence[Person], role: Role
) -> Text:
    """Return what is said when nobody of those called answered in time, and who is called now."""
    name, before, now = role_name(role), names(silent), names(next_people)
    where = f"{transformer.transformer_id} {transformer.name}".strip()
    return Text(
        f"【无人应答】{where}：{before.zh} {minutes:g} 分钟内没有应答，现请{name.zh} {now.zh} 处理。",
        f"[no answer] {where}: {before.en} did not answer within {minutes:g} min. Now called, {name.en}: {now.en}.",
    )


def acknowledged(transformer: Transformer, person: Person) -> Text:
    """Return what the others are told when somebody has it."""
    where = f"{transformer.transformer_id} {transformer.name}".strip()
    role = role_name(person.role)
    return Text(
        f"【已有人处理】{where}：{role.zh} {person.name} 已接手，其他人不必再应答。",
        f"[somebody has it] {where}: {person.name} ({role.en}) has it; the others need not answer.",
    )


def has_it(person: Person) -> Text:
    """Return the line of an incident's record when somebody has it."""
    return Text(f"{person.name} 已接手。", f"{person.name} has it.")


def community_first(transformer: Transformer, community: str) -> Text:
    """Return what a community is told before its street is asked."""
    where = f"{transformer.transformer_id} {transformer.name}".strip()
    return Text(
        f"【社区先知】{community or '社区'}：{where} 负荷偏高，红马甲将上门请商户错峰用电，请社区知悉并协助解释。",
        f"[community first] {community or 'Community'}: {where} is heavily loaded; the red-vest team will ask "
        "merchants to lower their load. Please know of it, and help to explain.",
    )


def names(people: Sequence[Person]) -> Text:
    """Return the names of people in a row."""
    each = [person.name or person.person_id for person in people]
    return Text("、".join(each), ", ".join(each))
