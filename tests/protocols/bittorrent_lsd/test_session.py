"""Local searches: recorded ones, what is told, the laws, foreign captures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import kit
from tests.matcher import fits

from backchannel.effects import Expect
from backchannel.events import Malformed, PeerAddress, Search, Share
from backchannel.model import Claim, Endpoint, Side, Standing
from backchannel.pipeline import Scan
from backchannel.protocols import Peek, Start
from backchannel.protocols.bittorrent_lsd import PROTOCOL
from backchannel.protocols.bittorrent_lsd.session import REMEMBERED, TORRENTS, Session, recognise

C = Side.CLIENT
START = Start("udp", Endpoint("192.0.2.110", 6771), Endpoint("239.192.152.143", 6771))
EXAMPLES = sorted((kit.EXAMPLES / "bittorrent").glob("*.pcap"))
HASH = "9a6443cd3d30d4382e8e2b0bfde1ee12c96c7dd3"


def search(*hashes, port="6881", end="\r\n"):
    lines = [
        "BT-SEARCH * HTTP/1.1",
        "Host: 239.192.152.143:6771",
        f"Port: {port}",
        *(f"Infohash: {each}" for each in hashes),
        "cookie: 40a4a334",
    ]
    return (end.join(lines) + end * 3).replace("HTTP/1.1\n", "HTTP/1.1\r\n", 1).encode()


def claim(data, transport="udp"):
    return recognise(Peek(transport, data, b"", True, START))


def told(*data):
    return kit.decode(Session(START), [(C, each) for each in data])


def test_a_search_is_claimed_on_any_port():
    data = search(HASH)
    assert isinstance(claim(data), Claim)
    assert fits(PROTOCOL.magic[0], data)
    assert isinstance(claim(search(HASH, end="\n")), Claim)
    assert claim(data, "tcp") is None


@pytest.mark.parametrize(
    "data",
    [
        search(),
        search(HASH[:39]),
        search(HASH, port="0"),
        search(HASH, port="70000"),
        search(HASH).replace(b"BT-SEARCH", b"M-SEARCH"),
        search(HASH) + bytes(2048),
    ],
)
def test_what_is_no_search_is_nobodys(data):
    assert claim(data) is None


def test_no_foreign_capture_is_claimed():
    for path in kit.foreign(*EXAMPLES):
        assert not kit.claimed(path, recognise), path


def test_who_searches_shares_and_can_be_met():
    steps = told(search(HASH, HASH.upper()[:39] + "4"), search(HASH))
    assert [found.text for found in kit.events(steps, Search)] == [HASH, HASH[:39] + "4"]
    [share] = kit.events(steps, Share)
    assert [file.hash for file in share.files] == [HASH, HASH[:39] + "4"]
    [place] = kit.events(steps, PeerAddress)
    assert (place.address, place.port) == ("192.0.2.110", 6881)
    assert {(each.protocol, each.port) for each in kit.effects(steps, Expect)} == {
        ("bittorrent", 6881),
        ("bittorrent-utp", 6881),
    }


def test_the_recorded_searches():
    """Witness: the info hash in the handshakes of the same capture, and tshark 4.0.17."""
    path = kit.EXAMPLES / "bittorrent" / "libtorrent_tcp_plain.pcap"
    seen = [each for each in Scan(path) if each.stack == "bittorrent-lsd"]
    found = [each.event.text for each in seen if isinstance(each.event, Search)]
    assert found == [HASH, HASH]
    ports = [each.event.port for each in seen if isinstance(each.event, PeerAddress)]
    assert ports == [6881, 6882]


def test_what_is_told_is_bounded():
    many = [f"{number:040x}" for number in range(3000)]
    steps = told(*(search(*many[at : at + 20]) for at in range(0, 3000, 20)))
    assert len(kit.events(steps, Search)) == 3000
    session = Session(START)
    for at in range(0, 3000, 20):
        session.feed(C, search(*many[at : at + 20]))
    assert kit.footprint(session) < REMEMBERED * 64
    assert len(kit.events(told(search(*many[:40])), Search)) <= TORRENTS


def test_a_broken_one_refutes_the_claim_or_is_told():
    session = Session(START)
    session.feed(C, b"BT-SEARCH")
    assert session.standing is Standing.REFUTED
    assert kit.events(told(search(HASH), b"BT-SEARCH"), Malformed)


@given(st.lists(st.tuples(st.sampled_from(Side), st.one_of(st.binary(), st.just(search(HASH))))))
def test_law_garbage(chunks):
    kit.check_garbage(lambda: Session(START), chunks)
