"""RDP: two captures of its beginning; the rest is built after MS-RDPBCGR, and tshark's dissector
reads what is built here the same way."""

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import craft, kit
from tests.matcher import Matcher
from tests.protocols.t120 import build

from backchannel.events import Credential, Gap, Malformed, PeerAddress, SignOn, Software
from backchannel.model import LATER, MORE, Capability, Claim, Endpoint, Side, Standing
from backchannel.pipeline import Scan
from backchannel.protocols import Peek, Start
from backchannel.protocols.rdp import PROTOCOL, wire
from backchannel.protocols.rdp.events import DesktopSecurity, RemoteDesktop
from backchannel.protocols.rdp.session import Session, recognise

CLIENT, SERVER = Side.CLIENT, Side.SERVER
ENDS = Endpoint("192.0.2.1", 40000), Endpoint("192.0.2.2", 3389)
START = Start("tcp", *ENDS)
HELP = Capability.REMOTE_ASSISTANCE
INVITED = Start("tcp", *ENDS, accounts=("a@x", "b@y"), service="msn", purpose=HELP)
PUBLIC = kit.CORPUS / "public"
with_corpus = pytest.mark.skipif(not PUBLIC.exists(), reason="the public corpus is not here")


def negotiation(kind, number):
    return struct.pack("<BBHI", kind, 0, 8, number)


def block(kind, body):
    return struct.pack("<HH", kind, len(body) + 4) + body


def core(name="ELTONS-DEV2"):
    head = struct.pack("<HHHHHHII", 4, 8, 1280, 1024, 0xCA01, 0xAA03, 0x409, 3790)
    return block(0xC001, head + name.encode("utf-16-le").ljust(32, b"\0") + bytes(80))


NETWORK = block(0xC003, struct.pack("<I", 2) + b"rdpdr\0\0\0\0\0\0\0cliprdr\0\0\0\0\0")
BARE, COOKIE = build.x224(0xE0), build.x224(0xE0, b"Cookie: mstshash=eltons\r\n")
OLD = build.x224(0xD0, number=0x1234)
INITIAL = build.connect_initial(build.desktop(core() + block(0xC002, bytes(8)) + NETWORK))


def response(cipher):
    blocks = block(0x0C01, bytes(4)) + block(0x0C02, struct.pack("<II", cipher, 2))
    user_data = b"\x14\x76\x0a\x01\x01\x00\x01\xc0\x00McDn" + build.counted(blocks)
    return build.connect_response(build.conference(user_data))


def logon(domain, user, password, *, flags=0x40, wide=True):
    texts = [
        text.encode("utf-16-le" if wide else "latin-1") for text in (domain, user, password, "", "")
    ]
    end = b"\0\0" if wide else b"\0"
    head = struct.pack("<HHII", flags, 0, 0, 0x10 if wide else 0)
    return head + struct.pack("<5H", *map(len, texts)) + b"".join(text + end for text in texts)


def look(client=b"", server=b"", start=START):
    return recognise(Peek("tcp", client, server, True, start))


def say(*steps, start=START):
    told = Session(start)
    return told, kit.events(kit.decode(told, steps))


# -- captures ----------------------------------------------------------------------------------


@with_corpus
def test_a_desktop_that_goes_on_under_tls():
    """Witness: tshark (`-O rdp`): CredSSP, TLS and early authorisation asked for, 8 chosen."""
    (flow,) = [f for f in kit.flows(PUBLIC / "negatives/rdp.pcap") if f.start.transport == "tcp"]
    assert isinstance(recognise(kit.peek(flow)), Claim)
    told, events = say(*flow.steps)
    assert events == [
        DesktopSecurity(offered=("rdp", "tls", "credssp", "credssp-ex")),
        DesktopSecurity(chosen="credssp-ex"),
    ]
    assert (told.service, told.standing, told.done) == ("rdp", Standing.PARSED, True)


@with_corpus
def test_a_desktop_behind_a_proxy():
    """What a SOCKS5 connection carries, behind the proxy's own ten bytes and three."""
    for flow in kit.flows(PUBLIC / "socks/socks5-rdp.pcap")[:1]:
        inner = [step for step in flow.steps if isinstance(step[1], bytes) and step[1][0] == 3]
        told, events = say(*inner[:2])
        assert kit.peek(flow).client.startswith(b"\5\1\0")
        assert SignOn(account="XXX", method="rdp-cookie") in events
        assert told.standing is Standing.PARSED


