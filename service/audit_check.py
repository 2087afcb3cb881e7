"""Is the audit record whole? Row by row, and against the heads that were noted outside the database."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from grid.text import Text
from service.container import Container
from service.metrics.metrics import Metrics
from service.periodic import Pace, PeriodicTask, PeriodicThread
from stores.records.audit_anchors import AuditAnchors, Head
from stores.records.records import Records

_HEAD_TOLD_EVERY_SECONDS = 3600.0
_log = logging.getLogger("redvest.audit")


@dataclass(frozen=True)
class AuditFinding:
    """What is wrong with the audit record, and at which row."""

    no: int
    what: Text


@dataclass(frozen=True)
class AuditState:
    """The audit record as it was found."""

    head: Head | None
    """Its last row, None while it is empty."""
    anchored_no: int
    """The newest row that a noted head vouches for; 0 for none."""
    findings: tuple[AuditFinding, ...]


def check_audit(records: Records, anchors: AuditAnchors, noted: Head | None = None) -> AuditState:
    """Look at the whole record. `noted`: a head that was written down elsewhere, as in the collector's log."""
    findings: list[AuditFinding] = []
    broken = records.verify_audit()
    if broken is not None:
        what = Text("被改动、删除或插入过", "was changed, or a row before it was removed or inserted")
        findings.append(AuditFinding(broken.no, what))
    heads, foreign = anchors.heads()
    if foreign:
        findings.append(
            AuditFinding(0, Text(f"锚文件有 {foreign} 行不是本机所写", f"{foreign} lines of the anchors are forged"))
        )
    last = next(iter(records.audit(1)), None)
    if not heads and anchors.ever_noted and last is not None:
        findings.append(AuditFinding(last.no, Text("锚文件不见了", "the file of the anchors is gone")))
    findings += _against_heads(records, (*heads, *((noted,) if noted else ())), last.no if last else 0)
    head = Head(last.no, last.hash) if last else None
    return AuditState(head, heads[-1].no if heads else 0, tuple(findings))


def _against_heads(records: Records, heads: tuple[Head, ...], last_no: int) -> list[AuditFinding]:
    kept = records.audit_hashes(tuple(head.no for head in heads))
    found = []
    for head in heads:
        if head.no > last_no:
            found.append(AuditFinding(head.no, Text("末尾的行被删除", "rows at the end were removed")))
        elif kept.get(head.no) != head.hash:
            found.append(
                AuditFinding(head.no, Text("从这里起被重新封过", "was sealed anew, or everything before it was"))
            )
    # One finding says it: what follows a broken row differs too.
    return sorted(found, key=lambda each: each.no)[:1]


def audit_head_thread(container: Container, metrics: Metrics) -> PeriodicThread:
    """Return the thread that writes the head of the audit record into the log, for `redvest audit verify --head`."""

    @contextmanager
    def rounds() -> Iterator[PeriodicTask]:
        def tell() -> bool:
            last = next(iter(container.records.audit(1)), None)
            if last is not None:
                _log.info("the audit record's head is %d:%s", last.no, last.hash)
            return False

        yield tell

    return PeriodicThread("audit-head", rounds, Pace(_HEAD_TOLD_EVERY_SECONDS, begins_at_once=True), metrics)
