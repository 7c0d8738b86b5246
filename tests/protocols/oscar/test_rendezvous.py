"""Channel 2: proposals, the addresses they disclose, and the connections they announce."""

import pytest
from tests.protocols.oscar.craft import (
    ADD_IN,
    CHAT,
    CONTACTS,
    COOKIE,
    DIRECT_IM,
    GAME,
    GET_FILE,
    ICON,
    SEND_FILE,
    TALK,
    Talk,
    address,
    effects,
    events,
    name8,
    place,
    propose,
    proposed,
    text16,
    tlv,
    u16,
    u32,
)

from backchannel.effects import Expect, FileClose, FileData, FileOpen
from backchannel.events import (
    Anomaly,
    Contact,
    Contacts,
    Malformed,
    Message,
    Offer,
    OfferAnswer,
    PeerAddress,
    Room,
)
from backchannel.model import Capability
from backchannel.protocols.oscar.art import icon_sum
from backchannel.protocols.oscar.contexts import Meeting

ID = COOKIE.hex()


def file(name: bytes, size: int, count: int = 1) -> bytes:
    return tlv(0x2711, u16(1 if count == 1 else 2) + u16(count) + u32(size) + name + b"\0")


def test_a_file_is_offered_and_its_connection_announced():
    body = propose(
        "bob", SEND_FILE, place("10.0.0.5", 5190), tlv(0x0C, b"take this"), file(b"plan.pdf", 1234)
    )
    told = Talk().c(4, 6, body)
    assert events(told) == [
        Offer(
            sender="alice",
            recipient="bob",
            id=ID,
            name="plan.pdf",
            size=1234,
            detail="send file",
            note="take this",
            use=Capability.FILE_TRANSFER,
        ),
        PeerAddress(
            account="alice",
            address="10.0.0.5",
            port=5190,
            how="rendezvous",
            use=Capability.FILE_TRANSFER,
        ),
    ]
    (expect,) = effects(told)
    assert expect == Expect(
        protocol="oft",
        purpose=Capability.FILE_TRANSFER,
        address="10.0.0.5",
        port=5190,
        accounts=("alice", "bob"),
        context=Meeting(ID, Capability.FILE_TRANSFER, "alice", "bob", "alice"),
    )


def test_all_addresses_are_disclosed_and_expected():
    more = tlv(0x18, name8("2001:db8::7 4000") + name8("10.0.0.6 4001") + name8("nonsense 1"))
    body = proposed("bob", SEND_FILE, place("10.0.0.5", 4000, verified="203.0.113.7"), more)
    told = Talk().s(4, 7, body)
    places = [(event.address, event.port) for event in events(told, PeerAddress)]
    assert places == [
        ("10.0.0.5", 4000),
        ("203.0.113.7", 4000),
        ("2001:db8::7", 4000),
        ("10.0.0.6", 4001),
    ]
    assert {event.account for event in events(told, PeerAddress)} == {"bob"}
    assert [(expect.address, expect.port) for expect in effects(told, Expect)] == places


@pytest.mark.parametrize("proxied", [False, True])
def test_what_a_stranger_proposes_only_our_client_can_open(proxied):
    """Else the address of a bank would have a guard cut everybody's connection to it. Our client
    may talk over another version of IP.
    """
    where = place("10.0.0.5", 4000), tlv(0x10) if proxied else b""
    more = tlv(0x18, name8("2001:db8::7 4000"))
    told = Talk().s(4, 7, proposed("bob", SEND_FILE, *where, *([] if proxied else [more])))
    sources = {expect.address: expect.source for expect in effects(told, Expect)}
    assert sources == (
        {"10.0.0.5": "192.0.2.10"} if proxied else {"10.0.0.5": "192.0.2.10", "2001:db8::7": ""}
    )


def test_whoever_was_offered_something_may_come_to_our_client():
    for told in (
        Talk().c(4, 6, propose("bob", SEND_FILE, place("10.0.0.5", 4000))),
        Talk().s(4, 7, proposed("alice", SEND_FILE, place("10.0.0.5", 4000))),  # from elsewhere
    ):
        assert [expect.source for expect in effects(told, Expect)] == [""]


def test_several_files_in_folders():
    told = Talk().c(4, 6, propose("bob", SEND_FILE, file(b"holiday\x01*", 99, count=7)))
    (offer,) = events(told, Offer)
    assert (offer.name, offer.count, offer.size) == ("holiday/*", 7, 99)


