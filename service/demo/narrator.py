"""The stages of the main job, as the stores tell them: each is told once, when it has really happened."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo
from enum import Enum
from zoneinfo import ZoneInfo

import numpy as np

from alerts.figures import clock_time, kilowatts, percent
from alerts.model.incidents import IncidentState
from alerts.notification.messages import transformer_name, visit_result_name
from alerts.outreach.planner import VisitResult
from alerts.rules.rule_set import Level
from grid.text import Text
from grid.timestamps import HOUR_US, MINUTE_US
from service.container import Container
from service.queries.answers import Curve, IncidentPage

TELL_EVERY_MINUTES = 30
DOORS_TOLD = 3
FALLEN_BY = 0.05
"""The curve falls: five points below its peak."""


class Stage(Enum):
    """What has to happen, in its order."""

    READINGS = Text("读数入库", "readings are stored")
    CLIMB = Text("负载率越过 90 %", "the load rate passes 90 %")
    INCIDENT = Text("事件开启，说明原因", "an incident opens, with its reason")
    LIST = Text("走访名单下发", "the outreach list is made")
    ANSWERS = Text("商户答复", "merchants answer")
    FALL = Text("负载率回落", "the curve falls")
    CLOSED = Text("事件解除", "the incident closes")
    END = Text("当天演示结束", "the day is over")


class Narrator:
    """Follows one installation from its first reading to `ends_at_us`. Ask for `news` again and again."""

    def __init__(self, container: Container, ends_at_us: int) -> None:
        """Begin with nothing told."""
        self._container = container
        self._ends_at_us = ends_at_us
        self._happened: set[Stage] = set()
        self._answers: set[tuple[str, VisitResult]] = set()
        self._told_until_us = 0

    @property
    def is_told(self) -> bool:
        """Return whether every stage has happened."""
        return self._happened == set(Stage)

    @property
    def is_over(self) -> bool:
        """Return whether the day ended long enough ago for everything to have arrived."""
        return self._container.clock.now_us() > self._ends_at_us + HOUR_US

    def missing(self) -> Text:
        """Return which stages did not happen."""
        names = [stage.value for stage in Stage if stage not in self._happened]
        return Text("没有发生：" + "、".join(n.zh for n in names), "did not happen: " + ", ".join(n.en for n in names))

    def news(self) -> Iterator[Text]:
        """Yield what has happened since the last call. Raises StoreError."""
        wall = self._container.queries.wall()
        seen = [now for now in wall.transformers if now.measured_at_us is not None]
        if not seen:
            return
        zone = ZoneInfo(wall.stations[0].timezone)
        if self._first(Stage.READINGS):
            yield Text(f"读数开始入库：{len(seen)} 个台区", f"readings are stored: {len(seen)} transformer areas")
        rows = self._container.queries.incidents()
        if rows:
            page = self._container.queries.incident(rows[-1].incident.incident_id)
            yield from self._incident(page, zone)
            followed = page.row.transformer.transformer_id
        else:
            followed = max(seen, key=lambda now: now.load_rate).transformer.transformer_id
        now_us = self._container.clock.now_us()
        yield from self._load_rates(self._container.queries.curve(followed, now_us - HOUR_US, now_us), zone)

    def _load_rates(self, curve: Curve, zone: tzinfo) -> Iterator[Text]:
        """Tell the load rate of every half hour, from the readings that are stored."""
        round_us = TELL_EVERY_MINUTES * MINUTE_US
        told = (curve.measured_at_us % round_us == 0) & (curve.measured_at_us > self._told_until_us)
        for at_us, rate in zip(curve.measured_at_us[told].tolist(), curve.load_rate[told].tolist(), strict=True):
            self._told_until_us = at_us
            at = clock_time(at_us, zone)
            yield Text(
                f"{at} {curve.transformer_id} 负载率 {percent(rate).zh}",
                f"{at} {curve.transformer_id} at {percent(rate).en}",
            )
        if len(curve) and curve.measured_at_us[-1] >= self._ends_at_us - MINUTE_US and self._first(Stage.END):
            yield Text("当天演示结束", "the day is over")

    def _incident(self, page: IncidentPage, zone: tzinfo) -> Iterator[Text]:
        incident = page.row.incident
        rates = page.curve.load_rate
        opening = self._opening_level()
        if opening and (rates >= opening.enter).any() and self._first(Stage.CLIMB):
            first, line = int(np.flatnonzero(rates >= opening.enter)[0]), percent(opening.enter)
            at = clock_time(int(page.curve.measured_at_us[first]), zone)
            yield Text(
                f"{at} 负载率越过 {line.zh}：{percent(float(rates[first])).zh}",
                f"{at} load rate past {line.en}: {percent(float(rates[first])).en}",
            )
        if self._first(Stage.INCIDENT):
            yield Text(
                f"事件 {incident.incident_id}：{page.reason.zh}", f"incident {incident.incident_id}: {page.reason.en}"
            )
        if page.outreach and page.outreach.doors and self._first(Stage.LIST):
            yield from self._list(page)
        yield from self._visits(page, zone)
        last = float(rates[-1]) if len(rates) else np.nan
        if Stage.ANSWERS in self._happened and last <= incident.peak_load_rate - FALLEN_BY and self._first(Stage.FALL):
            peak = percent(incident.peak_load_rate)
            yield Text(
                f"负载率从峰值 {peak.zh} 回落到 {percent(last).zh}",
                f"the load rate falls from its peak of {peak.en} to {percent(last).en}",
            )
        if incident.state is IncidentState.CLOSED and incident.closed_at_us and self._first(Stage.CLOSED):
            at, where = clock_time(incident.closed_at_us, zone), transformer_name(page.row.transformer)
            leave = percent(opening.leave) if opening else percent(incident.last_load_rate)
            yield Text(
                f"{at} 事件解除：{where} 低于 {leave.zh}", f"{at} the incident closes: {where} is below {leave.en}"
            )

    def _opening_level(self) -> Level | None:
        return next((level for level in self._container.queries.ladder if level.incident.opens), None)

    def _list(self, page: IncidentPage) -> Iterator[Text]:
        outreach = page.outreach
        assert outreach is not None
        needed = kilowatts(outreach.needed_kw)
        yield Text(
            f"走访名单：{len(outreach.doors)} 户，需降 {needed}",
            f"outreach list: {len(outreach.doors)} doors, {needed} needed",
        )
        for door in page.doors[:DOORS_TOLD]:
            yield Text(
                f"  {door.door.order}. {door.merchant_name}：{door.ask.zh}。{door.door.reason.zh}",
                f"  {door.door.order}. {door.merchant_name}: {door.ask.en}. {door.door.reason.en}",
            )

    def _visits(self, page: IncidentPage, zone: tzinfo) -> Iterator[Text]:
        for door in page.doors:
            if door.result is None or door.result is VisitResult.ASKED or door.result_at_us is None:
                continue
            answer = (door.door.merchant_id, door.result)
            if answer in self._answers:
                continue
            self._answers.add(answer)
            if door.result.brings_relief:
                self._first(Stage.ANSWERS)
            at, result = clock_time(door.result_at_us, zone), visit_result_name(door.result)
            yield Text(f"{at} {door.merchant_name}：{result.zh}", f"{at} {door.merchant_name}: {result.en}")

    def _first(self, stage: Stage) -> bool:
        if stage in self._happened:
            return False
        self._happened.add(stage)
        return True
