"""Heads are taken apart by hand; here the descriptions they follow are written as patterns."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from backchannel.protocols.http.heads import end_of_head, opens, read_head
from backchannel.reader import WireError

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
REQUEST = re.compile(rb"(" + TOKEN + rb"{1,24})[ \t]+(\S|\S.*\S)[ \t]+HTTP/(\d\.\d)[ \t]*\r?")
ANSWER = re.compile(rb"HTTP/(\d\.\d)[ \t]+(\d{3})(?:[ \t](.*))?\r?")
BLANK = " \t\r"
NAME = re.compile(TOKEN.decode() + "+")
PIECES = st.sampled_from(
    [
        b"GET",
        b"get",
        b" ",
        b"  ",
        b"/",
        b"\t",
        b"\r",
        b"\f",
        b"x" * 25,
        b"HTTP/1.1",
        b"HTTP/1.",
        b"9",
        b":",
    ]
)
LINES = st.lists(PIECES | st.binary(max_size=2), max_size=9).map(b"".join)
FIELDS = st.lists(
    st.sampled_from(
        [b"Host", b"Host: a", b" ", b":", b"\t", b"\r", b"\n", b"\r\n", b"a", b"\xe9", b"("]
    ),
    max_size=20,
).map(b"".join)


@given(LINES)
@example(b"Get\t/ \tHTTP/1.1")
def test_a_request_line_is_what_its_pattern_says(line):
    line = line.replace(b"\n", b"")
    found = REQUEST.fullmatch(line)
    assert opens(line + b"\n", True) is (found is not None)
    try:
        head = read_head(line + b"\n\n", None)
    except WireError:
        assert found is None
    else:
        assert found is not None
        parts = tuple(part.decode("latin-1") for part in found.groups())
        assert (head.method, head.target, head.version) == (parts[0].upper(), *parts[1:])


@given(
    st.lists(
        st.sampled_from([b"HTTP/1.1", b"HTTP/", b"1.0", b" ", b"\t", b"200", b"4", b"OK", b"\r"])
        | st.binary(max_size=2),
        max_size=7,
    ).map(b"".join)
)
@example(b"HTTP/1.1200 OK")
def test_a_status_line_is_what_its_pattern_says(line):
    line = line.replace(b"\n", b"")
    found = ANSWER.fullmatch(line)
    assert opens(line + b"\n", False) is (found is not None)
    try:
        head = read_head(line + b"\n\n", ("GET", "/"))
    except WireError:
        assert found is None
    else:
        assert found is not None
        assert (head.version, head.status) == (found[1].decode(), int(found[2]))
        assert head.reason == (found[3] or b"").decode("latin-1").strip()


@given(FIELDS, st.sampled_from(["host", "a", "hosta", "ho"]))
def test_a_field_is_found_by_its_name(fields, name):
    head = read_head(b"GET / HTTP/1.1\r\n" + fields, None)
    values = tuple(value for key, value in head.headers if key == name)
    assert head.all(name) == values
    assert head.get(name, "none") == (values or ("none",))[0]
    assert head.tokens(name) == [
        part.strip() for value in values for part in value.lower().split(",") if part.strip()
    ]
    assert head.starting(name) is any(key.startswith(name) for key, _ in head.headers)


@given(FIELDS)
def test_header_fields_are_what_their_lines_say(fields):
    head = read_head(b"GET / HTTP/1.1\r\n" + fields, None)
    assert (head.headers, set(head.faults)) == expected(fields.decode("latin-1"))


def expected(text):
    """Read header lines one by one, as RFC 9112 §5 has them."""
    found, faults = [], set()
    for line in text.split("\n"):
        key, colon, value = line.partition(":")
        name = key.rstrip(BLANK)
        if line[:1] in ("", " ", "\t"):
            if line and found:
                found[-1] = found[-1][0], f"{found[-1][1]} {line.strip(BLANK)}".strip(BLANK)
        elif not colon or NAME.fullmatch(name) is None:
            faults |= {"header line without a name"} if line != "\r" else set()
        else:
            faults |= {"blank before the colon of a header"} if name != key else set()
            found.append((name.lower(), value.strip(BLANK)))
    return tuple(found), faults


@given(
    st.lists(st.sampled_from([b"\n", b"\r", b"a"]), max_size=12).map(b"".join),
    st.integers(0, 12),
)
def test_a_head_ends_behind_its_empty_line(data, limit):
    found = re.search(rb"\n\r?\n", data[:limit])
    for start in range(max(0, data.find(b"\n")) + 1):
        assert end_of_head(data, start, limit) == (found.end() if found else -1)
