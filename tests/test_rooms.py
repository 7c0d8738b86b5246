"""Rooms import only to their left, and only the rooms that must touch the outside do."""

import ast
import re
from pathlib import Path

import pytest

import backchannel

ROOT = Path(backchannel.__file__).parent
SHARED = {
    "model",
    "events",
    "effects",
    "reader",
    "hashes",
    "text",
    "errors",
    "contract",
    "decoder",
    "when",
    "yamlfile",
    "patterns",
    "grades",
    "suggest",
}
ORDER = [
    "capture",
    "flows",
    "protocols",
    "templates",
    "listed",
    "catalogue",
    "extract",
    "engine",
    "privacy",
    "detect",
    "packs",
    "report",
    "pipeline",
    "diagnose",
    "policy",
    "evaluate",
    "notify",
    "netlink",
    "process",
    "remark",
    "apply",
    "prove",
    "confine",
    "live",
    "enforce",
    "host",
    "probe",
    "cli",
    "__main__",
]
IO = {"socket", "subprocess", "urllib.request", "http.client", "asyncio", "selectors", "time", "os"}
PURE = {*SHARED, "protocols"}


def modules():
    return sorted(ROOT.rglob("*.py"))


def types():
    """The C types of Python modules that are compiled: all that they may import are types."""
    return sorted(path for path in ROOT.rglob("*.pxd") if path.with_suffix(".py").exists())


def room(path):
    return path.relative_to(ROOT).with_suffix("").parts[0]


def imports(path):
    """Every module that *path* imports, also inside functions."""
    if path.suffix == ".pxd":
        yield from re.findall(r"^from (\S+) cimport", path.read_text(), re.MULTILINE)
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize(
    "path", [*modules(), *types()], ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_room_imports_only_to_its_left(path):
    here = room(path)
    if here == "__init__":
        return
    for name in imports(path):
        if not name.startswith("backchannel."):
            continue
        there = name.split(".")[1]
        if there in SHARED or there == here or here in SHARED:
            assert here not in SHARED or there in SHARED, f"{name} is not a shared noun"
            continue
        assert ORDER.index(there) < ORDER.index(here), f"{here} must not import {there}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_decoders_do_no_input_or_output(path):
    if room(path) not in PURE:
        return
    assert not IO & set(imports(path))
    calls = [
        node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
    ]
    assert not {call.id for call in calls if isinstance(call, ast.Name)} & {
        "open",
        "print",
        "input",
    }


def test_every_room_is_in_the_order():
    rooms = {room(path) for path in modules()} - SHARED - {"__init__"}
    assert rooms <= set(ORDER)
