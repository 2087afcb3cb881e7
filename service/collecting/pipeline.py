"""The pipeline: readings in, verdicts recorded, people told. `Pipeline.tick` is the only place that knows the order."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np

from alerts.notification.event import NotificationEvent
from alerts.notification.throttling import ThrottlingSettings
from alerts.outreach.planner import OutreachSettings
from alerts.rules.rule_set import RuleSet
from alerts.silence.detection import SilenceSettings
from alerts.verdicts.engine import UNKNOWN_AFTER_HOURS
from collector.decoding.decode import Decoded
from collector.decoding.plausibility import Limits
from collector.decoding.rejects import Reject
from collector.devices.decoders import Decoders
from collector.message import Message, MessageBlock
from grid.errors import StoreError
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from grid.timestamps import HOUR_US, MINUTE_US
from service.collecting.checkpoint import Checkpoint, Checkpoints, fingerprint_of, mark_of
from service.collecting.decoding import Decoder
from service.collecting.missing_values import MissingValueList
from service.metrics.metrics import BlockStored, Metrics
from service.monitors.outages import OutageWatch
from service.monitors.silence import Watch
from service.notify.assembly import NotifyOptions, make_policy
from service.notify.audiences import Audience
from service.response.draft import Answer, Silent
from service.response.recent import RECENT_MINUTES, Recent, recent_of
from service.response.response import Response
from service.verdicts.incremental import IncrementalVerdicts
from stores.journal.journal import Appended, Journal, StoredReject
from stores.records.changes import Changes
from stores.records.records import Records

EVALUATED_CURSOR = "judged"
"""Records cursor: the journal block up to which verdicts are recorded for certain."""
NO_FLEET_YET = Fleet.of([])
NOT_EVALUATED = -1
"""In place of the ledger's version: readings are stored that no verdict was made of; they are judged anew."""
EVALUATED_BY_STATE = "judged_by"
"""Kept state: the ledger and the rules by which verdicts were made."""
CURSOR_SAVED_EVERY_SECONDS = 30.0


@dataclass(frozen=True)
class PipelineOptions:
    """The settings that a tick depends on."""

    rule_sets: tuple[RuleSet, ...]
    gap_minutes: float
    limits: Limits
    outreach: OutreachSettings
    silence: SilenceSettings
    channels: tuple[str, ...]
    throttling: ThrottlingSettings
    notify: NotifyOptions | None = None
    """Who is told what; None: everybody everything, on all channels."""
    decoders: Decoders = field(default_factory=Decoders)
    """What is read beside Redvest's own format, with the sessions of gateways."""
    unknown_after_hours: float = UNKNOWN_AFTER_HOURS
    """An open incident ends as unknown after so long without a reading that counts; 0: never."""


