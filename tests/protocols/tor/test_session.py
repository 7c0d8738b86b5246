"""Tor's links: a test network of tor 0.4.9 and nDPI's capture, and hellos made by hand.

Facts about the captures: tshark names the same hosts and certificates.
"""

import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import craft, kit
from tests.matcher import Matcher

from backchannel.events import Gap, NameLearned
from backchannel.model import MORE, Claim, Confidence, Endpoint, Side, Standing
from backchannel.pipeline import Scan
from backchannel.protocols import Peek, Start
from backchannel.protocols.tls.events import TlsAnswer, TlsHello
from backchannel.protocols.tor import PROTOCOL, wire
from backchannel.protocols.tor.events import TorLink
from backchannel.protocols.tor.session import RECORDS, Session, recognise

C, S = Side.CLIENT, Side.SERVER
START = Start("tcp", Endpoint("192.0.2.10", 40000), Endpoint("192.0.2.1", 443))
RECORDED = kit.EXAMPLES / "tor/tor_link_socks.pcap"
REAL = kit.CORPUS / "public" / "tor" / "tor.pcap"
NAME = "www.wnax4ug7hgwndc46em.com"
NEW, NEW12 = (
    next(each for each in wire.CIPHERS if each[0] == first and 0x009C in each)
    for first in (0x1301, 0xC02B)
)
OLD = next(each for each in wire.CIPHERS if 0xFEFF in each)


def u16(value):
    return value.to_bytes(2, "big")


def sized(data, size=2):
    return len(data).to_bytes(size, "big") + data


def extension(kind, data=b""):
    return u16(kind) + sized(data)


def record(data, kind=22):
    return bytes((kind, 3, 1)) + sized(data)


def hello(name=NAME, ciphers=NEW, order=(0, 11, 10), extra=b"", version=0x0303):
    known = {
        0: extension(0, sized(b"\0" + sized(name.encode()))),
        11: extension(11, b"\1\0"),
        10: extension(10, sized(b"\0\x17\0\x1d\0\x15")),
    }
    session = bytes(range(32)) if 0x1301 in ciphers else b""
    body = u16(version) + bytes(range(32)) + sized(session, 1)
    body += sized(b"".join(map(u16, ciphers))) + b"\1\0"
    body += sized(b"".join(known[each] for each in order) + extra)
    return record(b"\1" + sized(body, 3))


def answer(tls13=True):
    extra = extension(43, b"\3\4") if tls13 else b""
    body = u16(0x0303) + bytes(32) + b"\0" + u16(0x1302) + b"\0" + sized(extra)
    return b"\2" + sized(body, 3)


def name_of(common):
    text = bytes((12,)) + sized(common.encode(), 1)
    attribute = b"\x30" + sized(b"\x06\x03\x55\x04\x03" + text, 1)
    return b"\x30" + sized(b"\x31" + sized(attribute, 1), 1)


def certificate(subject="www.fcsyvnlemwxv5p.net", issuer="www.gg562izcxdvqdk.com"):
    body = b"\xa0\3\2\1\2" + b"\2\1\1" + b"\x30\0" + name_of(issuer) + b"\x30\0" + name_of(subject)
    der = b"\x30\x81" + sized(b"\x30\x81" + sized(body, 1), 1)
    return b"\x0b" + sized(sized(sized(der, 3), 3), 3)


def sealed(*sizes):
    return b"".join(record(bytes(size), 23) for size in sizes)


TLS13 = [
    (C, hello()),
    (S, record(answer()) + record(b"\1", 20) + sealed(23, 616, 281, 69)),
    (C, record(b"\1", 20) + sealed(69, 28)),
    (S, sealed(74, 74, 2051)),
    (C, sealed(1045, 531)),
]
TLS12 = [(C, hello(ciphers=NEW12)), (S, record(answer(tls13=False)) + record(certificate()))]
TLS10 = [
    (C, hello(ciphers=OLD, version=0x0301)),
    (S, record(answer(tls13=False) + certificate())),
]


def look(client=b"", server=b"", transport="tcp"):
    return recognise(Peek(transport, client, server, True, START))


def say(*steps):
    session = Session(START)
    return session, kit.decode(session, steps)


# -- recognition ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ciphers", sorted(wire.CIPHERS))
def test_a_hello_of_tors_shape_is_claimed(ciphers):
    data = hello(ciphers=ciphers)
    claim = look(data)
    assert isinstance(claim, Claim)
    assert (claim.protocol, claim.confidence) == ("tor", Confidence.SIGNATURE)
    assert NAME in claim.evidence
    assert {look(data[:size]) for size in range(1, len(data))} == {MORE}
    assert look(data, transport="udp") is None
    assert Matcher({"tor": PROTOCOL}).candidates("tcp", data) == ["tor"]


