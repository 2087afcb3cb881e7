# ruff: noqa: E501 - rows of files are as long as they are
"""Makes the files of this folder that no text editor makes: GB18030, workbooks, 96 points a day."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import openpyxl

HERE = Path(__file__).parent
DAY = datetime(2018, 1, 1)
POINTS = [DAY + timedelta(minutes=15 * n) for n in range(96)]


def kw(n: int) -> float:
    """Return a load that crosses 360 kW at 11:00 and comes back at 13:00."""
    return 370.5 if 44 <= n < 52 else 200.0 + n


def write(name: str, lines: list[str], encoding: str = "utf-8", end: str = "\r\n") -> None:
    (HERE / name).write_bytes("".join(line + end for line in lines).encode(encoding))


def main() -> None:
    stamps = [f"{at.year}-{at.month}-{at.day} {at.hour}:{at.minute:02d}" for at in POINTS]
    write("1_chinese_15_minutes_gb18030.csv", ["数据时间,总有功功率（kw）,总无功功率（kvar）",
          *(f"{t},{kw(n):.3f},80.0" for n, t in enumerate(stamps))], "gb18030")  # fmt: skip
    rows = [
        "永兴供电所台区运行数据",
        "导出日期：2018-01-02,,,,,,,,",
        "台区编号,日期,时刻,A相电压(V),B相电压(V),C相电压(V),A相电流(A),B相电流(A),C相电流(A),有功功率(W),无功功率(var)",
    ]
    rows += [f"YX/06,2018/1/{1 if n < 96 else 2},{n // 4}:{n % 4 * 15:02d},228.4,227.9,229.1,{1.5 * kw(n):.1f},{1.5 * kw(n):.1f},{1.5 * kw(n):.1f},\"{1000 * kw(n):,.0f}\",--"
             for n in range(1, 96)] + ["YX/06,2018/1/1,24:00,228.4,227.9,229.1,280.0,280.0,280.0,\"200,000\",--"]  # fmt: skip
    rows.insert(50, rows[2])
    write("2_title_rows_date_and_time_apart_watts.csv", rows)
    clock = [f"{at:%H:%M}" for at in POINTS]
    wide = ["台区ID,数据日期,数据项," + ",".join(clock)]
    for item, values in {"总有功功率(kW)": [kw(n) for n in range(96)], "总无功功率(kvar)": [80.0] * 96, "功率因数": [0.97] * 96,
                         "A相电压(V)": [228.4] * 96}.items():  # fmt: skip
        wide.append(f"YX06,20180101,{item}," + ",".join(f"{v:g}" for v in values))
    write("3_wide_96_points_one_row_per_quantity.csv", wide, "gb18030")
    write("4_english_semicolons_import_minus_export.csv", [
        "Meter ID;Timestamp;Import Active Power [W];Export Active Power [W];Apparent Power [VA];Voltage L1 [V];Current L1 [mA]",
        *(f"YX06;{at.isoformat()}+08:00;{1000 * kw(n) + 500:.0f};500;{1020 * kw(n):.0f};228.4;{1500 * kw(n):.0f}"
          for n, at in enumerate(POINTS))], "utf-8-sig")  # fmt: skip
    book = openpyxl.Workbook()
    page = book.active
    page.title = "日冻结"
    page.append(["台区负荷日报"])
    page.merge_cells("A1:D1")
    page.append(["设备编号", "采集时间", "有功功率 kW", "无功功率 kvar", "油温 ℃"])
    for n, at in enumerate(POINTS):
        page.append(["YX06", at, kw(n), 80.0, "６１.５" if n == 3 else 61.5])
    page.append([1.23457e17, POINTS[0], 1.0, 1.0, 1.0])
    book.save(HERE / "5_workbook_excel_dates.xlsx")
    write("6_wide_24_numbered_points.csv", ["transformer id,date," + ",".join(f"P{n}" for n in range(1, 25)),
          "YX06,2018-01-01," + ",".join(f"{kw(4 * n):g}" for n in range(24))])  # fmt: skip
    write("7_sums_and_phases.csv", ["台区号,采集时间,A相有功功率,B相有功功率,C相有功功率,总有功功率(kW),正向有功电能(kWh),功率因数,频率,A相电压,B相电压,C相电压,A相电流,B相电流,C相电流",
          *(f"YX06,{at:%Y%m%d%H%M%S},{kw(n) / 3:.3f},{kw(n) / 3:.3f},{kw(n) / 3:.3f},{kw(n):g},123456.7,0.97,50.0,228.4,227.9,229.1,{1.5 * kw(n):.1f},{1.5 * kw(n):.1f},-{1.5 * kw(n):.1f}"
            for n, at in enumerate(POINTS))])  # fmt: skip


if __name__ == "__main__":
    main()
