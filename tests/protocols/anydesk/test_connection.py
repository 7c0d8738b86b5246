"""AnyDesk's TLS: hellos and certificates made by hand, after those of real programs.

The public capture is nDPI's: the certificates and the version are what tshark and nDPI show of it.
"""

import pytest
from tests import craft, kit
from tests.matcher import Matcher
from tests.protocols.tor.test_session import answer, certificate, extension, record, sized, u16

from backchannel.events import Gap, Software
from backchannel.model import LATER, MORE, Claim, Endpoint, Side, Standing
from backchannel.pipeline import Scan
from backchannel.protocols import PEEK_LIMIT, Peek, Start
from backchannel.protocols.anydesk import PROTOCOL
from backchannel.protocols.anydesk.events import AnydeskConnection
from backchannel.protocols.anydesk.session import Session, recognise

C, S = Side.CLIENT, Side.SERVER
START = Start("tcp", Endpoint("192.0.2.10", 50001), Endpoint("198.51.100.18", 443))
CIPHERS = bytes.fromhex("c030c02cc028c024c014c00a00a500a300a1009f006b006a00ff")
ALPN = extension(16, sized(sized(b"anydesk/6.2.0/linux", 1)))
NAME = extension(0, sized(b"\0" + sized(b"www.example.net")))


def hello(extra=b""):
    body = u16(0x0303) + bytes(32) + b"\0" + sized(CIPHERS) + b"\1\0" + sized(extra)
    return record(b"\1" + sized(body, 3))


def shows(subject="AnyDesk Client", issuer="AnyDesk Client", split=False):
    shown = certificate(subject, issuer)
    return record(shown[:40]) + record(shown[40:]) if split else record(shown)


HELLO = record(answer(tls13=False))
RELAY = "AnyNet Relay", "AnyNet Root CA"


def look(client=b"", server=b"", transport="tcp"):
    return recognise(Peek(transport, client, server, True, START))


def say(*steps):
    session = Session(START)
    return session, kit.events(kit.decode(session, steps))


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (hello(ALPN), b""),
        (hello(), HELLO + shows()),
        (hello(), HELLO + shows(*RELAY)),
        (hello(), HELLO + shows(split=True)),
        (hello() + shows(), b""),
        (hello() + shows(), HELLO),
    ],
)
def test_a_certificate_or_the_version_claims(client, server):
    found = look(client, server)
    assert isinstance(found, Claim)
    assert found.sure
    assert look(client[:60]) is MORE


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (hello(NAME), HELLO + shows()),
        (hello(), HELLO + shows("www.example.net", "AnyDesk Client")),
        (hello(), HELLO + shows("AnyDesk Client", "Example CA")),
        (hello(), HELLO + shows("AnyNet Relay", "Example CA")),
        (record(b"\2" + sized(b"", 3)), b""),
        (b"GET / HTTP/1.1", b""),
        (hello(), HELLO + record(b"\x0b\0\0\3abc")),
        (hello(), (HELLO + bytes(2)) * 200),
    ],
)
def test_others_are_not_claimed(client, server):
    assert look(client, server) is None


def test_an_answer_is_waited_for():
    assert look(hello(), HELLO) is LATER
    assert look(hello(), HELLO + shows()[:-1]) is LATER


def test_what_a_connection_tells():
    session, told = say((C, hello(ALPN)), (S, HELLO + shows(*RELAY)), (C, shows()))
    assert told == [
        Software(name="AnyDesk", version="6.2.0 linux", role="client"),
        AnydeskConnection(shown="relay", by="server"),
    ]
    assert session.standing is Standing.PARSED
    assert session.done


def test_what_is_no_record_hides_nothing_before_it():
    junk = b"\xff" * 9
    _, told = say((C, hello(ALPN) + junk), (S, HELLO + shows(*RELAY) + junk))
    assert [type(each) for each in told] == [Software, AnydeskConnection]
    assert isinstance(look(hello() + junk, HELLO + shows() + junk), Claim)


def test_only_the_client_may_have_been_captured():
    _, told = say((C, hello() + shows()))
    assert told == [AnydeskConnection(shown="program", by="client")]


STEPS = [(C, hello(ALPN)), (S, HELLO + shows(*RELAY)), (C, shows())]


def test_segments_change_nothing():
    for size in (1, 7, 64):
        assert say(*kit.recut(STEPS, size))[1] == say(*STEPS)[1]


def test_garbage():
    kit.check_garbage(lambda: Session(START), STEPS)


def test_a_gap_ends_the_look_and_little_is_held():
    session = Session(START)
    assert session.gap(S, 9) == [Gap(size=9)]
    assert session.done
    session = Session(START)
    for _ in range(PEEK_LIMIT):
        session.feed(C, b"\x16\3\1\x40\0")
        session.feed(S, b"\x16\3\1\x40\0")
    assert session.done


def test_the_core_looks_at_such_hellos_alone():
    matcher = Matcher({"anydesk": PROTOCOL})
    assert matcher.candidates("tcp", hello()) == ["anydesk"]
    assert matcher.candidates("tcp", hello().replace(CIPHERS, CIPHERS[::-1])) == []


def test_no_foreign_capture_is_claimed():
    for path in kit.foreign():
        assert not kit.claimed(path, recognise), path.name


def test_the_rows_of_a_scan(tmp_path):
    run = Scan(craft.write(tmp_path / "one.pcap", craft.tcp(STEPS, server=START.server)))
    list(run)
    assert [(row.service, str(row.confidence)) for row in run.document.services] == [
        ("anydesk", "parsed")
    ]
    assert [finding.rule for finding in run.document.findings] == ["remote-tool"]
