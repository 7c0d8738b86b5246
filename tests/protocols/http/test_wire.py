"""The HTTP/1.x layer: framing, matching, codings, gaps, upgrades, and the laws."""

import gzip
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kit import footprint, recut

from backchannel.model import Side
from backchannel.protocols.http import bodies
from backchannel.protocols.http.heads import Head
from backchannel.protocols.http.wire import (
    _SEEK,
    Body,
    Broken,
    Conversation,
    Done,
    Raw,
    Skipped,
)

C, S = Side.CLIENT, Side.SERVER
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
CONNECT = b"CONNECT a:1 HTTP/1.1\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def tell(steps, ends=True, **options):
    """Return what a conversation tells; neighbouring pieces of bytes glued together."""
    conversation = Conversation(**options)
    told = []
    for side, what in steps:
        told += (
            conversation.feed(side, what)
            if isinstance(what, bytes)
            else conversation.gap(side, what)
        )
    if ends:
        told += conversation.end(C) + conversation.end(S)
    glued = []
    for side, item in told:
        last = glued[-1] if glued else (None, None)
        if isinstance(item, Body | Raw) and last[0] is side and type(last[1]) is type(item):
            glued[-1] = side, type(item)(last[1].data + item.data)
        else:
            glued.append((side, item))
    return glued


def items(steps, kind, **options):
    return [item for _, item in tell(steps, **options) if isinstance(item, kind)]


def body(answer, **options):
    """The body bytes of an answer to GET and whether it was whole."""
    told = [item for side, item in tell([(C, GET), (S, answer)], **options) if side is S]
    data = b"".join(item.data for item in told if isinstance(item, Body))
    return data, [item.complete for item in told if isinstance(item, Done)]


def test_a_head_is_read():
    block = (
        b"POST /a b?c HTTP/1.0\r\nHost: x\r\nX-Long: one\r\n  two\r\n\tthree\r\n"
        b"accept: q\r\nAccept : r\r\nno colon\r\nName:\xe9\r\n\r\n"
    )
    (head,) = items([(C, block)], Head)
    assert (head.request, head.method, head.target, head.version) == (True, "POST", "/a b?c", "1.0")
    assert head.headers == (
        ("host", "x"),
        ("x-long", "one two three"),
        ("accept", "q"),
        ("accept", "r"),
        ("name", "é"),
    )
    assert head.get("accept") == "q"
    assert head.all("accept") == ("q", "r")
    assert head.get("nothing", "-") == "-"
    assert head.raw == block
    assert [broken.lost for broken in items([(C, block)], Broken)] == [False, False]


def test_bare_line_feeds_and_leading_empty_lines():
    told = tell([(C, b"\r\n\nGET /x HTTP/1.1\nA: b\n\n"), (S, b"HTTP/1.0 501 Not Implemented\n\n")])
    heads = [item for _, item in told if isinstance(item, Head)]
    assert [head.get("a") for head in heads] == ["b", ""]
    assert (heads[1].status, heads[1].reason) == (501, "Not Implemented")
    assert (heads[1].method, heads[1].target) == ("GET", "/x")


def test_a_status_line_needs_no_reason():
    for line in (b"HTTP/1.1 204\r\n\r\n", b"HTTP/1.1 204 \r\n\r\n"):
        (head,) = items([(S, line)], Head)
        assert (head.status, head.reason) == (204, "")


@pytest.mark.parametrize(
    "junk",
    [
        b"GET /\r\n\r\n",
        b"\x05\x01\x00",
        b"GNUTELLA CONNECT/0.6\r\n\r\n",
        b"x" * 25,
        b"GET / HTTP/x\r\n",
        b"HELO\nGET / HTTP/1.1\r\n\r\n",
    ],
)
def test_junk_is_reported_once_and_then_silence(junk):
    told = tell([(C, junk), (C, GET)])
    assert told == [(C, Broken("not an HTTP request", lost=True))]


def test_junk_from_the_server():
    assert tell([(S, b"ICY 200 OK\r\n\r\n")]) == [(S, Broken("not an HTTP answer", lost=True))]