@with_corpus
@pytest.mark.parametrize(
    "path", sorted((PUBLIC / "negatives").glob("*.pcap*")), ids=lambda p: p.name
)
def test_nothing_else_is_claimed(path):
    tcp = [flow for flow in kit.flows(path) if flow.start.transport == "tcp"]
    claimed = [str(flow) for flow in tcp if isinstance(recognise(kit.peek(flow)), Claim)]
    assert len(claimed) == (path.name == "rdp.pcap")


# -- whose bytes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (COOKIE, b""),
        (build.x224(0xE0, negotiation(1, 3)), b""),
        (build.x224(0xE0, b"Cookie: msts=1.1.0000\r\n" + negotiation(1, 0)), b""),
        (BARE, build.x224(0xD0, negotiation(2, 1))),
        (BARE, build.x224(0xD0, negotiation(3, 5))),
        (BARE + INITIAL, OLD),
    ],
)
def test_what_is_ours(client, server):
    assert isinstance(look(client, server), Claim)
    first = client[: int.from_bytes(client[2:4], "big")]
    assert Matcher({"rdp": PROTOCOL}).candidates("tcp", first) == ["rdp"]


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (build.x224(0xE0, b"\xc1\x02\1\0\xc2\x02\1\2\xc0\1\x0a"), b""),  # ISO transport, as of S7
        (BARE + build.connect_initial(build.conference(b"\x40\0")), OLD),
        (BARE + build.data(b"\x32\1"), OLD),
        (BARE, b"\x03\x00\x00\x0b\x06\x80\0\0\0\0\0"),
        (OLD, b""),
        (b"\x03\x00\x00\x04", b""),
        (b"\x04\x01", b""),
    ],
)
def test_what_is_not_ours(client, server):
    assert look(client, server) is None


CHOSEN, FAILED = build.x224(0xD0, negotiation(2, 8)), build.x224(0xD0, negotiation(3, 5))


@pytest.mark.parametrize("data", [CHOSEN, FAILED, build.x224(0xD0, negotiation(2, 0))])
def test_a_confirm_is_enough_where_the_servers_side_alone_was_captured(data):
    found = look(b"", data)
    assert isinstance(found, Claim)
    assert not found.flipped
    assert Matcher({"rdp": PROTOCOL}).candidates("tcp", data) == ["rdp"]
    amid = recognise(Peek("tcp", data, b"", False, Start("tcp", *ENDS, begun=False)))
    assert amid.flipped
    told, events = say((SERVER, data))
    assert [type(event) for event in events] == [DesktopSecurity]
    assert told.standing is Standing.PARSED


@pytest.mark.parametrize(
    "data",
    [
        OLD,
        build.x224(0xD0, b"\xc1\2\1\0\xc0\1\x0a\xc2"),  # ISO transport, as of S7
        build.x224(0xD0, negotiation(1, 8)),
        CHOSEN.replace(b"\x08\0", b"\x09\0", 1),
    ],
)
def test_other_confirms_are_nobodys(data):
    assert not isinstance(look(b"", data), Claim)
    assert not Matcher({"rdp": PROTOCOL}).candidates("tcp", data)


def test_a_client_sends_no_confirm():
    assert not isinstance(look(CHOSEN), Claim)


def test_a_desktop_of_which_the_servers_side_alone_was_captured(tmp_path):
    packets = craft.tcp([(CLIENT, COOKIE), (SERVER, CHOSEN)], client=ENDS[0], server=ENDS[1])
    seen = [each for each in packets if each[12:16] == ip_address(ENDS[1].address).packed]
    document = Scan(craft.write(tmp_path / "server.pcap", seen)).document
    (row,) = document.services
    assert (row.service, row.confidence) == ("rdp", "parsed")
    assert row.hosts.servers == (str(ENDS[1]),)


@pytest.mark.parametrize("data", [b"\3", b"\3\0", BARE[:-1], BARE, BARE + INITIAL[:20]])
def test_more_is_asked_while_it_may_be(data):
    assert look(data) is (LATER if data == BARE else MORE)  # a guard keeps no whole one waiting


