"""A gateway says that a device is gone: its open incident is blind at once, and no longer when it is born again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from alerts.notification.throttling import ThrottlingSettings
from alerts.outreach.planner import OutreachSettings
from alerts.silence.detection import SilenceSettings
from collector.decoding.plausibility import Limits
from collector.devices.decoders import Decoders
from grid.assets import Device
from grid.timestamps import SECOND_US
from service.collecting.pipeline import Pipeline, PipelineOptions
from service.metrics.metrics import Metrics
from service.rulebook import choose_rule_sets, read_rule_sets
from stores.journal.journal import Journal
from stores.records.records import Records
from tests.collector.test_devices import FORMATS, METER, RECEIVED_US, message, payload_of
from tests.service.test_pipeline import a_town


def test_a_death_of_a_device_is_silence_at_once_and_a_birth_ends_it(tmp_path: Path) -> None:
    with (
        Records(f"sqlite:///{tmp_path / 'records.sqlite'}") as records,
        Journal.open_writer(tmp_path / "journal.sqlite") as journal,
    ):
        records.migrate()
        records.replace_ledger(replace(a_town(), devices=(Device(METER, "T1"),)), "test", RECEIVED_US)
        options = PipelineOptions(
            rule_sets=choose_rule_sets(("early-warning",), read_rule_sets()),
            gap_minutes=20.0,
            limits=Limits(),
            outreach=OutreachSettings(),
            silence=SilenceSettings(slot_minutes=15.0, silent_slots=3),
            channels=("file",),
            throttling=ThrottlingSettings(),
            decoders=Decoders(None, FORMATS),
        )
        pipeline = Pipeline(journal, records, options, Metrics(), lambda messages: None, RECEIVED_US)

        def hear(kind: str, name: str, second: int) -> bool:
            """Take a message, look a second later, and return whether the incident is blind."""
            at_us = RECEIVED_US + second * SECOND_US
            topic = f"spBv1.0/redvest-county/{kind}"
            pipeline.tick([message(topic, payload_of("sparkplug_b", name), after_us=second * SECOND_US)], at_us)
            pipeline.look(at_us + SECOND_US)
            (incident,) = records.incidents() or (None,)
            return incident is not None and incident.blind

        assert not hear("NBIRTH/node1", "1_nbirth", 0)
        assert not hear("DBIRTH/node1/meter1", "2_dbirth", 2)
        [incident] = records.incidents()
        assert incident.transformer_id == "T1"
        assert not hear("NDEATH/node1", "7_ndeath_of_an_older_session", 4)
        assert hear("NDEATH/node1", "8_ndeath", 6)
        hear("DBIRTH/node1/meter1", "2_dbirth", 10)
        assert not hear("DDATA/node1/meter1", "3_ddata_by_alias", 12)
        pipeline._checkpoints.close()
