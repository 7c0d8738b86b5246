"""NMDC: two ncdc and a hub recorded, and commands made by hand after the protocol's descriptions.

Facts about the recording stand in the manifest: what was typed into the programs, and the files.
"""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import craft, kit
from tests.matcher import Matcher

from backchannel.effects import Expect, FileData
from backchannel.events import (
    Credential,
    Download,
    Gap,
    Malformed,
    Message,
    PeerAddress,
    Presence,
    Profile,
    Room,
    Search,
    SearchHit,
    Share,
    SharedFile,
    SignOff,
    SignOn,
    SignOnAnswer,
    Software,
    Transfer,
)
from backchannel.model import MORE, Capability, Claim, Endpoint, Side, Standing
from backchannel.pipeline import Scan
from backchannel.protocols import Peek, Start
from backchannel.protocols.dc_connection import FOREIGN, LONGEST
from backchannel.protocols.nmdc import PROTOCOL
from backchannel.protocols.nmdc.session import Session, recognise
from backchannel.protocols.nmdc.state import MEMBERS

C, S = Side.CLIENT, Side.SERVER
START = Start("tcp", Endpoint("192.0.2.10", 40000), Endpoint("192.0.2.1", 411))
DATAGRAM = Start("udp", Endpoint("192.0.2.1", 40000), Endpoint("192.0.2.10", 412))
RECORDED = kit.EXAMPLES / "direct_connect/nmdc_ncdc.pcap"
TREE = "5GRN6TBQOGK5EYUERVVIPWY33XMWQBOEWILP5IA"
LOCK = b"$Lock EXTENDEDPROTOCOLABCABC Pk=hub1.0|"
INFO = b"$MyINFO $ALL ann grows beans<++ V:0.868,M:A,H:1/0/0,S:3>$ $100\x01$ann@lab.example$4096$|"
SIGN_ON = [
    (S, LOCK + b"$HubName Lab|"),
    (C, b"$Supports NoHello|$Key xx|$ValidateNick ann|"),
    (S, b"$GetPass|"),
    (C, b"$MyPass tulip7|"),
    (S, b"$Hello ann|$LogedIn ann|"),
    (C, b"$Version 1,0091|$GetNickList|" + INFO),
]
HIT = b"$SR bob music\\song.mp3\x05123 1/4\x05TTH:" + TREE.encode() + b" (192.0.2.1:411)"
FILE = bytes(range(200))
PEER = [
    (C, b"$MyNick bob|$Lock EXTENDEDPROTOCOL/wut? Pk=ncdc-1.23.1,Ref=192.0.2.1:411|"),
    (S, b"$MyNick ann|$Lock EXTENDEDPROTOCOL/wut? Pk=DCPLUSPLUS0.868|$Supports ADCGet|"),
    (S, b"$Direction Download 53328|$Key x|"),
    (C, b"$Direction Upload 0|$Key y|"),
    (S, b"$ADCGET file TTH/" + TREE.encode() + b" 0 200|"),
    (C, b"$ADCSND file TTH/" + TREE.encode() + b" 0 200|" + FILE + b"$Error no more|"),
]


def look(client=b"", server=b"", start=START):
    return recognise(Peek(start.transport, client, server, True, start))


def say(*steps, start=START):
    session = Session(start)
    return session, kit.decode(session, steps)


def heard(*steps):
    """What is told of steps behind a sign-on."""
    told = kit.events(say(*SIGN_ON, *steps)[1])
    return told[len(kit.events(say(*SIGN_ON)[1])) :]


# -- recognition ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("client", "server", "flipped"),
    [
        (b"", LOCK, False),
        (LOCK, b"", True),
        (b"$Supports UserCommand NoGetINFO |", b"", False),
        (b"$ValidateNick ann|", b"", False),
        (b"", b"$ValidateNick ann|", True),
        (PEER[0][1], b"", False),
        (b"", PEER[0][1], False),
        (LOCK, b"$MyNick ann|", False),
        (INFO, b"", False),
        (b"$To: bob From: ann $<ann> hi|", b"", False),
        (b"$ConnectToMe bob 192.0.2.9:412|", b"", False),
        (b"$Search Hub:ann F?F?0?1?a$b|", b"", False),
        (HIT + b"|", b"", False),
        (b"", b"$Hello ann|", False),
        (b"$ADCGET file files.xml.bz2 0 -1|", b"", False),
    ],
)
def test_the_first_command_of_either_side_claims(client, server, flipped):
    claim = look(client, server)
    assert isinstance(claim, Claim)
    assert claim.flipped is flipped
    first = client or server
    assert Matcher({"nmdc": PROTOCOL}).candidates("tcp", first) in (["nmdc"], [])
    for size in range(1, first.index(b"|")):
        assert look(first[:size]) in (MORE, claim)


