"""Records: what is read, and what is none."""

import msgspec
import pytest

from backchannel.errors import InputError
from backchannel.host import ledger

BEGAN = ledger.Began(tool="t", time="2026-11-29T10:00:00.000001Z", interval=0.2, openings=True)


def written(path, *lines):
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    return path


def test_a_line_that_is_being_written_is_not_read(tmp_path):
    path = written(tmp_path / "r", BEGAN)
    path.write_bytes(path.read_bytes() + b'{"kind":"fin')
    assert ledger.read(path).finished is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "is no record"),
        (b"{}\n", "line 1"),
        (b"\xff\xff\n", "line 1"),
        (b'{"kind":"ended","socket":1,"time":"x"}\n', "is no record"),
        (msgspec.json.encode(BEGAN) + b'\n{"kind":"odd"}\n', "line 2"),
        (msgspec.json.encode(msgspec.structs.replace(BEGAN, version=9)) + b"\n", "version 9"),
        (
            msgspec.json.encode(msgspec.structs.replace(BEGAN, time="x")) + b"\n",
            "Invalid isoformat",
        ),
        (
            msgspec.json.encode(msgspec.structs.replace(BEGAN, time="2026-11-29T10:00:00")) + b"\n",
            "time zone",
        ),
    ],
)
def test_what_is_no_record_is_said_with_its_line(tmp_path, text, said):
    path = tmp_path / "r"
    path.write_bytes(text)
    with pytest.raises(InputError, match=said):
        ledger.read(path)


def test_a_line_without_end_is_no_end_of_the_record(tmp_path, monkeypatch):
    """Else whoever makes it long would hide all that comes after it."""
    monkeypatch.setattr(ledger, "LINE", 200)
    long = ledger.Network(network="net:[1]", time=BEGAN.time, addresses=("10.0.0.1",) * 99)
    path = written(tmp_path / "r", BEGAN, long, BEGAN)
    with pytest.raises(InputError, match="line 2"):
        ledger.read(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        ledger.read(tmp_path / "none")


def test_times_are_exact_to_the_microsecond():
    assert ledger.nanoseconds("1970-01-01T00:00:01.000001Z") == 1_000_001_000