class Pipeline:
    """One collector's way from messages to recorded verdicts. Not safe to share between threads."""

    def __init__(
        self,
        journal: Journal,
        records: Records,
        options: PipelineOptions,
        metrics: Metrics,
        acknowledge: Callable[[Sequence[Message]], None],
        now_us: int,
    ) -> None:
        """Begin with the ledger of the records; judge what the journal holds and the records do not know yet."""
        self._journal = journal
        self._records = records
        self._options = options
        self._metrics = metrics
        self._acknowledge = acknowledge
        self._missing_values = MissingValueList()
        self._unrecorded: list[Changes] = []
        self._block_no = 0
        self._checkpoints = Checkpoints(journal)
        self._newest_block: tuple[int, ReadingBatch] | None = None
        self._cursor_saved = time.monotonic()
        self._silent_after_us = options.silence.silent_us + MINUTE_US
        self._now_us = now_us
        """The moment of the last tick or look."""
        self._ledger_version = NOT_EVALUATED
        self.fleet = NO_FLEET_YET
        self.newest_measured_us = journal.newest_measured_us()
        """Newest moment that a stored reading was measured at [µs]; None while there is none."""
        self.take_ledger(now_us)

    def take_ledger(self, now_us: int) -> None:
        """Take over a ledger that was imported, if there is a new one, and judge with its ratings.

        Raises StoreError when a store does not answer; the next call begins again.
        """
        version = self._records.ledger_version()
        if version == self._ledger_version:
            return
        before = self.fleet
        try:
            self._evaluate_by(version, before, now_us)
        except StoreError:
            self.fleet = before
            raise
        self._ledger_version = version

    def _evaluate_by(self, version: int, before: Fleet, now_us: int) -> None:
        ledger = self._records.ledger()
        numbers = self._journal.numbers([t.transformer_id for t in ledger.transformers])
        self.fleet = Fleet.of_ledger(ledger, numbers)
        options = self._options
        rules, gap_minutes, unknown_after_hours = options.rule_sets, options.gap_minutes, options.unknown_after_hours
        self._evaluated_with = fingerprint_of(self.fleet, rules, gap_minutes, unknown_after_hours)
        self._incremental = IncrementalVerdicts(
            self._journal, self._records, rules, gap_minutes, self.fleet, unknown_after_hours
        )
        self._response = Response(self._records, ledger, options.rule_sets, options.outreach, self._recent_of)
        notify = options.notify or NotifyOptions((Audience(options.channels),), options.throttling)
        self._notifications, self._escalation = make_policy(self._records, ledger, notify)
        self._watch = Watch(self.fleet, ledger, options.silence)
        self._outage_watch = OutageWatch(self.fleet, ledger, options.silence)
        self._decoder = Decoder(self.fleet, options.limits, options.decoders)
        self._received_us = np.full(len(self.fleet), -1, np.int64)
        self._measured_us = np.full(len(self.fleet), -1, np.int64)
        heard = self._journal.last_received()
        known = heard.transformer < len(self.fleet)
        self._received_us[heard.transformer[known]] = heard.received_at_us[known]
        self._recover(now_us, self._rated_anew(before, version))
        self._records.commit(Changes(states=((EVALUATED_BY_STATE, self._evaluated_by(version)),)))

    def tick(self, messages: Sequence[Message], now_us: int, *, any_age: bool = False) -> None:
        """Take one block of messages all the way. `any_age`: none of its readings is refused for its age.

        Raises StoreError when they could not be stored: nothing was acknowledged, call again with the same
        messages. What fails after they are stored is kept and tried again with the next tick.
        """
        self._now_us = now_us
        if self._ledger_version == NOT_EVALUATED:
            self.take_ledger(now_us)
        self._record()
        began = time.monotonic()
        decoded = self._decoder.decode_of_any_age(messages) if any_age else self._decoder.decode(messages)
        listed = self._missing_values.to_list(decoded.missing_examples) if decoded.missing_examples else []
        stored = self._journal.append(decoded.readings, [_stored(each) for each in (*decoded.rejects, *listed)])
        committed = time.monotonic()
        self._acknowledge(messages)
        fresh = decoded.readings.where(stored.new)
        self._block_no = stored.block_no
        if len(fresh):
            self._newest_block = stored.block_no, fresh
        # Another value for the newest moment is no sign of life: a clock that stands still sends nothing else.
        alive = fresh.where(fresh.measured_at_us != self._measured_us[fresh.transformer])
        np.maximum.at(self._received_us, alive.transformer, alive.received_at_us)
        for number, heard_us in decoded.deaths.items():
            # Gone is silent at once: as if nothing had come for as long as silence needs.
            self._received_us[number] = min(self._received_us[number], heard_us - self._silent_after_us)
        np.maximum.at(self._measured_us, fresh.transformer, fresh.measured_at_us)
        if len(fresh):
            self.newest_measured_us = max(self.newest_measured_us or 0, int(fresh.measured_at_us.max()))
        # Before they are evaluated: that may fail, and they are stored and acknowledged all the same.
        late = self._incremental.late_rows(fresh)
        self._count(messages, decoded, stored, late, committed - began, now_us)
        try:
            evaluated = self._incremental.evaluate(fresh)
            answer = self._response.answer(evaluated, self._is_silent(now_us), now_us)
        except StoreError as error:
            # Stored and acknowledged: it is the journal that gives these readings once more, with the next tick.
            self._re_evaluate_after(error)
            return
        self._record_or_keep(answer, now_us)
        self._follow_up()
        self._save_cursor()
        if self._checkpoints.is_due(len(fresh)):
            self.keep_checkpoint()

    def clock_stepped(self, step_us: int) -> None:
        """Follow our clock when it was set: what was received keeps its age, nobody is silent for that."""
        self._received_us[self._received_us >= 0] += step_us
        self._decoder.forget()

    @property
    def clock_behind_minutes(self) -> float:
        """Return how far our clock is behind most of the fleet; 0 as long as that is within what is usual."""
        return self._decoder.behind_minutes

    @property
    def clock_ahead_minutes(self) -> float:
        """Return how far our clock seems ahead of most of the fleet; 0 as long as that is within what is usual."""
        return self._decoder.ahead_minutes

    def look(self, now_us: int) -> None:
        """Do what time alone asks for: notice silence, follow recorded visits, take a new ledger."""
        self._now_us = now_us
        self._record()
        self.take_ledger(now_us)
        self._decoder.estimate()
        self.say(self._watch.look(self._received_us, now_us, self._told_otherwise()), now_us)
        try:
            self._record_or_keep(self._response.look_at_silence(self._is_silent(now_us), now_us), now_us)
            self._record_or_keep(self._response.look_at_visits(now_us), now_us)
            self._call_people(now_us)
        except StoreError:
            self._ledger_version = NOT_EVALUATED  # what was found half way is found again by another response
            raise
        self.say(self._outages(now_us), now_us)
        self._follow_up()
        self._save_cursor()

    def _outages(self, now_us: int) -> tuple[NotificationEvent, ...]:
        """Return what is to be said of transformers, parts of feeders and feeders without voltage."""
        without = self._response.without_voltage
        return self._outage_watch.look(without, self._incremental.supply, self._measured_us, now_us)

    def _call_people(self, now_us: int) -> None:
        """Call people to open incidents, and the next when nobody answered."""
        changes, notification_events = self._escalation.look(self._response.open_incidents, now_us)
        self._escalation.recorded(changes)
        if changes or notification_events:
            self._record_or_keep(Answer(changes, notification_events), now_us)

    def say(self, notification_events: Sequence[NotificationEvent], now_us: int) -> None:
        """Say what was noticed beside the readings, such as that some are missing."""
        self._record_or_keep(Answer(Changes(), tuple(notification_events)), now_us)

    def close(self) -> None:
        """Record what is left and where judging stands."""
        self._record()
        if self._block_no and self._settles():
            self._records.set_cursor(EVALUATED_CURSOR, self._block_no)
        self.keep_checkpoint()
        self._checkpoints.close()

    def keep_checkpoint(self) -> None:
        """Begin to write down what judging remembers, so that the next start need not evaluate a day of readings.

        Nothing is written while anything judged waits to be recorded: behind a checkpoint it would not be found again.
        """
        if self._newest_block is None or not self._settles():
            return
        block_no, readings = self._newest_block
        try:
            self._records.set_cursor(EVALUATED_CURSOR, block_no)
        except StoreError as error:
            self._metrics.commit_failed(str(error))
            return
        self._checkpoints.keep(
            lambda: Checkpoint(block_no, mark_of(readings), self._evaluated_with, self._incremental.state())
        )

    def _rated_anew(self, before: Fleet, version: int) -> list[int]:
        """Return the transformers whose readings are rated otherwise than when they were judged."""
        every = range(len(self.fleet))
        if before is NO_FLEET_YET:
            # Ledger or rules may have changed while no collector ran: what it was is not known any more.
            return [] if self._records.state(EVALUATED_BY_STATE) in ("", self._evaluated_by(version)) else list(every)
        return [number for number in every if number < len(before) and before.differs(self.fleet, number)]

    def _evaluated_by(self, version: int) -> str:
        options = self._options
        rules = f"{options.rule_sets} {options.gap_minutes} {options.unknown_after_hours}"
        return f"ledger {version}, rules {sha256(rules.encode()).hexdigest()[:16]}"

    def _recover(self, now_us: int, rated_anew: Sequence[int]) -> None:
        recorded_up_to = self._records.cursor(EVALUATED_CURSOR)
        kept = None if rated_anew else self._checkpoints.fitting(self._evaluated_with, recorded_up_to)
        if kept:
            evaluated = self._incremental.replay(kept.state, kept.block_no)
        else:
            evaluated = self._incremental.recover(recorded_up_to, rated_anew)
        # Who is silent already is looked at before anything comes: else nobody would be told that it is over.
        notification_events = self._watch.look(self._received_us, now_us, self._told_otherwise())
        answer = self._response.answer(evaluated, self._is_silent(now_us), now_us)
        blind = self._response.look_at_silence(self._is_silent(now_us), now_us)
        said = self._notifications.say(
            (*notification_events, *answer.notification_events, *blind.notification_events), now_us
        )
        self._record(answer.changes.plus(blind.changes).plus(said))

    def _record(self, *changes: Changes) -> None:
        """Commit changes, after those that could not be committed before. Raises StoreError and keeps them all."""
        self._unrecorded += changes
        while self._unrecorded:
            self._records.commit(self._unrecorded[0])
            del self._unrecorded[0]

    def _record_or_keep(self, answer: Answer, now_us: int) -> None:
        try:
            self._record(answer.changes.plus(self._notifications.say(answer.notification_events, now_us)))
        except StoreError as error:
            self._metrics.commit_failed(str(error))
        incidents = self._response.open_incidents
        self._metrics.incidents(len(incidents), sum(incident.blind for incident in incidents))
        self._metrics.without_voltage(len(self._response.without_voltage))

    def _follow_up(self, *, everything: bool = False) -> None:
        """Follow the open incidents whose turn it is, or all that wait."""
        try:
            answer = self._response.follow_up(self._now_us, everything=everything)
        except StoreError as error:
            self._re_evaluate_after(error)
            return
        if answer.changes:
            self._record_or_keep(answer, self._now_us)

    def _settles(self) -> bool:
        """Follow what waits to be followed, and return whether everything judged is recorded then."""
        if self._ledger_version != NOT_EVALUATED:
            self._follow_up(everything=True)
        return not self._unrecorded and self._ledger_version != NOT_EVALUATED

    def _re_evaluate_after(self, error: StoreError) -> None:
        self._ledger_version = NOT_EVALUATED
        self._metrics.commit_failed(str(error))

    def _save_cursor(self) -> None:
        # Judging again what was judged changes nothing, so the cursor may lag; a commit a tick would not pay.
        is_due = time.monotonic() - self._cursor_saved > CURSOR_SAVED_EVERY_SECONDS
        if self._block_no and is_due and self._settles():
            self._cursor_saved = time.monotonic()
            try:
                self._records.set_cursor(EVALUATED_CURSOR, self._block_no)
            except StoreError as error:
                self._metrics.commit_failed(str(error))

    def _told_otherwise(self) -> frozenset[str]:
        """Return the transformers whose silence is told by something else: an open incident, an outage."""
        incidents = (incident.transformer_id for incident in self._response.open_incidents)
        return frozenset([*incidents, *self._response.without_voltage])

    def _is_silent(self, now_us: int) -> Silent:
        """Return how silent transformers are: told under another name, by themselves, or not at all."""
        watch, received_us = self._watch, self._received_us
        gone_us = round(self._options.unknown_after_hours * HOUR_US)
        return Silent(
            lambda i: watch.is_silent(i, received_us, now_us),
            watch.is_covered,
            lambda i: bool(gone_us) and watch.waited_us(i, received_us, now_us) > gone_us,
        )

    def _recent_of(self, transformer_id: str, until_us: int) -> Recent:
        """Return trend, power factor and worst phase of a transformer's readings up to a moment."""
        from_us = until_us - round(RECENT_MINUTES * MINUTE_US)
        return recent_of(self._journal.series(self.fleet.number[transformer_id], from_us, until_us), self.fleet)

    def _count(
        self,
        messages: Sequence[Message],
        decoded: Decoded,
        stored: Appended,
        late: int,
        commit_seconds: float,
        now_us: int,
    ) -> None:
        measured_us = decoded.readings.measured_at_us[stored.new]
        rejected: dict[str, int] = {}
        for reject in decoded.rejects:
            rejected[reject.reason.value] = rejected.get(reject.reason.value, 0) + 1
        values_missing: dict[str, int] = {}
        for (reason, _), count in decoded.missing.items():
            values_missing[reason.value] = values_missing.get(reason.value, 0) + count
        self._metrics.block_stored(
            BlockStored(
                messages=len(messages),
                received=len(decoded.readings),
                stored=int(stored.new.sum()),
                duplicates=stored.duplicates,
                conflicts=stored.conflicts,
                late=late,
                retained=decoded.retained,
                unknown_fields=decoded.unknown_fields,
                rejected=rejected,
                values_missing=values_missing,
                commit_seconds=commit_seconds,
                acknowledge_delay_seconds=(now_us - messages[0].received_at_us) / 1e6 if messages else 0.0,
                payload_bytes=sum(map(len, _payloads(messages))),
                lag_seconds=(now_us - int(measured_us.max())) / 1e6 if len(measured_us) else None,
            )
        )


def _payloads(messages: Sequence[Message]) -> list[bytes]:
    return messages.payloads if isinstance(messages, MessageBlock) else [message.payload for message in messages]


def _stored(reject: Reject) -> StoredReject:
    return StoredReject(
        received_at_us=reject.received_at_us,
        topic=reject.topic,
        reason=reject.reason.value,
        field=reject.field,
        detail=reject.detail,
        payload=reject.payload,
        sha256=reject.sha256,
        taken=reject.taken,
    )
