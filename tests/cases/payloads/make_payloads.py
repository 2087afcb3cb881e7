"""Make the corpus of payloads: `python tests/cases/payloads/make_payloads.py`. Same script, same bytes.

One file is one payload as a device might publish it on its own topic. The folder says what must become of it:
`good`, or the reason why it is refused. What would be large or deep is made by the tests themselves.
"""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path

HERE = Path(__file__).parent

TIME = '"measured_at":"2021-07-24T11:00:00+08:00"'
POWERS = '"active_power_kw":361.0,"reactive_power_kvar":112.4'
PHASES = '"voltage_v":[228.4,227.9,229.1],"current_amp":[561.2,548.7,570.3]'
READING = f"{{{TIME},{POWERS}}}"


def with_power(number: str) -> str:
    """Return a reading whose active power is written as `number`."""
    return f'{{{TIME},"active_power_kw":{number},"reactive_power_kvar":112.4}}'


def at(time: str) -> str:
    """Return a reading measured at `time`."""
    return f'{{"measured_at":"{time}",{POWERS}}}'


def having(members: str) -> str:
    """Return a reading with further members."""
    return f"{{{TIME},{POWERS},{members}}}"


GOOD = {
    "p_and_q": READING,
    "p_alone": f'{{{TIME},"active_power_kw":361.0}}',
    "u_and_i": f"{{{TIME},{PHASES}}}",
    "all_fields": having(
        f'{PHASES},"neutral_current_amp":40.2,"oil_temperature_c":71.5,"ambient_temperature_c":36.0,"seq":18231'
    ),
    "powers_of_three_phases": f'{{{TIME},"active_power_kw":[121.0,119.5,120.5],"reactive_power_kvar":[37,38,37.4]}}',
    "whole_numbers": f'{{{TIME},"active_power_kw":361,"reactive_power_kvar":112}}',
    "feeding_back": with_power("-361.0"),
    "offset_without_colon": at("2021-07-24T11:00:00+0800"),
    "utc": at("2021-07-24T03:00:00Z"),
    "milliseconds": at("2021-07-24T11:00:00.230+08:00"),
    "twelve_digits_of_a_second": at("2021-07-24T11:00:00.230000000000+08:00"),
    "seventy_hours_late": at("2021-07-21T13:00:00+08:00"),
    "four_minutes_ahead": at("2021-07-24T11:04:00+08:00"),
    "own_name_in_the_payload": having('"transformer_id":"YX06"'),
    "null_is_missing": having('"voltage_v":null,"oil_temperature_c":null,"seq":null'),
    "one_phase_missing": having('"voltage_v":[228.4,null,229.1]'),
    "one_phase_switched_off": having('"voltage_v":[228.4,0.2,229.1],"current_amp":[561.2,0.3,570.3]'),
    "space_around": '\r\n\t { "measured_at" : "2021-07-24T11:00:00+08:00" ,\n"active_power_kw" : 361.0 } \n',
    "unknown_field": having('"firmware":"2.1","flags":{"a":[1,2,{"b":null}]}'),
    "unknown_chinese_field": having('"设备名称":"一号变压器"'),
    "unknown_field_of_4000_digits": having(f'"serial":{"7" * 4000}'),
    "escaped_key": READING.replace("measured_at", "measured\\u005fat"),
}