def test_an_invitation_makes_the_request_enough():
    assert isinstance(look(BARE, start=INVITED), Claim)
    told, _ = say(
        (CLIENT, BARE), (SERVER, OLD), (CLIENT, build.connect_initial(b"no desktop")), start=INVITED
    )
    assert told.standing is Standing.REFUTED


# -- what is told ------------------------------------------------------------------------------


def test_rdps_own_security():
    """The client tells of itself in clear; then its cipher ends the reading."""
    told, events = say((CLIENT, COOKIE), (SERVER, OLD), (CLIENT, INITIAL), (SERVER, response(2)))
    assert events == [
        SignOn(account="eltons", method="rdp-cookie"),
        RemoteDesktop(
            client="ELTONS-DEV2",
            build=3790,
            version="8.4",
            screen="1280x1024",
            keyboard="0x00000409",
            channels=("rdpdr", "cliprdr"),
        ),
        Software(name="RDP client", version="build 3790", account="eltons"),
        DesktopSecurity(chosen="rc4-128"),
    ]
    assert told.done
    assert {event.capability for event in events[1:]} == {None}


@pytest.mark.parametrize("wide", [True, False])
def test_without_encryption_the_password_is_there_to_read(wide):
    opening = [(CLIENT, BARE), (SERVER, OLD), (CLIENT, INITIAL), (SERVER, response(0))]
    joins = build.data(b"\x04\1\0\1\0") + build.data(b"\x28") + build.sent(1003, bytes(9))
    body = logon("CORP", "bob", "s3cret", wide=wide)
    told, events = say(*opening, (CLIENT, joins), (CLIENT, build.sent(1003, body)))
    assert events[-2:] == [
        SignOn(account="CORP\\bob", method="plain"),
        Credential(account="CORP\\bob", kind="plain", scheme="rdp-logon", secret="s3cret"),
    ]
    assert told.done
    early = [*opening[:3], (CLIENT, build.sent(1003, body))]  # before the server wants none
    assert not [event for event in say(*early)[1] if isinstance(event, SignOn)]
    long = build.sent(1003, logon("CORP", "bob", "s" * 1025, wide=wide))
    assert isinstance(say(*opening, (CLIENT, long))[1][-1], Malformed)
    encrypted = build.sent(1003, logon("CORP", "bob", "s3cret", flags=0x48, wide=wide))
    assert not [e for e in say(*opening, (CLIENT, encrypted))[1] if isinstance(e, SignOn)]


def test_a_routing_token_discloses_the_server_behind():
    """MS-RDPBCGR §3.2.5.3.1's own example: 3640205228.15629.0000 is 172.31.249.216, port 3389."""
    request = build.x224(0xE0, b"Cookie: msts=3640205228.15629.0000\r\n" + negotiation(1, 1))
    _, events = say((CLIENT, request))
    (place,) = [event for event in events if isinstance(event, PeerAddress)]
    assert (place.address, place.port, place.how) == ("172.31.249.216", 3389, "routing-token")
    for token in (b"x", b"1", b"99999999999.1.0", b"1.99999.0"):
        _, events = say((CLIENT, build.x224(0xE0, b"Cookie: msts=" + token + b"\r\n")))
        assert not events


def test_a_refusal_says_why():
    told, events = say(
        (CLIENT, build.x224(0xE0, negotiation(1, 0))), (SERVER, build.x224(0xD0, negotiation(3, 5)))
    )
    assert events == [
        DesktopSecurity(offered=("rdp",)),
        DesktopSecurity(chosen="refused", detail="CredSSP is required"),
    ]
    assert told.done


def test_remote_assistance_by_invitation():
    told, events = say((CLIENT, BARE), (SERVER, OLD), (CLIENT, INITIAL), start=INVITED)
    assert told.service == "msn"
    desktop = events[0]
    assert (desktop.use, desktop.capability, desktop.accounts) == (HELP, HELP, ("a@x", "b@y"))


# -- loss and garbage --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "user_data",
    [
        build.desktop(struct.pack("<HH", 0xC001, 2)),
        build.desktop(struct.pack("<HH", 0xC001, 500)),
        build.desktop(block(0xC001, bytes(30))),
        build.desktop(core() + block(0xC003, struct.pack("<I", 9))),
    ],
)
def test_a_broken_block_costs_one_message(user_data):
    _, events = say(
        (CLIENT, COOKIE),
        (SERVER, OLD),
        (CLIENT, build.connect_initial(user_data)),
        (SERVER, response(1)),
    )
    assert [type(event) for event in events] == [SignOn, Malformed, DesktopSecurity]


