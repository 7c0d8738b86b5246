"""Two processes that stay, one with everything compiled and one with modules as plain Python, and
what differs in what they say of the same capture or conversation.

usage: twins.py compiled|plain     (one of the two: tasks on standard input, answers on its output)
"""

import contextlib
import gc
import os
import re
import select
import subprocess
import sys
import traceback
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

COMPILED, PLAIN = "compiled", "plain"
PATIENCE = 120
"""Seconds within which there must be an answer, on a busy machine."""


class Task(msgspec.Struct):
    """What both are asked."""

    data: bytes
    """A capture to scan; or, with *session*, a conversation as `fuzz_decoders.written` has it."""
    session: bool = False
    events: bool = True
    """Whether somebody iterates over a scan; otherwise most events are only counted."""
    everything: bool = False
    """Whether a scan decodes with --all."""
    shown: bool = True
    """Whether secrets and content are."""


class Answer(msgspec.Struct):
    """What one of them said."""

    told: list[bytes] = []
    """The events of a scan as lines of JSON; whatever a session said, as Python writes it."""
    document: bytes = b"{}"
    raised: str = ""
    """The trace of what was raised, or how the process ended."""


class Difference(NamedTuple):
    """Where two answers part."""

    field: str
    compiled: str
    plain: str

    def __str__(self) -> str:
        return f"{self.field}\n  compiled: {self.compiled}\n  plain:    {self.plain}"

    @property
    def kind(self) -> str:
        """The field, whichever row or line it is in."""
        return re.sub(r"\[\d+\]", "[]", self.field)


# -- one of the two --------------------------------------------------------------------------------


def serve(mode: str) -> None:
    """Answer tasks until there are no more. First say which of our modules are compiled."""
    tasks, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    from tests import plain  # noqa: PLC0415 - before anything of ours is imported

    if mode == PLAIN:
        sys.meta_path.insert(0, plain.Plain())
    from tools import fuzz_decoders  # noqa: F401, PLC0415 - not before that

    from backchannel import pipeline  # noqa: F401, PLC0415 - nor this, which has the engine compiled

    gc.set_threshold(50_000)
    _put(answers, msgspec.msgpack.encode(sorted(filter(plain.is_compiled, sys.modules))))
    while data := _get(tasks):
        task = msgspec.msgpack.decode(data, type=Task)
        try:
            answer = _session(task) if task.session else _scan(task)
        except Exception:  # whatever it is, the other must say the same
            answer = Answer(raised=traceback.format_exc())
        _put(answers, msgspec.msgpack.encode(answer))


def _scan(task: Task) -> Answer:
    from backchannel.pipeline import Scan  # noqa: PLC0415 - only in the two
    from backchannel.privacy import Disclosure  # noqa: PLC0415
    from backchannel.report.jsonlines import line  # noqa: PLC0415

    path = Path("case.pcapng")  # where the process stands: the same name for both
    path.write_bytes(task.data)
    disclosure = Disclosure(secrets=task.shown, content=task.shown)
    run = Scan(path, disclosure=disclosure, everything=task.everything)
    told = [line(seen, disclosure) for seen in run] if task.events else []
    return Answer(told, msgspec.json.encode(run.document))


def _session(task: Task) -> Answer:
    from tests import kit  # noqa: PLC0415 - only in the two
    from tools import fuzz_decoders  # noqa: PLC0415

    from backchannel import protocols  # noqa: PLC0415

    name, case, _ = fuzz_decoders.read(task.data)
    protocol = protocols.load()[name]
    seen = kit.peek(kit.Flow(case.start, case.steps))
    turned = msgspec.structs.replace(seen, client=seen.server, server=seen.client, begun=False)
    told = [repr(protocol.recognise(peek)) for peek in (seen, turned)]
    session = protocol.session(case.start)
    for side, data in case.steps:
        if session.done or session.standing.name == "REFUTED":
            break
        outputs = session.feed(side, data) if isinstance(data, bytes) else session.gap(side, data)
        told.append(f"{outputs} {session.standing} {session.service} {session.done}")
    told += [f"{session.end(side)} {session.standing} {session.service}" for side in kit.Side]
    return Answer([text.encode(errors="backslashreplace") for text in told])


def _put(file: BinaryIO, data: bytes) -> None:
    file.write(len(data).to_bytes(4, "little") + data)
    file.flush()


def _get(file: BinaryIO) -> bytes:
    head = file.read(4)
    return file.read(int.from_bytes(head, "little")) if len(head) == 4 else b""


# -- the two ---------------------------------------------------------------------------------------