@pytest.mark.parametrize(
    ("capability", "use", "protocol"),
    [
        (SEND_FILE, Capability.FILE_TRANSFER, "oft"),
        (GET_FILE, Capability.FILE_SHARING, "oft"),
        (DIRECT_IM, Capability.IMAGE, "odc"),
        (TALK, Capability.VOICE_VIDEO, None),
        (GAME, Capability.GAME, None),
        (ADD_IN, Capability.GAME, None),
    ],
)
def test_what_is_proposed(capability, use, protocol):
    told = Talk().c(4, 6, propose("bob", capability, place("10.0.0.5", 4443)))
    assert [event.use for event in events(told)] == [use, use]
    assert [expect.protocol for expect in effects(told)] == ([protocol] if protocol else [])


def test_with_get_file_the_other_side_sends():
    told = Talk().c(4, 6, propose("bob", GET_FILE, place("10.0.0.5", 4443)))
    (expect,) = effects(told)
    assert expect.context == Meeting(ID, Capability.FILE_SHARING, "bob", "alice", "alice")


@pytest.mark.parametrize(
    ("reason", "word"),
    [(0, ""), (1, "declined"), (2, "timed out"), (3, "accepted on another instance")],
)
def test_declined(reason, word):
    talk = Talk()
    talk.c(4, 6, propose("bob", SEND_FILE, place("10.0.0.5", 5190)))
    (answer,) = talk.s(4, 7, proposed("bob", SEND_FILE, tlv(0x0B, u16(reason)), status=1))
    assert answer == OfferAnswer(
        sender="bob",
        recipient="alice",
        id=ID,
        accepted=False,
        reason=word,
        use=Capability.FILE_TRANSFER,
    )


def test_accepted_by_the_other_side_only():
    talk = Talk()
    talk.c(4, 6, propose("bob", SEND_FILE, place("10.0.0.5", 5190)))
    (answer,) = talk.s(4, 7, proposed("Bob", SEND_FILE, status=2))
    assert (answer.sender, answer.accepted) == ("Bob", True)
    assert talk.c(4, 6, propose("bob", SEND_FILE, status=2)) == []


def test_withdrawn():
    talk = Talk()
    talk.s(4, 7, proposed("bob", SEND_FILE, place("10.0.0.5", 5190)))
    (answer,) = talk.s(4, 7, proposed("bob", SEND_FILE, tlv(0x0B, u16(1)), status=1))
    assert (answer.accepted, answer.reason) == (False, "withdrawn")


def test_refused_by_a_client_error():
    talk = Talk()
    talk.s(4, 7, proposed("bob", DIRECT_IM, place("10.0.0.5", 5190)))
    (answer,) = talk.c(4, 0x0B, COOKIE + u16(2) + name8("bob") + u16(3) + u16(2) + u16(1))
    assert (answer.sender, answer.accepted, answer.use) == ("alice", False, Capability.IMAGE)
    assert talk.c(4, 0x0B, b"unknown!" + u16(2) + name8("bob") + u16(3) + u16(2) + u16(1)) == []


def test_redirected_when_the_first_direction_fails():
    """The file still goes from alice to bob; now bob listens."""
    talk = Talk()
    talk.c(4, 6, propose("bob", SEND_FILE, place("10.0.0.5", 5190), file(b"plan.pdf", 1234)))
    told = talk.s(4, 7, proposed("bob", SEND_FILE, place("10.0.0.9", 6000, number=2)))
    answer, disclosed = events(told)
    assert (answer.accepted, answer.reason, answer.id) == (True, "redirected", ID)
    assert (disclosed.account, disclosed.address, disclosed.port) == ("bob", "10.0.0.9", 6000)
    (expect,) = effects(told)
    assert expect.context == Meeting(ID, Capability.FILE_TRANSFER, "alice", "bob", "bob")
    told = talk.c(4, 6, propose("bob", SEND_FILE, place("10.0.0.5", 7000, number=3)))
    assert [type(event) for event in events(told)] == [PeerAddress]
    (expect,) = effects(told)
    assert expect.context == Meeting(ID, Capability.FILE_TRANSFER, "alice", "bob", "alice")


def test_a_redirect_whose_offer_was_not_seen():
    told = Talk().s(4, 7, proposed("bob", SEND_FILE, place("10.0.0.9", 6000, number=2)))
    assert [type(event) for event in events(told)] == [OfferAnswer, PeerAddress]
    (expect,) = effects(told)
    assert (expect.context.sender, expect.context.listener) == ("alice", "bob")


