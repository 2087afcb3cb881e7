"""Makes the Sparkplug B payloads of this folder with a writer of its own, so that the reader is not its own judge."""

from __future__ import annotations

import struct
from pathlib import Path

HERE = Path(__file__).parent / "sparkplug_b"
AT_MS = 1_627_095_600_000
NAMES = {
    1: "Voltage/L1", 2: "Voltage/L2", 3: "Voltage/L3", 4: "Current/L1", 5: "Current/L2", 6: "Current/L3",
    7: "Power/Active", 8: "Power/Reactive", 9: "Temperature/Oil",
}  # fmt: skip
FLOAT, DOUBLE, INT32, UINT64 = 9, 10, 3, 8


def varint(number: int) -> bytes:
    number &= 2**64 - 1
    out = b""
    while number > 0x7F:
        out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
    return out + bytes([number])


def whole(field: int, number: int) -> bytes:
    return varint(field << 3) + varint(number)


def part(field: int, data: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(data)) + data


def metric(
    value: float | None,
    datatype: int,
    name: str = "",
    alias: int | None = None,
    at_ms: int = 0,
    historical: bool = False,
) -> bytes:
    data = part(1, name.encode()) if name else b""
    data += whole(2, alias) if alias is not None else b""
    data += whole(3, at_ms) if at_ms else b""
    data += whole(4, datatype) if datatype else b""
    data += whole(5, 1) if historical else b""
    if value is None:
        return data + whole(7, 1)
    if datatype == FLOAT:
        return data + varint(12 << 3 | 5) + struct.pack("<f", value)
    if datatype == INT32:
        return data + whole(10, int(value) & 0xFFFFFFFF)
    if datatype == UINT64:
        return data + whole(11, int(value))
    return data + varint(13 << 3 | 1) + struct.pack("<d", value)


def payload(metrics: list[bytes], at_ms: int = AT_MS, seq: int = 0) -> bytes:
    return whole(1, at_ms) + b"".join(part(2, each) for each in metrics) + whole(3, seq)


def main() -> None:
    birth = [228.4, 227.9, 229.1, 561.2, 548.7, 570.3, 361000.0, 112400.0, 71.5]
    files = {
        "1_nbirth": payload([metric(0, UINT64, "bdSeq"), metric(1.0, DOUBLE, "Node Control/Rebirth")]),
        "2_dbirth": payload([metric(v, FLOAT, NAMES[a], a) for a, v in enumerate(birth, 1)], seq=1),
        "3_ddata_by_alias": payload([metric(350000.0, FLOAT, alias=7), metric(-12, INT32, alias=9)], AT_MS + 60_000, 2),
        "4_ddata_historical": payload(
            [metric(340000.0, FLOAT, alias=7, at_ms=AT_MS - 900_000, historical=True),
             metric(100000.0, FLOAT, alias=8, at_ms=AT_MS - 900_000, historical=True),
             metric(345000.0, FLOAT, alias=7, at_ms=AT_MS - 840_000, historical=True)], AT_MS + 90_000, 3),
        "5_ddata_null": payload([metric(None, FLOAT, alias=8)], AT_MS + 120_000, 4),
        "6_ddata_of_another_metric": payload([metric(3.0, DOUBLE, "Hours")], AT_MS + 125_000, 5),
        "7_ndeath_of_an_older_session": whole(1, AT_MS) + part(2, metric(250, UINT64, "bdSeq")),
        "8_ndeath": part(2, metric(0, UINT64, "bdSeq")),
        "9_ddata_after_death": payload([metric(350000.0, FLOAT, alias=7)], AT_MS + 180_000, 6),
    }  # fmt: skip
    for name, data in files.items():
        (HERE / name).write_bytes(data)
    (HERE / "no_protobuf").write_bytes(b'{"timestamp":1}')


if __name__ == "__main__":
    main()
