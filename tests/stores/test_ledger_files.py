"""Ledger sheets: read whole or told whole what is wrong, and written back so that nothing calculates itself."""

from __future__ import annotations

import re
import stat
import zipfile
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grid.assets import (
    Appliance,
    ApplianceKind,
    Device,
    Ledger,
    Merchant,
    Person,
    Phase,
    Role,
    ServiceGrid,
    Shift,
    Station,
    Transformer,
)
from grid.text_encoding import foreign_letters
from stores.ledger_files import Fault, difference, formula_safe, read_ledger, write_ledger
from stores.ledger_files.cells import identifier, timezone
from stores.ledger_files.faults import FAULTS_PER_SHEET_MAX, CellError
from stores.ledger_files.phones import phone
from stores.ledger_files.roster_cells import weekdays
from stores.ledger_files.sheets import SHEETS
from stores.ledger_files.table import ROWS_MAX

ROOT = Path(__file__).resolve().parents[2]

GOOD = {
    "stations": "station_id,name,timezone\nST01,模拟供电所,Asia/Shanghai\n",
    "grids": "grid_id,name,station_id,community\nG01,模拟网格,ST01,模拟社区\n",
    "transformers": (
        "transformer_id,name,station_id,rated_power_kva,grid_id,feeder_id,ct_ratio,indoor,latitude,longitude,owner\n"
        "YX06,模拟台区,ST01,400,G01,F01,80,no,40.1,116.2,模拟公司\n"
        "YX07,,ST01,315,,,,,,,\n"
    ).replace("YX07,,", "YX07,模拟七号,"),
    "ratings": (
        "transformer_id,valid_from,rated_power_kva,ct_ratio\n"
        "YX06,2020-01-01T00:00:00+08:00,315,60\n"
        "YX06,2021-06-01T00:00:00+08:00,400,80\n"
    ),
    "devices": "device_id,transformer_id,replays\nADC_0001,YX06,yes\nYX07,YX07,\n",
    "people": "person_id,name,role,grid_id,phone,chat_id\nP01,模拟队员,member,G01,13800000001,\n",
    "merchants": (
        "merchant_id,name,transformer_id,address,contact_name,phone,category,phase,walk_order,protected,protected_reason\n"
        "M01,模拟小吃店,YX06,模拟街 1 号,模拟联系人,138 0000 0001,餐饮,A,1,no,\n"
        "M02,模拟诊所,YX06,模拟街 2 号,,,,,,yes,医疗用电\n"
    ),
    "links": (
        "merchant_id,valid_from,transformer_id\n"
        "M01,2020-01-01T00:00:00+08:00,YX07\n"
        "M01,2021-06-01T00:00:00+08:00,YX06\n"
    ),
    "appliances": (
        "merchant_id,appliance,count,rated_kw,can_switch_off,setpoint_c\n"
        "M01,air_conditioner,3,2.5,2,22\nM01,lighting,20,0.04,10,\n"
    ),
    "roster": "person_id,weekdays,date,from,to,substitute_id\nP01,周一至周五,,8:00,20:00,\nP01,,2021-07-24,,,\n",
}


def write(folder: Path, encoding: str = "utf-8", **sheets: str | bytes | None) -> Path:
    """Write the good ledger with some sheets replaced; None leaves a sheet away."""
    folder.mkdir(exist_ok=True)
    for name, text in {**GOOD, **sheets}.items():
        if text is not None:
            (folder / f"{name}.csv").write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return folder


def faults_of(folder: Path) -> tuple[Fault, ...]:
    ledger, faults = read_ledger(folder)
    assert ledger is None
    assert faults
    return faults


def the_fault(folder: Path) -> Fault:
    faults = faults_of(folder)
    assert len(faults) == 1, faults
    return faults[0]


def with_merchant(row: str) -> str:
    return GOOD["merchants"] + row + "\n"


# Good ledgers


def test_a_good_ledger_is_read_with_defaults_where_cells_are_blank(tmp_path: Path) -> None:
    ledger, faults = read_ledger(write(tmp_path / "ledger"))
    assert faults == ()
    assert ledger is not None
    assert ledger.stations == (Station("ST01", "模拟供电所", "Asia/Shanghai"),)
    assert ledger.grids == (ServiceGrid("G01", "模拟网格", "ST01", "模拟社区"),)
    assert ledger.transformers == (
        Transformer("YX06", "模拟台区", "ST01", 400.0, "G01", "F01", 80.0, False, 40.1, 116.2, "模拟公司"),
        Transformer("YX07", "模拟七号", "ST01", 315.0),
    )
    assert ledger.devices == (Device("ADC_0001", "YX06", True), Device("YX07", "YX07"))
    assert ledger.roster == (Shift("P01", "12345", "", "08:00", "20:00"), Shift("P01", "", "2021-07-24"))
    assert ledger.people == (Person("P01", "模拟队员", Role.MEMBER, "G01", "13800000001"),)
    assert ledger.merchants == (
        Merchant("M01", "模拟小吃店", "YX06", "模拟街 1 号", "模拟联系人", "13800000001", "餐饮", Phase.A, 1),
        Merchant("M02", "模拟诊所", "YX06", "模拟街 2 号", protected=True, protected_reason="医疗用电"),
    )
    assert ledger.appliances == (
        Appliance("M01", ApplianceKind.AIR_CONDITIONER, 3, 2.5, 2, 22.0),
        Appliance("M01", ApplianceKind.LIGHTING, 20, 0.04, 10),
    )


