"""What the duty desk does with an incident beside taking it: give it to somebody, note something, put it away."""

from __future__ import annotations

from alerts.model.handling import NOTE_LETTERS_MAX, IncidentNote, NoteKind
from alerts.model.incidents import IncidentEvent, IncidentEventKind
from grid.assets import Person
from grid.errors import UsageError
from grid.text import Text
from service.clock import Clock
from stores.records.records import Records

_EVENTS = {
    NoteKind.ASSIGNED: IncidentEventKind.ASSIGNED,
    NoteKind.COMMENTED: IncidentEventKind.COMMENTED,
    NoteKind.PUT_AWAY: IncidentEventKind.PUT_AWAY,
}


class IncidentDesk:
    """Takes what people note. Each note is in the incident's record and, without its words, in the audit record."""

    def __init__(self, records: Records, clock: Clock) -> None:
        """Keep the store and the clock."""
        self._records = records
        self._clock = clock

    def assign(self, incident_id: str, to: str, by: str) -> IncidentNote:
        """Give an incident to somebody. Raises UsageError for an unknown incident or person."""
        given, person = self._person(to), self._person(by)
        text = Text(f"{person.name} 指派给 {given.name}", f"{person.name} gave it to {given.name}")
        return self._note(NoteKind.ASSIGNED, incident_id, person, text, assigned_to=given.person_id)

    def comment(self, incident_id: str, words: str, by: str) -> IncidentNote:
        """Note something. Raises UsageError for an unknown incident or person, and for no or too many words."""
        said, person = _said(words), self._person(by)
        return self._note(
            NoteKind.COMMENTED, incident_id, person, Text(f"{person.name}：{said}", f"{person.name}: {said}"), said
        )

    def put_away(self, incident_id: str, reason: str, by: str) -> IncidentNote:
        """Say that the desk has done what it can, and why. Raises UsageError as `comment` does.

        The incident itself ends by its readings alone.
        """
        said, person = _said(reason), self._person(by)
        text = Text(f"{person.name} 结束处置：{said}", f"{person.name} ended the desk's work: {said}")
        return self._note(NoteKind.PUT_AWAY, incident_id, person, text, said)

    def _note(
        self, kind: NoteKind, incident_id: str, by: Person, told: Text, words: str = "", assigned_to: str = ""
    ) -> IncidentNote:
        if self._records.incident(incident_id) is None:
            raise UsageError(
                Text(f"没有事件 {incident_id}", f"there is no incident {incident_id}"),
                remedy=Text("请查看 redvest incidents", "see redvest incidents"),
            )
        note = IncidentNote(incident_id, kind, self._clock.now_us(), by.person_id, words, assigned_to)
        self._records.record_note(note, IncidentEvent(incident_id, note.at_us, _EVENTS[kind], told.zh, told.en))
        return note

    def _person(self, person_id: str) -> Person:
        for person in self._records.ledger().people:
            if person.person_id == person_id:
                return person
        raise UsageError(
            Text(f"台账里没有人员 {person_id}", f"the ledger knows no person {person_id}"),
            remedy=Text(
                "请给出 people.csv 中的 person_id，例如您自己的", "give a person_id of people.csv, such as your own"
            ),
        )


def _said(words: str) -> str:
    said = " ".join(words.split())
    if not said or len(said) > NOTE_LETTERS_MAX:
        raise UsageError(
            Text("没有写内容" if not said else "内容太长", "nothing is written" if not said else "it is too long"),
            remedy=Text(f"请写 1 到 {NOTE_LETTERS_MAX} 个字", f"write 1 to {NOTE_LETTERS_MAX} characters"),
        )
    return said
