"""What several rows say together: references, ids that differ in case only, teams without a grid, doubles."""

from __future__ import annotations

from collections.abc import Mapping

from grid.assets import Appliance, Merchant, Role, Shift, Transformer
from grid.text import Text
from stores.ledger_files.sheet_reading import SheetRead

_NEEDS_A_GRID = (Role.COMMUNITY_LEAD, Role.GRID_LEAD, Role.MEMBER)


def check_together(reads: Mapping[str, SheetRead]) -> None:
    """Note in each sheet's faults what is wrong between rows; `reads` by sheet name, missing sheets left out."""
    for read in reads.values():
        _case_twins(read)
        _references(read, reads)
    _one_station(reads)
    _ratings(reads)
    _links(reads)
    _teams(reads)
    _appliances(reads)
    _shifts(reads)


def _case_twins(read: SheetRead) -> None:
    seen: dict[str, str] = {}
    for key, line in read.keys.items():
        twin = seen.setdefault(key.casefold(), key)
        if twin != key:
            read.add(
                line,
                read.sheet.key or "",
                Text(
                    f"编号 {key} 与第 {read.keys[twin]} 行的 {twin} 只差大小写",
                    f"the id {key} differs only in case from {twin} on line {read.keys[twin]}",
                ),
                Text("若是同一个，合并；若不是，换一个编号", "merge them, or choose another id"),
            )


def _references(read: SheetRead, reads: Mapping[str, SheetRead]) -> None:
    for column, target_name in read.sheet.references:
        target = reads.get(target_name)
        known = target.keys if target else {}
        if target and target.unread:
            continue
        by_case = {key.casefold(): key for key in known}
        for line, asset in read.assets.items():
            value: str = getattr(asset, column)
            if not value or value in known:
                continue
            meant = by_case.get(value.casefold())
            read.add(
                line,
                column,
                Text(f"{target_name} 里没有 {value}", f"{target_name} has no {value}"),
                Text(f"是否应为 {meant}？", f"did you mean {meant}?")
                if meant
                else Text(
                    f"在 {target_name} 里补上 {value}，或改正这里", f"add {value} to {target_name}, or mend it here"
                ),
            )


def _one_station(reads: Mapping[str, SheetRead]) -> None:
    """A transformer belongs to the station of its grid."""
    transformers, grids = reads.get("transformers"), reads.get("grids")
    if not transformers or not grids:
        return
    station_of = {grid.grid_id: grid.station_id for grid in grids.assets.values()}
    for line, transformer in transformers.assets.items():
        other = station_of.get(transformer.grid_id, transformer.station_id)
        if other != transformer.station_id:
            transformers.add(
                line,
                "grid_id",
                Text(
                    f"网格 {transformer.grid_id} 属于供电所 {other}，而该台区属于 {transformer.station_id}",
                    f"the grid {transformer.grid_id} belongs to {other}, this transformer to {transformer.station_id}",
                ),
                Text("改正 grid_id 或 station_id", "mend grid_id or station_id"),
            )


def _ratings(reads: Mapping[str, SheetRead]) -> None:
    """One rating per moment, and the newest one is the transformer's own row."""
    ratings, transformers = reads.get("ratings"), reads.get("transformers")
    if not ratings or not transformers:
        return
    own: dict[str, Transformer] = {t.transformer_id: t for t in reversed(list(transformers.assets.values()))}
    for transformer_id, line in _newest_lines(ratings, "transformer_id").items():
        last, now = ratings.assets[line], own.get(transformer_id)
        if now and (last.rated_power_kva, last.ct_ratio) != (now.rated_power_kva, now.ct_ratio):
            ratings.add(
                line,
                "rated_power_kva",
                Text(
                    f"{transformer_id} 的最新一条与 transformers 不一致"
                    f"（{now.rated_power_kva:g} kVA，倍率 {now.ct_ratio:g}）",
                    f"the newest rating of {transformer_id} is not the one in transformers "
                    f"({now.rated_power_kva:g} kVA, CT ratio {now.ct_ratio:g})",
                ),
                Text("两处写成一致", "make both say the same"),
            )


