"""Small faults put into the product's text on purpose, by promise: each must be noticed by the test named with it.

A mutation is one piece of source text and what takes its place. Where the text is gone, the code has moved on and
the mutation is written anew; it is never dropped.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """One fault: `before` stands once in `file` and becomes `after`; `test` must fail then."""

    promise: str
    name: str
    file: str
    before: str
    after: str
    test: str


MUTATIONS = (
    Mutation(
        "a", "acknowledged before it is stored", "service/collecting/pipeline.py",
        "        stored = self._journal.append(",
        "        self._acknowledge(messages)\n        stored = self._journal.append(",
        "tests/service/test_pipeline.py::test_every_message_is_acknowledged_and_only_after_its_reading_is_stored",
    ),
    Mutation(
        "a", "acknowledgement of an earlier connection is sent", "collector/mqtt/subscriber.py",
        "is_current = connection is not None and connection.epoch == block.epoch",
        "is_current = connection is not None",
        "tests/collector/test_subscriber.py",
    ),
    Mutation(
        "a", "the journal is not synced", "stores/journal/file.py",
        "PRAGMA synchronous = FULL", "PRAGMA synchronous = OFF",
        "tests/faults/test_sync_before_acknowledgement.py",
    ),
    Mutation(
        "b", "a known reading is stored again", "stores/journal/append.py",
        "    is_new = ~before.holds", "    is_new = np.ones_like(before.holds)",
        "tests/stores/test_journal.py",
    ),
    Mutation(
        "b", "of two readings the lower seq counts", "grid/precedence.py",
        "(latest_first, batch.sequence, ", "(latest_first, -batch.sequence, ",
        "tests/stores/test_journal.py",
    ),
    Mutation(
        "c", "an incident's id does not depend on the rule", "alerts/model/incidents.py",
        r'sha256(f"{transformer_id}\n{rule}\n{first_reading_at_us}".encode())',
        r'sha256(f"{transformer_id}\n{first_reading_at_us}".encode())',
        "alerts/model/incidents.py",
    ),
    Mutation(
        "c", "a gap ends an incident", "alerts/verdicts/engine.py",
        "return (Gaps.END_THE_RUN, Gaps.BRIDGED) if bridged else", "return (Gaps.END_THE_RUN,) if bridged else",
        "tests/alerts/test_episodes.py",
    ),
    Mutation(
        "d", "a message goes to its first channel only", "stores/records/outbox.py",
        "for channel in new.channels", "for channel in new.channels[:1]",
        "tests/stores/test_outbox.py",
    ),
    Mutation(
        "d", "what waits is forgotten when something is sent", "alerts/notification/throttling.py",
        "waiting = tuple(w for w in state.waiting if w.event.key not in keys)", "waiting = ()",
        "tests/alerts/test_throttling.py",
    ),
    Mutation(
        "e", "what was never received counts as seen", "alerts/silence/gaps.py",
        "    return Gaps(number[rows], after_us[rows], before_us[rows], missing)",
        "    return Gaps(number[:0], after_us[:0], before_us[:0], missing[:0])",
        "tests/service/test_gaps.py",
    ),
    Mutation(
        "e", "NaN is read as not overloaded", "alerts/rules/series.py",
        "counts = ~np.isnan(rate)", "counts = np.ones(len(rate), bool)",
        "tests/alerts/test_episodes.py",
    ),
    Mutation(
        "e", "no voltage is a load of zero", "grid/electrical.py",
        "        no_load = self.supply >= Supply.GONE", "        no_load = self.supply > Supply.UNSEEN",
        "tests/service/test_outage.py",
    ),
    Mutation(
        "e", "a single silent transformer is told to nobody", "service/monitors/silence.py",
        "        single = self._single_events(", "        single = () and self._single_events(",
        "tests/service/test_silent_transformers.py",
    ),
    Mutation(
        "e", "an incident of days of silence stays open", "alerts/rules/threshold_runs.py",
        "no_past | (between_us > lines.bridged_us)", "no_past",
        "tests/alerts/test_supply.py",
    ),
    Mutation(
        "f", "one odd row without voltage cuts a stay", "alerts/rules/threshold_runs.py",
        "near[is_reading] |= within_gap(between_us[is_reading], pairs.passed_us, gap_us)", "pass",
        "tests/alerts/test_supply.py",
    ),
    Mutation(
        "f", "a late reading is not evaluated again", "alerts/verdicts/engine.py",
        "        return np.asarray(measured_at_us <= last_at_us)", "        return np.zeros(len(transformer), bool)",
        "tests/service/test_pipeline.py",
    ),
    Mutation(
        "f", "exactly on the line is missed", "alerts/rules/threshold_runs.py",
        "enters = is_reading & (rate >= lines", "enters = is_reading & (rate > lines",
        "tests/alerts/test_episodes.py",
    ),
    Mutation(
        "g", "one missing reading is no gap", "alerts/silence/gaps.py",
        "    missing = np.rint(interval_us[rows] / usual_us[rows]).astype(np.int64) - 1",
        "    missing = np.rint(interval_us[rows] / usual_us[rows]).astype(np.int64)",
        "tests/service/test_gaps.py",
    ),
)  # fmt: skip