def test_through_the_proxy():
    """TLV 5 is then the proxy's number for the meeting, not a port."""
    where = (
        tlv(2, address("198.51.100.50"))
        + tlv(3, address("198.51.100.50"))
        + tlv(4, address("203.0.113.7"))
        + tlv(5, u16(1007))
        + tlv(0x0A, u16(1))
        + tlv(0x10)
        + tlv(0x16, b"\x39\xcc\x9b\xcd")
        + tlv(0x17, b"\xfc\x10")
    )
    told = Talk().s(4, 7, proposed("bob", SEND_FILE, where, file(b"a", 1)))
    proxy, own = events(told, PeerAddress)
    assert (proxy.account, proxy.address, proxy.port) == ("", "198.51.100.50", 0)
    assert proxy.how == "rendezvous, proxy"
    assert (own.account, own.address, own.port) == ("bob", "203.0.113.7", 0)
    (expect,) = effects(told)
    assert (expect.address, expect.port, expect.context.listener) == ("198.51.100.50", 0, "")


def test_without_a_port_nothing_is_announced():
    told = Talk().c(4, 6, propose("bob", SEND_FILE, tlv(3, address("10.0.0.5"))))
    assert effects(told) == []
    assert [event.port for event in events(told, PeerAddress)] == [0]


def test_the_unspecified_address_is_no_address():
    told = Talk().c(4, 6, propose("bob", SEND_FILE, place("0.0.0.0", 5190)))
    assert events(told, PeerAddress) == effects(told) == []


@pytest.mark.parametrize("capability", [GAME, ADD_IN])
def test_the_game_request_that_overran_aim_in_2002(capability):
    """CVE-2002-0005: several thousand bytes in TLV 2711."""
    talk = Talk()
    told = talk.s(4, 7, proposed("mallory", capability, tlv(0x2711, b"\x90" * 7000)))
    (odd,) = events(told, Anomaly)
    assert (odd.kind, odd.detail) == ("oversized-game-request", "7000 bytes from mallory")
    told = talk.s(4, 7, proposed("bob", capability, tlv(0x2711, b"chess" * 20)))
    assert events(told, Anomaly) == []


def test_invited_to_a_chat_room():
    room = tlv(0x2711, u16(4) + name8("!aol://2719:10-4-knitting") + u16(0))
    told = Talk().s(4, 7, proposed("bob", CHAT, tlv(0x0C, b"<b>come</b>"), room))
    assert told == [
        Room(room="knitting", action="invite", account="bob", others=("alice",)),
        Message(
            sender="bob",
            recipient="alice",
            text="come",
            markup="<b>come</b>",
            kind="invitation",
            size=4,
        ),
    ]


@pytest.mark.parametrize("data", [b"\x89PNG" + bytes(100), b"odd number of bytes"])
def test_a_buddy_icon_on_the_way_is_a_file(data):
    def icon(total: int) -> bytes:
        head = u16(0) + u16(total) + u32(len(data)) + u32(0)
        return proposed("bob", ICON, tlv(0x2711, head + data + b"AVT1picture.id"))

    told = Talk().s(4, 7, icon(icon_sum(data)))
    opened, came, closed = told
    assert isinstance(opened, FileOpen)
    assert (opened.use, opened.sender, opened.recipient) == (Capability.IMAGE, "bob", "alice")
    assert came == FileData(key=opened.key, offset=0, data=data)
    assert closed == FileClose(key=opened.key, verified=True)
    assert Talk().s(4, 7, icon(icon_sum(data) ^ 1))[2].verified is False


def test_the_icon_checksum_adds_its_carry():
    """By hand: little-endian words, carry added once."""
    assert icon_sum(b"\x01\x02\x03") == 0x0201 + 0x03
    assert icon_sum(b"\xff\xff\x02\x00") == 0x0002


def test_a_contact_list_is_sent():
    group = text16(b"Work") + u16(2) + text16(b"carol") + text16(b"dave")
    (told,) = Talk().s(4, 7, proposed("bob", CONTACTS, tlv(0x2711, group)))
    assert told == Contacts(
        owner="bob",
        entries=(Contact(account="carol", group="Work"), Contact(account="dave", group="Work")),
    )


@pytest.mark.parametrize("cut", [0, 1, 9, 20])
def test_a_short_proposal_costs_itself(cut):
    body = COOKIE + u16(2) + name8("bob") + tlv(5, (u16(0) + COOKIE + SEND_FILE)[:cut])
    assert [type(event) for event in Talk().c(4, 6, body)] == [Malformed]


def test_unknown_capabilities_are_passed_over():
    assert Talk().c(4, 6, propose("bob", bytes(16), place("10.0.0.5", 1))) == []