def test_a_sheet_in_gb18030_that_is_valid_utf8_too_is_read_as_its_neighbours_are(tmp_path: Path) -> None:
    stations = "station_id,name,timezone\nST01,学院,Asia/Shanghai\n"
    ledger, faults = read_ledger(write(tmp_path / "ledger", "gb18030", stations=stations))
    assert faults == ()
    assert ledger is not None
    assert ledger.stations[0].name == "学院"


def test_letters_of_scripts_that_no_name_has_are_a_fault(tmp_path: Path) -> None:
    fault = the_fault(write(tmp_path / "ledger", stations="station_id,name,timezone\nST01,ѧԺ所,Asia/Shanghai\n"))
    assert (fault.file, fault.line) == ("stations.csv", 2)
    assert "ѧԺ" in fault.problem.en


def test_rows_behind_the_size_that_a_workbook_claims_are_read(tmp_path: Path) -> None:
    """Programs that append rows leave the dimension of the sheet as it was."""
    plain, _ = read_ledger(write(tmp_path / "ledger"))
    assert plain is not None
    write_ledger(plain, tmp_path / "ledger.xlsx")
    with zipfile.ZipFile(tmp_path / "ledger.xlsx") as whole, zipfile.ZipFile(tmp_path / "stale.xlsx", "w") as stale:
        for member in whole.namelist():
            claim = re.sub(rb'<dimension ref="[^"]*" ?/>', b'<dimension ref="A1:B2"/>', whole.read(member))
            stale.writestr(member, claim)
    assert read_ledger(tmp_path / "stale.xlsx") == (plain, ())


def test_a_sheet_that_is_not_there_keeps_its_rows_in_force(tmp_path: Path) -> None:
    plain, _ = read_ledger(write(tmp_path / "ledger"))
    assert plain is not None
    bare = write(tmp_path / "bare", grids=None, merchants=None, links=None, appliances=None, people=None, roster=None)
    assert read_ledger(bare, plain) == (plain, ())


