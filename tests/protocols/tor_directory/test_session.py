"""Tor's directory over HTTP: requests made by hand after its specification.

Facts about the recording, a test network of tor 0.4.9: tshark shows the same requests.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import craft, kit
from tests.matcher import Matcher

from backchannel.events import Gap, Malformed, PeerAddress
from backchannel.model import MORE, Capability, Claim, Endpoint, Side, Standing
from backchannel.pipeline import Scan
from backchannel.protocols import Peek, Start
from backchannel.protocols.tor_directory import PROTOCOL
from backchannel.protocols.tor_directory.events import TorDirectory
from backchannel.protocols.tor_directory.session import Session, recognise

C, S = Side.CLIENT, Side.SERVER
START = Start("tcp", Endpoint("192.0.2.10", 40000), Endpoint("192.0.2.1", 9030))
CONSENSUS = "status-vote/current/consensus-microdesc/14C131+27B6B5.z"


def asked(path, method="GET"):
    return f"{method} /tor/{path} HTTP/1.0\r\nHost: 192.0.2.1\r\n\r\n".encode()


def answered(seen="198.51.100.4", body=b"network-status-version 3\n", status="200 OK"):
    head = f"HTTP/1.0 {status}\r\nX-Your-Address-Is: {seen}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


TALK = [(C, asked(CONSENSUS)), (S, answered())]
SEEN = PeerAddress(use=Capability.TUNNEL, account="", address="198.51.100.4", how="directory-seen")


def look(client=b"", server=b"", transport="tcp"):
    return recognise(Peek(transport, client, server, True, START))


def say(*steps):
    session = Session(START)
    return session, kit.events(kit.decode(session, steps))


@pytest.mark.parametrize(
    ("path", "what"),
    [
        (CONSENSUS, "consensus"),
        ("status-vote/next/consensus-signatures", "consensus"),
        ("status-vote/current/authority", "votes"),
        ("server/all.z", "relays"),
        ("micro/d/abc-def", "microdescriptors"),
        ("extra/fp/ABC", "extra-info"),
        ("keys/all", "keys"),
        ("hs/3/abc", "onion-service"),
        ("rendezvous2/abc", "onion-service"),
    ],
)
def test_each_part_of_the_directory_is_claimed_and_told(path, what):
    data = asked(path)
    assert isinstance(look(data), Claim)
    assert isinstance(look(data, answered()), Claim)
    assert Matcher({"tor-directory": PROTOCOL}).candidates("tcp", data) == ["tor-directory"]
    line = data.index(b"\n") + 1
    assert {look(data[:size]) for size in range(1, line)} == {MORE}
    session, told = say((C, data), (S, answered("192.0.2.10")))
    assert told == [TorDirectory(what=what, target=f"/tor/{path}")]
    assert session.standing is Standing.PARSED


def test_what_is_handed_in():
    data = asked("post/vote", "POST")[:-2] + b"Content-Length: 3\r\n\r\nabc"
    assert isinstance(look(data), Claim)
    _, told = say((C, data), (S, answered("192.0.2.10")))
    assert told == [TorDirectory(what="upload", target="/tor/post/vote")]


@pytest.mark.parametrize(
    "data",
    [
        asked("download/"),
        b"GET /torrent/server/ HTTP/1.1\r\n\r\n",
        b"PUT /tor/server/all HTTP/1.0\r\n\r\n",
        b"GET /tor/server/all\r\n\r\n",
        b"GET /tor/server/a b HTTP/1.0\r\n\r\n",
        b"GET /tor/" + b"x" * 5000,
        b"",
    ],
)
def test_what_is_near_is_not(data):
    assert look(data) in (None, MORE if not data else None)
    assert look(data, b"SSH-2.0-x\r\n") is None
    assert look(data, transport="udp") is None


def test_where_the_client_is_seen_is_told_once():
    _, told = say(*TALK, *TALK, (C, asked("keys/all")), (S, answered("nowhere")))
    assert [event for event in told if isinstance(event, PeerAddress)] == [SEEN]


def test_a_long_target_is_cut():
    _, told = say((C, asked("micro/d/" + "a" * 3000)))
    assert len(told[0].target) == 128


def test_holes_and_faults_are_told():
    session, told = say(TALK[0], (S, 40), (C, asked("keys/all")))
    assert isinstance(told[1], Gap)
    assert told[2] == TorDirectory(what="keys", target="/tor/keys/all")
    _, told = say(TALK[0], (S, b"\0\1\2\r\n\r\n" * 9))
    assert any(isinstance(event, Malformed) for event in told)
    _, told = say((C, asked("keys/all").replace(b"/tor/", b"/www/")))
    assert told == []
    assert not session.done


@pytest.mark.parametrize("size", [1, 7, 50])
def test_how_tcp_cuts_it_changes_nothing(size):
    kit.check_segmentation(lambda: Session(START), TALK * 2, size)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(Side),
            st.binary(max_size=80) | st.sampled_from([data for _, data in TALK]),
        )
    )
)
def test_garbage_is_never_raised(steps):
    kit.check_garbage(lambda: Session(START), steps)


def test_ones_own_address_is_no_finding(tmp_path):
    packets = craft.tcp([TALK[0], (S, answered("9.9.9.9"))], server=Endpoint("8.8.8.8", 80))
    document = Scan(craft.write(tmp_path / "one.pcap", packets)).document
    assert [(row.service, row.stack, row.confidence) for row in document.services] == [
        ("tor", "tor-directory", "parsed")
    ]
    assert document.findings == ()
