"""What is said, to people, of all there is to say: remarks in, messages out, by the rules of alarm hygiene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alerts.notification.event import Remark, Speech
from alerts.notification.throttling import Hygiene, HygieneSettings
from alerts.notification.throttling_state import HygieneState
from grid.timestamps import SECOND_US
from stores.records.changes import Changes, NewMessage, ToldRemark

STATE_NAME = "hygiene"
SPEAK_EVERY_US = SECOND_US
"""All that waits is looked through once in so long: what is said has waited for half a minute, or for minutes."""


class Speaking:
    """Holds the rules of speech and what they remember. What it remembers is kept with the messages that came of it."""

    def __init__(
        self,
        channels: tuple[str, ...],
        settings: HygieneSettings,
        station_names: Mapping[str, str],
        kept_state: str,
    ) -> None:
        """Go on from a kept state, empty for a first start."""
        self._channels = channels
        self._hygiene = Hygiene(channels, settings, station_names)
        self._state = HygieneState.from_json(kept_state) if kept_state else HygieneState()
        self._spoke_us = -SPEAK_EVERY_US

    def say(self, remarks: Sequence[Remark], now_us: int) -> Changes:
        """Hear remarks and return what is to be sent now; call it about once a second, also with nothing new.

        More often is as well: what is heard is kept at once.
        """
        before = self._state
        speeches: tuple[Speech, ...] = ()
        if 0 <= now_us - self._spoke_us < SPEAK_EVERY_US:
            self._state = self._hygiene.hear(before, remarks, now_us) if remarks else before
        else:
            self._spoke_us = now_us
            speeches, self._state = self._hygiene.step(before, remarks, now_us)
        if not (speeches or remarks) or self._state == before:
            return Changes()
        heard = {w.remark.key: w.remark for w in before.waiting} | {r.key: r for r in remarks} if speeches else {}
        return Changes(
            messages=tuple(self._message(speech) for speech in speeches),
            told=tuple(_told(heard[key], speech) for speech in speeches for key in speech.remark_keys if key in heard),
            states=((STATE_NAME, self._state.to_json()),),
        )

    def _message(self, speech: Speech) -> NewMessage:
        return NewMessage(
            key=speech.key,
            kind=speech.kind,
            station_id=speech.station_id,
            incident_id=speech.incident_id,
            text=speech.text,
            created_at_us=speech.created_at_us,
            channels=self._channels,
        )


def _told(remark: Remark, speech: Speech) -> ToldRemark:
    return ToldRemark(
        key=remark.key,
        kind=remark.kind,
        station_id=remark.station_id,
        level=remark.level,
        transformer_id=remark.transformer_id,
        incident_id=remark.incident_id,
        created_at_us=remark.created_at_us,
        told_at_us=speech.created_at_us,
        message_key=speech.key,
    )