def test_what_belonged_to_something_that_is_gone_goes_with_it(tmp_path: Path) -> None:
    plain, _ = read_ledger(write(tmp_path / "ledger"))
    assert plain is not None
    head, yx06, _ = GOOD["transformers"].split("\n", 2)
    bare = write(tmp_path / "bare", transformers=f"{head}\n{yx06}\n")
    for optional in ("grids", "ratings", "devices", "people", "merchants", "links", "appliances", "roster"):
        (bare / f"{optional}.csv").unlink()
    ledger, faults = read_ledger(bare, plain)
    assert faults == ()
    assert ledger is not None
    assert ledger.merchants == plain.merchants
    assert [device.transformer_id for device in ledger.devices] == ["YX06"]
    assert {link.transformer_id for link in ledger.links} == {"YX06"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_each_promised_encoding_gives_the_same_ledger(tmp_path: Path, encoding: str) -> None:
    plain, _ = read_ledger(write(tmp_path / "plain"))
    assert read_ledger(write(tmp_path / "ledger", encoding)) == (plain, ())


def test_column_order_line_ends_blank_lines_and_a_sheet_of_readings_do_not_matter(tmp_path: Path) -> None:
    plain, _ = read_ledger(write(tmp_path / "plain"))
    folder = write(
        tmp_path / "ledger",
        stations="timezone,station_id,name\r\n\r\nAsia/Shanghai,ST01,模拟供电所\r\n,,\r\n",
        readings="transformer_id,measured_at\n",
    )
    assert read_ledger(folder) == (plain, ())


def test_stations_and_transformers_alone_are_a_ledger(tmp_path: Path) -> None:
    ledger, faults = read_ledger(
        write(
            tmp_path / "ledger",
            grids=None,
            ratings=None,
            devices=None,
            people=None,
            merchants=None,
            links=None,
            appliances=None,
            roster=None,
            transformers="transformer_id,name,station_id,rated_power_kva\nYX06,模拟台区,ST01,400\n",
        )
    )
    assert faults == ()
    assert ledger is not None
    assert ledger.merchants == ()


def test_the_ledger_of_the_demo_has_no_fault_and_comes_back_the_same(tmp_path: Path) -> None:
    ledger, faults = read_ledger(ROOT / "simulator/ledgers/yx06")
    assert faults == ()
    assert ledger is not None
    for target in (tmp_path / "folder", tmp_path / "book.xlsx"):
        write_ledger(ledger, target)
        assert read_ledger(target) == (ledger, ())


# Files


def test_required_sheets_are_asked_for_and_optional_ones_are_not(tmp_path: Path) -> None:
    faults = faults_of(write(tmp_path / "ledger", stations=None, transformers=None, people=None))
    missing = [fault.file for fault in faults if fault.line == 0]
    assert missing == ["stations.csv", "transformers.csv"]


@pytest.mark.parametrize("name", ["Merchants.csv", "merchants (1).csv", "merchant.csv", "merchants.CSV"])
def test_a_misnamed_sheet_is_not_passed_over_in_silence(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path / "ledger", merchants=None, links=None, appliances=None)
    (folder / name).write_text(GOOD["merchants"], encoding="utf-8")
    fault = the_fault(folder)
    assert fault.file == name
    assert "merchants" in fault.problem.en


@pytest.mark.parametrize("name", ["nothing", "ledger.txt", "ledger.xls"])
def test_what_is_no_ledger_is_said_in_one_fault(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name != "nothing":
        path.write_text("x", encoding="utf-8")
    assert the_fault(path).file == name


def test_an_empty_folder_lacks_its_two_required_sheets(tmp_path: Path) -> None:
    assert len(faults_of(tmp_path)) == 2


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (b"", 0, "empty"),
        (b"station_id;name;timezone\nST01;x;Asia/Shanghai\n", 1, "semicolons"),
        (b"station_id\tname\ttimezone\nST01\tx\tAsia/Shanghai\n", 1, "tabs"),
        (GOOD["stations"].encode("utf-16"), 0, "UTF-16"),
        (GOOD["stations"].encode().replace("模拟".encode(), "模拟供电".encode() + b"\xff"), 2, "neither UTF-8"),
        (b"station_id,name,timezone\nST01,a,Asia/Shanghai\nST02,\x81\xff,Asia/Shanghai\n", 3, "neither UTF-8"),
        (b'station_id,name,timezone\nST01,"never closed,Asia/Shanghai\n', 2, "quotes"),
        (b'station_id,name,timezone\nST01,"a"b,Asia/Shanghai\n', 2, "quotes"),
        (b"PK\x03\x04\x00\x01\x80", 0, ""),
    ],
)
def test_a_file_that_is_not_such_a_csv_is_one_fault(tmp_path: Path, content: bytes, line: int, said: str) -> None:
    folder = write(tmp_path / "ledger", stations=content)
    own = [fault for fault in faults_of(folder) if fault.file == "stations.csv"]
    assert any(said in fault.problem.en and (fault.line == line or not said) for fault in own), own
    assert all(fault.file == "stations.csv" for fault in faults_of(folder)), "no other sheet is blamed for it"


# Columns


def test_columns_unknown_missing_and_repeated_are_named_with_what_was_meant(tmp_path: Path) -> None:
    faults = faults_of(write(tmp_path / "ledger", stations="station_id,Name,zzz,station_id\nST01,a,b,ST01\n"))
    told = {(fault.column, fault.problem.en) for fault in faults}
    assert told == {
        ("Name", "there is no such column"),
        ("zzz", "there is no such column"),
        ("station_id", "the column is there twice"),
        ("name", "the column is missing"),
        ("timezone", "the column is missing"),
    }
    assert any("did you mean name?" in fault.remedy.en for fault in faults)
    assert all(fault.line == 1 for fault in faults)


def test_ragged_rows_are_told_by_line_and_the_others_are_still_checked(tmp_path: Path) -> None:
    folder = write(tmp_path / "ledger", stations=GOOD["stations"] + "ST02,a\nST03,a,Asia/Shanghai,more\nST04,a,Mars\n")
    assert [(fault.line, fault.column) for fault in faults_of(folder)] == [(3, ""), (4, ""), (5, "timezone")]


def test_lines_are_those_of_an_editor(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "ledger", stations='station_id,name,timezone\n\nST01,"two\nlines",Asia/Shanghai\nST02,a,x\n'
    )
    assert [(fault.line, fault.column) for fault in faults_of(folder)] == [(3, "name"), (5, "timezone")]


# Cells


