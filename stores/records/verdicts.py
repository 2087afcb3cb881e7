"""Episodes, incidents and their record in the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, RowMapping, func, or_, select, update

from alerts.model.episodes import Ending, Episode
from alerts.model.incidents import Incident, IncidentEvent, IncidentEventKind, IncidentState
from stores.records import visible
from stores.records.changes import EpisodeKey
from stores.records.schema import episode, incident, incident_event
from stores.records.upsert import insert_or_keep, insert_or_update
from stores.records.visible import EVERYTHING, Visible

_EPISODE_KEY = ("transformer_id", "rule", "level", "first_reading_at_us")
_EPISODE_FIELDS = [field.name for field in fields(Episode)]
_INCIDENT_FIELDS = [field.name for field in fields(Incident)]


@dataclass(frozen=True)
class EpisodeToCopy:
    """An episode as it stands, not yet copied as such to the long-term store."""

    episode: Episode
    retracted: bool
    revision: int
    """Grows whenever the episode changes."""


def record_episodes(connection: Connection, episodes: Sequence[Episode], retracted: Sequence[EpisodeKey]) -> None:
    """Insert or bring up to date; mark as retracted. A change counts the revision on, so that it is copied."""
    rows = [{name: getattr(value, name) for name in _EPISODE_FIELDS} for value in episodes]
    for row in rows:
        row["ended_by"] = row["ended_by"].value if row["ended_by"] else None
        row |= {"retracted": False, "revision": 1, "copied_revision": 0}
    insert_or_update(connection, episode, rows, _EPISODE_KEY, counted_on="revision", only_inserted=("copied_revision",))
    for key in retracted:
        connection.execute(
            update(episode)
            .where(*_is(key), episode.c.retracted.is_(False))
            .values(retracted=True, revision=episode.c.revision + 1)
        )


def episodes(
    connection: Connection, transformer_id: str | None, since_us: int | None, open_only: bool
) -> tuple[Episode, ...]:
    """Return episodes by their start, retracted ones left out."""
    asked = select(episode).where(episode.c.retracted.is_(False))
    if transformer_id is not None:
        asked = asked.where(episode.c.transformer_id == transformer_id)
    if since_us is not None:
        asked = asked.where(or_(episode.c.ended_at_us.is_(None), episode.c.ended_at_us >= since_us))
    if open_only:
        asked = asked.where(episode.c.ended_at_us.is_(None))
    in_order = asked.order_by(
        episode.c.started_at_us,
        episode.c.transformer_id,
        episode.c.rule,
        episode.c.level,
        episode.c.first_reading_at_us,
    )
    return tuple(_episode(row) for row in connection.execute(in_order).mappings())


def episodes_to_copy(connection: Connection, limit: int) -> tuple[EpisodeToCopy, ...]:
    """Return episodes that changed since they were last copied, by their opening reading."""
    asked = select(episode).where(episode.c.copied_revision < episode.c.revision)
    in_order = asked.order_by(episode.c.first_reading_at_us).limit(limit)
    return tuple(
        EpisodeToCopy(_episode(row), row["retracted"], row["revision"])
        for row in connection.execute(in_order).mappings()
    )


def mark_episodes_copied(connection: Connection, copied: Sequence[EpisodeToCopy]) -> None:
    """Note which revision of each episode was copied."""
    for done in copied:
        connection.execute(update(episode).where(*_is(done.episode.key)).values(copied_revision=done.revision))


def record_incidents(connection: Connection, incidents: Sequence[Incident], events: Sequence[IncidentEvent]) -> None:
    """Insert incidents or bring them up to date, and add to their record."""
    rows = [{name: getattr(value, name) for name in _INCIDENT_FIELDS} for value in incidents]
    insert_or_update(connection, incident, [{**row, "state": row["state"].value} for row in rows], ("incident_id",))
    insert_or_keep(
        connection,
        incident_event,
        [
            {
                "incident_id": value.incident_id,
                "at_us": value.at_us,
                "kind": value.kind.value,
                "detail_zh": value.detail_zh,
                "detail_en": value.detail_en,
            }
            for value in events
        ],
        ("incident_id", "at_us", "kind", "detail_en"),
    )


def incidents(
    connection: Connection, open_only: bool, since_us: int | None, seen: Visible = EVERYTHING
) -> tuple[Incident, ...]:
    """Return incidents that are visible, newest first."""
    asked = select(incident).where(visible.incidents(seen))
    if open_only:
        asked = asked.where(incident.c.state == IncidentState.OPEN.value)
    if since_us is not None:
        over_at_us = func.coalesce(incident.c.closed_at_us, incident.c.last_reading_at_us)
        asked = asked.where(or_(incident.c.state == IncidentState.OPEN.value, over_at_us >= since_us))
    in_order = asked.order_by(incident.c.opened_at_us.desc(), incident.c.incident_id)
    return tuple(_incident(row) for row in connection.execute(in_order).mappings())


def one_incident(connection: Connection, incident_id: str, seen: Visible = EVERYTHING) -> Incident | None:
    """Return one incident, None when none of that id is visible."""
    asked = select(incident).where(incident.c.incident_id == incident_id, visible.incidents(seen))
    row = connection.execute(asked).mappings().first()
    return None if row is None else _incident(row)


def events(connection: Connection, incident_id: str, seen: Visible = EVERYTHING) -> tuple[IncidentEvent, ...]:
    """Return an incident's record, oldest first."""
    asked = select(incident_event).where(incident_event.c.incident_id == incident_id)
    asked = asked.where(visible.incident_ids(seen, incident_event.c.incident_id))
    rows = connection.execute(asked.order_by(incident_event.c.at_us, incident_event.c.event_no))
    return tuple(
        IncidentEvent(row.incident_id, row.at_us, IncidentEventKind(row.kind), row.detail_zh, row.detail_en)
        for row in rows
    )


def _is(key: EpisodeKey) -> tuple[Any, ...]:
    return tuple(episode.c[name] == value for name, value in zip(_EPISODE_KEY, key, strict=True))


def _episode(row: RowMapping) -> Episode:
    values = {name: row[name] for name in _EPISODE_FIELDS}
    return Episode(**{**values, "ended_by": Ending(values["ended_by"]) if values["ended_by"] else None})


def _incident(row: RowMapping) -> Incident:
    values = {name: row[name] for name in _INCIDENT_FIELDS}
    return Incident(**{**values, "state": IncidentState(values["state"])})
