"""What stands behind the wall: refused payloads and messages in words, and what is wrong with the watching itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from alerts.silence.detection import Silence
from alerts.silence.words import communication_lost, monitoring_is_blind
from collector.decoding.rejects import Reason
from collector.decoding.remedies import REMEDIES
from grid.text import Text
from service.queries.answers import Counts
from service.queries.answers_system import CollectorState, MessageRow, RejectRow
from stores.journal.journal import StoredReject
from stores.records.outbox import Message
from stores.records.records import Records

MESSAGES_LOOKED_AT = 200
"""Number of the newest messages that are read."""
FEEDERS_TOLD_MAX = 4
"""Maximum number of lost feeders with a line of their own on top of the pages."""


def reject_rows(rejects: Sequence[StoredReject]) -> tuple[RejectRow, ...]:
    """Return refused payloads with their reason in words."""
    return tuple(
        RejectRow(
            received_at_us=reject.received_at_us,
            topic=reject.topic,
            reason=reject.reason,
            words=reason_words(reject.reason),
            field=reject.field,
            detail=reject.detail,
            sha256=reject.sha256,
            payload_bytes=len(reject.payload),
            taken=reject.taken,
        )
        for reject in rejects
    )


def reason_words(reason: str) -> Text:
    """Return a reason in words; one that this version does not know (a newer collector's) stands for itself."""
    try:
        return REMEDIES[Reason(reason)]
    except ValueError:
        return Text(reason, reason)


def message_rows(messages: Sequence[Message]) -> tuple[MessageRow, ...]:
    """Return one row for each message and channel, newest first."""
    return tuple(
        MessageRow(
            number=message.message_no,
            kind=message.kind,
            channel=delivery.channel,
            state=delivery.state.value,
            attempts=delivery.attempts,
            text=message.text,
            created_at_us=message.created_at_us,
            delivered_at_us=delivery.delivered_at_us,
            error=delivery.last_error,
        )
        for message in messages
        for delivery in message.deliveries
    )


def dead_messages(records: Records) -> int:
    """Return how many messages were given up, channel by channel."""
    return sum(of.dead for of in records.channel_counts().values())


def alarms_of(
    counts: Counts, silence: Silence | None, zone: tzinfo, collector: CollectorState | None, dead_messages: int
) -> tuple[Text, ...]:
    """Return what is wrong with the watching itself, worst first; nothing when all is well."""
    alarms = []
    if counts.watched and counts.last_received_at_us is None:
        alarms.append(
            Text(
                "【监测中断】还没有收到过任何读数。请检查采集服务和消息服务器。",
                "[monitoring is blind] no reading has ever been received. Check collector and broker.",
            )
        )
    elif silence is not None and silence.blind is not None:
        alarms.append(monitoring_is_blind(silence.blind, zone))
    elif silence is not None:
        alarms += [communication_lost(feeder, zone) for feeder in silence.feeders[:FEEDERS_TOLD_MAX]]
        more = len(silence.feeders) - FEEDERS_TOLD_MAX
        if more > 0:
            alarms.append(
                Text(
                    f"另有 {more} 条线路通信中断，详见系统状态。",
                    f"{more} more feeders have lost communication. See System.",
                )
            )
    if collector is not None and not collector.answers:
        alarms.append(
            Text(
                "采集程序没有应答：可能没有启动或已停止，新读数不会进来。",
                "The collector does not answer: it may have stopped; no new readings will come in.",
            )
        )
    elif collector is not None and not collector.healthy:
        alarms.append(
            Text(
                "采集程序在运行但不正常：读数可能没有入库，详见系统状态。",
                "The collector runs but is not healthy: readings may not be stored. See System.",
            )
        )
    if dead_messages:
        alarms.append(
            Text(
                f"有 {dead_messages} 条通知送不到，详见系统状态。",
                f"{dead_messages} notifications could not be delivered. See System."
                if dead_messages > 1
                else "One notification could not be delivered. See System.",
            )
        )
    return tuple(alarms)