@pytest.mark.parametrize(
    "data",
    [
        b"$Lock |",
        b"$Lock no key here|",
        b"$Hello |",
        b"$Supports <html>|",
        b"$ValidateNick a b|",
        b"$MyNick |",
        b"$MyINFO $ALL ann hello|",
        b"$Search x F?F?0?1?y|"[:-1] + b"\0|",
        b"$ADCGET file x y z|",
        b"$Password|",
        b"<ann> hello|",
        b"GET / HTTP/1.1\r\n\r\n",
        b"",
    ],
)
def test_what_is_near_is_not(data):
    assert look(data) is None
    assert look(data, start=DATAGRAM) is None


def test_an_answer_by_udp():
    assert isinstance(look(HIT + b"|", start=DATAGRAM), Claim)
    assert look(INFO, start=DATAGRAM) is None
    session, told = say((C, HIT + b"|" + HIT + b"|junk"), start=DATAGRAM)
    assert len(kit.events(told, SearchHit)) == 2
    assert session.standing is Standing.PARSED


# -- at a hub ------------------------------------------------------------------------------------


def test_a_sign_on_tells_who_with_what_password_and_program():
    session, told = say(*SIGN_ON)
    assert kit.events(told) == [
        Software(name="hub1.0", role="server"),
        SignOn(account="ann", method="nick"),
        Credential(account="ann", kind="plain", scheme="nmdc-password", secret="tulip7"),
        SignOnAnswer(account="ann", accepted=True),
        Room(room="Lab", action="join", account="ann"),
        Software(name="++", version="0.868", account="ann"),
        Profile(account="ann", text="grows beans ann@lab.example"),
    ]
    assert (session.standing, session.service) == (Standing.PARSED, "direct-connect")


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (b"$BadPass|", "bad password"),
        (b"$ValidateDenide ann|", "nick in use"),
        (b"$HubIsFull|", "hub is full"),
    ],
)
def test_a_refusal(command, reason):
    told = kit.events(say(*SIGN_ON[:4], (S, command))[1], SignOnAnswer)
    assert told == [SignOnAnswer(account="ann", accepted=False, reason=reason)]


def test_messages_are_told_once_though_the_hub_repeats_them():
    told = heard(
        (C, b"<ann> it costs 5&#36; &#124; more|"),
        (S, b"<ann> it costs 5&#36; &#124; more|<bob> hello|a line of the hub's|"),
        (C, b"$To: bob From: ann $<ann> psst|"),
        (S, b"$To: ann From: bob $<bob> what?|$To: ann From: bob broken|"),
    )
    assert told == [
        Message(sender="ann", recipient="", room="Lab", text="it costs 5$ | more", size=18),
        Message(sender="bob", recipient="", room="Lab", text="hello", size=5),
        Message(sender="ann", recipient="bob", text="psst", size=4),
        Message(sender="bob", recipient="ann", text="what?", size=5),
    ]


def test_others_come_and_go():
    told = heard(
        (S, INFO.replace(b"ann", b"bob") + INFO),
        (S, b"$Quit bob|$Quit nobody|"),
        (S, b"$UserIP bob 198.51.100.7$$ann 192.0.2.10$$|$UserIP bob 198.51.100.7$$|$UserIP x y|"),
    )
    assert told == [
        Presence(account="bob", status="online", text="grows beans"),
        Presence(account="bob", status="offline"),
        PeerAddress(use=Capability.PRESENCE, account="bob", address="198.51.100.7", how="user-ip"),
        PeerAddress(use=Capability.PRESENCE, account="ann", address="192.0.2.10", how="user-ip"),
    ]
    assert heard((S, b"$ForceMove other.example:411|")) == [
        SignOff(account="ann", reason="sent on to other.example:411")
    ]