def _links(reads: Mapping[str, SheetRead]) -> None:
    """One link per moment, and the newest one is the merchant's own row."""
    links, merchants = reads.get("links"), reads.get("merchants")
    if not links or not merchants:
        return
    own: dict[str, Merchant] = {m.merchant_id: m for m in reversed(list(merchants.assets.values()))}
    for merchant_id, line in _newest_lines(links, "merchant_id").items():
        last, now = links.assets[line], own.get(merchant_id)
        if now and last.transformer_id != now.transformer_id:
            links.add(
                line,
                "transformer_id",
                Text(
                    f"{merchant_id} 的最新一条与 merchants 不一致（{now.transformer_id}）",
                    f"the newest link of {merchant_id} is not the one in merchants ({now.transformer_id})",
                ),
                Text("两处写成一致", "make both say the same"),
            )


def _newest_lines(dated: SheetRead, key: str) -> dict[str, int]:
    """Return the line of each key's newest row, and note rows that repeat a key and a moment."""
    seen: dict[tuple[str, int], int] = {}
    newest: dict[str, int] = {}
    for line, row in dated.assets.items():
        name: str = getattr(row, key)
        first = seen.setdefault((name, row.valid_from_us), line)
        if first != line:
            dated.add(
                line,
                "valid_from",
                Text(f"与第 {first} 行是同一编号的同一时刻", f"the same id and moment are on line {first}"),
                Text("每个时刻只留一行", "keep one row per moment"),
            )
        before = newest.get(name)
        if before is None or dated.assets[before].valid_from_us < row.valid_from_us:
            newest[name] = line
    return newest


def _teams(reads: Mapping[str, SheetRead]) -> None:
    people = reads.get("people")
    if not people:
        return
    for line, person in people.assets.items():
        if person.role in _NEEDS_A_GRID and not person.grid_id:
            people.add(
                line,
                "grid_id",
                Text(f"角色 {person.role.value} 没有所属网格", f"a {person.role.value} without a service grid"),
                Text("填入所属网格的 grid_id", "fill in the grid_id of their service grid"),
            )


def _appliances(reads: Mapping[str, SheetRead]) -> None:
    appliances = reads.get("appliances")
    if not appliances:
        return
    seen: dict[tuple[object, ...], int] = {}
    row: Appliance
    for line, row in appliances.assets.items():
        if row.can_switch_off > row.count:
            appliances.add(
                line,
                "can_switch_off",
                Text(
                    f"可停 {row.can_switch_off} 台，多于总数 {row.count} 台",
                    f"{row.can_switch_off} of {row.count} can be switched off",
                ),
                Text("可停台数不能多于 count", "write at most count"),
            )
        first = seen.setdefault((row.merchant_id, row.appliance, row.rated_kw, row.setpoint_c), line)
        if first != line:
            appliances.add(
                line,
                "appliance",
                Text(f"与第 {first} 行是同一商户的同种设备", f"the same appliance of this merchant is on line {first}"),
                Text("合并成一行，数量写在 count", "make it one line and add up count"),
            )


def _shifts(reads: Mapping[str, SheetRead]) -> None:
    """A shift is on weekdays or on a date, stands once, and nobody stands in for themselves."""
    roster = reads.get("roster")
    if not roster:
        return
    seen: dict[tuple[str, str, str, str], int] = {}
    shift: Shift
    for line, shift in roster.assets.items():
        if bool(shift.weekdays) == bool(shift.date):
            roster.add(
                line,
                "weekdays",
                Text("weekdays 和 date 要且只能填一个", "one of weekdays and date is to be filled, and only one"),
                Text("填星期（如 周一至周五）或日期", "write weekdays, such as Mon-Fri, or a date"),
            )
        if shift.substitute_id == shift.person_id:
            roster.add(
                line,
                "substitute_id",
                Text("替班人就是本人", "somebody stands in for themselves"),
                Text("填别人的 person_id，或留空", "name somebody else, or leave it blank"),
            )
        first = seen.setdefault((shift.person_id, shift.weekdays, shift.date, shift.starts), line)
        if first != line:
            roster.add(
                line,
                "from",
                Text(f"与第 {first} 行是同一人的同一班", f"the same shift of this person is on line {first}"),
                Text("只保留一行", "keep one of them"),
            )