@pytest.mark.parametrize(
    ("sheet", "row", "column", "said"),
    [
        ("transformers", "T1,a,ST01,0,,,,,,,", "rated_power_kva", "out of range"),
        ("transformers", "T1,a,ST01,-400,,,,,,,", "rated_power_kva", "out of range"),
        ("transformers", "T1,a,ST01,４００,,,,,,,", "rated_power_kva", "full-width"),
        ("transformers", 'T1,a,ST01,"1,000",,,,,,,', "rated_power_kva", "comma"),
        ("transformers", "T1,a,ST01,nan,,,,,,,", "rated_power_kva", "no number"),
        ("transformers", "T1,a,ST01,1e3,,,,,,,", "rated_power_kva", "no number"),
        ("transformers", "T1,a,ST01,400kVA,,,,,,,", "rated_power_kva", "no number"),
        ("transformers", "T1,a,ST01,,,,,,,,", "rated_power_kva", "blank"),
        ("transformers", "T1,a,ST01,400,,,0,,,,", "ct_ratio", "out of range"),
        ("transformers", "T1,a,ST01,400,,,,maybe,,,", "indoor", "neither yes nor no"),
        ("transformers", "T1,a,ST01,400,,,,,91,,", "latitude", "out of range"),
        ("transformers", "T1,a,ST09,400,,,,,,,", "station_id", "stations has no ST09"),
        ("transformers", "T1,a,st01,400,,,,,,,", "station_id", "stations has no st01"),
        ("transformers", "T1,a,ST01,400,G09,,,,,,", "grid_id", "grids has no G09"),
        ("transformers", "YX06,a,ST01,400,,,,,,,", "transformer_id", "on line 2 already"),
        ("transformers", "yx06,a,ST01,400,,,,,,,", "transformer_id", "differs only in case"),
        ("transformers", "T/1,a,ST01,400,,,,,,,", "transformer_id", "'/'"),
        ("transformers", "T+1,a,ST01,400,,,,,,,", "transformer_id", "'+'"),
        ("transformers", "T#1,a,ST01,400,,,,,,,", "transformer_id", "'#'"),
        ("transformers", "T 1,a,ST01,400,,,,,,,", "transformer_id", "' '"),
        ("transformers", "$SYS,a,ST01,400,,,,,,,", "transformer_id", "'$'"),
        ("transformers", "..,a,ST01,400,,,,,,,", "transformer_id", "'.'"),
        ("transformers", "ＹＸ０８,a,ST01,400,,,,,,,", "transformer_id", "full-width"),
        ("transformers", "\u0423X06,a,ST01,400,,,,,,,", "transformer_id", "cyrillic"),
        ("transformers", "T\u200b1,a,ST01,400,,,,,,,", "transformer_id", "U+200B"),
        ("transformers", "T1\x00,a,ST01,400,,,,,,,", "transformer_id", "U+0000"),
        ("transformers", " T1,a,ST01,400,,,,,,,", "transformer_id", "space"),
        ("transformers", "T1\u3000,a,ST01,400,,,,,,,", "transformer_id", "space"),
        ("transformers", f"{'T' * 65},a,ST01,400,,,,,,,", "transformer_id", "too long"),
        ("transformers", f"T1,{'a' * 101},ST01,400,,,,,,,", "name", "too long"),
        ("transformers", f"T1,{'a' * 9000},ST01,400,,,,,,,", "name", "too long"),
        ("transformers", "T1,=HYPERLINK(1),ST01,400,,,,,,,", "name", "formula"),
        ("transformers", "T1,＝A1,ST01,400,,,,,,,", "name", "formula"),
        ("transformers", "T1,@SUM(1),ST01,400,,,,,,,", "name", "formula"),
        ("transformers", "T1,#N/A,ST01,400,,,,,,,", "name", "spreadsheet's error"),
        ("stations", "ST02,a,+08:00", "timezone", "no time zone"),
        ("stations", "ST02,a,asia/shanghai", "timezone", "no time zone"),
        ("people", "P02,a,Member,G01,,", "role", "no choice"),
        ("people", "P02,a,member,,,", "grid_id", "without a service grid"),
        ("people", "P02,a,duty,,138/139,", "phone", "more than one number"),
        ("people", "P02,a,duty,,,@all", "chat_id", "formula"),
        ("merchants", "M03,a,YX06,,,1.38E+10,,,,,", "phone", "powers of ten"),
        ("merchants", "M03,a,YX06,,,,,D,,,", "phase", "no choice"),
        ("merchants", "M03,a,YX06,,,,,,1.5,,", "walk_order", "no number"),
        ("merchants", "M03,a,,,,,,,,,", "transformer_id", "blank"),
        ("appliances", "M01,fridge,1,1,0,", "appliance", "no choice"),
        ("appliances", "M01,other,2,1,3,", "can_switch_off", "3 of 2"),
        ("appliances", "M09,other,2,1,0,", "merchant_id", "merchants has no M09"),
        ("appliances", "M01,lighting,5,0.04,0,", "appliance", "on line 3"),
        ("appliances", "M01,other,-1,1,0,", "count", "out of range"),
        ("appliances", "M01,air_conditioner,1,1,0,72", "setpoint_c", "out of range"),
    ],
)
def test_a_bad_cell_is_told_by_file_line_column_and_remedy(
    tmp_path: Path, sheet: str, row: str, column: str, said: str
) -> None:
    fault = the_fault(write(tmp_path / "ledger", **{sheet: GOOD[sheet] + row + "\n"}))
    assert fault.file == f"{sheet}.csv"
    assert fault.line == GOOD[sheet].count("\n") + 1
    assert fault.column == column
    assert said in fault.problem.en
    assert fault.problem.zh
    assert fault.remedy.zh
    assert fault.remedy.en