def test_searches_and_their_answers():
    told = heard(
        (C, b"$Search 192.0.2.10:412 T?F?1000?2?old$song|"),
        (S, b"$Search 192.0.2.10:412 T?F?1000?2?old$song|"),
        (S, b"$Search Hub:bob F?T?0?9?TTH:" + TREE.encode() + b"|$Search nonsense|"),
        (S, HIT + b"|$SR bob folder\\here 1/4\x05Lab (192.0.2.1:411)|$SR bob|"),
        (C, b"$SR ann mine.txt\x057 0/3\x05Lab (192.0.2.1:411)\x05bob|"),
    )
    song = SharedFile(name="music\\song.mp3", size=123, hash=f"TTH:{TREE}")
    assert told == [
        Search(text="old song", account="ann", detail="audio, at least 1000 bytes"),
        PeerAddress(
            use=Capability.SEARCH,
            account="ann",
            address="192.0.2.10",
            port=412,
            transport="udp",
            how="search",
        ),
        Search(text="old song", detail="audio, at least 1000 bytes"),
        PeerAddress(
            use=Capability.SEARCH,
            account="",
            address="192.0.2.10",
            port=412,
            transport="udp",
            how="search",
        ),
        Search(text=f"TTH:{TREE}", account="bob", detail="hash"),
        SearchHit(owner="bob", files=(song,), detail="slots 1/4"),
        SearchHit(owner="bob", files=(SharedFile(name="folder\\here"),), detail="slots 1/4"),
        SearchHit(owner="ann", files=(SharedFile(name="mine.txt", size=7),), detail="slots 0/3"),
    ]
    _, outputs = say(*SIGN_ON, (C, b"$Search 192.0.2.10:412 F?F?0?1?x|"))
    (announced,) = kit.effects(outputs, Expect)
    assert (announced.address, announced.port, announced.transport, announced.repeat) == (
        "192.0.2.10",
        412,
        "udp",
        True,
    )


def test_a_request_to_connect_announces_the_flow_unless_it_is_tls():
    _, told = say(
        *SIGN_ON,
        (C, b"$ConnectToMe bob 192.0.2.10:412|"),
        (S, b"$ConnectToMe ann 198.51.100.7:4012S|$ConnectToMe ann x|$RevConnectToMe bob ann|"),
        (S, b"$ConnectToMe ann 198.51.100.7:99999|$ConnectToMe ann [2001:db8::7]:412|"),
    )
    assert [(e.account, e.address, e.port) for e in kit.events(told, PeerAddress)] == [
        ("ann", "192.0.2.10", 412),
        ("", "198.51.100.7", 4012),
        ("", "2001:db8::7", 412),
    ]
    assert [(e.address, e.port, e.accounts) for e in kit.effects(told, Expect)] == [
        ("192.0.2.10", 412, ("bob", "ann")),
        ("2001:db8::7", 412, ("ann",)),
    ]


def test_what_is_remembered_is_bounded():
    crowd = b"".join(INFO.replace(b"ann ", b"u%d " % n) for n in range(MEMBERS + 500))
    asks = b"".join(b"$Search 192.0.2.9:%d F?F?0?1?x|" % (n + 1) for n in range(MEMBERS + 500))
    session, told = say(*SIGN_ON, (S, crowd + asks))
    assert len(kit.events(told, Presence)) == MEMBERS - 1
    assert len(kit.events(told, PeerAddress)) == MEMBERS
    assert kit.footprint(session) < 200_000


def test_what_a_hub_compresses_is_read_and_what_follows_too():
    packed = zlib.compress(b"<bob> one|<bob> two|<bo")
    told = heard((S, b"$ZOn|" + packed + b"b> three|"), (S, b"<bob> four|"))
    assert [event.text for event in told] == ["one", "two", "three", "four"]
    for cut in (1, 4, 30):
        kit.check_segmentation(
            lambda: Session(START), [*SIGN_ON, (S, b"$ZOn|" + packed + b"b> three|")], cut
        )
    told = heard((S, b"$ZOn|" + zlib.compress(bytes(1 << 24))))
    assert isinstance(told[-1], Malformed)
    assert isinstance(heard((S, b"$ZOn|no zlib"))[-1], Malformed)


