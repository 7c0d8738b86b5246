"""DNS answers: names for addresses, aliases, service bindings, hostile names, and the laws."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kit import CORPUS, check_garbage, check_segmentation, decode, events, flows, peek

from backchannel.events import Gap, Malformed, NameLearned
from backchannel.model import MORE, Claim, Endpoint, Side, Standing
from backchannel.protocols import Peek, Start
from backchannel.protocols.dns import wire
from backchannel.protocols.dns.events import ServiceBinding
from backchannel.protocols.dns.session import Session, recognise
from backchannel.reader import Reader, WireError

C, S = Side.CLIENT, Side.SERVER
UDP = Start("udp", Endpoint("10.0.0.5", 40000), Endpoint("10.0.0.1", 53))
TCP = Start("tcp", UDP.client, UDP.server)


def name(text):
    labels = [label.encode("latin-1") for label in text.split(".") if label]
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def u16(*values):
    return b"".join(value.to_bytes(2, "big") for value in values)


def question(text, kind=1, group=1):
    return name(text) + u16(kind, group)


def record(owner, kind, data, group=1):
    owner = name(owner) if isinstance(owner, str) else owner
    return owner + u16(kind, group) + bytes(4) + u16(len(data)) + data


def message(questions=(), answers=(), flags=0x8180, number=7):
    head = u16(number, flags, len(questions), len(answers), 0, 0)
    return head + b"".join(questions) + b"".join(answers)


def query(text="a.example"):
    return message([question(text)], flags=0x0100)


def tell(*answers, asked="a.example", start=UDP):
    data = message([question(asked)], answers)
    return decode(Session(start), [(C, query(asked)), (S, data)])


def look(client=b"", server=b"", begun=True, transport="udp"):
    return recognise(Peek(transport, client, server, begun, UDP))


A1, A2 = b"\1\2\3\4", b"\5\6\7\x08"


# -- what answers teach ----------------------------------------------------------------------


def test_names_for_addresses():
    told = tell(
        record("A.Example", 1, A1),
        record("a.example", 1, A2),
        record("a.example", 28, bytes(15) + b"\1"),
    )
    assert events(told) == [
        NameLearned(name="a.example", addresses=("1.2.3.4", "5.6.7.8", "::1"), how="dns")
    ]


def test_what_an_answer_says_of_other_names_is_passed_over():
    """As resolvers do (RFC 5452 section 6): who answers for one name could lie about all others."""
    told = tell(
        record("a.example", 5, name("b.example")),
        record("b.example", 1, A1),
        record("discord.com", 1, A2),
        record("www.example", 5, name("b.example")),
        record("x.example", 65, u16(1) + b"\0" + u16(4, 4) + A2),
    )
    assert {event.name: event.addresses for event in events(told)} == {
        "a.example": ("1.2.3.4",),
        "b.example": ("1.2.3.4",),
    }


def test_an_announcement_answers_no_question():
    """mDNS (RFC 6762 section 6): a responder says what it has."""
    data = message([], [record("host.local", 1, A1), record("x.local", 1, A2)], flags=0x8400)
    told = events(decode(Session(UDP), [(S, data)]))
    assert [event.name for event in told] == ["host.local", "x.local"]


def test_a_chain_of_aliases_names_every_link():
    told = tell(
        record("a.example", 5, name("b.example")),
        record("b.example", 5, name("c.example")),
        record("c.example", 1, A1),
    )
    assert {event.name: event.addresses for event in events(told)} == {
        "a.example": ("1.2.3.4",),
        "b.example": ("1.2.3.4",),
        "c.example": ("1.2.3.4",),
    }


def test_aliases_that_lead_nowhere_or_in_circles():
    loop = record("a.example", 5, name("b.example")), record("b.example", 5, name("a.example"))
    assert not events(tell(*loop))
    assert not events(tell(record("a.example", 5, name("b.example"))))


def test_service_bindings():
    """RFC 9460: one HTTPS record with ALPN, port, hints and ECH."""
    parameters = (
        u16(1, 6) + b"\2h2\2h3" + u16(3, 2, 8443) + u16(4, 4) + A1 + u16(5, 2) + b"xx"
        + u16(6, 16) + bytes(15) + b"\2"
    )  # fmt: skip
    told = tell(record("a.example", 65, u16(1) + b"\0" + parameters))
    assert events(told) == [
        ServiceBinding(
            name="a.example", target="a.example", alpn=("h2", "h3"), port=8443, ech=True
        ),
        NameLearned(name="a.example", addresses=("1.2.3.4", "::2")),
    ]
    told = tell(record("a.example", 64, u16(0) + name("other.example")))
    assert events(told) == [ServiceBinding(name="a.example", target="other.example")]


def test_pointers_are_followed():
    first = question("www.example")
    short = b"\xc0\x0c"
    data = message([first], [record(short, 5, b"\3cdn\xc0\x10"), record(b"\3cdn\xc0\x10", 1, A1)])
    told = decode(Session(UDP), [(S, data)])
    assert [event.name for event in events(told)] == ["www.example", "cdn.example"]


def test_refusals_and_questions_teach_nothing():
    refused = message([question("a.example")], [record("a.example", 1, A1)], flags=0x8183)
    assert not events(decode(Session(UDP), [(C, query()), (S, refused)]))


def test_other_records_and_classes_are_passed_over():
    told = tell(
        record("a.example", 16, b"\4text"),
        record("a.example", 1, A1, group=3),
        record("a.example", 1, A1 + b"x"),
    )
    assert not events(told)


def test_multicast_dns_and_its_flags():
    data = message([], [record("host.local", 1, A1, group=0x8001)], flags=0x8400, number=0)
    told = decode(Session(UDP), [(C, data)])
    assert events(told) == [NameLearned(name="host.local", addresses=("1.2.3.4",))]
    asks = message([question("a.local", group=0x8001), question("b.local")], flags=0)
    assert isinstance(look(asks), Claim)


def test_over_tcp():
    data = message([question("a.example")], [record("a.example", 1, A1)])
    session = Session(TCP)
    asked, answered = query(), data
    told = decode(session, [(C, u16(len(asked)) + asked), (S, (u16(len(answered)) + answered) * 2)])
    assert [event.name for event in events(told)] == ["a.example"] * 2
    assert session.standing is Standing.PARSED


def test_a_gap_over_tcp_ends_it_and_over_udp_does_not():
    session = Session(TCP)
    assert events(decode(session, [(S, 40)])) == [Gap(size=40)]
    assert session.done
    session = Session(UDP)
    decode(session, [(S, 40)])
    assert not session.done


# -- hostile messages ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(12),
        query()[:-1],
        message([b"\xc0\x0c" + u16(1, 1)]),
        message([b"\xc0\x30" + u16(1, 1)]),
        message([b"\3abc\xc0\x0c" + u16(1, 1)]),
        message([b"\x40" + u16(1, 1)]),
        message([(b"\x3f" + b"x" * 63) * 5 + b"\0" + u16(1, 1)]),
        message([question("a")], flags=0x2800),
        message([question("a", group=9)]),
        message([question("a", kind=0)]),
        message([question("a")], [b"\1a\0\0\1\0\1\0\0\0\0\0\x09xx"]),
    ],
)
def test_malformed(data):
    session = Session(UDP)
    assert [type(event) for event in events(decode(session, [(C, data)]))] == [Malformed]
    assert session.standing is Standing.REFUTED


def test_one_bad_message_after_a_good_one_costs_only_itself():
    good = message([question("a.example")], [record("a.example", 1, A1)])
    session = Session(UDP)
    told = decode(session, [(S, good), (S, good[:20]), (S, good)])
    assert [type(event) for event in events(told)] == [NameLearned, Malformed, NameLearned]
    assert session.standing is Standing.PARSED


def test_a_claim_that_fell_is_not_taken_up_again_in_the_same_segment():
    bad, good = message([question("a", group=9)]), message([question("a")], flags=0x8180)
    session = Session(TCP)
    told = decode(session, [(C, u16(len(bad)) + bad + u16(len(good)) + good)])
    assert [type(event) for event in events(told)] == [Malformed]
    assert session.standing is Standing.REFUTED


def test_pointers_to_pointers_end_and_cost_nothing_twice():
    names: dict[int, str] = {}
    data = b"\1a\0" + b"".join(b"\1b\xc0" + bytes((at * 4 - 1 if at else 0,)) for at in range(12))
    last = len(data) - 4
    assert wire.read_name(data, Reader(data, last), names) == ".".join("b" * 12 + "a")
    assert len(names) == 13
    tower = b"\1a\0" + b"".join(u16(0xC000 | (at * 2 + 1 if at else 0)) for at in range(2000))
    with pytest.raises(WireError):  # deeper than names can be, long before Python minds
        wire.read_name(tower, Reader(tower, len(tower) - 2), {})


@pytest.mark.parametrize(
    ("data", "at"),
    [
        (b"\xc0\x02\1a\0", 0),
        (b"\xc0\x00", 0),
        (b"\1a\xc0\x00", 0),
        ((b"\x3f" + b"x" * 63) * 4 + b"\0", 0),
        (b"\x3f" + b"x" * 63 + b"\0" + (b"\x3f" + b"y" * 63) * 3 + b"\xc0\0", 65),
    ],
)
def test_names_that_point_forward_or_are_too_long(data, at):
    with pytest.raises(WireError):
        wire.read_name(data, Reader(data, at), {})


def test_a_dot_inside_a_label_is_no_border():
    data = b"\3a.b\1c\0"
    assert wire.read_name(data, Reader(data), {}) == "a\\.b.c"


def test_answers_are_bounded():
    data = message([question("a")], [record("a", 1, n.to_bytes(4, "big")) for n in range(700)])
    (event,) = events(decode(Session(UDP), [(S, data)]))
    assert len(event.addresses) == wire.RECORDS


# -- whose bytes are these -------------------------------------------------------------------

GOOD = query("login.example.net")


def test_claimed():
    assert isinstance(look(GOOD), Claim)
    assert isinstance(look(b"", message([question("a.b")], [record("a.b", 1, A1)])), Claim)
    assert isinstance(look(u16(len(GOOD)) + GOOD, transport="tcp"), Claim)
    claim = look(message([question("a.bc")], [record("a.bc", 1, A1)]), begun=False)
    assert isinstance(claim, Claim)
    assert claim.flipped


@pytest.mark.parametrize("size", [1, 2, 4, 13, 20])
def test_undecided_over_tcp(size):
    assert look((u16(len(GOOD)) + GOOD)[:size], transport="tcp") is MORE


@pytest.mark.parametrize(
    ("data", "transport"),
    [
        (b"", "udp"),
        (b"", "tcp"),
        (GOOD, "ip"),
        (GOOD[:-1], "udp"),
        (GOOD[:2] + b"\x28" + GOOD[3:], "udp"),
        (message([question("a.b")], flags=0x0103), "udp"),
        (message([question("CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 0x20)], flags=0x0110), "udp"),
        (u16(9) + GOOD, "tcp"),
        (u16(5000) + GOOD, "tcp"),
        (u16(len(GOOD)) + b"\1\2\xff\xff", "tcp"),
        (b"\x16\3\1\2\0\1\0\1\xfc\3\3", "tcp"),
        (b"\0\0\0\0" * 10, "udp"),
    ],
)
def test_not_ours(data, transport):
    assert look(data, transport=transport) is None


corpus = pytest.mark.skipif(not (CORPUS / "public").exists(), reason="no corpus of captures")


@corpus
def test_only_name_servers_of_the_corpus_are_claimed():
    """Witness: ports of the corpus, where DNS, mDNS and LLMNR stand on their own ports."""
    claimed = 0
    for path in sorted((CORPUS / "public").rglob("*.pcap*")):
        if path.parent.name == "malformed":
            continue
        for flow in flows(path):
            if isinstance(recognise(peek(flow)), Claim):
                claimed += 1
                assert {flow.start.server.port, flow.start.client.port} & {53, 5353, 5355}, path
    assert claimed > 50


@corpus
def test_witnessed_by_tshark():
    """tshark: apache.org is 151.101.2.132 in http_connect.pcap."""
    told = []
    for flow in flows(CORPUS / "public/http-connect/http_connect.pcap"):
        if isinstance(recognise(peek(flow)), Claim):
            told += decode(Session(flow.start), flow.steps)
    assert NameLearned(name="apache.org", addresses=("151.101.2.132",)) in events(told)


# -- the laws --------------------------------------------------------------------------------

PIECES = [
    GOOD,
    message([question("a.b")], [record("a.b", 5, name("c")), record("c", 1, A1)]),
    message([question("a.b", 65)], [record("a.b", 65, u16(1) + b"\0" + u16(1, 3) + b"\2h2")]),
    message([], [record(b"\xc0\x0c", 1, A1)]),
]
TORN = st.builds(
    lambda a, cut, b: a[:cut] + b,
    st.sampled_from(PIECES),
    st.integers(0, 60),
    st.binary(max_size=9),
)
datagrams = st.sampled_from(PIECES) | TORN | st.binary(max_size=40)
chunks = st.lists(st.tuples(st.sampled_from(Side), datagrams), max_size=8)


@settings(max_examples=200)
@given(chunks, st.integers(1, 40))
def test_garbage_and_segmentation(steps, size):
    check_garbage(lambda: Session(UDP), steps)
    framed = [(side, u16(len(data)) + data) for side, data in steps]
    check_garbage(lambda: Session(TCP), framed)
    check_segmentation(lambda: Session(TCP), framed, size)


@given(st.binary(max_size=60), st.sampled_from(["udp", "tcp"]))
def test_recognise_never_raises(data, transport):
    look(data, transport=transport)
    look(GOOD[:12] + data, transport=transport)
    look(u16(len(data) + 12) + GOOD[:12] + data, transport=transport)