def test_every_fault_is_listed_in_the_order_of_the_sheets(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "ledger",
        stations=GOOD["stations"] + "ST/2,=x,Mars\n",
        merchants=with_merchant("M03,a,YX99,,,12,,D,x,perhaps,"),
        appliances=GOOD["appliances"] + "M03,other,1,1,2,\n",
    )
    assert [(fault.file, fault.line, fault.column) for fault in faults_of(folder)] == [
        ("stations.csv", 3, "station_id"),
        ("stations.csv", 3, "name"),
        ("stations.csv", 3, "timezone"),
        ("merchants.csv", 4, "phone"),
        ("merchants.csv", 4, "phase"),
        ("merchants.csv", 4, "walk_order"),
        ("merchants.csv", 4, "protected"),
        ("appliances.csv", 4, "can_switch_off"),
    ]


def test_a_reference_to_a_faulty_row_is_not_blamed_too(tmp_path: Path) -> None:
    fault = the_fault(write(tmp_path / "ledger", stations="station_id,name,timezone\nST01,a,Mars\n"))
    assert fault.column == "timezone"


def test_a_grid_of_another_station_is_found(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "ledger",
        stations=GOOD["stations"] + "ST02,b,Asia/Shanghai\n",
        transformers=GOOD["transformers"] + "T1,a,ST02,400,G01,,,,,,\n",
    )
    assert "belongs to ST01" in the_fault(folder).problem.en


def test_no_fault_repeats_a_phone_a_name_or_an_address(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "ledger", merchants=with_merchant("M03,=张三的店,YX06,@永兴街 5 号,=张三,1397654321,,,,,=张三住院")
    )
    for fault in faults_of(folder):
        for text in (fault.problem.zh, fault.problem.en, fault.remedy.zh, fault.remedy.en):
            assert "张三" not in text
            assert "永兴街" not in text
            assert "1397654321" not in text


# Phones


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("13812345678", "13812345678"),
        ("138 1234 5678", "13812345678"),
        ("138-1234-5678", "13812345678"),
        ("+8613812345678", "13812345678"),
        ("+86 138 1234 5678", "13812345678"),
        ("0086-13812345678", "13812345678"),
        ("(+86)13812345678", "13812345678"),
        ("１３８１２３４５６７８", "13812345678"),
        (" 13812345678 ", "13812345678"),
        ("'13812345678", "13812345678"),
        ("13812345678.0", "13812345678"),
        ("010-12345678", "010-12345678"),
        ("（010）12345678", "010-12345678"),
        ("01012345678", "010-12345678"),
        ("0312 7654321", "0312-7654321"),
        ("+86 10 12345678", "010-12345678"),
        ("010-12345678-801", "010-12345678-801"),
        ("010－12345678转801", "010-12345678-801"),
        ("400 123 4567", "400-123-4567"),
        ("+852 9123 4567", "+85291234567"),
    ],
)
def test_phones_in_the_shapes_people_write_them_become_one_shape(written: str, read: str) -> None:
    assert phone(written) == read
    assert phone(read) == read


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("1.38E+10", "powers of ten"),
        ("1.3812345678e10", "powers of ten"),
        ("13812345678/13912345678", "more than one"),
        ("13812345678、13912345678", "more than one"),
        ("12345678", "area code"),
        ("1381234567", "no phone number"),
        ("23812345678", "no phone number"),
        ("+861234", "no phone number"),
        ("call me", "no phone number"),
        ("138\n12345678", "cannot be seen"),
    ],
)
def test_what_is_no_phone_number_is_refused_with_the_reason(written: str, said: str) -> None:
    with pytest.raises(CellError) as refused:
        phone(written)
    assert said in refused.value.problem.en


# Ids and zones