# -- between clients -----------------------------------------------------------------------------


def test_clients_tell_who_they_are_and_what_they_ask_for():
    session, told = say(*PEER)
    assert kit.events(told) == [
        Software(name="ncdc", version="1.23.1", role="peer", account="bob"),
        Software(name="DCPLUSPLUS0.868", role="peer", account="ann"),
        Download(name=f"TTH/{TREE}", account="ann", hash=f"TTH:{TREE}", first=0, last=199),
    ]
    opened, data, closed = kit.effects(told)
    assert (opened.sender, opened.recipient, opened.size) == ("bob", "ann", 200)
    assert (data.data, closed.key) == (FILE, opened.key)
    assert session.standing is Standing.PARSED


@pytest.mark.parametrize(
    ("ask", "answer", "after"),
    [
        (b"$Get music\\song.mp3$1|", b"$FileLength 200|", b"$Send|"),
        (b"$UGetBlock 0 200 music/song.mp3|", b"$Sending 200|", b""),
        (b"$UGetBlock 0 200 music/song.mp3|", b"$Sending|", b""),
    ],
)
def test_older_ways_to_ask(ask, answer, after):
    steps = [*PEER[:4], (S, ask), (C, answer)]
    steps += [(S, after), (C, FILE)] if after else [(C, FILE)]
    told = say(*steps)[1]
    (asked,) = kit.events(told, Download)
    assert asked.name == "song.mp3"
    opened, data, _ = kit.effects(told)
    assert (opened.name, opened.sender, data.data) == ("song.mp3", "bob", FILE)


def test_a_packed_block():
    steps = [*PEER[:4], (S, b"$UGetZBlock 0 200 a/b|"), (C, b"$Sending 200|" + zlib.compress(FILE))]
    assert kit.effects(say(*steps)[1])[1].data == FILE


@pytest.mark.parametrize("lost", [1, 100, 150])
def test_behind_a_hole_a_file_goes_on_and_none_of_its_bytes_is_a_command(lost):
    inside = b"|$ADCGET file a 0 9|".ljust(150 - lost)
    head, *_ = PEER[5][1].partition(FILE[:50])
    asks = (C, b"$ADCGET file list.txt 0 9|")
    _, told = say(*PEER[:5], (C, head + FILE[:50]), (C, lost), (C, inside[: 150 - lost]), asks)
    pieces = [value for value in kit.effects(told) if isinstance(value, FileData)]
    assert sum(len(piece.data) for piece in pieces) == 200 - lost
    assert [piece.offset for piece in pieces] == [0, 50 + lost][: len(pieces)]
    assert type(kit.effects(told)[-1]).__name__ == "FilePaused"
    assert [asked.name for asked in kit.events(told, Download)][1:] == ["list.txt"]
    assert kit.events(told, Gap) == [Gap(size=lost)]


def test_a_hole_longer_than_the_file_ends_it_and_commands_go_on():
    head, *_ = PEER[5][1].partition(FILE[:50])
    _, told = say(*PEER[:5], (C, head + FILE[:50]), (C, 151), (C, b"x|$ADCGET file a 0 9|"))
    assert [type(value).__name__ for value in kit.effects(told)][1:] == ["FileData", "FilePaused"]
    assert [asked.name for asked in kit.events(told, Download)][1:] == ["a"]


def test_a_file_that_breaks_off_may_be_resumed():
    _, told = say(*PEER[:5], (C, PEER[5][1][:90]))
    assert type(kit.effects(told)[-1]).__name__ == "FilePaused"


# -- what is broken ------------------------------------------------------------------------------


