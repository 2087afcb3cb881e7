"""Self-audit of what people were told, against EEMUA 191: how much, how steady, how late, and what was never told.

EEMUA Publication 191 ("Alarm systems"), as it is commonly cited: at most one alarm in ten minutes per operator in
steady state; ten or more in ten minutes are a flood. The other measures are promises of this product.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alerts.model.kinds import MessageKind
from alerts.notification.event import OPENED
from alerts.notification.flapping import FLAPPING_OPENINGS, FLAPPING_WITHIN_US
from grid.timestamps import MINUTE_US

WINDOW_MINUTES = 10
STEADY_ALARMS_MAX = 1
FLOOD_ALARMS_MIN = 10
"""Alarms of one operator in one window: what is bearable, and what is a flood (EEMUA 191)."""
TOLD_WITHIN_MINUTES = 2.0
"""From the reading that opened an incident until somebody is told."""
MISSED_AFTER_MINUTES = 15.0
"""An incident that nobody was told of so long is missed; until then it may still be gathered or tried again."""


@dataclass(frozen=True)
class Alarm:
    """One event that an operator was told: several may have come in one message."""

    at_us: int
    operator: str
    """Who hears it: the station."""
    key: str
    """Names the event: told twice, it is repeated."""
    kind: MessageKind
    transformer_id: str = ""
    incident_id: str = ""
    message: str = ""
    """Names the message it came in; empty: one of its own."""


@dataclass(frozen=True)
class AuditedIncident:
    """An incident as the audit looks at it."""

    incident_id: str
    transformer_id: str
    operator: str
    opened_at_us: int
    """The time of the reading that opened it."""
    should_call: bool
    """False for history that was found late, and for what was retracted before anybody could be told."""


@dataclass(frozen=True)
class OperatorLoad:
    """What one operator had to hear; windows are of ten minutes, from the start of the audit."""

    operator: str
    messages: int
    mean_per_window: float
    most_in_window: int
    share_above_steady: float
    """Share of windows with more than one message."""
    share_flood: float
    """Share of windows with ten or more."""
    worst_window_at_us: int | None
    """Where the window with the most messages begins; None without messages."""


@dataclass(frozen=True)
class FlappingTransformer:
    """A transformer with three or more openings within an hour."""

    transformer_id: str
    openings: int
    """The most within any hour."""
    first_at_us: int
    """When those began."""


@dataclass(frozen=True)
class RepeatedAlarm:
    """An event that one operator was told more than once."""

    operator: str
    key: str
    times: int
    kind: MessageKind
    transformer_id: str
    incident_id: str


@dataclass(frozen=True)
class LateAlarm:
    """An incident that was told late."""

    incident_id: str
    transformer_id: str
    opened_at_us: int
    told_at_us: int


@dataclass(frozen=True)
class AlarmAudit:
    """The whole answer for one span of time."""

    from_us: int
    to_us: int
    operators: tuple[OperatorLoad, ...]
    """The most burdened first."""
    flapping: tuple[FlappingTransformer, ...]
    repeated: tuple[RepeatedAlarm, ...]
    late: tuple[LateAlarm, ...]
    missed: tuple[AuditedIncident, ...]
    """Incidents that should have called, that nobody was told of, and that are no longer on their way."""

    @property
    def windows(self) -> int:
        """Return how many windows of ten minutes the span has, the last one perhaps short."""
        return _windows(self.from_us, self.to_us)

    @property
    def is_clean(self) -> bool:
        """Return whether there is no flood, nothing flapping, repeated, late or missed, and a steady mean."""
        return not (self.flapping or self.repeated or self.late or self.missed) and all(
            load.mean_per_window <= STEADY_ALARMS_MAX and load.share_flood == 0.0 for load in self.operators
        )


def audit(
    alarms: Iterable[Alarm],
    incidents: Sequence[AuditedIncident],
    from_us: int,
    to_us: int,
    operators: Iterable[str] = (),
) -> AlarmAudit:
    """Return how the alarms of [`from_us`, `to_us`) stand against the limits. Raises ValueError for an empty span.

    `alarms` may reach further on both sides; what was told later than `to_us` still counts as told. `incidents` are
    those opened in the span. `operators` names those who are to be counted though they were told nothing.
    """
    if to_us <= from_us:
        raise ValueError("the audit ends before it begins; give a later end")
    in_order = sorted(alarms, key=lambda alarm: alarm.at_us)
    within = [alarm for alarm in in_order if from_us <= alarm.at_us < to_us]
    heard = {alarm.operator for alarm in within} | {i.operator for i in incidents} | set(operators)
    messages: dict[str, dict[str, int]] = {operator: {} for operator in heard}
    for alarm in within:
        messages[alarm.operator].setdefault(_message(alarm), alarm.at_us)
    loads = [_load(operator, list(messages[operator].values()), from_us, to_us) for operator in heard]
    flapping = _flapping(within, incidents)
    late, missed = _late_and_missed(in_order, incidents, flapping, to_us)
    return AlarmAudit(
        from_us,
        to_us,
        tuple(sorted(loads, key=lambda load: (-load.messages, load.operator))),
        flapping,
        _repeated(within),
        late,
        missed,
    )


def _windows(from_us: int, to_us: int) -> int:
    return -(-(to_us - from_us) // (WINDOW_MINUTES * MINUTE_US))


def _message(alarm: Alarm) -> str:
    """Return what tells one message from another; an event told twice by itself came in two."""
    return f"message {alarm.message}" if alarm.message else f"remark {alarm.key} {alarm.at_us}"


def _load(operator: str, told_at_us: Sequence[int], from_us: int, to_us: int) -> OperatorLoad:
    window_us = WINDOW_MINUTES * MINUTE_US
    windows = _windows(from_us, to_us)
    by_window = Counter((at_us - from_us) // window_us for at_us in told_at_us)
    worst = min(by_window, key=lambda window: (-by_window[window], window), default=None)
    return OperatorLoad(
        operator,
        len(told_at_us),
        len(told_at_us) * window_us / (to_us - from_us),
        max(by_window.values(), default=0),
        sum(number > STEADY_ALARMS_MAX for number in by_window.values()) / windows,
        sum(number >= FLOOD_ALARMS_MIN for number in by_window.values()) / windows,
        None if worst is None else from_us + worst * window_us,
    )


def _flapping(alarms: Sequence[Alarm], incidents: Sequence[AuditedIncident]) -> tuple[FlappingTransformer, ...]:
    """Return who opened three times in an hour, by the incidents and by the openings that were told."""
    openings: dict[str, dict[str, int]] = defaultdict(dict)
    for alarm in alarms:
        if alarm.kind == OPENED and alarm.transformer_id:
            openings[alarm.transformer_id].setdefault(alarm.incident_id or alarm.key, alarm.at_us)
    for incident in incidents:
        openings[incident.transformer_id][incident.incident_id] = incident.opened_at_us
    found = []
    for transformer_id, at_us_of in openings.items():
        times = sorted(at_us_of.values())
        most, first_at_us, start = 0, 0, 0
        for end, at_us in enumerate(times):
            while at_us - times[start] > FLAPPING_WITHIN_US:
                start += 1
            if end - start + 1 > most:
                most, first_at_us = end - start + 1, times[start]
        if most >= FLAPPING_OPENINGS:
            found.append(FlappingTransformer(transformer_id, most, first_at_us))
    return tuple(sorted(found, key=lambda one: (-one.openings, one.transformer_id)))


def _repeated(alarms: Iterable[Alarm]) -> tuple[RepeatedAlarm, ...]:
    told: dict[tuple[str, str], list[Alarm]] = {}
    for alarm in alarms:
        told.setdefault((alarm.operator, alarm.key), []).append(alarm)
    found = [
        RepeatedAlarm(operator, key, len(times), times[0].kind, times[0].transformer_id, times[0].incident_id)
        for (operator, key), times in told.items()
        if len(times) > 1
    ]
    return tuple(sorted(found, key=lambda one: (-one.times, one.operator, one.key)))


def _late_and_missed(
    alarms: Sequence[Alarm],
    incidents: Sequence[AuditedIncident],
    flapping: Sequence[FlappingTransformer],
    to_us: int,
) -> tuple[tuple[LateAlarm, ...], tuple[AuditedIncident, ...]]:
    told_at_us: dict[str, int] = {}
    for alarm in alarms:
        told_at_us.setdefault(alarm.incident_id, alarm.at_us)
    known_to_flap = _known_to_flap(alarms, flapping)
    late, missed = [], []
    for incident in sorted(incidents, key=lambda i: (i.opened_at_us, i.incident_id)):
        opened_us, at_us = incident.opened_at_us, told_at_us.get(incident.incident_id)
        if not incident.should_call or opened_us >= known_to_flap.get(incident.transformer_id, to_us):
            continue
        if at_us is None:
            if to_us - opened_us > MISSED_AFTER_MINUTES * MINUTE_US:
                missed.append(incident)
        elif at_us - opened_us > TOLD_WITHIN_MINUTES * MINUTE_US:
            late.append(LateAlarm(incident.incident_id, incident.transformer_id, opened_us, at_us))
    return tuple(late), tuple(missed)


def _known_to_flap(alarms: Iterable[Alarm], flapping: Iterable[FlappingTransformer]) -> dict[str, int]:
    """Return since when people have known of each flapping transformer; what it does after that is held back."""
    since_us = {one.transformer_id: one.first_at_us for one in flapping}
    known: dict[str, int] = {}
    for alarm in alarms:
        if alarm.at_us >= since_us.get(alarm.transformer_id, alarm.at_us + 1):
            known.setdefault(alarm.transformer_id, alarm.at_us)
    return known