@given(st.text(max_size=80))
def test_an_id_that_is_taken_is_safe_in_a_topic_a_link_and_a_sheet(text: str) -> None:
    try:
        taken = identifier(text)
    except CellError:
        return
    assert taken == text
    assert 0 < len(taken) <= 64
    assert not set(taken) & set("/+#$ \t\r\n\0\"'<>&?%*\\|=@,;")
    assert formula_safe(taken) == taken


@pytest.mark.parametrize("text", ["YX06", "永兴街6号台区", "0123", "a.b-c_d:e", "T(备)1"])
def test_ids_as_stations_write_them_are_taken(text: str) -> None:
    assert identifier(text) == text


def test_a_time_zone_is_one_of_the_list() -> None:
    assert timezone("Asia/Urumqi") == "Asia/Urumqi"
    with pytest.raises(CellError) as refused:
        timezone("Asia/shanghai")
    assert "Asia/Shanghai" in refused.value.remedy.en


# Workbooks


def test_a_workbook_reads_as_the_folder_does_numbers_and_booleans_included(tmp_path: Path) -> None:
    plain, _ = read_ledger(write(tmp_path / "ledger"))
    book = openpyxl.Workbook()
    book.active.title = "说明"
    for sheet in SHEETS:
        page = book.create_sheet(sheet.name)
        for row in GOOD[sheet.name].strip().split("\n"):
            page.append([_typed(cell) for cell in row.split(",")])
    book.save(tmp_path / "ledger.xlsx")
    assert read_ledger(tmp_path / "ledger.xlsx") == (plain, ())


def _typed(cell: str) -> object:
    if cell in ("yes", "no"):
        return cell == "yes"
    try:
        return float(cell)
    except ValueError:
        return cell or None


def a_book(path: Path, **cells: object) -> Path:
    """Write a workbook of the required sheets with some cells of the transformer replaced."""
    book = openpyxl.Workbook()
    book.active.title = "stations"
    book.active.append(["station_id", "name", "timezone"])
    book.active.append(["ST01", "a", "Asia/Shanghai"])
    page = book.create_sheet("transformers")
    row = {"transformer_id": "YX06", "name": "a", "station_id": "ST01", "rated_power_kva": 400, **cells}
    page.append(list(row))
    page.append(list(row.values()))
    book.save(path)
    return path


def test_formulas_dates_and_errors_in_a_workbook_are_faults_with_sheet_and_line(tmp_path: Path) -> None:
    from datetime import datetime

    for cell, said in (("=1+1", "formula"), (datetime(2021, 3, 12), "date 2021-03-12"), ("#REF!", "error")):
        fault = the_fault(a_book(tmp_path / "book.xlsx", name=cell))
        assert fault.file == "book.xlsx[transformers]"
        assert (fault.line, fault.column) == (2, "name")
        assert said in fault.problem.en