def test_a_head_is_bounded():
    block = b"GET / HTTP/1.1\r\nA: " + b"x" * 200 + b"\r\n\r\n"
    assert items([(C, block)], Head, limit=len(block))
    assert tell([(C, block)], limit=len(block) - 1) == [
        (C, Broken(f"head longer than {len(block) - 1} bytes", lost=True))
    ]


def test_pipelined_answers_find_their_requests():
    requests = b"HEAD /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\n\r\n"
    answers = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"
        b"HTTP/1.1 100 Continue\r\n\r\n"
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
    )
    told = [item for side, item in tell([(C, requests), (S, answers)]) if side is S]
    heads = [item for item in told if isinstance(item, Head)]
    assert [(head.method, head.target, head.status) for head in heads] == [
        ("HEAD", "/1", 200),
        ("GET", "/2", 100),
        ("GET", "/2", 304),
        ("GET", "/3", 200),
    ]
    assert told[-2:] == [Body(b"abc"), Done(True)]
    assert [item for item in told if isinstance(item, Done)] == [Done(True)] * 4


def test_content_length_bodies_and_a_cut_one():
    assert body(OK) == (b"hi", [True])
    assert body(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi") == (b"hi", [False])
    assert body(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" + OK) == (b"hi", [True, True])


def test_a_body_until_the_connection_closes():
    assert body(b"HTTP/1.0 200 OK\r\n\r\nall of it") == (b"all of it", [True])


def test_chunks_are_joined():
    answer = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"4;name=value\r\nWiki\r\n0005\r\npedia\r\n00\r\nTrailer: x\r\n\r\n" + OK
    )
    assert body(answer) == (b"Wikipediahi", [True, True])
    assert body(answer.replace(b"\r\n", b"\n")) == (b"Wikipediahi", [True, True])


def test_verbatim_hands_on_every_byte():
    coded = b"4\r\nWiki\r\n0\r\nT: x\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
    assert body(head + coded + OK, verbatim=True) == (coded + b"hi", [True, True])


@pytest.mark.parametrize(
    "coded",
    [b"zz\r\n", b"4\r\nWikiX\r\n", b"-1\r\n", b"\r\n", b"1" * 16 + b"\r\n", b"1;" + b"x" * 5000],
)
def test_bad_chunks_lose_the_framing(coded):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    told = tell([(C, GET), (S, head + coded), (S, OK)])
    assert isinstance(told[-2][1], Broken)
    assert told[-2][1].lost
    assert told[-1] == (S, Done(False))


TEXT = b"the quick brown fox " * 5000


def _bare_deflate(data):
    squeeze = zlib.compressobj(wbits=-15)
    return squeeze.compress(data) + squeeze.flush()


@pytest.mark.parametrize(
    ("coding", "coded"),
    [
        (b"gzip", gzip.compress(TEXT, mtime=0)),
        (b"x-gzip", gzip.compress(TEXT[:77], mtime=0) + gzip.compress(TEXT[77:], mtime=0)),
        (b"gzip", gzip.compress(TEXT, mtime=0) + b"junk"),
        (b"deflate", zlib.compress(TEXT)),
        (b"deflate", _bare_deflate(TEXT)),
    ],
)
def test_codings_are_undone(coding, coded):
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n"
    answer = head % (coding, len(coded)) + coded
    assert body(answer) == (TEXT, [True])
    assert body(answer, decode=False) == (coded, [True])
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: %b\r\n\r\n"
    cut = b"%x\r\n%b\r\n1\r\n%b\r\n0\r\n\r\n" % (len(coded) - 1, coded[:-1], coded[-1:])
    assert body(chunked % coding + cut) == (TEXT, [True])


def test_damage_in_a_coded_body_costs_only_that_body():
    coded = gzip.compress(TEXT)[:-8] + bytes(8)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    told = tell([(C, GET * 2), (S, head % len(coded) + coded + OK)])
    assert (S, Broken("damaged compressed body")) in told
    assert told[-2:] == [(S, Body(b"hi")), (S, Done(True))]
    assert (S, Done(False)) in told


def test_a_bomb_stops_at_its_bound():
    coded = gzip.compress(bytes(64 << 20))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    told = tell([(C, GET), (S, head % len(coded) + coded)])
    broken = [item for _, item in told if isinstance(item, Broken)]
    assert [item.reason for item in broken] == ["compressed body expands more than 100 times"]
    size = sum(len(item.data) for _, item in told if isinstance(item, Body))
    assert size <= bodies.FREE + 1032 * bodies.BLOCK
    assert told[-1] == (S, Done(False))


@pytest.mark.parametrize(
    ("headers", "fault", "data"),
    [
        (b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "both Content-Length and", b"hi"),
        (b"Content-Length: 2\r\nContent-Length: 3\r\n", "Content-Length headers disagree", b"hi"),
        (b"Content-Length : 2\r\n", "blank before the colon", b"hi"),
    ],
)
def test_contradictions_are_reported_and_survived(headers, fault, data):
    coded = b"2\r\nhi\r\n0\r\n\r\n" if b"chunked" in headers else b"hi"
    told = tell([(C, b"POST / HTTP/1.1\r\n" + headers + b"\r\n" + coded + GET)])
    (broken,) = (item for _, item in told if isinstance(item, Broken))
    assert broken.reason.startswith(fault)
    assert not broken.lost
    assert (C, Body(data)) in told
    assert [item.target for _, item in told if isinstance(item, Head)] == ["/", "/"]


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Length: 00000000000000000000002",  # 1*DIGIT, RFC 9110 §8.6
        b"Content-Length: %b2" % (b"0" * 5000),
        b"Transfer-Encoding: identity\r\nContent-Length: 2",  # RFC 2616 §4.4
    ],
)
def test_what_follows_a_length_written_another_way(header):
    told = tell(
        [
            (C, b"PUT / HTTP/1.1\r\n" + header + b"\r\n\r\nhi" + GET),
            (S, b"HTTP/1.1 200 OK\r\n" + header + b"\r\n\r\nhi" + OK),
        ]
    )
    assert len([item for _, item in told if isinstance(item, Head)]) == 4
    assert not [item for _, item in told if isinstance(item, Broken)]