def test_a_broken_command_costs_itself_and_many_the_side():
    session, told = say(*SIGN_ON, (S, b"$1|<bob> still here|"), (S, b"\0|" * FOREIGN + b"<bob> x|"))
    faults = kit.events(told, Malformed)
    assert len(faults) == 1 + FOREIGN
    assert [event.text for event in kit.events(told, Message)] == ["still here"]
    assert session.standing is Standing.PARSED
    assert say((C, b"$0|"))[0].standing is Standing.REFUTED
    session, told = say(*PEER[:4], (S, b"$ADCGET file x|"))
    assert isinstance(told[-1][1], Malformed)


def test_a_command_without_end_is_passed_over():
    _, told = say(*SIGN_ON, (S, b"<bob> " + b"x" * (LONGEST + 9) + b"|<bob> next|"))
    assert [event.text for event in kit.events(told, Message)] == ["next"]
    assert len(kit.events(told, Malformed)) == 1


def test_midway_the_rest_of_a_command_is_passed_over():
    start = Start("tcp", START.client, START.server, begun=False)
    session = Session(start)
    told = kit.decode(session, [(S, b"lo everybody|<bob> hi|" + HIT + b"|<bob> ho|")])
    assert [type(event).__name__ for event in kit.events(told)] == [
        "Message",
        "SearchHit",
        "Message",
    ]
    assert session.aligned


def test_partial_and_aligned():
    session = Session(START)
    session.feed(S, LOCK[:9])
    assert session.partial(S)
    assert not session.aligned
    session.feed(S, LOCK[9:])
    assert not session.partial(S)
    assert session.aligned


# -- laws ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 3, 50])
@pytest.mark.parametrize("steps", [SIGN_ON, PEER])
def test_how_tcp_cuts_it_changes_nothing(steps, size):
    kit.check_segmentation(lambda: Session(START), steps, size)


PIECES = [data for steps in (SIGN_ON, PEER) for _, data in steps] + [
    HIT + b"|",
    b"$ZOn|",
    b"$Send|",
]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(Side),
            st.binary(max_size=60)
            | st.sampled_from(PIECES)
            | st.binary(max_size=30).map(lambda data: b"$UGetBlock " + data + b"|"),
        ),
        max_size=12,
    ),
    st.sampled_from([START, DATAGRAM]),
)
def test_garbage_is_never_raised(steps, start):
    kit.check_garbage(lambda: Session(start), steps)


@pytest.mark.parametrize("size", [1, 100, 700])
@pytest.mark.parametrize(
    "packed", [zlib.compress(bytes(1 << 22)), zlib.compress(b"<bob> a|")[:-3] + b"xxx"]
)
def test_how_tcp_cuts_a_bomb_or_damage_changes_nothing(packed, size):
    kit.check_segmentation(
        lambda: Session(START), [*SIGN_ON, (S, b"$ZOn|" + packed + b"<bob> b|")], size
    )


# -- the recording -------------------------------------------------------------------------------


def test_the_recording_holds_a_list_a_file_and_an_answer():
    run = Scan(RECORDED)
    seen = list(run)
    files = [one.event for one in seen if isinstance(one.event, Transfer)]
    assert [(file.name, file.sender, file.recipient, file.complete) for file in files] == [
        ("files.xml.bz2", "bob", "alice", True),
        ("seed.bin", "bob", "alice", True),
    ]
    (share,) = [one.event for one in seen if isinstance(one.event, Share)]
    assert {file.name for file in share.files} == {"Garden/garden plan.txt", "Garden/seed.bin"}
    (hit,) = [one for one in seen if isinstance(one.event, SearchHit)]
    assert hit.flow.transport == "udp"
    assert {row.stack for row in run.document.services} == {"nmdc"}


def test_steps_of_the_recording_are_golden(request):
    folder = request.path.parent
    for number, flow in enumerate(flow for flow in kit.flows(RECORDED) if len(flow.steps) > 1):
        told = kit.decode(Session(flow.start), flow.steps)
        kit.check_golden(folder / f"nmdc-{number}.jsonl", told)


def test_a_hub_on_another_port_and_through_a_proxy(tmp_path):
    steps = craft.through_socks5(SIGN_ON, Endpoint("203.0.113.9", 4111))
    document = Scan(craft.write(tmp_path / "one.pcap", craft.tcp(steps))).document
    assert ("direct-connect", "socks5/nmdc") in {
        (row.service, row.stack) for row in document.services
    }
