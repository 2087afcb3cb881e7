"""Puts together what decides about messages: audiences, throttling, the station's own words, whom they call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from alerts.notification.event import Notification, NotificationEvent
from alerts.notification.on_duty import Roster
from alerts.notification.throttling import ThrottlingSettings
from grid.assets import Ledger
from service.notify.audiences import Audience
from service.notify.community import CommunitiesFirst
from service.notify.escalation import Escalation, EscalationSettings
from service.notify.policy import NotificationPolicy
from service.notify.templates import Templates, told_by_templates
from stores.records.records import Records


@dataclass(frozen=True)
class NotifyOptions:
    """The settings that decide who is told what."""

    audiences: tuple[Audience, ...]
    throttling: ThrottlingSettings = field(default_factory=ThrottlingSettings)
    escalation: EscalationSettings = field(default_factory=lambda: EscalationSettings({}, 15.0))
    stand_by: tuple[str, ...] = ()
    """Ids of the people who are called when nobody else is on."""
    communities_first: bool = False
    templates: Templates = field(default_factory=dict)


def make_policy(records: Records, ledger: Ledger, options: NotifyOptions) -> tuple[NotificationPolicy, Escalation]:
    """Return what decides about messages, and who looks after calls, for a ledger. Raises StoreError."""
    roster = Roster(ledger, options.stand_by)
    escalation = Escalation(records, roster, options.escalation)
    communities = CommunitiesFirst(ledger, roster)
    names = {station.station_id: station.name for station in ledger.stations}

    def prepared(events: Sequence[NotificationEvent]) -> Sequence[NotificationEvent]:
        ordered = communities.before(events) if options.communities_first else events
        return [told_by_templates(event, options.templates, roster, names) for event in ordered]

    def called_by(notification: Notification, events: Sequence[NotificationEvent]) -> tuple[str, ...]:
        leads = [lead for event in events for lead in communities.leads(event)]
        return tuple(dict.fromkeys((*leads, *escalation.called_by(notification, events))))

    policy = NotificationPolicy(
        options.audiences,
        options.throttling,
        names,
        records.state,
        {transformer.transformer_id: transformer.grid_id for transformer in ledger.transformers},
        called_by,
        prepared,
    )
    return policy, escalation
