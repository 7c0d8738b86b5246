"""What the first flight of QUIC tells: names, fingerprints, steps; and what proves nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kit import (
    CORPUS,
    check_garbage,
    claimed,
    decode,
    events,
    footprint,
)
from tests.protocols.quic import build
from tests.protocols.quic.build import (
    ANSWER,
    D29,
    GREETING,
    HELLO,
    PING,
    SERVER_ID,
    SHORT,
    TALK,
    V1,
    V2,
    C,
    S,
    ack,
    crypto,
    early,
    initial,
    negotiation,
    reply,
    retry,
)
from tests.protocols.quic.test_keys import asked
from tests.protocols.quic.vectors import ANSWERS

from backchannel.events import Gap, Malformed, NameLearned
from backchannel.model import Claim, Endpoint, Standing
from backchannel.protocols import Peek, Start
from backchannel.protocols.quic.crypto import LIMIT
from backchannel.protocols.quic.events import QuicStep
from backchannel.protocols.quic.session import DATAGRAMS, PATIENCE, TRIES, Session, recognise
from backchannel.protocols.tls.events import TlsAnswer, TlsHello

START = Start("udp", Endpoint("10.0.0.5", 40000), Endpoint("10.0.0.1", 8443))
NAME = NameLearned(name="web.telegram.org", how="sni")
NEW_TARGET = b"otherwhere"
OTHER = initial(crypto(GREETING), keyed=NEW_TARGET)


def tell(steps, **kinds):
    return decode(Session(START), steps, **kinds)


def look(client=b"", server=b"", transport="udp"):
    return recognise(Peek(transport, client, server, True, START))


def steps(told):
    return [(event.step, event.version) for event in events(told, QuicStep)]


def fed(*datagrams):
    """A session after *datagrams*, not ended."""
    session = Session(START)
    decode(session, datagrams, ends=False)
    return session


# -- what a first flight tells ---------------------------------------------------------------


@pytest.mark.parametrize("version", [V1, V2])
def test_the_published_connection(version):
    session = Session(START)
    told = decode(session, [(C, asked(version)), (S, ANSWERS[version])], ends=False)
    (seen,), (chosen,) = events(told, TlsHello), events(told, TlsAnswer)
    assert (seen.name, seen.version, seen.alpn, seen.ech) == (
        "example.com",
        "1.3",
        ("alpn",),
        False,
    )
    assert (chosen.version, chosen.cipher) == ("1.3", "1301")
    assert steps(told) == [("initial", "2" if version == V2 else "1")]
    assert events(told, NameLearned) == [NameLearned(name="example.com", how="sni")]
    assert session.standing is Standing.PARSED
    assert session.done


def test_the_name_comes_first_and_the_fingerprint_says_quic():
    told = tell(TALK)
    assert [type(event) for event in events(told)] == [NameLearned, QuicStep, TlsHello, TlsAnswer]
    assert events(told, TlsHello)[0].ja4.startswith("q13d0104h3_")
    assert {side for side, event in told if isinstance(event, TlsAnswer)} == {S}


@pytest.mark.parametrize("numbered", [1, 2, 3, 4])
def test_packet_numbers_of_every_size(numbered):
    assert NAME in events(tell([(C, initial(crypto(GREETING), numbered=numbered, number=77))]))


def pieces(size):
    return [(at, GREETING[at : at + size]) for at in range(0, len(GREETING), size)]


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_hello_in_pieces_that_are_shuffled(size):
    """As Chromium sends it: tiny pieces in any order, between PING and PADDING."""
    frames = [crypto(piece, at) for at, piece in pieces(size)]
    mixed = b"".join(frame + (PING, bytes(3))[at % 2] for at, frame in enumerate(frames[::-1]))
    assert NAME in events(tell([(C, initial(mixed))]))


def test_a_hello_in_several_datagrams_and_packets():
    large = build.greeting(extra=build.extension(51, bytes(1700)))
    third = len(large) // 3 + 1
    parts = [crypto(large[at : at + third], at) for at in range(0, len(large), third)]
    for order in ((0, 1, 2), (2, 0, 1), (1, 2, 0)):
        sent = [(C, initial(parts[which], number=at)) for at, which in enumerate(order)]
        told = tell([*sent[:2], (S, initial(ack(), role=S)), sent[2]])
        assert NAME in events(told), order
        assert steps(told) == [("initial", "1")]
    together = initial(crypto(GREETING[:50]), size=0) + initial(crypto(GREETING[50:], 50), number=1)
    assert NAME in events(tell([(C, together)]))


def test_later_packets_go_to_another_destination_with_the_same_keys():
    half = len(GREETING) // 2
    first, second = crypto(GREETING[:half]), crypto(GREETING[half:], half)
    sent = [(C, initial(first)), (C, initial(second, number=1, target=SERVER_ID))]
    assert NAME in events(tell(sent))


def test_a_name_that_is_hidden_is_noted():
    told = tell([(C, initial(crypto(build.greeting(extra=build.extension(0xFE0D, b"\0x")))))])
    assert events(told, TlsHello)[0].ech


def test_without_a_name():
    told = tell([(C, initial(crypto(build.greeting(b""))))])
    assert not events(told, NameLearned)
    assert events(told, TlsHello)[0].ja4.startswith("q13i")


# -- what else opens a connection ------------------------------------------------------------


def test_early_data_is_noted_once_and_only_where_the_hello_went():
    told = tell([(C, HELLO), (C, early()), (C, early())])
    assert steps(told) == [("initial", "1"), ("early-data", "1")]
    assert steps(tell([(C, HELLO), (C, early(b"elsewhere"))])) == [("initial", "1")]
    assert steps(tell([(C, initial(crypto(GREETING), size=0) + early() + bytes(900))])) == []
    together = initial(crypto(GREETING), size=1120) + early()
    assert steps(tell([(C, together)])) == [("initial", "1"), ("early-data", "1")]


@pytest.mark.parametrize("version", [V1, V2, D29])
def test_a_retry_changes_the_keys(version):
    again = initial(crypto(GREETING), version=version, keyed=NEW_TARGET, token=b"come again")
    back = initial(crypto(reply()), version=version, role=S, keyed=NEW_TARGET)
    asks = retry(NEW_TARGET, version=version)
    told = tell([(C, initial(crypto(GREETING), version=version)), (S, asks), (C, again), (S, back)])
    assert [step for step, _ in steps(told)] == ["initial", "retry"]
    assert events(told, TlsAnswer)
    assert len(events(told, NameLearned)) == 1


def test_a_retry_may_give_an_id_that_no_client_invents():
    again = initial(crypto(GREETING), keyed=b"few", token=b"come again")
    back = initial(crypto(reply()), role=S, keyed=b"few")
    assert events(tell([(C, HELLO), (S, retry(b"few")), (C, again), (S, back)]), TlsAnswer)


def test_another_connection_begins_with_nothing_of_the_one_before():
    told = tell([(C, initial(crypto(build.greeting(b"a.example")[:60]))), (C, OTHER)])
    assert NAME in events(told)


def test_a_retry_in_the_middle_of_a_hello():
    half = len(GREETING) // 2
    first = initial(crypto(GREETING[:half]))
    again = [
        initial(crypto(GREETING[:half]), keyed=NEW_TARGET),
        initial(crypto(GREETING[half:], half), keyed=NEW_TARGET, number=1),
    ]
    told = tell([(C, first), (S, retry(NEW_TARGET)), *((C, each) for each in again)])
    assert NAME in events(told)


@pytest.mark.parametrize(
    ("side", "packet"),
    [(S, retry(NEW_TARGET)[:-1] + b"\0"), (S, retry(NEW_TARGET, asked=b"unasked!")), (C, retry())],
)
def test_a_retry_of_a_stranger_changes_nothing(side, packet):
    told = tell([(C, HELLO), (side, packet), (S, ANSWER)])
    assert steps(told) == [("initial", "1")]
    assert events(told, TlsAnswer)


def test_a_retry_that_was_not_captured():
    again = initial(crypto(GREETING), keyed=NEW_TARGET, token=b"come again")
    back = initial(crypto(reply()), role=S, keyed=NEW_TARGET)
    assert events(tell([(C, HELLO), (C, again), (S, back)]), TlsAnswer)


def test_a_server_speaks_other_versions():
    first = initial(crypto(GREETING), version=V2)
    again = initial(crypto(GREETING), keyed=NEW_TARGET)
    back = initial(crypto(reply()), role=S, keyed=NEW_TARGET)
    told = tell([(C, first), (S, negotiation(0x3A4A5A6A, V1)), (C, again), (S, back)])
    (seen,) = [each for each in events(told, QuicStep) if each.step == "version-negotiation"]
    assert (seen.version, seen.offered) == ("2", ("3a4a5a6a", "1"))
    assert events(told, TlsAnswer)


@pytest.mark.parametrize(
    ("side", "ids"), [(S, {"source": b"guessed!"}), (S, {"target": b"guess!"}), (C, {})]
)
def test_a_negotiation_of_a_stranger_is_ignored(side, ids):
    assert len(steps(tell([(C, HELLO), (side, negotiation(V2, **ids))]))) == 1


def test_a_server_takes_a_compatible_version():
    """RFC 9368 and RFC 9369 §4.1: the keys follow from the same destination, by its version."""
    back = initial(crypto(reply()), version=V2, role=S)
    assert events(tell([(C, HELLO), (S, back)]), TlsAnswer)


def test_the_fixed_bit_is_random_once_both_agree():
    """RFC 9287: so does a server answer whose client allows it."""
    back = initial(crypto(reply()), role=S, fixed=0)
    assert events(tell([(C, HELLO), (S, back)]), TlsAnswer)


def test_a_retry_of_tls_is_no_answer():
    random = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
    wants = build.answer(extra=build.TLS13, random=random)
    answers = [
        initial(crypto(wants), role=S),
        initial(crypto(reply(), len(wants)), role=S, number=1),
    ]
    assert not events(tell([(C, HELLO), (S, answers[0])]), TlsAnswer)
    told = tell([(C, HELLO), *((S, each) for each in answers)])
    assert len(events(told, TlsAnswer)) == 1


# -- whose bytes are these -------------------------------------------------------------------


@pytest.mark.parametrize("version", [V1, V2, D29, 0xFF000016, 0xFACEB002])
def test_claimed(version):
    claim = look(initial(crypto(GREETING), version=version))
    assert isinstance(claim, Claim)
    assert isinstance(look(b"", initial(crypto(GREETING), version=version)), Claim)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        HELLO[:1199],
        initial(crypto(GREETING), size=1199),
        initial(crypto(GREETING), keyed=b"7 bytes"),
        initial(crypto(GREETING), fixed=0),
        b"\xc0\x1a\x2a\x3a\x4a" + HELLO[5:],
        b"\xe0" + HELLO[1:],
        b"\x40" + HELLO[1:],
        negotiation(V1),
        retry(),
    ],
)
def test_not_ours(data):
    assert look(data) is None
    assert look(HELLO, transport="tcp") is None


def forged(number):
    """What looks like a first packet and is none."""
    return HELLO[:40] + bytes([number]) * (len(HELLO) - 40)


def test_what_cannot_be_opened_is_withdrawn():
    session = fed(*[(C, forged(1))] * (TRIES - 1))
    assert session.standing is Standing.CLAIMED
    assert session.feed(C, forged(2)) == []
    assert session.standing is Standing.REFUTED
    assert session.feed(C, HELLO) == []


def test_nothing_proved_at_the_end_is_withdrawn():
    for datagrams in ([], [(C, forged(1))], [(C, SHORT)] * (DATAGRAMS - 1), [(S, ANSWER)]):
        session = Session(START)
        assert events(decode(session, datagrams)) == []
        assert session.standing is Standing.REFUTED
    assert fed(*[(C, SHORT)] * DATAGRAMS).standing is Standing.REFUTED


def test_what_cannot_be_opened_hides_nothing():
    told = tell([*[(C, forged(at)) for at in range(TRIES - 1)], (C, HELLO)])
    assert NAME in events(told)


def test_the_flow_is_let_pass_no_datagram_too_early():
    """The guard acts on a name while bytes of its flow are wanted: it must not end with it."""
    session = fed(*[(S, SHORT)] * (DATAGRAMS - 1), (C, HELLO))
    assert not session.done


def test_the_side_that_opened_the_flow_need_not_be_the_client():
    told = tell([(S, HELLO), (C, ANSWER)])
    assert [side for side, event in told if isinstance(event, TlsHello)] == [S]
    assert [side for side, event in told if isinstance(event, TlsAnswer)] == [C]


# -- bounds, loss, faults and the laws -------------------------------------------------------


def test_a_server_that_does_not_answer_is_not_waited_for():
    assert not fed((C, HELLO), *[(S, SHORT)] * (PATIENCE - 1)).done
    assert fed((C, HELLO), *[(S, SHORT)] * PATIENCE).done


def test_a_hello_that_does_not_end():
    session = fed(*[(C, initial(crypto(GREETING[:50]), number=n)) for n in range(DATAGRAMS)])
    assert (session.done, session.standing) == (True, Standing.PARSED)


@pytest.mark.parametrize(
    "payload",
    [
        crypto(b"\2" + GREETING[1:]),
        crypto(GREETING[:4] + b"\2" + GREETING[5:]),
        crypto(b"\1\0\0\x04\3\3ab"),
        crypto(b"x", LIMIT),
        b"\x1e",
    ],
)
def test_a_hello_that_is_none(payload):
    session = Session(START)
    told = decode(session, [(C, initial(payload, size=2400))], ends=False)
    assert len(events(told, Malformed)) == 1
    assert not events(told, TlsHello)


def test_what_is_broken_is_said_once():
    session = Session(START)
    told = decode(session, [(C, HELLO), (S, ANSWER[:30]), (S, ANSWER[:40])], ends=False)
    assert len(events(told, Malformed)) == 1
    assert not session.done


def test_a_server_that_says_something_else():
    told = tell([(C, HELLO), (S, initial(crypto(b"\x0b\0\0\1x"), role=S))])
    assert len(events(told, Malformed)) == 1


def test_a_gap_is_only_told():
    told = tell([(C, 400), (C, HELLO)])
    assert [type(event) for event in events(told)][:2] == [Gap, NameLearned]


def test_names_are_read_where_nobody_reads_the_hello():
    reads = {"tls-hello": False, "tls-answer": False}
    start = Start("udp", START.client, START.server, read=lambda tag, **_: reads.get(tag, True))
    told = [output for _, output in decode(Session(start), TALK)]
    assert NAME in told
    assert TlsHello in told
    assert TlsAnswer in told


def altered(whole, role):
    """Return packets of *role* whose hello is *whole* with a part of it replaced."""
    places = st.integers(0, len(whole))
    return st.builds(
        lambda at, new, end: initial(crypto(whole[:at] + new + whole[end:]), role=role),
        places,
        st.binary(max_size=20),
        places,
    )


anything = st.lists(
    st.tuples(
        st.sampled_from([C, S]),
        st.one_of(
            st.binary(max_size=80),
            st.sampled_from([HELLO, ANSWER, early(), retry(), negotiation(V2)]),
            st.binary(max_size=60).map(initial),
            st.builds(
                lambda at, data: initial(crypto(data, at)), st.integers(0, 70_000), st.binary()
            ),
            st.builds(lambda payload: initial(payload, role=S), st.binary(max_size=60)),
            altered(GREETING, C),
            altered(reply(), S),
            st.builds(
                lambda at, end: HELLO[:at] + HELLO[end:], st.integers(0, 1200), st.integers(0)
            ),
            st.integers(1, 1 << 20),
        ),
    ),
    max_size=12,
)


@settings(max_examples=200)
@given(anything)
def test_garbage_law(chunks):
    check_garbage(lambda: Session(START), chunks, bound=2 * LIMIT)


def test_memory_stays_bounded():
    session = Session(START)
    for number in range(28):
        session.feed(C, initial(crypto(bytes(1100), 1100 * (number + 1)), number=number))
    assert LIMIT / 2 < footprint(session) < 1.1 * LIMIT


corpus = pytest.mark.skipif(not (CORPUS / "public").exists(), reason="no corpus of captures")


@corpus
def test_witnessed_by_tshark():
    """Name, cipher and JA3 of a capture by tshark; JA4 follows from the same lists."""
    told = []
    for flow in claimed(CORPUS / "public/negatives/quic-28.pcap", recognise):
        told += decode(Session(flow.start), flow.steps)
    (seen,), (chosen,) = events(told, TlsHello), events(told, TlsAnswer)
    assert (seen.name, seen.alpn, chosen.cipher) == (
        "www.wireshark.org",
        ("h3-28", "h3-27"),
        "1301",
    )
    assert seen.ja3 == "1e022f87823477abd6a79c31d70062d7"
    assert steps(told) == [("initial", "draft-28"), ("version-negotiation", "draft-28")]