class Worker:
    """One of the two processes, begun again when it ended or did not answer."""

    def __init__(self, mode: str, place: Path) -> None:
        self._mode, self._place, self._log = mode, place / mode, place / f"{mode}.log"
        self._place.mkdir()
        self.begin()

    def begin(self) -> None:
        """Start the process; `compiled` are the modules that it runs compiled."""
        paths = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__).absolute()), self._mode],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self._place,
                env=os.environ | {"PYTHONHASHSEED": "0", "PYTHONPATH": paths},
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self.compiled: list[str] = msgspec.msgpack.decode(_get(self._out) or b"\x90")

    def ask(self, task: Task) -> None:
        """Begin with a task."""
        with contextlib.suppress(BrokenPipeError):
            _put(self._in, msgspec.msgpack.encode(task))

    def answer(self, patience: float = PATIENCE) -> Answer:
        """Return the answer; where there is none, how the process ended."""
        ready, _, _ = select.select([self._out], [], [], patience)
        if ready and (data := _get(self._out)):
            return msgspec.msgpack.decode(data, type=Answer)
        if not ready:
            self.kill()
        self.end()
        told = f"ended with {self._process.returncode}" if ready else f"no answer in {patience} s"
        last = self._log.read_text(errors="replace")[-2000:]
        self.begin()
        return Answer(raised=f"{told}\n{last}")

    def said(self) -> str:
        """Return what it wrote for people since the last time: traces of faults."""
        text = self._log.read_text(errors="replace")
        os.truncate(self._log, 0)
        return text

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    def end(self) -> None:
        """Let the process end."""
        with contextlib.suppress(BrokenPipeError):
            self._in.close()
        self._process.wait()
        self._out.close()


class Twins:
    """Both processes, each in a folder of its own in *place*."""

    def __init__(self, place: Path) -> None:
        self.workers = {mode: Worker(mode, place) for mode in (COMPILED, PLAIN)}

    def __enter__(self) -> "Twins":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers.values():
            worker.end()

    def compare(self, task: Task) -> Difference | None:
        """Give both a task; return the first difference, or what both did wrong."""
        for worker in self.workers.values():
            worker.ask(task)
        compiled, plain = (worker.answer() for worker in self.workers.values())
        return difference(compiled, plain)

    def said(self) -> str:
        """Return the traces that the two wrote."""
        return "\n".join(
            f"{mode}:\n{text}" for mode, worker in self.workers.items() if (text := worker.said())
        )


# -- what differs ----------------------------------------------------------------------------------


def difference(compiled: Answer, plain: Answer) -> Difference | None:
    """Return where the answers part, and what is a fault in both as well."""
    if compiled.raised or plain.raised:
        return Difference("raised", compiled.raised, plain.raised)
    for number, (one, other) in enumerate(zip(compiled.told, plain.told, strict=False)):
        if one != other:
            told = _parted(_value(one), _value(other))
            return told._replace(field=f"told[{number}]{told.field}")
    if len(compiled.told) != len(plain.told):
        return Difference("told", f"{len(compiled.told)} lines", f"{len(plain.told)} lines")
    document = msgspec.json.decode(compiled.document)
    if compiled.document != plain.document:
        told = _parted(document, msgspec.json.decode(plain.document))
        return told._replace(field=f"document{told.field}")
    faults = [what for what in document.get("unseen", ()) if what.startswith("fault")]
    return Difference(f"both: {faults[0]}", "", "") if faults else None


def _value(line: bytes) -> object:
    try:
        return msgspec.json.decode(line)
    except msgspec.DecodeError:
        return line.decode()


def _parted(one: object, other: object) -> Difference:
    """Return the first difference of two that are not the same."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in dict.fromkeys([*one, *other]):
            if key not in one or key not in other:
                return Difference(f".{key}", _cut(one.get(key)), _cut(other.get(key)))
            if not _same(one[key], other[key]):
                told = _parted(one[key], other[key])
                return told._replace(field=f".{key}{told.field}")
    if isinstance(one, list) and isinstance(other, list):
        for number, (a, b) in enumerate(zip(one, other, strict=False)):
            if not _same(a, b):
                told = _parted(a, b)
                return told._replace(field=f"[{number}]{told.field}")
        return Difference("", f"{len(one)}: {_cut(one)}", f"{len(other)}: {_cut(other)}")
    if isinstance(one, str) and isinstance(other, str):
        pairs = enumerate(zip(one, other, strict=False))
        at = next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
        return Difference("", _cut(one[max(0, at - 60) :]), _cut(other[max(0, at - 60) :]))
    return Difference("", _cut(one), _cut(other))


def _same(one: object, other: object) -> bool:
    return msgspec.json.encode(one) == msgspec.json.encode(other)  # 1 is not True


def _cut(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:300]}..."


if __name__ == "__main__":
    serve(sys.argv[1])
