"""ADC: two ncdc and uhub recorded, and lines made by hand after the protocol's description.

Facts about the recording stand in the manifest: what was typed into the programs, and the files.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import craft, kit
from tests.matcher import Matcher

from backchannel.effects import Expect
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
from backchannel.protocols.adc import PROTOCOL
from backchannel.protocols.adc.session import Session, recognise
from backchannel.protocols.adc.state import MEMBERS
from backchannel.protocols.dc_connection import FOREIGN, LONGEST

C, S = Side.CLIENT, Side.SERVER
START = Start("tcp", Endpoint("192.0.2.10", 40000), Endpoint("192.0.2.1", 1511))
DATAGRAM = Start("udp", Endpoint("192.0.2.1", 40000), Endpoint("192.0.2.10", 412))
RECORDED = kit.EXAMPLES / "direct_connect/adc_uhub_ncdc.pcap"
TREE = "5GRN6TBQOGK5EYUERVVIPWY33XMWQBOEWILP5IA"
ANN, BOB = "A" * 39, "B" * 39
OWN = f"BINF AAAD ID{ANN} PDX NIann APncdc VE1.23.1 I4192.0.2.10 U4412 DEgrows\\sbeans EMann@lab\n"
OTHER = f"BINF AAAB ID{BOB} NIbob I4198.51.100.7 U44120 DEsows\n"
SIGN_ON = [
    (C, b"HSUP ADBASE ADTIGR\n"),
    (S, b"ISUP ADBASE ADTIGR\nISID AAAD\nIINF CT32 VEuhub/0.4.1 NILab\\shub\n"),
    (C, OWN.encode()),
    (S, b"IGPA 2QVBCZVQJ7KQ4\n"),
    (C, b"HPAS LWPNACQDBZRYXW3VHJVCJ64QBZNGHOHHHZWCLNQ\n"),
    (S, (OTHER + OWN).encode()),
]
FILE = bytes(range(10, 210))
PEER = [
    (C, b"CSUP ADBASE ADTIGR\n"),
    (S, b"CSUP ADBASE ADTIGR\nCINF ID" + BOB.encode() + b"\n"),
    (C, b"CINF ID" + ANN.encode() + b" TO123\n"),
    (C, b"CGET file TTH/" + TREE.encode() + b" 0 200\n"),
    (S, b"CSND file TTH/" + TREE.encode() + b" 0 200\n" + FILE + b"CSTA 151 no\\sslots\n"),
]
URES = f"URES {BOB} TO99 SL5 SI9000 FN/Garden/seed.bin TR{TREE}\n".encode()


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
        (SIGN_ON[0][1], b"", False),
        (b"", SIGN_ON[0][1], True),
        (b"", SIGN_ON[1][1], False),
        (SIGN_ON[1][1], b"", True),
        (PEER[0][1], b"", False),
        (OWN.encode(), b"", False),
        (b"BMSG AAAD hello\\sall\n", b"", False),
        (b"EMSG AAAD AAAB psst PMAAAD\n", b"", False),
        (b"BSCH AAAD TO1 ANseed\n", b"", False),
        (b"FSCH AAAD +TCP4-NAT0 TO1 ANseed\n", b"", False),
        (b"", b"DCTM AAAB AAAD ADC/1.0 4012 77\n", False),
        (b"DRCM AAAB AAAD ADC/1.0 77\n", b"", False),
        (b"CGET file files.xml.bz2 0 -1\n", b"", False),
    ],
)
def test_the_first_line_of_either_side_claims(client, server, flipped):
    claim = look(client, server)
    assert isinstance(claim, Claim)
    assert claim.flipped is flipped
    first = client or server
    assert Matcher({"adc": PROTOCOL}).candidates("tcp", first) == ["adc"]
    assert {look(first[:size]) for size in range(1, first.index(b"\n"))} == {MORE}


@pytest.mark.parametrize(
    "data",
    [
        b"HSUP hello\n",
        b"HSUP AD\n",
        b"BINF ann NIx\n",
        b"BMSG AAAD two words\n",
        b"EMSG AAAD AAAB psst\n",
        b"DCTM AAAB AAAD HTTP/1.0 4012 77\n",
        b"CGET file x y z\n",
        b"CGET http://x 0 1\n",
        b"ISID AAAD\n",
        b"GET / HTTP/1.1\r\n",
        b"",
    ],
)
def test_what_is_near_is_not(data):
    assert look(data) is None
    assert look(data, start=DATAGRAM) is None


def test_an_answer_by_udp():
    assert isinstance(look(URES, start=DATAGRAM), Claim)
    assert Matcher({"adc": PROTOCOL}).candidates("udp", URES) == ["adc"]
    assert look(URES.replace(b"B", b"1"), start=DATAGRAM) is None
    session, told = say((C, URES + b"junk\n"), start=DATAGRAM)
    file = SharedFile(name="/Garden/seed.bin", size=9000, hash=f"TTH:{TREE}")
    assert kit.events(told) == [SearchHit(owner=BOB, id="99", files=(file,), detail="slots 5")]
    assert session.standing is Standing.PARSED


# -- at a hub ------------------------------------------------------------------------------------


def test_a_sign_on_tells_who_with_what_and_whom_the_hub_shows():
    session, told = say(*SIGN_ON)
    assert kit.events(told) == [
        Software(name="uhub/0.4.1", role="server"),
        SignOn(account="ann", method="client-id", client="ncdc", version="1.23.1"),
        Software(name="ncdc", version="1.23.1", account="ann"),
        Profile(account="ann", text="grows beans ann@lab"),
        Credential(
            account="ann",
            kind="hash",
            scheme="adc-tiger",
            secret="LWPNACQDBZRYXW3VHJVCJ64QBZNGHOHHHZWCLNQ",
            salt="2QVBCZVQJ7KQ4",
        ),
        Presence(account="bob", status="online", text="sows"),
        PeerAddress(
            use=Capability.PRESENCE,
            account="bob",
            address="198.51.100.7",
            port=4120,
            transport="udp",
            how="member-info",
        ),
        SignOnAnswer(account="ann", accepted=True),
        Room(room="Lab hub", action="join", account="ann"),
    ]
    assert (session.standing, session.service) == (Standing.PARSED, "direct-connect")


def test_a_program_in_one_word_with_its_version():
    one = OWN.replace("APncdc VE1.23.1", "VEncdc\\s1.23.1").encode()
    told = kit.events(say(*SIGN_ON[:2], (C, one))[1], Software)
    assert told[-1] == Software(name="ncdc", version="1.23.1", account="ann")


def test_a_refusal():
    told = kit.events(say(*SIGN_ON[:5], (S, b"ISTA 223 bad\\spassword\n"))[1], SignOnAnswer)
    assert told == [SignOnAnswer(account="ann", accepted=False, reason="bad password")]
    assert heard((S, b"ISTA 220 later\nISTA 000 fine\n")) == []


def test_messages_are_told_once_though_the_hub_repeats_them():
    told = heard(
        (C, b"BMSG AAAD one\\\\two\\nthree\n"),
        (S, b"BMSG AAAD one\\\\two\\nthree\nBMSG AAAB hi\n"),
        (C, b"EMSG AAAD AAAB psst PMAAAD\n"),
        (S, b"EMSG AAAD AAAB psst PMAAAD\nDMSG AAAB AAAD what? PMAAAB\nIMSG welcome\n"),
        (S, b"BMSG AAAX who\\sam\\sI\n"),
    )
    assert told == [
        Message(sender="ann", recipient="", room="Lab hub", text="one\\two\nthree", size=13),
        Message(sender="bob", recipient="", room="Lab hub", text="hi", size=2),
        Message(sender="ann", recipient="bob", text="psst", size=4),
        Message(sender="bob", recipient="ann", text="what?", size=5),
        Message(sender="AAAX", recipient="", room="Lab hub", text="who am I", size=8),
    ]


def test_others_go_and_oneself_is_sent_away():
    assert heard((S, b"IQUI AAAB\nIQUI AAAB\nIQUI AAAD MSbye RDadc://x:1\n")) == [
        Presence(account="bob", status="offline"),
        SignOff(account="ann", reason="adc://x:1"),
    ]


def test_searches_and_their_answers():
    told = heard(
        (C, b"BSCH AAAD TO1 ANold ANsong NOlive GE1000 EXmp3\n"),
        (S, b"BSCH AAAD TO1 ANold\nFSCH AAAB +TCP4 TO2 TR" + TREE.encode() + b"\n"),
        (S, b"DRES AAAB AAAD FN/a/b.mp3 SI77 SL1 TO1\nDRES AAAB AAAD SI77\n"),
    )
    assert told == [
        Search(
            text="old song", id="1", account="ann", detail="at least 1000 bytes, not live, .mp3"
        ),
        Search(text=f"TTH:{TREE}", id="2", account="bob"),
        SearchHit(
            owner="bob", id="1", files=(SharedFile(name="/a/b.mp3", size=77),), detail="slots 1"
        ),
    ]
    (announced,) = kit.effects(say(*SIGN_ON, (C, b"BSCH AAAD TO1 ANx\n"))[1], Expect)
    assert (announced.address, announced.transport, announced.repeat) == ("192.0.2.10", "udp", True)


def test_a_request_to_connect_announces_the_flow_unless_it_is_tls():
    _, told = say(
        *SIGN_ON,
        (C, b"DCTM AAAD AAAB ADC/1.0 34194 5\n"),
        (S, b"DCTM AAAB AAAD ADCS/0.10 4013 6\nDCTM AAAX AAAD ADC/1.0 4013 7\nDCTM AAAB\n"),
        (S, b"DCTM AAAB AAAD ADC/1.0 99999 8\n"),
    )
    places = [e for e in kit.events(told, PeerAddress) if e.how == "connect-to-me"]
    assert [(e.account, e.address, e.port) for e in places] == [
        ("ann", "192.0.2.10", 34194),
        ("bob", "198.51.100.7", 4013),
    ]
    (announced,) = kit.effects(told, Expect)
    assert (announced.address, announced.port, announced.accounts) == (
        "192.0.2.10",
        34194,
        ("bob", "ann"),
    )
    assert dict(announced.context) == {ANN: "ann", BOB: "bob"}


def test_what_is_remembered_is_bounded():
    ids = [f"{a}{b}{c}A" for a in "BCDEFGHIJKL" for b in "ABCDEFGHIJKL" for c in "ABCDEFGHIJKL"]
    crowd = "".join(f"BINF {sid} NIu{n} I4198.51.100.7\n" for n, sid in enumerate(ids))
    session, told = say(*SIGN_ON, (S, crowd.encode()))
    assert len(kit.events(told, Presence)) == MEMBERS - 1
    assert len(ids) > MEMBERS
    assert kit.footprint(session) < 400_000


# -- between clients -----------------------------------------------------------------------------


def test_a_file_between_clients():
    names = ((ANN, "ann"), (BOB, "bob"))
    start = Start("tcp", START.client, START.server, context=names)
    session, told = say(*PEER, start=start)
    assert kit.events(told) == [
        Download(name=f"TTH/{TREE}", account="ann", hash=f"TTH:{TREE}", first=0, last=199)
    ]
    opened, data, closed = kit.effects(told)
    assert (opened.sender, opened.recipient, data.data) == ("bob", "ann", FILE)
    assert closed.key == opened.key
    assert session.standing is Standing.PARSED
    opened = kit.effects(say(*PEER)[1])[0]
    assert (opened.sender, opened.recipient) == (BOB, ANN)


def test_behind_a_hole_a_file_goes_on():
    head, *_ = PEER[4][1].partition(FILE[:50])
    asks = (S, FILE[150:] + b"CGET file a 0 9\n")
    _, told = say(*PEER[:4], (S, head + FILE[:50]), (S, 100), asks)
    names = [type(value).__name__ for value in kit.effects(told)]
    assert names == ["FileOpen", "FileData", "FileData", "FilePaused"]
    assert kit.effects(told)[2].offset == 150
    assert [asked.name for asked in kit.events(told, Download)][1:] == ["a"]
    assert kit.events(told, Gap) == [Gap(size=100)]


def test_a_file_that_breaks_off_may_be_resumed():
    _, told = say(*PEER[:4], (S, PEER[4][1][:90]))
    assert type(kit.effects(told)[-1]).__name__ == "FilePaused"


# -- what is broken ------------------------------------------------------------------------------


def test_a_broken_line_costs_itself_and_many_the_side():
    session, told = say(
        *SIGN_ON, (S, b"no line\nBMSG AAAB hi\n"), (S, b"?\n" * FOREIGN + b"BMSG AAAB no\n")
    )
    assert len(kit.events(told, Malformed)) == 1 + FOREIGN
    assert [event.text for event in kit.events(told, Message)] == ["hi"]
    assert session.standing is Standing.PARSED
    assert say((C, b"hello\n"))[0].standing is Standing.REFUTED
    assert isinstance(say(*PEER[:3], (S, b"CSND file x 0 -1\n"))[1][-1][1], Malformed)
    assert isinstance(say(*PEER[:3], (C, b"CGET file\n"))[1][-1][1], Malformed)


def test_a_line_without_end_is_passed_over():
    _, told = say(*SIGN_ON, (S, b"BMSG AAAB " + b"x" * (LONGEST + 9) + b"\nBMSG AAAB next\n"))
    assert [event.text for event in kit.events(told, Message)] == ["next"]


def test_what_a_hub_compresses_is_not_read():
    assert heard((S, b"IZON\n\x78\x9cxxx\nBMSG AAAB hi\n")) == []


def test_midway_the_rest_of_a_line_is_passed_over():
    session = Session(Start("tcp", START.client, START.server, begun=False))
    told = kit.decode(session, [(S, b"lo all\nBMSG AAAB hi\nBMSG AAAB ho\n\n")])
    assert [event.text for event in kit.events(told)] == ["hi", "ho"]
    assert session.aligned
    session.feed(S, b"BMSG")
    assert session.partial(S)
    assert not session.aligned


# -- laws ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 3, 50])
@pytest.mark.parametrize("steps", [SIGN_ON, PEER])
def test_how_tcp_cuts_it_changes_nothing(steps, size):
    kit.check_segmentation(lambda: Session(START), steps, size)


PIECES = [data for steps in (SIGN_ON, PEER) for _, data in steps] + [URES]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(Side),
            st.binary(max_size=60)
            | st.sampled_from(PIECES)
            | st.binary(max_size=30).map(lambda data: b"DCTM AAAB AAAD " + data + b"\n"),
        ),
        max_size=12,
    ),
    st.sampled_from([START, DATAGRAM]),
)
def test_garbage_is_never_raised(steps, start):
    kit.check_garbage(lambda: Session(start), steps)


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
    assert {row.stack for row in run.document.services} == {"adc"}


def test_steps_of_the_recording_are_golden(request):
    folder = request.path.parent
    for number, flow in enumerate(flow for flow in kit.flows(RECORDED) if len(flow.steps) > 1):
        told = kit.decode(Session(flow.start), flow.steps)
        kit.check_golden(folder / f"adc-{number}.jsonl", told)


def test_a_hub_through_a_proxy(tmp_path):
    steps = craft.through_socks5(SIGN_ON, Endpoint("203.0.113.9", 4111))
    document = Scan(craft.write(tmp_path / "one.pcap", craft.tcp(steps))).document
    assert ("direct-connect", "socks5/adc") in {
        (row.service, row.stack) for row in document.services
    }
