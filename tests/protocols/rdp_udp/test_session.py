"""RDP over UDP: packets made by hand after MS-RDPEUDP §2.2.2; tshark reads them the same way."""

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import craft, kit
from tests.matcher import Matcher

from backchannel.model import Capability, Claim, Endpoint, Side, Standing
from backchannel.pipeline import Scan
from backchannel.protocols import Peek, Start
from backchannel.protocols.rdp.events import DesktopTransport
from backchannel.protocols.rdp_udp import PROTOCOL
from backchannel.protocols.rdp_udp.session import ENOUGH, Session, recognise

C, S = Side.CLIENT, Side.SERVER
START = Start("udp", Endpoint("192.0.2.1", 40000), Endpoint("192.0.2.2", 3389))
PUBLIC = kit.CORPUS / "public"
NUMBER, THEIRS = 0x0B127F15, 0x0F94EA0B


def opening(flags, number, acknowledged=0xFFFFFFFF, version=None, *, mtu=1232):
    head = struct.pack(">IHHIHH", acknowledged, 64, flags, number, mtu, mtu)
    head += bytes(range(16)) + bytes(16) if flags & 0x0800 else b""
    head += struct.pack(">HH", 1, version) if version else b""
    return head.ljust(1232, b"\0")


SYN = opening(0x1801, NUMBER, version=0x0101)
ANSWER = opening(0x1005, THEIRS, NUMBER, version=2)
OLD, LOSSY = opening(0x0001, NUMBER), opening(0x0201, NUMBER)
RECORD = b"\x17\3\3\0\x20" + bytes(range(32))
DTLS = b"\x16\xfe\xff" + bytes(7) + b"\5\0\x20" + bytes(range(32))


def data(acknowledged, number, records=RECORD, *, flags=0x0C, vector=b"\1", again=0):
    head = struct.pack(">IHHH", acknowledged, 1024, flags, len(vector)) + vector
    head = head.ljust(len(head) + -len(head[8:]) % 4, b"\1")
    return head + struct.pack(">II", number, number + again) + records


AMID, HEARD = data(THEIRS, NUMBER), data(NUMBER, THEIRS + 1)
TLS = struct.pack(">IHH", THEIRS, 1024, 0x0C) + b"\x16\3\3" + bytes(60)


def noise(size):
    return random.Random(size).randbytes(size)


def look(client=b"", server=b""):
    return recognise(Peek("udp", client, server, True, START))


def say(*steps, start=START):
    session = Session(start)
    return session, kit.events(kit.decode(session, steps))


@pytest.mark.parametrize(
    ("client", "server", "flipped"),
    [
        (SYN, b"", False),
        (SYN, ANSWER, False),
        (OLD, b"", False),
        (LOSSY, b"", False),
        (ANSWER, b"", True),
        (b"", ANSWER, False),
        (ANSWER, SYN, True),
    ],
)
def test_an_opening_is_claimed_from_either_side(client, server, flipped):
    claim = look(client, server)
    assert isinstance(claim, Claim)
    assert claim.flipped is flipped


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (TLS, b""),
        (SYN, TLS),
        (SYN, opening(0x1005, THEIRS, NUMBER + 1)),
        (opening(0x1801, NUMBER, acknowledged=7), b""),
        (opening(0x1803, NUMBER), b""),
        (opening(0x0801, NUMBER, mtu=1131), b""),
        (opening(0x0801, NUMBER, mtu=1233), b""),
        (SYN + b"\0", b""),
        (SYN[:15], b""),
        (b"\xff" * 1232, b""),
        (bytes(1232), b""),
        (AMID[:-1], b""),
        (AMID + b"\0", b""),
        (AMID, noise(60)),
        (data(THEIRS, NUMBER, again=1), b""),
        (data(THEIRS, NUMBER, flags=0x08), b""),
        (data(THEIRS, NUMBER, flags=0x1C), b""),
        (data(THEIRS, NUMBER, b"\x18" + RECORD[1:]), b""),
        (data(THEIRS, NUMBER, b"\x17\3\4" + RECORD[3:]), b""),
        (data(THEIRS, NUMBER, b"\x17\3\3\0\0"), b""),
        (data(THEIRS, NUMBER, b""), b""),
        (data(THEIRS, NUMBER, b"\x17\3\3\4\0" + bytes(900)), b""),
        (data(THEIRS, NUMBER, b"\x17\3\3\x50\0" + bytes(1200)), b""),
        (data(THEIRS, NUMBER, vector=bytes(2049)), b""),
        (data(THEIRS, NUMBER, RECORD * 40), b""),  # longer than a datagram may be
    ],
)
def test_what_is_near_is_not(client, server):
    assert look(client, server) is None