def test_witness_the_ciphers_of_2022():
    """As tshark lists them for a link of July 2022 (suricata-verify, `tor_bl.pcap`)."""
    ciphers = bytes.fromhex(
        "130213031301c02bc02fcca9cca8c02cc030c00ac009c013c01400330039002f003500ff"
    )
    assert tuple(int.from_bytes(ciphers[at : at + 2]) for at in range(0, 36, 2)) in wire.CIPHERS


@pytest.mark.parametrize(
    "data",
    [
        hello("www.example8.com"),
        hello("www.abc.com"),
        hello("www.abcdefghijklmnopqrstuvwxyz.com"),
        hello("abcdef.com"),
        hello("www.abcdef.net"),
        hello("www.abc.def.com"),
        hello("xwww.abcdef.com"),
        hello(order=(0, 10, 11)),
        hello(order=(11, 10, 0)),
        hello(extra=extension(16, sized(b"\2h2"))),
        hello(ciphers=NEW[:-1]),
        hello(ciphers=(*NEW[:-2], NEW[-1], NEW[-2])),
        hello()[:5] + b"\2" + hello()[6:],
        record(b"\1" + bytes(40)),
        record(b"", 22),
        b"GET / HTTP/1.1\r\n\r\n",
        sealed(531),
    ],
)
def test_what_is_near_is_not(data):
    assert look(data) is None


def test_more_of_a_hello_is_not_waited_for_once_its_ciphers_are_not_tors():
    data = hello(ciphers=(*NEW[:-2], NEW[-1], NEW[-2]))
    end = 44 + data[43] + 2 + 2 * len(NEW)
    assert {look(data[:size]) for size in range(1, end)} == {MORE}
    assert {look(data[:size]) for size in range(end, len(data))} == {None}


def test_browsers_with_the_same_ciphers_do_not_reach_the_recogniser():
    matcher = Matcher({"tor": PROTOCOL})
    for data in (hello(ciphers=NEW[:-1]), hello(ciphers=NEW[1:]), hello(ciphers=OLD[:-1])):
        assert matcher.candidates("tcp", data) == []


def test_what_is_too_short_to_tell_reaches_it_only_if_a_hello_may_begin_so():
    matcher = Matcher({"tor": PROTOCOL})
    data = hello()
    assert all(matcher.candidates("tcp", data[:size]) == ["tor"] for size in range(1, len(data)))
    for short in (b"220 ready\r\n", b"\x16\2", data[:5] + b"\2", data[:7] + b"\0\0\2"):
        assert matcher.candidates("tcp", short) == []


# -- what proves it ------------------------------------------------------------------------------


def test_what_nobody_reads_is_only_counted():
    session = Session(msgspec.structs.replace(START, read=lambda *_, **__: False))
    told = [each for side, data in TLS13 for each in session.feed(side, data)]
    assert told[:2] == [TlsHello, TlsAnswer]
    assert session.standing is Standing.PARSED


def test_cells_prove_a_link_of_tls_13():
    session, told = say(*TLS13)
    seen = kit.events(told)
    assert [type(event) for event in seen] == [TlsHello, TlsAnswer, TorLink]
    assert seen[2] == TorLink(name=NAME, proof="cells")
    assert seen[0].name == NAME
    assert (session.standing, session.done) == (Standing.PARSED, True)
    assert not kit.events(told, NameLearned)


@pytest.mark.parametrize("steps", [TLS12, TLS10])
def test_the_certificate_proves_an_older_one(steps):
    session, told = say(*steps)
    assert kit.events(told)[-1] == TorLink(name=NAME, proof="certificate")
    assert (session.standing, session.done) == (Standing.PARSED, True)


@pytest.mark.parametrize(
    "sizes",
    [
        (69, 28, 532),
        (69, 28, 517),
        (69, 28, 17),
        (69, 29, 531),
        (70, 28, 531),
        (69, 38, 531),
        (28, 531),
        (69, 531),
    ],
)
def test_other_sizes_refute_it(sizes):
    session, told = say(*TLS13[:2], (C, record(b"\1", 20) + sealed(*sizes)))
    assert not kit.events(told, TorLink)
    assert (session.standing, session.done) == (Standing.REFUTED, True)