def test_no_desktop_asks_for_endless_channels():
    many = block(0xC003, struct.pack("<I", 0xFFFFFFFF) + b"abcdefg\0\0\0\0\0" * 40)
    _, events = say((CLIENT, BARE), (CLIENT, build.connect_initial(build.desktop(core() + many))))
    assert len(events[0].channels) == 31


def test_other_framing_behind_the_connection_is_no_fault():
    _, events = say(
        (CLIENT, COOKIE),
        (SERVER, OLD),
        (CLIENT, INITIAL),
        (SERVER, response(0)),
        (SERVER, b"\x80\x05abc"),
    )
    assert not [event for event in events if isinstance(event, Malformed)]
    _, events = say((CLIENT, COOKIE), (CLIENT, b"\x80\x05abc"))
    assert [type(event) for event in events] == [SignOn, Malformed]


def test_a_gap_is_told_and_the_next_packet_found():
    told = Session(START)
    told.feed(CLIENT, COOKIE)
    assert told.gap(CLIENT, 3) == [Gap(size=3)]
    assert [type(event) for event in told.feed(CLIENT, b"lost" + INITIAL)] == [
        RemoteDesktop,
        Software,
    ]


STREAM = [(CLIENT, COOKIE), (SERVER, OLD), (CLIENT, INITIAL), (SERVER, response(0))]
STREAM += [(CLIENT, build.sent(1003, logon("", "bob", "pw")))]
PIECES = st.one_of(
    st.binary(max_size=60),
    st.binary(max_size=60).map(lambda data: build.x224(0xE0, data)),
    st.binary(max_size=60).map(lambda data: build.x224(0xD0, data)),
    st.binary(max_size=90).map(lambda data: build.connect_initial(build.desktop(data))),
    st.builds(
        lambda kind, body: build.connect_initial(build.desktop(block(kind, body))),
        st.sampled_from([0xC001, 0xC003]),
        st.binary(max_size=80),
    ),
    st.binary(max_size=60).map(lambda data: build.sent(1003, b"\x40\0" + data)),
    st.sampled_from([data for _, data in STREAM]),
)


@pytest.mark.parametrize("size", [1, 2, 7, 33])
def test_segmentation_changes_nothing(size):
    kit.check_segmentation(lambda: Session(START), STREAM, size)


@given(
    st.lists(st.tuples(st.sampled_from(Side), PIECES | st.integers(1, 99)), max_size=8),
    st.integers(1, 40),
)
def test_garbage_is_never_raised_and_cuts_change_nothing(steps, size):
    kit.check_garbage(lambda: Session(START), steps)
    kit.check_segmentation(lambda: Session(START), steps, size)
    for start in (START, INVITED):
        for side in Side:
            data = b"".join(d for s, d in steps if s is side and isinstance(d, bytes))
            look(data[:4096], start=start)


def test_a_long_beginning_is_left_alone():
    told = Session(START)
    told.feed(CLIENT, COOKIE)
    for _ in range(300):
        told.feed(CLIENT, build.data(bytes(1000)))
    assert told.done


@pytest.mark.parametrize("size", [1, 999, 4096, 100_000])
def test_where_the_beginning_ends_does_not_hang_on_segments(size):
    steps = [(CLIENT, COOKIE), *[(SERVER, response(0))] * 3000]
    kit.check_segmentation(lambda: Session(START), steps, size)
    told = kit.events(kit.decode(Session(START), steps), DesktopSecurity)
    plain = (1 << 17) - len(COOKIE)
    assert len(told) == plain // len(response(0))


def test_names_of_protections_and_ciphers():
    assert wire.protections(0) == ("rdp",)
    assert wire.protections(0x0B) == ("rdp", "tls", "credssp", "credssp-ex")
    assert [wire.cipher(number) for number in (0, 1, 8, 0x10, 0x40)] == [
        "none",
        "rc4-40",
        "rc4-56",
        "fips",
        "cipher 0x40",
    ]
