"""Standard output and error: what their encoding lacks, and what may not be sent to a terminal."""

import codecs
import io
import os
import sys
from collections.abc import Iterable, Iterator

TYPE_CHECKING = False  # as typing has it, which takes a while to load
if TYPE_CHECKING:
    from backchannel.diagnose import document as diagnosis
    from backchannel.report import document as scan

PLAIN = {
    "“": '"',
    "”": '"',
    "’": "'",
    "·": ".",
    "–": "-",
    "…": "...",
    "×": "x",
    "→": "->",
    "━": "=",
}
"""How our own signs are written where the encoding lacks them; all others become escapes."""
STDERR = 2
TOGETHER = 256
"""Entries of a table that are written as JSON at once."""


def prepare() -> None:
    """Let no character that the terminal's encoding lacks end the program."""
    if None in (sys.stdin, sys.stdout, sys.stderr):
        _fill()
    codecs.register_error("plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")


def _fill() -> None:
    """Let something stand where the caller closed a standard stream: else the next file or socket
    that is opened takes its place, and gets what was meant for it. Processes that are started here
    get it too.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        os.set_inheritable(number, True)
    os.close(number)
    sys.stdin = sys.stdin or io.TextIOWrapper(io.FileIO(os.devnull))
    sys.stdout = sys.stdout or io.TextIOWrapper(io.FileIO(os.devnull, "w"))
    sys.stderr = sys.stderr or io.TextIOWrapper(io.FileIO(os.devnull, "w"))


def complain(text: str) -> None:
    """Say on standard error what is wrong. It may hold names of files, which others chose."""
    from backchannel.text import harmless  # noqa: PLC0415 - not for the first page

    print(f"backchannel: {harmless(text)}", file=sys.stderr)


def complain_of_damage(inputs: "Iterable[scan.Input | diagnosis.Input]") -> bool:
    """Say on standard error which captures are damaged, and where; return whether any is."""
    from backchannel.errors import in_one_line  # noqa: PLC0415 - not for the first page

    damaged = [entry for entry in inputs if entry.damage]
    for entry in damaged:
        complain(f"{in_one_line(entry.path)}: {entry.damage}")
    return bool(damaged)


def put_json(value: object) -> None:
    """Write *value* as one line of JSON on standard output."""
    sys.stdout.buffer.writelines(in_parts(value))
    sys.stdout.buffer.write(b"\n")


def in_parts(value: object) -> Iterator[bytes]:
    """Yield the JSON of *value* in parts, so that there is never all of a long answer twice."""
    from msgspec import Struct, json  # noqa: PLC0415 - only where asked

    if isinstance(value, tuple):
        yield b"["
        for at in range(0, len(value), TOGETHER):
            yield b"," * (at > 0) + json.encode(value[at : at + TOGETHER])[1:-1]
        yield b"]"
    elif isinstance(value, Struct) and not any(
        getattr(value.__struct_config__, each) for each in ("array_like", "omit_defaults", "tag")
    ):
        yield b"{"
        comma = b""
        for name, written in zip(
            value.__struct_fields__, value.__struct_encode_fields__, strict=True
        ):
            yield comma + json.encode(written) + b":"
            yield from in_parts(getattr(value, name))
            comma = b","
        yield b"}"
    else:
        yield json.encode(value)


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    plain = (PLAIN.get(each) or each.encode("ascii", "backslashreplace") for each in lacking)
    return "".join(each if isinstance(each, str) else each.decode() for each in plain), error.end