def test_a_workbook_without_a_required_sheet_or_with_a_misnamed_one(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Stations"
    book.active.append(["station_id", "name", "timezone"])
    book.save(tmp_path / "book.xlsx")
    files = [fault.file for fault in faults_of(tmp_path / "book.xlsx")]
    assert files == ["book.xlsx[stations]", "book.xlsx[transformers]", "book.xlsx[Stations]"]


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04" + b"\0" * 100])
def test_what_is_no_workbook_is_one_fault(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "book.xlsx").write_bytes(content)
    assert "no XLSX" in the_fault(tmp_path / "book.xlsx").problem.en


def test_a_zip_that_is_no_workbook_or_a_damaged_one_is_one_fault(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "other.xlsx", "w") as packed:
        packed.writestr("hello.txt", "x")
    assert "no XLSX" in the_fault(tmp_path / "other.xlsx").problem.en
    whole = a_book(tmp_path / "book.xlsx").read_bytes()
    (tmp_path / "cut.xlsx").write_bytes(whole[: len(whole) // 2])
    assert "no XLSX" in the_fault(tmp_path / "cut.xlsx").problem.en


def test_a_zip_bomb_is_not_opened(tmp_path: Path) -> None:
    bomb = a_book(tmp_path / "bomb.xlsx")
    with zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet9.xml", b"0" * (64 * 1024 * 1024))
    assert bomb.stat().st_size < 200_000
    assert "not opened" in the_fault(bomb).problem.en


def test_an_entity_bomb_in_a_sheet_is_refused(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
    evil = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e0 "{"a" * 1000}">{entities}]><worksheet>&e11;</worksheet>'
    whole = a_book(tmp_path / "book.xlsx")
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(tmp_path / "evil.xlsx", "w") as target:
        for member in source.namelist():
            target.writestr(member, evil if member.endswith("sheet2.xml") else source.read(member))
    fault = the_fault(tmp_path / "evil.xlsx")
    assert "no XLSX" in fault.problem.en


def test_a_lone_cell_at_the_far_end_of_a_sheet_costs_nothing_and_is_told(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(a_book(tmp_path / "book.xlsx"))
    book["transformers"]["XFD200000"] = "x"
    book["transformers"]["Z3"] = "x"
    book.save(tmp_path / "far.xlsx")
    faults = faults_of(tmp_path / "far.xlsx")
    assert [(fault.line, "26 cells" in fault.problem.en) for fault in faults] == [(3, True)]


# Bounds


def test_more_rows_than_a_sheet_may_have_are_refused_before_they_are_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "ledger", merchants=GOOD["merchants"].encode() + b"\n" * 2_000_000)
    fault = next(fault for fault in faults_of(folder) if fault.file == "merchants.csv")
    assert f"more than {ROWS_MAX:,}" in fault.problem.en


def test_a_sheet_that_is_wrong_in_every_line_is_not_read_to_its_end(tmp_path: Path) -> None:
    rows = "".join(f"ST{i},a,Mars\n" for i in range(FAULTS_PER_SHEET_MAX + 5_000))
    faults = faults_of(write(tmp_path / "ledger", stations=GOOD["stations"] + rows))
    assert len(faults) == FAULTS_PER_SHEET_MAX + 1
    assert "the rest was not read" in faults[-1].remedy.en


# Writing


text_cells = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Cs", "Zs", "Zl", "Zp", "Co", "Cn"])
).filter(lambda text: foreign_letters(text) is None)
free_text = st.one_of(
    st.sampled_from(["", "'=1", "''=1", "-1楼 2 号", "+1", "=HYPERLINK(1)", "@all", "a,b", 'say "yes"', "'", "＝1"]),
    text_cells.map(lambda text: text[:60]),
).filter(lambda text: "\ufffd" not in text and not text.startswith("#"))


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    number = st.integers(1, 40_000).map(lambda n: n / 100)
    transformer = Transformer(
        "T1",
        draw(free_text.filter(bool)),
        "S1",
        draw(number),
        draw(st.sampled_from(["", "G1"])),
        "",
        draw(number),
        draw(st.booleans()),
        draw(st.one_of(st.none(), st.floats(-90, 90).map(lambda x: round(x, 6)))),
        draw(st.one_of(st.none(), st.integers(-180, 180).map(float))),
        draw(free_text),
    )
    merchants = tuple(
        Merchant(
            f"M{i}",
            draw(free_text.filter(bool)),
            "T1",
            draw(free_text),
            draw(free_text),
            draw(st.sampled_from(["", "13800000001", "010-12345678-801", "+85291234567"])),
            draw(free_text),
            draw(st.sampled_from(list(Phase))),
            draw(st.one_of(st.none(), st.integers(0, 1000))),
            draw(st.booleans()),
            draw(free_text),
        )
        for i in range(draw(st.integers(0, 3)))
    )
    appliances = tuple(
        Appliance(m.merchant_id, draw(st.sampled_from(list(ApplianceKind))), 3, draw(number), 1, 22.5)
        for m in merchants
    )
    people = (Person("P1", draw(free_text.filter(bool)), draw(st.sampled_from(list(Role))), "G1"),)
    return Ledger(
        (Station("S1", draw(free_text.filter(bool)), "Asia/Shanghai"),),
        (ServiceGrid("G1", "a", "S1", draw(free_text)),),
        (transformer,),
        people,
        merchants,
        appliances,
    )


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ledgers(), st.sampled_from(["folder", "book.xlsx"]))
def test_what_is_written_reads_back_the_same(tmp_path: Path, ledger: Ledger, target: str) -> None:
    write_ledger(ledger, tmp_path / target)
    assert read_ledger(tmp_path / target) == (ledger, ())


def test_no_written_cell_begins_as_a_formula_and_the_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    ledger, _ = read_ledger(write(tmp_path / "ledger"))
    assert ledger is not None
    evil = '=HYPERLINK("http://example.org","x")'
    ledger = replace(ledger, merchants=(replace(ledger.merchants[0], name=evil, address="-1+2", contact_name="@x"),))
    ledger = replace(ledger, appliances=())
    files = write_ledger(ledger, tmp_path / "out") + write_ledger(ledger, tmp_path / "out.xlsx")
    merchants = (tmp_path / "out" / "merchants.csv").read_text("utf-8-sig").splitlines()[1]
    assert "\"'=HYPERLINK" in merchants
    assert ",'-1+2,'@x," in merchants
    book = openpyxl.load_workbook(tmp_path / "out.xlsx")
    assert book["transformers"]["I2"].value == 40.1
    page = book["merchants"]
    assert all(cell.data_type != "f" for row in page.iter_rows() for cell in row)
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)


def test_a_written_file_opens_with_chinese_in_a_spreadsheet(tmp_path: Path) -> None:
    write_ledger(Ledger(), tmp_path)
    assert (tmp_path / "stations.csv").read_bytes() == b"\xef\xbb\xbfstation_id,name,timezone\n"


