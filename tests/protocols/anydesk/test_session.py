"""AnyDesk's discovery: datagrams made by hand, as the exploit of CVE-2020-13160 builds them."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import craft, kit
from tests.matcher import Matcher

from backchannel.events import Anomaly, Gap
from backchannel.model import Claim, Endpoint, Side, Standing
from backchannel.pipeline import Scan
from backchannel.protocols import Peek, Start
from backchannel.protocols.anydesk import PROTOCOL
from backchannel.protocols.anydesk.events import AnydeskAnnounced
from backchannel.protocols.anydesk.session import TOLD, Session, recognise

C, S = Side.CLIENT, Side.SERVER
START = Start("udp", Endpoint("192.0.2.10", 50001), Endpoint("239.255.102.18", 50001))


def text(data):
    return struct.pack(">I", len(data)) + data


def announced(host=b"desk-7", user=b"ann", system=2, port=50001):
    head = b"\x3e\xd1\x01" + struct.pack(">II", 4919, 0) + bytes((2, system))
    tail = text(b"") + text(b"ad") + b"\0" + text(b"main") + b"\2" + struct.pack(">H", port)
    return head + text(host) + text(user) + tail


def look(client=b"", transport="udp"):
    return recognise(Peek(transport, client, b"", True, START))


def say(*steps):
    session = Session(START)
    return session, kit.events(kit.decode(session, steps))


def test_a_whole_announcement_is_claimed():
    assert isinstance(look(announced()), Claim)
    assert Matcher({"anydesk": PROTOCOL}).candidates("udp", announced()) == ["anydesk"]
    assert look(announced(), "tcp") is None


@pytest.mark.parametrize(
    "data",
    [
        announced()[:-1],
        announced(port=0),
        announced(host=b"x" * 2000),
        announced()[:11] + b"\3" + announced()[12:],
        b"\x3e\xd1\x02" + announced()[3:],
        announced()[:-3] + b"\1\xc3\x51",
        b"\x3e\xd1\x01" + bytes(8) + b"\2" + b"\xff" * 60,
        b"",
    ],
)
def test_what_is_near_is_not(data):
    assert look(data) is None
    assert say((C, data))[1] == []


def test_who_is_there_is_told_once():
    session, told = say((C, announced()), (C, announced()), (S, announced(b"p\xc3\xa9", b"bob", 7)))
    assert told == [
        AnydeskAnnounced(host="desk-7", user="ann", system="linux"),
        AnydeskAnnounced(host="pé", user="bob", system="7"),
    ]
    assert session.standing is Standing.PARSED
    many = [(C, announced(b"h%d" % n)) for n in range(TOLD + 20)]
    assert len(say(*many)[1]) == TOLD
    assert say((C, 7))[1] == [Gap(size=7)]


@pytest.mark.parametrize("name", [b"%n", b"\x85\x01%1$*1$x%18x%109$ln", b"a%hhnb"])
def test_a_name_that_writes_to_memory_is_an_attack(name):
    wanted = Anomaly(kind="anydesk-format-string", detail="CVE-2020-13160")
    assert say((C, announced(name)))[1][-1] == wanted
    assert say((C, announced(user=name)))[1][-1] == wanted


@pytest.mark.parametrize("name", [b"100% new", b"%s%x", b"50% net"])
def test_a_name_with_a_percent_sign_is_none(name):
    assert len(say((C, announced(name)))[1]) == 1


@given(st.lists(st.tuples(st.sampled_from(Side), st.binary(max_size=90) | st.just(announced()))))
def test_garbage_is_never_raised(steps):
    kit.check_garbage(lambda: Session(START), steps)


def test_an_attack_is_a_finding(tmp_path):
    packets = craft.datagrams([(C, announced(b"%18x%109$ln"))], server=START.server)
    document = Scan(craft.write(tmp_path / "one.pcap", packets)).document
    assert [(row.service, row.confidence) for row in document.services] == [("anydesk", "parsed")]
    assert [finding.rule for finding in document.findings] == [
        "anydesk-format-string",
        "remote-tool",
    ]
