"""What a message can be about, and the levels of the shipped rule sets: closed choices, kept as words in stores."""

from __future__ import annotations

from enum import StrEnum


class MessageKind(StrEnum):
    """What a message is about; receivers may choose by it. The words are public: a change is a new kind."""

    INCIDENT_OPENED = "incident_opened"
    INCIDENT_RAISED = "incident_raised"
    INCIDENT_BLIND = "incident_blind"
    INCIDENT_NO_VOLTAGE = "incident_no_voltage"
    INCIDENT_VOLTAGE_BACK = "incident_voltage_back"
    INCIDENT_SEEN_AGAIN = "incident_seen_again"
    INCIDENT_UNKNOWN = "incident_unknown"
    INCIDENT_CLOSED = "incident_closed"
    INCIDENT_RETRACTED = "incident_retracted"
    INCIDENT_LIST = "incident_list"
    INCIDENT_ENOUGH = "incident_enough"
    INCIDENT_ESCALATE = "incident_escalate"
    INCIDENT_RELEASE = "incident_release"
    """Who takes part may switch back, all or some."""
    INCIDENT_UNANSWERED = "incident_unanswered"
    INCIDENT_ACKNOWLEDGED = "incident_acknowledged"
    COMMUNITY_NOTICE = "community_notice"
    SHIFT_HANDED_OVER = "shift_handed_over"
    CHECK_THE_METER = "check_the_meter"
    OUTAGE = "outage"
    """A feeder, a part of one or a transformer is without voltage, or has it again."""
    TRANSFORMER_SILENT = "transformer_silent"
    COMMUNICATION_LOST = "communication_lost"
    MONITORING_BLIND = "monitoring_blind"
    READINGS_MISSING = "readings_missing"
    BROKER_LOST_SESSION = "broker_lost_session"
    CLOCK_BEHIND = "clock_behind"
    CLOCK_AHEAD = "clock_ahead"
    JOURNAL_DAMAGED = "journal_damaged"
    DISK_FULL = "disk_full"
    GROUP = "group"
    """Several things of one station and level in one message."""
    DIGEST = "digest"
    """Several stations or levels in one message."""
    TEST = "test"
    """A test of a channel."""
    OTHER = "other"
    """Of a version that knows more kinds than this one."""

    @classmethod
    def of(cls, word: str) -> MessageKind:
        """Return the kind of a stored word; one that this version does not know is `OTHER`."""
        return next((kind for kind in cls if kind.value == word), cls.OTHER)

    @property
    def key_word(self) -> str:
        """Return what stands for it in the key of an incident's event, such as `opened`."""
        return self.value.removeprefix("incident_")


class LevelName(StrEnum):
    """The levels of the shipped rule sets; a station's own rule set may name others."""

    HEAVY = "heavy"
    SEVERE_HEAVY = "severe_heavy"
    OVERLOAD = "overload"
    PHASE_HEAVY = "phase_heavy"
    PHASE_SEVERE_HEAVY = "phase_severe_heavy"
    PHASE_OVERLOAD = "phase_overload"
    NO_VOLTAGE = "no_voltage"

    @property
    def of_total(self) -> LevelName:
        """Return the level of the total load rate that is as grave."""
        return _OF_TOTAL.get(self, self)


_OF_TOTAL = {
    LevelName.PHASE_HEAVY: LevelName.HEAVY,
    LevelName.PHASE_SEVERE_HEAVY: LevelName.SEVERE_HEAVY,
    LevelName.PHASE_OVERLOAD: LevelName.OVERLOAD,
}
_KNOWN = {level.value: level for level in LevelName}


def known_level(name: str) -> LevelName | None:
    """Return the level of a name, None for one of a station's own rule set."""
    return _KNOWN.get(name)
