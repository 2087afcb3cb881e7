"""From the settings to a phone: a robot calls who is on duty, with a link, until somebody has it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.model.kinds import MessageKind
from grid.text import same
from service.clock import SystemClock
from service.container import Container
from service.metrics.metrics import Metrics
from service.notify.acknowledge import Outcome
from service.notify.delivery_thread import DeliveryThread
from service.settings.settings import Settings
from stores.records.changes import Changes, NewMessage
from tests.alerts.test_on_duty import a_ledger
from tests.service.test_escalation import INCIDENT
from tests.support.chat_providers import SECRET, ChatProviders
from tests.support.waiting import wait_until

KINDS = ("wecom", "dingtalk", "feishu")


@pytest.fixture
def providers() -> Iterator[ChatProviders]:
    server = ChatProviders()
    yield server
    server.stop()


@pytest.fixture
def container(tmp_path: Path, providers: ChatProviders) -> Iterator[Container]:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    robots = []
    for kind in KINDS:
        (tmp_path / kind).write_text(f"{providers.url(kind)}\n")
        robots.append({"kind": kind, "url_file": tmp_path / kind, "secret_file": tmp_path / "secret"})
    settings = Settings.model_validate(
        {
            "data": {"folder": tmp_path / "data"},
            "notify": {"channels": [], "robots": robots},
            "dashboard": {"public_url": "https://desk.example"},
        }
    )
    opened = Container(settings)
    yield opened
    opened.close()


def test_each_provider_s_robot_calls_the_person_with_a_link_that_takes_the_incident(
    container: Container, providers: ChatProviders
) -> None:
    now_us = SystemClock().now_us()
    people = tuple(replace(person, chat_id=f"id.{person.person_id}") for person in a_ledger().people)
    container.records.replace_ledger(a_ledger(people=people), "test", now_us)
    names = container.settings.notify.channel_names()
    said = NewMessage(
        "k", MessageKind.INCIDENT_OPENED, "ST01", "YX06-1", same("YX06 95 %"), now_us, names, ("M1", "M2")
    )
    incident = replace(INCIDENT, opened_at_us=now_us)
    container.records.commit(Changes(incidents=(incident,), messages=(said,)))
    delivery = DeliveryThread(container.settings, SystemClock(), Metrics())
    delivery.start()
    try:
        wait_until(lambda: all(providers.robot[kind].seen for kind in KINDS))
        for kind in KINDS:
            assert providers.robot[kind].called == [["id.M1", "id.M2"]]
        links = re.findall(r"https://desk\.example/a/([\w.-]+)", providers.robot["feishu"].seen[0])
        assert len(links) == 2, "one for each person"
        taken = container.acknowledger.use_link(links[1])
        assert (taken.outcome, taken.has_it and taken.has_it.person_id) == (Outcome.RECORDED, "M2")
        container.records.commit(Changes(messages=(replace(said, key="k2"),)))
        delivery.wake()
        wait_until(lambda: all(len(providers.robot[kind].seen) == 2 for kind in KINDS))
        assert "/a/" not in providers.robot["feishu"].seen[1], "somebody has it: nobody is asked any more"
    finally:
        delivery.stop()
