"""Which of two encodings a file is in, and what is done where that cannot be told."""

from __future__ import annotations

import pytest

from grid.text_encoding import Unclear, Unreadable, decode_together, foreign_letters


def one(data: bytes) -> str | Unreadable:
    return decode_together({"a": data})["a"]


@pytest.mark.parametrize("word", ["学院", "学院路", "扬州学院", "一号", "模拟供电所"])
def test_a_short_word_in_gb18030_is_read_as_it_was_written(word: str) -> None:
    assert one(f"ST01,{word}\n".encode("gb18030")) == f"ST01,{word}\n"


@pytest.mark.parametrize("word", ["学院", "中文", "茅台", "Café", "한국", "ئۇيغۇر", "模拟供电所"])
def test_utf8_is_read_as_it_was_written(word: str) -> None:
    assert one(f"ST01,{word},中文\n".encode()) == f"ST01,{word},中文\n"


def test_every_pair_of_common_characters_is_read_right_or_asked_about() -> None:
    """Both bytes of these characters are a valid two-byte sequence of UTF-8."""
    pairs = [bytes([lead, trail]) for lead in range(0xC4, 0xD8) for trail in range(0xA1, 0xC0)]
    for pair in pairs:
        meant = pair.decode("gb18030")
        read = one(b"ST01," + pair * 2)
        assert read == f"ST01,{meant * 2}" or (isinstance(read, Unreadable) and read.why is Unclear.EITHER), meant


def test_a_word_that_could_be_either_is_decided_by_its_neighbours() -> None:
    either = "A,M路C\n".encode("gb18030")  # or M·C in UTF-8
    assert isinstance(one(either), Unreadable)
    assert decode_together({"a": either, "b": "供电所".encode("gb18030")})["a"] == "A,M路C\n"
    accented = "Caf\u00e9".encode()
    assert decode_together({"a": accented, "b": "供电所一".encode()})["a"] == "Caf\u00e9"


@pytest.mark.parametrize("text", ["Привет", "ŘԺ所", "สวัสดี", "\ufffd\ufffd所", "锟斤拷"])
def test_letters_that_no_name_here_has_are_told(text: str) -> None:
    found = foreign_letters(f"id,name\nST01,{text}\n")
    assert found is not None
    assert found[0] == 2
    assert found[1] in text


@pytest.mark.parametrize("text", ["模拟供电所（一）", "Café Ω 3·4°", "ئۇيغۇر", "བོད", "한국"])
def test_letters_of_names_are_not(text: str) -> None:
    assert foreign_letters(text) is None


def test_damaged_utf8_is_no_gb18030() -> None:
    read = one("a\n供电所名称表".encode() + b"\xe4\n")
    assert read == Unreadable(Unclear.NEITHER, 2)