@pytest.mark.parametrize(
    "sent",
    [
        AMID,
        data(THEIRS, NUMBER, DTLS),
        data(THEIRS, NUMBER, RECORD * 3),
        data(THEIRS, NUMBER, vector=b""),
        data(THEIRS, NUMBER, flags=0x046C, vector=b"ab"),
        data(THEIRS, NUMBER, RECORD + b"\x17\3\3\x40\0" + bytes(1000)),
    ],
)
def test_data_amid_a_transport_is_claimed(sent):
    """Witness for the form: nDPI's `rdp2.pcap`, second conversation; MS-RDPEUDP §2.2.2.1 to 6."""
    assert isinstance(look(sent), Claim)
    assert isinstance(look(b"", sent), Claim)
    assert isinstance(look(sent, HEARD), Claim)
    assert Matcher({"rdp-udp": PROTOCOL}).candidates("udp", sent) == ["rdp-udp"]


def test_a_longer_acknowledgement_is_read_too():
    assert isinstance(look(data(THEIRS, NUMBER, vector=bytes(7))), Claim)


def test_amid_a_transport_the_server_is_at_its_port():
    back = Start("udp", START.server, START.client)
    assert recognise(Peek("udp", HEARD, b"", True, back)).flipped
    assert not look(AMID).flipped


def test_what_each_side_acknowledges_proves_a_transport_met_on_its_way():
    session, told = say((C, AMID), (C, data(THEIRS, NUMBER + 1)), (S, HEARD))
    assert told == [DesktopTransport(accepted=True)]
    assert (session.standing, session.done) == (Standing.PARSED, True)
    session, told = say((C, data(THEIRS, NUMBER, DTLS)), (S, data(7, THEIRS, DTLS)))
    assert told == [DesktopTransport(accepted=True, lossy=True)]
    assert session.standing is Standing.CLAIMED
    session, _ = say((S, data(1, 0xFFFFFFFF)), (C, data(0, 2)))
    assert session.standing is Standing.PARSED, "numbers begin again at 0"


def test_a_desktop_met_on_its_way_is_found(tmp_path):
    packets = [
        craft.udp(START.server, START.client, HEARD),
        craft.udp(START.client, START.server, AMID),
    ]
    document = Scan(craft.write(tmp_path / "desktop.pcap", packets)).document
    (row,) = document.services
    assert (row.stack, row.confidence) == ("rdp-udp", "parsed")
    assert row.hosts.servers == (str(START.server),)


def test_a_transport_that_is_accepted():
    session, told = say((C, SYN), (C, SYN), (S, ANSWER), (C, TLS))
    assert told == [
        DesktopTransport(accepted=False, version="3"),
        DesktopTransport(accepted=True, version="2"),
    ]
    assert (session.standing, session.done, session.service) == (Standing.PARSED, True, "rdp")


def test_one_that_nobody_answers_is_left_alone_in_the_end():
    session, told = say(*[(C, LOSSY)] * ENOUGH, (S, ANSWER))
    assert told == [DesktopTransport(accepted=False, lossy=True)]
    assert (session.standing, session.done) == (Standing.CLAIMED, True)


def test_versions_that_are_not_known_keep_their_number():
    _, told = say((C, opening(0x1001, NUMBER, version=0x0201)))
    assert [event.version for event in told] == ["0x0201"]


def test_what_was_announced_keeps_its_purpose():
    start = Start("udp", START.client, START.server, purpose=Capability.REMOTE_ASSISTANCE)
    _, told = say((C, SYN), start=start)
    assert told[0].capability is Capability.REMOTE_ASSISTANCE


def test_the_magic_lets_every_opening_pass_and_little_else():
    matcher = Matcher({"rdp-udp": PROTOCOL})
    for data in (SYN, ANSWER, OLD, LOSSY):
        assert matcher.candidates("udp", data) == ["rdp-udp"]
    for data in (TLS, SYN[:1000], bytes(1232), b"\xff" * 1232):
        assert matcher.candidates("udp", data) == []


@given(
    st.lists(
        st.tuples(st.sampled_from(Side), st.binary(max_size=60) | st.sampled_from([SYN, AMID]))
    )
)
def test_garbage_is_never_raised(steps):
    kit.check_garbage(lambda: Session(START), steps)


@pytest.mark.skipif(not PUBLIC.exists(), reason="the public corpus is not here")
def test_nothing_in_ordinary_traffic_is_claimed():
    for path in sorted((PUBLIC / "negatives").glob("*.pcap*")):
        for flow in kit.flows(path):
            assert recognise(kit.peek(flow)) is None


def test_a_desktop_over_udp_alone_is_found(tmp_path):
    """The datagrams are answered to the port they came from, whatever it is."""
    packets = [
        craft.udp(START.client, START.server, SYN),
        craft.udp(START.server, START.client, ANSWER),
    ]
    document = Scan(craft.write(tmp_path / "desktop.pcap", packets)).document
    assert [(row.service, row.stack, row.confidence) for row in document.services] == [
        ("rdp", "rdp-udp", "parsed")
    ]
    assert "remote-desktop" in [finding.rule for finding in document.findings]
