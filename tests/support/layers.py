"""The house's rules for imports, clocks and docstrings, as functions from source text to faults."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Room:
    """One package of the house: whose names it may import, and whether it stays free of I/O and clock."""

    uses: tuple[str, ...]
    pure: bool = False


ROOMS = {
    "grid": Room((), pure=True),
    "alerts": Room(("grid",), pure=True),
    "collector": Room(("grid",)),
    "stores": Room(("grid", "alerts")),
    "simulator": Room(("grid", "collector.wire", "collector.mqtt.broker_address")),
    "service": Room(("grid", "alerts", "collector", "stores", "simulator")),
    "dashboard": Room(("grid", "alerts", "service")),
    "web": Room(("grid", "alerts", "service")),
}
"""Who may import whom; a dotted name allows that module of a room and no other."""

FOLDERS = {
    "alerts": {
        "model": ("rules",),
        "rules": (),
        "quality": ("model", "rules"),
        "verdicts": ("model", "quality", "rules"),
        "silence": ("model",),
        "outages": ("silence",),
        "outreach": ("model",),
        "effect": ("model", "quality", "rules"),
        "notification": ("model", "outreach", "quality", "silence", "verdicts"),
    },
    "collector": {
        "wire": (),
        "decoding": ("wire",),
        "devices": ("decoding", "wire"),
        "files": ("decoding", "wire"),
        "mqtt": ("wire",),
    },
    "stores": {
        "journal": (),
        "records": (),
        "ledger_files": (),
        "influx": ("journal", "records"),
        "maintenance": ("journal", "records"),
    },
    "simulator": {
        "scenario": (),
        "physics": ("scenario",),
        "town": ("physics", "scenario"),
        "faults": ("scenario",),
        "picture": ("scenario",),
        "publish": ("faults", "scenario"),
        "fleet": ("publish",),
    },
}
"""Within a room, by folder: whose modules its own may import. What lies directly in the room is open to all of them."""

OUTSIDE = {
    "numpy": tuple(ROOMS),
    "msgspec": ("collector", "simulator", "service"),
    "pydantic": ("collector", "stores", "simulator", "service"),
    "paho": ("collector", "simulator"),
    "sqlalchemy": ("stores",),
    "alembic": ("stores",),
    "influxdb_client": ("stores",),
    "urllib3": ("stores",),
    "openpyxl": ("stores", "service"),
    "xlsxwriter": ("stores", "service"),
    "psycopg": ("stores",),
    "amqtt": ("simulator",),
    "pydantic_settings": ("service",),
    "prometheus_client": ("service",),
    "rich": ("service",),
    "typer": ("service",),
    "pandas": ("dashboard",),
    "streamlit": ("dashboard", "web"),
    "starlette": ("web",),
    "argon2": ("service",),
    "zxcvbn": ("service",),
}
"""Libraries from outside, and the rooms that may use them."""

PURE_STANDARD = {
    "__future__", "abc", "array", "bisect", "collections", "copy", "dataclasses", "datetime", "decimal", "enum",
    "errno", "fractions", "functools", "hashlib", "heapq", "itertools", "json", "math", "operator", "re", "statistics",
    "string", "struct", "textwrap", "tomllib", "types", "typing", "unicodedata", "zoneinfo",
}  # fmt: skip
"""Standard modules without I/O and clock. A time zone is read from a file, and is a constant all the same."""

CLOCK_FILE = Path("service/clock.py")
"""The only file that reads the real clock."""

_CLOCK_CALLS = {"time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.strftime", "time.ctime"}
_DATETIME_CLOCK_METHODS = {"now", "utcnow", "today"}
_DATETIME_NAMES = {"datetime", "date"}
_IMPURE_CALLS = {"open", "input", "print", "exec", "eval"}
_IMPURE_ATTRIBUTES = {"read_text", "write_text", "read_bytes", "write_bytes", "tofile", "default_rng"}
_VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}


def faults_of_file(path: Path, root: Path) -> list[str]:
    """Return every fault of one source file as `file:line: what`."""
    inside = path.relative_to(root)
    return faults_of_source(path.read_text(encoding="utf-8"), inside)


def faults_of_source(source: str, inside: Path) -> list[str]:
    """Return every fault of a source text that stands at `inside`, a path below the repository's root."""
    room_name = inside.parts[0]
    room = ROOMS[room_name]
    tree = ast.parse(source, filename=str(inside))
    faults = [
        *_import_faults(tree, room_name, room),
        *_folder_faults(tree, inside),
        *_docstring_faults(tree, inside),
        *([] if inside == CLOCK_FILE else _clock_faults(tree)),
        *(_purity_faults(tree) if room.pure else []),
        *([(1, f"the name {inside.stem} says nothing")] if inside.stem in _VAGUE_NAMES else []),
    ]
    return [f"{inside}:{line}: {what}" for line, what in sorted(faults)]


