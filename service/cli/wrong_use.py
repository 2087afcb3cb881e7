"""What is said of words that fit no command, in both languages; the parser itself speaks English only."""

from __future__ import annotations

import re

from grid.text import Text

_SHAPES = (
    (r"No such command '(?P<a>.*)'", "没有命令 {a}"),
    (
        r"No such option: (?P<a>\S+?)\.?( \(?Did you mean (?P<b>.*?)\??\)?| \(Possible options: (?P<c>.*)\))?",
        "没有选项 {a}",
    ),
    (r"Missing argument '(?P<a>.*)'", "缺少参数 {a}"),
    (r"Missing option '(?P<a>.*)'", "缺少选项 {a}"),
    (r"Missing (argument|option) '(?P<a>.*)'.*Choose from:\s*(?P<b>.*)", "缺少 {a}，可选：{b}"),
    (r"Option '(?P<a>.*)' requires an argument", "选项 {a} 后面要有值"),
    (r"Option '(?P<a>.*)' requires (?P<b>\d+) arguments", "选项 {a} 后面要有 {b} 个值"),
    (r"Option '(?P<a>.*)' does not take a value", "选项 {a} 后面不带值"),
    (r"Got unexpected extra arguments?(\(s\))? \((?P<a>.*)\)", "多出了 {a}"),
    (r"Invalid value for '(?P<a>.*?)'.*: .*'(?P<b>.*?)' is not one of (?P<c>.*)", "{a} 的值 {b} 不对，可选：{c}"),
    (r"Invalid value for '(?P<a>.*?)'.*: .*valid number.*", "{a} 的值不是数字"),
    (r"Invalid value for '(?P<a>.*?)'.*: .*valid (integer|int).*", "{a} 的值不是整数"),
    (r"Invalid value for '(?P<a>.*?)'.*: (?P<b>.*)", "{a} 的值不对（{b}）"),
)
"""Of what click says (its `exceptions` and `parser` modules): pattern, and the same in Chinese."""


def wrong_use(command: str, said: str) -> Text:
    """Return one line about words that did not fit, from what the parser said; what is not known here is quoted.

    >>> wrong_use("redvest", "No such command 'curv'.").zh
    'redvest：没有命令 curv（见 redvest --help）'
    """
    plain = " ".join(said.split()).rstrip(".")
    zh = plain
    for pattern, chinese in _SHAPES:
        found = re.fullmatch(pattern, plain)
        if found:
            zh = chinese.format(**found.groupdict())
            hint = found.groupdict().get("b") if "option: " in pattern else None
            zh += f"，是否应为 {hint}？" if hint else ""
            break
    return Text(f"{command}：{zh}（见 {command} --help）", f"{command}: {plain} (see {command} --help)")
