"""Standard output and error: what their encoding lacks, and what may not be sent to a terminal."""

import codecs
import io
import sys

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


def prepare() -> None:
    """Let no character that the terminal's encoding lacks end the program."""
    codecs.register_error("plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")


def complain(text: str) -> None:
    """Say on standard error what is wrong. It may hold names of files, which others chose."""
    from backchannel.text import harmless  # noqa: PLC0415 - not for the first page

    print(f"backchannel: {harmless(text)}", file=sys.stderr)


def put_json(value: object) -> None:
    """Write *value* as one line of JSON on standard output."""
    import msgspec  # noqa: PLC0415 - only where asked

    sys.stdout.buffer.write(msgspec.json.encode(value))
    sys.stdout.buffer.write(b"\n")  # apart: the line may be long, and would be held twice


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    plain = (PLAIN.get(each) or each.encode("ascii", "backslashreplace") for each in lacking)
    return "".join(each if isinstance(each, str) else each.decode() for each in plain), error.end
