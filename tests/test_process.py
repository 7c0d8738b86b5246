"""Processes of our own run our code and nobody else's."""

import ast
import subprocess
from pathlib import Path

import backchannel
from backchannel import process

ROOT = Path(backchannel.__file__).parent


def test_nothing_is_imported_from_the_current_folder(tmp_path, monkeypatch):
    """A guard that root starts in /tmp must not run what somebody has put there."""
    (tmp_path / "msgspec.py").write_text("print('somebody else')")
    monkeypatch.chdir(tmp_path)
    started = process.start("prove.worker", 0, stdout=subprocess.PIPE)
    told, _ = started.communicate(timeout=60)
    assert (told, started.returncode) == (b"", 0)


def test_a_session_of_its_own():
    with process.start("enforce.sender", stdin=subprocess.PIPE) as started:
        group = Path(f"/proc/{started.pid}/stat").read_text().rpartition(")")[2].split()[3]
        started.stdin.close()
    assert int(group) == started.pid


def test_python_is_never_started_without_that():
    starting = [path for path in ROOT.rglob("*.py") if "sys.executable" in path.read_text()]
    assert starting
    for path in starting:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.List | ast.Tuple) and node.elts:
                words = list(map(ast.unparse, node.elts))
                assert words[0] != "sys.executable" or words[1] == "'-P'", f"{path}:{node.lineno}"


def test_deaths_are_counted_within_their_time(monkeypatch):
    clock = iter([0.0, 30.0, 60.0, 60.5, 200.0])
    monkeypatch.setattr(process.time, "monotonic", lambda: next(clock))
    deaths = process.Deaths(60)
    assert [deaths.another() for _ in range(5)] == [1, 2, 3, 3, 1]