@pytest.mark.parametrize("size", [19, 5000])
def test_a_length_that_nobody_means_is_none(size):
    """Python itself reads no more than 4,300 digits."""
    header = b"Content-Length: " + b"9" * size + b"\r\n\r\n"
    told = tell([(C, b"PUT / HTTP/1.1\r\n" + header + b"hi"), (S, b"HTTP/1.1 200 OK\r\n" + header)])
    reasons = [item.reason for _, item in told if isinstance(item, Broken)]
    assert reasons == ["Content-Length is no number"] * 2


def test_equal_lengths_are_no_contradiction():
    assert not items([(C, b"PUT / HTTP/1.1\r\nContent-Length: 2, 2\r\n\r\nhi" + GET)], Broken)


@pytest.mark.parametrize(
    "header", [b"Content-Length: -1", b"Content-Length: x", b"Transfer-Encoding: gzip"]
)
def test_a_request_whose_end_nobody_knows_is_lost(header):
    told = tell([(C, b"POST / HTTP/1.1\r\n" + header + b"\r\n\r\n" + GET)])
    assert [item.lost for _, item in told if isinstance(item, Broken)] == [True]


def test_an_answer_whose_length_is_no_number_lasts_until_the_end():
    assert body(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc") == (b"abc", [True])


def test_connect_accepted_is_raw_both_ways_early_bytes_too():
    answer = b"HTTP/1.1 200 Connection established\r\nContent-Length: 7\r\n\r\n"
    told = tell([(C, CONNECT + b"early"), (S, answer + b"serv"), (C, b"late")])
    assert [item for _, item in told if isinstance(item, Raw)] == [
        Raw(b"early"),
        Raw(b"serv"),
        Raw(b"late"),
    ]
    assert [side for side, item in told if isinstance(item, Raw)] == [C, S, C]
    assert [item for _, item in told if isinstance(item, Done)] == [Done(True)] * 2


def test_connect_refused_goes_on_with_http():
    refusal = b"HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno"
    told = tell([(C, CONNECT + CONNECT), (S, refusal), (S, b"HTTP/1.0 200 OK\r\n\r\nX")])
    assert [item.status for _, item in told if isinstance(item, Head)] == [0, 407, 0, 200]
    assert told[-1] == (S, Raw(b"X"))


def test_connect_whose_answer_nobody_saw():
    assert tell([(C, CONNECT + b"\x16\x03\x01")])[-1] == (C, Raw(b"\x16\x03\x01"))
    assert [item.method for item in items([(C, CONNECT + GET)], Head)] == ["CONNECT", "GET"]
    late = [(C, CONNECT + b"\x16\x03"), (C, bytes(70000))]
    (raw,) = items(late, Raw, ends=False)
    assert len(raw.data) == 70002


def test_connect_whose_answer_fell_into_a_gap():
    told = tell([(C, CONNECT), (S, 40), (S, b"SSH-2.0-x\r\n"), (C, b"SSH")])
    assert told[-2:] == [(S, Raw(b"SSH-2.0-x\r\n")), (C, Raw(b"SSH"))]
    told = tell([(C, CONNECT), (S, 40), (S, OK)])
    assert told[-1] == (S, Raw(b"hi"))


def test_a_gap_in_what_waits_for_the_answer_keeps_its_place():
    told = tell([(C, CONNECT + b"a"), (C, 5), (C, b"b"), (S, b"HTTP/1.1 200 OK\r\n\r\n")])
    assert told[-3:] == [(C, Raw(b"a")), (C, Skipped(5)), (C, Raw(b"b"))]


def test_an_established_tunnel_is_known_from_the_answer_alone():
    told = tell([(S, b"HTTP/1.0 200 Connection Established\r\n\r\n\x01")])
    assert told[-1] == (S, Raw(b"\x01"))


def test_upgrade():
    ask = b"GET /chat HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    told = tell([(C, ask), (S, b"HTTP/1.1 101 Switching\r\n\r\n\x81"), (C, b"\x82")])
    assert told[-2:] == [(S, Raw(b"\x81")), (C, Raw(b"\x82"))]
    told = tell([(C, ask + GET), (S, OK + OK)])
    assert [item.target for _, item in told if isinstance(item, Head)] == [
        "/chat",
        "/chat",
        "/",
        "/",
    ]


def test_http2_is_raw():
    preface = b"PRI * HTTP/2.0\r\n\r\n"
    told = tell([(C, preface + b"SM\r\n\r\n"), (S, b"\0\0\0\4")])
    assert told == [(C, Raw(preface + b"SM\r\n\r\n")), (S, Raw(b"\0\0\0\4"))]


def test_roles_may_be_reversed():
    told = tell([(S, GET), (C, OK)], client=S)
    assert [(side, item.request) for side, item in told if isinstance(item, Head)] == [
        (S, True),
        (C, False),
    ]


def test_a_gap_inside_a_body_is_counted_off_it():
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
    told = tell([(C, GET * 2), (S, head + b"abc"), (S, 4), (S, b"xyz" + OK)])
    assert [item for side, item in told if side is S and not isinstance(item, Head)] == [
        Body(b"abc"),
        Skipped(4),
        Body(b"xyz"),
        Done(False),
        Body(b"hi"),
        Done(True),
    ]


def test_a_gap_to_the_exact_end_of_a_body():
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
    told = tell([(C, GET * 2), (S, head + b"abc"), (S, 7), (S, OK)])
    assert told[-1] == (S, Done(True))
    assert (S, Skipped(7)) in told


def test_a_gap_beyond_a_body_resynchronises_at_the_next_start_line():
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
    told = tell([(C, GET * 2), (S, head + b"abc"), (S, 90), (S, b"rest of something" + OK)])
    answers = [item for side, item in told if side is S]
    assert answers[2:4] == [Skipped(7), Done(False)]
    assert (answers[4].status, answers[4].method) == (200, "")
    assert answers[5:] == [Body(b"hi"), Done(True)]


def test_a_gap_inside_a_chunk_and_beyond_it():
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    inside = [(C, GET), (S, head + b"a\r\nabc"), (S, 7), (S, b"\r\n1\r\nZ\r\n0\r\n\r\n")]
    told = [item for side, item in tell(inside) if side is S][1:]
    assert told == [Body(b"abc"), Skipped(7), Body(b"Z"), Done(False)]
    beyond = [(C, GET), (S, head + b"a\r\nabc"), (S, 8), (S, b"1\r\nZ\r\n0\r\n\r\n" + OK)]
    told = [item for side, item in tell(beyond) if side is S][1:]
    assert told[:3] == [Body(b"abc"), Skipped(7), Done(False)]
    assert told[-1] == Done(True)


def test_a_gap_ends_the_decoding_of_a_coded_body():
    coded = gzip.compress(bytes(range(256)) * 8)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    steps = [(C, GET), (S, head % len(coded) + coded[:50]), (S, 10), (S, coded[60:])]
    told = [item for side, item in tell(steps) if side is S][1:]
    assert [type(item) for item in told] == [Body, Skipped, Done]


def test_a_gap_in_a_head_and_after_lost_framing():
    told = tell([(C, b"GET / HT"), (C, 5), (C, b"\r\nX: y\r\n\r\n" + GET)])
    assert [item.target for _, item in told if isinstance(item, Head)] == ["/"]
    told = tell([(C, b"\0\1"), (C, GET), (C, 5), (C, GET)])
    assert [type(item) for _, item in told] == [Broken, Head, Done]


def test_a_start_amid_the_stream():
    steps = [
        (S, b"body bytesHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nA"),
        (C, b"tail\r\n\r\n" + GET),
    ]
    told = tell(steps, begun=False)
    assert [type(item) for _, item in told] == [Head, Body, Done, Head, Done]


def test_ranges():
    def answer(value):
        (head,) = items([(S, b"HTTP/1.1 206 P\r\nContent-Range: " + value + b"\r\n\r\n")], Head)
        return head.content_range

    assert answer(b"bytes 0-99/1000") == (0, 99, 1000)
    assert answer(b"bytes=5-9/*") == (5, 9, None)
    assert answer(b"bytes */1000") is None

    def ask(value):
        (head,) = items([(C, b"GET / HTTP/1.1\r\nRange: " + value + b"\r\n\r\n")], Head)
        return head.wanted_range

    assert ask(b"bytes=10-") == (10, None)
    assert ask(b"bytes=0-4, 9-") == (0, 4)
    assert ask(b"bytes=-5") is None


def test_declared_length():
    (head,) = items([(S, OK)], Head)
    assert head.length == 2
    (head,) = items([(S, b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\n")], Head)
    assert head.length is None


PIECES = [
    GET,
    OK,
    CONNECT,
    b"HTTP/1.1 101 S\r\n\r\n",
    b"HEAD / HTTP/1.1\r\nUpgrade: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"3\r\nabc\r\n",
    b"0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"a\r\n" + gzip.compress(b"x", mtime=0)[:10] + b"\r\n",
    b"HTTP/1.0 407 No\r\n: \r\nb\r\n\r\n",
    b"HTTP/1.1 200 Connection established\r\n\r\n",
    b"PUT / HTTP/1.1\r\nContent-Length: 4\r\nUpgrade: h2c\r\n\r\nabcd",
    b"PRI * HTTP/2.0\r\n\r\n",
    b"\r\n",
    b"\xff\x00",
]
steps = st.lists(
    st.tuples(
        st.sampled_from(Side),
        st.sampled_from(PIECES) | st.binary(max_size=20) | st.integers(1, 30),
    ),
    max_size=14,
)


@settings(max_examples=300)
@given(steps, st.integers(1, 40), st.booleans())
def test_segmentation_changes_nothing(steps, size, begun):
    steps = [(side, what) for side, what in steps if what]
    assert tell(recut(steps, size), begun=begun) == tell(recut(steps, 1 << 20), begun=begun)


@given(steps, st.booleans(), st.booleans())
def test_any_bytes_give_items_and_every_head_is_done_at_most_once(steps, begun, verbatim):
    conversation = Conversation(begun=begun, verbatim=verbatim)
    open_heads = {C: 0, S: 0}
    for side, what in steps:
        feed = conversation.feed if isinstance(what, bytes) else conversation.gap
        for at, item in feed(side, what):
            open_heads[at] += isinstance(item, Head)
            open_heads[at] -= isinstance(item, Done)
            assert 0 <= open_heads[at] <= 1
            assert not isinstance(item, Body | Raw) or item.data
    for side in Side:
        for at, item in conversation.end(side):
            open_heads[at] += isinstance(item, Head)
            open_heads[at] -= isinstance(item, Done)
    assert set(open_heads.values()) <= {0, 1}
    assert footprint(conversation) < 1 << 18


def test_an_endless_head_or_wait_holds_little():
    conversation = Conversation()
    conversation.feed(C, CONNECT)
    conversation.feed(S, b"HTTP/1.1 200 OK\r\nA: ")
    for _ in range(300):
        conversation.feed(C, b"\x16" * 1000)
        conversation.feed(S, b"x" * 1000)
        assert footprint(conversation) < 200_000


def test_a_client_alone_that_asks_a_thousand_times():
    told = tell([(C, CONNECT * 20_000)])
    assert sum(isinstance(item, Head) for _, item in told) == 20_000


def test_a_client_alone_with_many_gaps_behind_its_request():
    told = tell([(C, CONNECT), *[(C, b"x"), (C, 1)] * 40, (C, GET)])
    assert told[-1] == (C, Raw(GET))
    assert sum(isinstance(item, Skipped) for _, item in told) == 40


# -- heads whose end was not captured ----------------------------------------------------------


CUT = b"GET /a HTTP/1.1\r\nHost: example.org\r\nUser-Ag"


def heads(told):
    return [item for _, item in told if isinstance(item, Head)]


def test_a_request_whose_end_was_lost_is_told_with_the_lines_that_were_seen():
    talk = Conversation()
    assert talk.feed(C, CUT) == []
    told = talk.gap(C, 40)
    (head,) = heads(told)
    assert (head.method, head.target, head.headers) == ("GET", "/a", (("host", "example.org"),))
    assert told[-1] == (C, Done(complete=False))
    (answer,) = heads(talk.feed(S, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
    assert (answer.method, answer.target) == ("GET", "/a")
    assert heads(talk.feed(C, b"GET /b HTTP/1.1\r\n\r\n"))[0].target == "/b"


def test_an_answer_shows_that_the_end_of_its_request_was_not_captured():
    talk = Conversation()
    talk.feed(C, CUT)
    request, answer = heads(talk.feed(S, b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"))
    assert (request.target, answer.target, answer.status) == ("/a", "/a", 404)


def test_an_answer_whose_end_was_lost_is_told():
    talk = Conversation()
    talk.feed(C, b"GET /a HTTP/1.1\r\n\r\n")
    talk.feed(S, b"HTTP/1.1 206 Partial\r\nServer: x\r\nCon")
    (answer,) = heads(talk.gap(S, 900))
    assert (answer.target, answer.status, answer.get("server")) == ("/a", 206, "x")


@pytest.mark.parametrize("early", [True, False])
def test_a_tunnel_begins_behind_a_connect_whose_end_was_lost(early):
    talk = Conversation()
    talk.feed(C, b"CONNECT x.example:5190 HTTP/1.1\r\nHost: x.exa")
    answer = b"HTTP/1.0 200 Connection established\r\n\r\n"
    steps = [lambda: talk.feed(S, answer), lambda: talk.gap(C, 30)]
    told = [item for step in (steps if early else steps[::-1]) for item in step()]
    assert [head.method for head in heads(told)] == ["CONNECT", "CONNECT"]
    assert (C, Skipped(30)) in told
    assert talk.feed(C, b"inside") == [(C, Raw(b"inside"))]
    assert talk.feed(S, b"too") == [(S, Raw(b"too"))]


def test_half_a_start_line_tells_nothing():
    talk = Conversation()
    talk.feed(C, b"GET /a-very-long")
    assert heads(talk.gap(C, 40)) == []


PIECES = [b"HTTP/1.", b"1\r\n", b" HTTP/1.1\r\n", b" ", b"GET ", b"CONNECT", b"/a", b"x" * 9, b"\n"]


@given(st.lists(st.sampled_from(PIECES), max_size=12), st.booleans())
def test_behind_a_gap_the_first_line_that_begins_a_message_is_found(pieces, request):
    """Whatever words of such a line stand before it."""
    data = b"".join(pieces) + (b"" if request else b"HTTP/1.1 200 ")
    found = _SEEK[request].search(data)
    side = C if request else S
    wanted = tell([(side, data[found.start() :])]) if found else []
    assert tell([(side, data)], begun=False) == wanted