@pytest.mark.parametrize("sizes", [(53, 24, 531), (69, 32, 17 + 514 * 4)])
def test_other_hashes_versions_and_numbers_of_cells_fit(sizes):
    assert say(*TLS13[:2], (C, sealed(*sizes)))[0].standing is Standing.PARSED


@pytest.mark.parametrize(
    "shown",
    [
        certificate("www.example8.net"),
        certificate("www.fcsyvnlemwxv5p.com"),
        certificate(issuer="www.gg562izcxdvqdk.net"),
        certificate("www.short.net"),
        certificate(issuer="Some CA"),
    ],
)
def test_another_certificate_refutes_it(shown):
    session, told = say((C, hello(ciphers=NEW12)), (S, record(answer(tls13=False) + shown)))
    assert not kit.events(told, TorLink)
    assert session.standing is Standing.REFUTED


def test_a_hello_that_is_asked_for_again_changes_nothing():
    random = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
    again = b"\2" + sized(u16(0x0303) + random + b"\0" + u16(0x1302) + b"\0" + sized(b""), 3)
    steps = [TLS13[0], (S, record(again)), (C, hello()), *TLS13[1:]]
    session, told = say(*steps)
    assert len(kit.events(told, TlsAnswer)) == 1
    assert session.standing is Standing.PARSED


def test_a_link_whose_relay_was_not_captured_stays_a_signature():
    session, told = say(TLS13[0], TLS13[2], TLS13[4], (C, sealed(*[531] * 40)))
    assert [type(event) for event in kit.events(told)] == [TlsHello]
    assert (session.standing, session.done) == (Standing.CLAIMED, True)
    assert RECORDS < 40


def test_a_hole_ends_it():
    session, told = say(*TLS13[:2], (C, 30), *TLS13[2:])
    assert isinstance(kit.events(told)[-1], Gap)
    assert (session.standing, session.done) == (Standing.CLAIMED, True)


@pytest.mark.parametrize("broken", [b"\x17\3\3\xff\xff", b"HTTP/1.1 400", record(b"\2\0\0\2zz")])
def test_what_breaks_refutes_it(broken):
    assert say(TLS13[0], (S, broken))[0].standing is Standing.REFUTED


# -- laws ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 3, 5, 100, 700])
@pytest.mark.parametrize("steps", [TLS13, TLS12, TLS10])
def test_how_tcp_cuts_it_changes_nothing(steps, size):
    kit.check_segmentation(lambda: Session(START), steps, size)


PIECES = [data for steps in (TLS13, TLS12, TLS10) for _, data in steps]


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(st.sampled_from(Side), st.binary(max_size=80) | st.sampled_from(PIECES)),
        max_size=8,
    )
)
def test_garbage_is_never_raised(steps):
    kit.check_garbage(lambda: Session(START), [TLS13[0], *steps], bound=120_000)
    kit.check_garbage(lambda: Session(START), steps, bound=120_000)


# -- whole scans ---------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [TLS13, TLS12, TLS10])
def test_a_scan_names_it_on_any_port(steps, tmp_path):
    packets = craft.tcp(steps, server=Endpoint("198.51.100.7", 8111))
    document = Scan(craft.write(tmp_path / "one.pcap", packets)).document
    (row,) = document.services
    assert (row.service, row.stack, row.confidence) == ("tor", "tor", "parsed")


def test_what_is_refuted_is_nobodys(tmp_path):
    steps = [*TLS13[:2], (C, sealed(69, 900, 1200))]
    document = Scan(craft.write(tmp_path / "one.pcap", craft.tcp(steps))).document
    assert document.services == ()


def test_the_recorded_link_and_the_names_asked_of_its_client():
    run = Scan(RECORDED)
    links = [seen.event for seen in run if isinstance(seen.event, TorLink)]
    assert len(links) == 1
    assert links[0].proof == "cells"
    asked = [finding for finding in run.document.findings if finding.rule == "onion-asked"]
    assert len(asked) == 1
    assert re.search(r"[a-z2-7]{56}\.onion", asked[0].summary)


@pytest.mark.skipif(not REAL.exists(), reason="the public corpus is not here")
def test_links_of_2013():
    links = [seen.event for seen in Scan(REAL) if isinstance(seen.event, TorLink)]
    assert {(link.name, link.proof) for link in links} == {
        (f"www.{each}.com", "certificate")
        for each in (
            "ct7ctrgb6cr7",
            "q4cyamnc6mtokjurvdclt",
            "gfu7hbxpfp",
            "e6r5p57kbafwrxj3plz",
            "t3i3ru",
            "6gyip7tqim7sieb",
            "jmts2id",
        )
    }