BAD = {
    "empty": {"nothing": "", "white_space": " \r\n\t"},
    "byte_order_mark": {
        "utf8": READING.encode("utf-8-sig"),
        "utf16": READING.encode("utf-16"),
        "utf32": READING.encode("utf-32"),
        "utf16_big_endian": b"\xfe\xff" + READING.encode("utf-16-be"),
    },
    "not_utf8": {
        "gbk": having('"设备名称":"变压器"').encode("gbk"),
        "invalid_in_unknown_field": having('"name":"?"').encode().replace(b"?", b"\xff\xfe"),
        "surrogate_in_unknown_field": having('"name":"\ud800"').encode("utf-8", "surrogatepass"),
        "gzip": gzip.compress(READING.encode(), mtime=0),
        "pickle": pickle.dumps({"measured_at": "2021-07-24T11:00:00+08:00"}, protocol=4),
    },
    "not_json": {
        "truncated": READING[:-20],
        "two_documents": READING + READING,
        "two_documents_with_comma": f"{READING},{READING}",
        "trailing_garbage": READING + "x",
        "trailing_nul": READING + "\0",
        "leading_nul": "\0" + READING,
        "utf16_without_mark": READING.encode("utf-16-le"),
        "single_quotes": READING.replace('"', "'"),
        "comment": READING.replace(",", ", /* noon */ ", 1),
        "trailing_comma": READING.replace("}", ",}"),
        "no_quotes_around_keys": READING.replace('"active_power_kw"', "active_power_kw"),
        "underscore_in_number": with_power("3_61.0"),
        "full_width_digits": with_power("３６１.０"),
        "decimal_comma": with_power("361,0"),
        "leading_zero": with_power("0361.0"),
        "plus_sign": with_power("+361.0"),
        "hexadecimal": with_power("0x169"),
        "bare_point": with_power("361."),
        "lone_surrogate": having('"name":"\\ud800"'),
        "nul_in_text": having('"name":"a\0b"'),
        "line_break_in_text": having('"name":"a\nb"'),
        "escape_sequence_in_text": having('"name":"\x1b[31mred"'),
        "unknown_escape": having('"name":"\\q"'),
        "xml": '<?xml version="1.0"?><reading measured_at="2021-07-24T11:00:00+08:00"/>',
        "python_true": having('"flag":True'),
        "text": "11:00 361 kW",
    },
    "not_finite": {
        "nan": with_power("NaN"),
        "infinity": with_power("Infinity"),
        "minus_infinity_in_a_phase": having('"current_amp":[1.0,-Infinity,1.0]'),
        "nan_in_unknown_field": having('"x":[{"y":NaN}]'),
    },
    "nested_too_deep": {"arrays": having(f'"x":{"[" * 5000}{"]" * 5000}')},
    "duplicate_key": {
        "other_value": having('"active_power_kw":12.0'),
        "same_value": having('"active_power_kw":361.0'),
        "measured_at": having(TIME),
        "unknown_field": having('"x":1,"x":2'),
        "written_with_escapes": having('"active_power_k\\u0077":12.0'),
        "with_null": having('"active_power_kw":null'),
    },
    "wrong_type": {
        "number": "5",
        "null": "null",
        "text": '"reading"',
        "array": f"[{READING}]",
        "number_as_text": with_power('"361.0"'),
        "true_as_number": with_power("true"),
        "object_as_number": with_power('{"value":361.0}'),
        "true_in_a_phase": having('"voltage_v":[228.4,true,229.1]'),
        "two_phases": having('"voltage_v":[228.4,227.9]'),
        "four_phases": having('"current_amp":[561.2,548.7,570.3,40.2]'),
        "one_voltage": having('"voltage_v":228.4'),
        "time_as_number": f'{{"measured_at":1627095600,{POWERS}}}',
        "time_as_milliseconds": f'{{"measured_at":1627095600000,{POWERS}}}',
        "sequence_with_fraction": having('"seq":1.5'),
        "negative_sequence": having('"seq":-1'),
        "id_as_number": having('"transformer_id":6'),
    },
    "number_too_large": {
        "exponent": with_power("1e999"),
        "4000_digits": with_power("9" * 4000),
        "minus_4000_digits": with_power("-" + "9" * 4000),
        "sequence_of_30_digits": having(f'"seq":{"9" * 30}'),
    },
    "missing_field": {
        "nothing_at_all": "{}",
        "measured_at": f"{{{POWERS}}}",
        "measured_at_null": f'{{"measured_at":null,{POWERS}}}',
        "measured_at_misspelt": READING.replace("measured_at", "measured_At"),
    },
    "too_many_fields": {"sixty_five": having(",".join(f'"x{number}":0' for number in range(65)))},
    "topic_mismatch": {
        "other_transformer": having('"transformer_id":"YX07"'),
        "case_twin": having('"transformer_id":"yx06"'),
        "look_alike": having('"transformer_id":"УХ06"'),
    },
    "time_without_offset": {"naive": at("2021-07-24T11:00:00"), "date": at("2021-07-24")},
    "time_malformed": {
        "no_time": at("noon"),
        "empty": at(""),
        "second_60": at("2021-07-24T10:59:60+08:00"),
        "29_february": at("2021-02-29T11:00:00+08:00"),
        "31_june": at("2021-06-31T11:00:00+08:00"),
        "hour_25": at("2021-07-24T25:00:00+08:00"),
        "month_13": at("2021-13-24T11:00:00+08:00"),
        "offset_of_a_day": at("2021-07-24T11:00:00+24:00"),
        "full_width_digits": at("２０２１-07-24T11:00:00+08:00"),
        "year_10000": at("10000-07-24T11:00:00+08:00"),
        "seconds_as_text": at("1627095600"),
        "surrounded_by_space": at(" 2021-07-24T11:00:00+08:00 "),
        "very_long": at("2021-07-24T11:00:00." + "0" * 300 + "+08:00"),
    },
    "time_in_future": {
        "six_minutes": at("2021-07-24T11:07:00+08:00"),
        "next_year": at("2022-07-24T11:00:00+08:00"),
        "year_9999": at("9999-12-31T23:59:59-12:00"),
    },
    "time_too_old": {
        "four_days": at("2021-07-20T11:00:00+08:00"),
        "epoch": at("1970-01-01T00:00:00Z"),
        "year_1": at("0001-01-01T00:00:00+23:59"),
    },
    "sentinel": {
        "65535": with_power("65535"),
        "65535_with_point": with_power("65535.0"),
        "minus_9999": having('"oil_temperature_c":-9999'),
        "in_a_phase": having('"voltage_v":[228.4,65535,229.1]'),
        "minus_32768": having('"ambient_temperature_c":-32768'),
    },
    "denormal": {"power": with_power("5e-324"), "current": having('"current_amp":[1e-310,1.0,1.0]')},
    "out_of_range": {
        "negative_voltage": having('"voltage_v":[228.4,-227.9,229.1]'),
        "negative_current": having('"current_amp":[561.2,-548.7,570.3]'),
        "tenths_of_volts": having('"voltage_v":[2284,2279,2291]'),
        "oil_of_fire": having('"oil_temperature_c":715'),
        "ambient_in_fahrenheit": having('"ambient_temperature_c":96.8'),
    },
    "current_without_voltage": {
        "one_phase": f'{{{TIME},"voltage_v":[228.4,0,229.1],"current_amp":[561.2,548.7,570.3]}}',
        "all_phases": having('"voltage_v":[0,0,0],"current_amp":[561.2,548.7,570.3]'),
    },
    "no_load_basis": {
        "only_time": f"{{{TIME}}}",
        "only_reactive_power": f'{{{TIME},"reactive_power_kvar":112.4}}',
        "no_currents": f'{{{TIME},"voltage_v":[228.4,227.9,229.1]}}',
        "a_voltage_missing": f'{{{TIME},"voltage_v":[228.4,null,229.1],"current_amp":[561.2,548.7,570.3]}}',
        "a_phase_of_power_missing": f'{{{TIME},"active_power_kw":[121.0,null,120.5]}}',
        "nulls": f'{{{TIME},"active_power_kw":null,"voltage_v":null}}',
    },
    "load_rate_impossible": {
        "watts_for_kilowatts": f'{{{TIME},"active_power_kw":361000,"reactive_power_kvar":112400}}',
        "eleven_times": with_power("4400"),
        "minus_eleven_times": with_power("-4400"),
        "milliamperes": f'{{{TIME},"voltage_v":[228.4,227.9,229.1],"current_amp":[56120,54870,57030]}}',
        "greatest_number": with_power("1.7976931348623157e308"),
    },
    "phases_disagree": {
        "total_above_the_phases": having('"voltage_v":[228.4,227.9,229.1],"current_amp":[100.0,99.0,101.0]')
    },
}


def write_corpus(folder: Path) -> None:
    """Write every payload to `folder/<what becomes of it>/<name>`."""
    for reason, payloads in {"good": GOOD, **BAD}.items():
        (folder / reason).mkdir(parents=True, exist_ok=True)
        for name, payload in payloads.items():
            (folder / reason / name).write_bytes(payload.encode() if isinstance(payload, str) else payload)


if __name__ == "__main__":
    write_corpus(HERE)
