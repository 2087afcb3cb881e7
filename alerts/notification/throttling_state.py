"""What throttling remembers between two looks: plain values, kept as JSON over a restart."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from alerts.model.kinds import MessageKind
from alerts.notification.event import Group, NotificationEvent
from alerts.notification.flapping import Unrest
from alerts.notification.token_bucket import TokenBucket
from grid.text import Text

_VERSION = 1


@dataclass(frozen=True)
class Waiting:
    """An event that is not said yet, and when it was heard."""

    event: NotificationEvent
    heard_at_us: int

    @cached_property
    def json(self) -> str:
        """Return both as JSON text: made once, for all that waits is written down whenever anything is heard."""
        return _json([self.heard_at_us, _event_values(self.event)])


@dataclass(frozen=True)
class ThrottlingState:
    """Everything that decides what is said next. The mappings are never changed, only replaced."""

    at_us: int = 0
    """When it was last changed."""
    waiting: tuple[Waiting, ...] = ()
    """In the order heard."""
    said_at_us: Mapping[Group, int] = field(default_factory=dict)
    """When each group was last spoken to, by itself or in a digest."""
    digest_at_us: int | None = None
    unrest: Mapping[str, Unrest] = field(default_factory=dict)
    """By transformer."""
    told_at_us: Mapping[str, int] = field(default_factory=dict)
    """When each event was said, by key, for as long as it might come again."""
    buckets: Mapping[str, TokenBucket] = field(default_factory=dict)
    """By channel; a channel that is missing has a full one."""

    def to_json(self) -> str:
        """Return the state as JSON text."""
        values = _json(
            {
                "version": _VERSION,
                "at_us": self.at_us,
                "said_at_us": [[g.station_id, g.level, at_us] for g, at_us in self.said_at_us.items()],
                "digest_at_us": self.digest_at_us,
                "unrest": {transformer_id: vars(unrest) for transformer_id, unrest in self.unrest.items()},
                "told_at_us": dict(self.told_at_us),
                "buckets": {channel: bucket.full_at_us for channel, bucket in self.buckets.items()},
            }
        )
        return f'{values[:-1]},"waiting":[{",".join(waiting.json for waiting in self.waiting)}]}}'

    @staticmethod
    def from_json(text: str) -> ThrottlingState:
        """Return the state that `to_json` wrote. Raises ValueError for any other text."""
        try:
            values = json.loads(text)
            if values["version"] != _VERSION:
                raise ValueError(f"version {values['version']}, wanted {_VERSION}")
            return ThrottlingState(
                at_us=values["at_us"],
                waiting=tuple(Waiting(_event(of), heard_us) for heard_us, of in values["waiting"]),
                said_at_us={Group(station, level): at_us for station, level, at_us in values["said_at_us"]},
                digest_at_us=values["digest_at_us"],
                unrest={name: _unrest(of) for name, of in values["unrest"].items()},
                told_at_us=values["told_at_us"],
                buckets={channel: TokenBucket(full_us) for channel, full_us in values["buckets"].items()},
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no state of alarm hygiene: {error!r}") from error

    def not_after(self, now_us: int) -> ThrottlingState:
        """Return the state with no moment after `now_us`: a clock that was set back must not silence anybody."""
        back_us = self.at_us - now_us
        if back_us <= 0:
            return self
        return replace(
            self,
            at_us=now_us,
            waiting=tuple(Waiting(w.event, w.heard_at_us - back_us) for w in self.waiting),
            said_at_us={group: at_us - back_us for group, at_us in self.said_at_us.items()},
            digest_at_us=None if self.digest_at_us is None else self.digest_at_us - back_us,
            unrest={name: unrest.earlier(back_us) for name, unrest in self.unrest.items()},
            told_at_us={key: at_us - back_us for key, at_us in self.told_at_us.items()},
        )


def _json(values: Any) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _event_values(event: NotificationEvent) -> dict[str, Any]:
    load_rate = None if math.isnan(event.load_rate) else event.load_rate
    return {**vars(event), "text": {"zh": event.text.zh, "en": event.text.en}, "load_rate": load_rate}


def _event(values: dict[str, Any]) -> NotificationEvent:
    load_rate = math.nan if values["load_rate"] is None else values["load_rate"]
    return NotificationEvent(
        **{
            **values,
            "kind": MessageKind.of(values["kind"]),
            "text": Text(**values["text"]),
            "load_rate": load_rate,
        }
    )


def _unrest(values: dict[str, Any]) -> Unrest:
    return Unrest(**{**values, "openings_us": tuple(values["openings_us"])})