# Differences


def test_a_difference_tells_what_is_added_changed_and_retired_without_contents(tmp_path: Path) -> None:
    old, _ = read_ledger(write(tmp_path / "ledger"))
    assert old is not None
    assert not difference(old, old)
    new = replace(
        old,
        transformers=(replace(old.transformers[0], rated_power_kva=630.0), Transformer("YX08", "a", "ST01", 200.0)),
        merchants=(replace(old.merchants[0], phone="13900000002", walk_order=2), old.merchants[1]),
        appliances=(replace(old.appliances[0], count=4), *old.appliances[1:]),
    )
    found = difference(old, new)
    assert [(entry.sheet, entry.key) for entry in found.add] == [("transformers", "YX08")]
    assert [(entry.sheet, entry.key) for entry in found.retire] == [("transformers", "YX07")]
    assert [(entry.sheet, entry.key, entry.columns) for entry in found.change] == [
        ("transformers", "YX06", ("rated_power_kva",)),
        ("merchants", "M01", ("phone", "walk_order")),
        ("appliances", "M01/air_conditioner", ("count",)),
    ]
    assert "13900000002" not in repr(found)


def test_the_order_of_rows_is_no_difference(tmp_path: Path) -> None:
    old, _ = read_ledger(write(tmp_path / "ledger"))
    assert old is not None
    new = replace(old, merchants=old.merchants[::-1], appliances=old.appliances[::-1])
    assert not difference(old, new)


def test_ratings_name_a_timestamp_with_an_offset_once_and_end_with_the_transformers_own(tmp_path: Path) -> None:
    head = "transformer_id,valid_from,rated_power_kva,ct_ratio\n"
    rows = "YX06,2020-01-01,315,60\nYX06,2021-06-01T00:00:00+08:00,400,80\nYX06,2021-05-31T16:00:00Z,500,80\n"
    _, faults = read_ledger(write(tmp_path / "ledger", ratings=head + rows))
    assert {(f.line, f.column) for f in faults} == {(2, "valid_from"), (4, "valid_from")}
    _, faults = read_ledger(write(tmp_path / "other", ratings=head + "YX06,2021-06-01T00:00:00+08:00,500,80\n"))
    assert [(f.line, f.column) for f in faults] == [(2, "rated_power_kva")]


def test_links_name_a_timestamp_once_and_end_with_the_merchants_own(tmp_path: Path) -> None:
    head = "merchant_id,valid_from,transformer_id\n"
    same = "M01,2021-06-01T00:00:00+08:00,YX06\nM01,2021-05-31T16:00:00Z,YX06\n"
    _, faults = read_ledger(write(tmp_path / "ledger", links=head + same))
    assert [(f.file, f.line, f.column) for f in faults] == [("links.csv", 3, "valid_from")]
    _, faults = read_ledger(write(tmp_path / "other", links=head + "M01,2021-06-01T00:00:00+08:00,YX07\n"))
    assert [(f.file, f.line, f.column) for f in faults] == [("links.csv", 2, "transformer_id")]


@pytest.mark.parametrize(
    ("cell", "digits"),
    [
        ("1-5", "12345"),
        ("Mon-Fri", "12345"),
        ("monday to friday", "12345"),
        ("fri-mon", "1567"),
        ("1,3,5", "135"),
        ("一三五", "135"),
        ("周一至周五", "12345"),
        ("星期六、星期日", "67"),
        ("周末", "67"),
        ("工作日", "12345"),
        ("67", "67"),
        ("天", "7"),
    ],
)
def test_weekdays_are_read_as_people_write_them(cell: str, digits: str) -> None:
    assert weekdays(cell) == digits


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("P01,8,,,,", "weekdays"),
        ("P01,someday,,,,", "weekdays"),
        ("P01,,,,,", "weekdays"),
        ("P01,1,2021-07-24,,,", "weekdays"),
        ("P01,,2021-02-30,,,", "date"),
        ("P01,1,,25:00,,", "from"),
        ("P01,1,,,8,", "to"),
        ("P01,1,,,,P01", "substitute_id"),
        ("P01,1,,,,nobody", "substitute_id"),
        ("nobody,1,,,,", "person_id"),
    ],
)
def test_a_faulty_shift_is_named_with_line_and_column(tmp_path: Path, row: str, column: str) -> None:
    roster = f"person_id,weekdays,date,from,to,substitute_id\n{row}\n"
    ledger, faults = read_ledger(write(tmp_path / "ledger", roster=roster))
    assert ledger is None
    assert [(fault.file, fault.line, fault.column) for fault in faults] == [("roster.csv", 2, column)]