def imported_modules(tree: ast.Module) -> Iterator[tuple[int, str, int]]:
    """Yield (line, dotted name, level) of every import, also those inside functions and TYPE_CHECKING blocks."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for name in names:
                    yield node.lineno, name.name, 0
            case ast.ImportFrom(module=module, names=names, level=level):
                for name in names:
                    yield node.lineno, f"{module}.{name.name}" if module else name.name, level


def _import_faults(tree: ast.Module, room_name: str, room: Room) -> Iterator[tuple[int, str]]:
    for line, name, level in imported_modules(tree):
        top = name.partition(".")[0]
        if level:
            yield line, f"imports {name} relatively; write the whole name"
        elif top in ROOMS:
            if top != room_name and not any(f"{name}.".startswith(f"{allowed}.") for allowed in room.uses):
                yield line, f"{room_name} may not import {name}"
        elif top in sys.stdlib_module_names:
            if room.pure and top not in PURE_STANDARD:
                yield line, f"{room_name} does no I/O and reads no clock, so it may not import {top}"
        elif room_name not in OUTSIDE.get(top, ()):
            yield line, f"{room_name} may not import {top} (see OUTSIDE in tests/support/layers.py)"


def _folder_faults(tree: ast.Module, inside: Path) -> Iterator[tuple[int, str]]:
    folders = FOLDERS.get(inside.parts[0], {})
    own = inside.parts[1] if len(inside.parts) > 2 else ""
    if not folders or not own:
        return
    if own not in folders:
        yield 1, f"{inside.parts[0]}/{own} has no line in FOLDERS of tests/support/layers.py"
        return
    for line, name, _ in imported_modules(tree):
        room, _, rest = name.partition(".")
        folder = rest.partition(".")[0]
        if room == inside.parts[0] and folder in folders and folder not in (own, *folders[own]):
            yield line, f"{room}/{own} may not import {room}/{folder}"


def _clock_faults(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute):
            continue
        name = ast.unparse(node)
        owner = ast.unparse(node.value).rpartition(".")[2]
        if name in _CLOCK_CALLS or (node.attr in _DATETIME_CLOCK_METHODS and owner in _DATETIME_NAMES):
            yield node.lineno, f"reads the real clock by {name}; take the moment as an argument"
    for line, name, _ in imported_modules(tree):
        if name in _CLOCK_CALLS:
            yield line, f"imports {name}, the real clock; take the moment as an argument"


def _purity_faults(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in _IMPURE_CALLS:
                yield node.lineno, f"calls {name}(), which is I/O"
            case ast.Call(func=ast.Attribute(attr=name)) if name in _IMPURE_ATTRIBUTES:
                yield node.lineno, f"calls .{name}(), which does not depend on its arguments alone"


def _docstring_faults(tree: ast.Module, inside: Path) -> Iterator[tuple[int, str]]:
    if ast.get_docstring(tree) is None:
        yield 1, "the module has no docstring"
    if not inside.stem.startswith("_") or inside.stem == "__init__":
        yield from _docstring_faults_in(tree.body, "")


def _docstring_faults_in(body: list[ast.stmt], owner: str) -> Iterator[tuple[int, str]]:
    for node in body:
        match node:
            case ast.If(body=inner, orelse=other):
                yield from _docstring_faults_in([*inner, *other], owner)
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                if name.startswith("_"):
                    continue
                if ast.get_docstring(node) is None and not _takes_its_docstring_from_elsewhere(node):
                    yield node.lineno, f"{owner}{name} has no docstring"
                if isinstance(node, ast.ClassDef):
                    yield from _docstring_faults_in(node.body, f"{name}.")


def _takes_its_docstring_from_elsewhere(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    marks = {ast.unparse(mark).rpartition(".")[2] for mark in node.decorator_list}
    return not marks.isdisjoint({"overload", "override", "setter"})
