"""Profiles, presence, contact lists, chat rooms, icons."""

import hashlib

import pytest
from tests.protocols.oscar.craft import (
    COOKIE,
    Talk,
    address,
    effects,
    events,
    guid,
    info,
    name8,
    text16,
    tlv,
    u16,
    u32,
)

from backchannel.effects import FileOpen
from backchannel.events import (
    Contact,
    Contacts,
    Credential,
    Malformed,
    Message,
    PeerAddress,
    Presence,
    Profile,
    Room,
    Search,
    SearchHit,
    Software,
)
from backchannel.model import Capability
from backchannel.protocols.oscar import people
from backchannel.protocols.oscar.rooms import room_name


def arrived(*tlvs: bytes, name: str = "bob") -> list:
    return Talk().s(3, 0x0B, info(name, *tlvs))


@pytest.mark.parametrize(
    ("tlvs", "status", "idle"),
    [
        ([tlv(1, u16(0x10))], "online", 0),
        ([tlv(1, u16(0x30))], "away", 0),
        ([tlv(1, b"\x20")], "away", 0),
        ([tlv(1, b"")], "online", 0),
        ([tlv(1, u32(0x30) + b"\0\0")], "away", 0),
        ([tlv(1, u32(0x50) + b"\x20")], "online", 0),
        ([tlv(1, u32(0x50)), tlv(6, u32(0x10020000))], "online", 0),
        ([tlv(6, u32(0x00000001))], "away", 0),
        ([tlv(6, u32(0x00000005))], "not-available", 0),
        ([tlv(6, u32(0x00000011))], "busy", 0),
        ([tlv(6, u32(0x00000013))], "do-not-disturb", 0),
        ([tlv(6, u32(0x00000020))], "free-for-chat", 0),
        ([tlv(6, u32(0x00000100))], "invisible", 0),
        ([tlv(4, u16(3))], "idle", 180),
        ([tlv(1, u16(0x30)), tlv(4, u16(3))], "away", 180),
    ],
)
def test_presence(tlvs, status, idle):
    assert arrived(*tlvs) == [Presence(account="bob", status=status, idle=idle)]


def test_status_text():
    words = "Grüße".encode()
    status = u16(len(words)) + words + u16(0)
    block = u16(1) + b"\0\2xx" + u16(2) + b"\4" + bytes([len(status)]) + status
    assert arrived(tlv(0x1D, block)) == [Presence(account="bob", status="online", text="Grüße")]
    words = "☃".encode("utf-16-be")
    status = u16(len(words)) + words + u16(1) + u16(13) + text16(b"unicode-2-0")
    block = u16(2) + b"\4" + bytes([len(status)]) + status
    assert arrived(tlv(0x1D, block))[0].text == "☃"
    assert arrived(tlv(0x1D, u16(2) + b"\4\0"))[0].text == ""
    assert arrived(tlv(0x1D, b"\0\2\4\xff"))[0].text == ""


def test_the_same_presence_is_told_once():
    talk = Talk()
    frames = [info("bob"), info("Bob"), info("bob", tlv(4, u16(1))), info("bob")]
    told = [event for frame in frames for event in talk.s(3, 0x0B, frame)]
    assert [event.status for event in told] == ["online", "idle", "online"]
    assert [event.status for event in talk.s(3, 0x0C, info("bob"))] == ["offline"]


def test_several_people_in_one_message():
    told = Talk().s(3, 0x0B, info("bob") + info("carol"))
    assert [event.account for event in told] == ["bob", "carol"]


def test_where_somebody_can_be_reached():
    direct = address("10.0.0.8") + u32(4000) + b"\4" + u16(9) + bytes(26)
    told = arrived(tlv(0x0A, address("203.0.113.8")), tlv(0x0C, direct), name="700100300")
    assert events(told, PeerAddress) == [
        PeerAddress(
            account="700100300",
            address="203.0.113.8",
            how="contact-online, external",
            use=Capability.MESSAGE,
        ),
        PeerAddress(
            account="700100300",
            address="10.0.0.8",
            port=4000,
            how="contact-online, direct connection version 9",
            use=Capability.MESSAGE,
        ),
    ]


def test_an_address_is_told_again_only_when_it_changes():
    talk = Talk()
    told = [
        talk.s(3, 0x0B, info("7", tlv(0x0A, address(text))))
        for text in ("203.0.113.8", "203.0.113.8", "203.0.113.9")
    ]
    assert [len(events(outputs, PeerAddress)) for outputs in told] == [1, 0, 1]


def test_own_addresses():
    talk = Talk("")
    (told,) = events(talk.s(1, 0x0F, info("7001", tlv(0x0A, address("203.0.113.8")))))
    assert (told.account, told.how) == ("7001", "own-information, external")
    direct = address("10.0.0.8") + u32(99999) + b"\4" + u16(8) + bytes(26)
    (told,) = events(talk.c(1, 0x1E, tlv(0x0C, direct)))
    assert (told.account, told.address, told.port) == ("7001", "10.0.0.8", 0)


@pytest.mark.parametrize(
    ("capability", "name", "version"),
    [
        (b"MirandaM\0\3\6\1\0\0\0\0", "Miranda IM", ""),
        (b"Licq client \1\3\2\0", "Licq", "1.3.2.0"),
        (b"mICQ \xa9 R.K. \x80\4\1\0", "mICQ", "0.4.1.0"),
        (guid("F2E7C7F4-FEAD-4DFB-B235-36798BDF0000"), "Trillian", ""),
    ],
)
def test_programs_name_themselves_by_capability(capability, name, version):
    other = guid("09461343-4C7F-11D1-8222-444553540000")
    talk = Talk()
    (told,) = events(talk.s(3, 0x0B, info("bob", tlv(0x0D, other + capability))), Software)
    assert told == Software(name=name, version=version, role="peer", account="bob")
    assert events(talk.s(3, 0x0B, info("bob", tlv(0x0D, capability))), Software) == []
    (told,) = talk.c(2, 4, tlv(5, capability + other))
    assert (told.role, told.account) == ("client", "alice")


@pytest.mark.parametrize("mark", people._PROGRAMS)
def test_each_mark_is_found_among_capabilities(mark):
    other = guid("09461343-4C7F-11D1-8222-444553540000")
    block = other + mark.ljust(16, b"\1") + other
    (told,) = events(Talk().s(3, 0x0B, info("bob", tlv(0x0D, block))), Software)
    assert told.name == people._PROGRAMS[mark]


def test_own_status():
    talk = Talk()
    status = tlv(6, u32(1)) + tlv(0x1D, u16(2) + b"\4\x09" + text16(b"lunch") + u16(0))
    assert talk.c(1, 0x1E, status) == [Presence(account="alice", status="away", text="lunch")]
    assert talk.c(1, 0x11, u32(0)) == []
    assert talk.c(1, 0x11, u32(600)) == [Presence(account="alice", status="idle", idle=600)]
    assert talk.c(1, 0x11, u32(0)) == [Presence(account="alice", status="online")]


MIME = b'text/aolrtf; charset="us-ascii"'


def test_own_profile_and_away_message():
    talk = Talk()
    assert talk.c(2, 4, tlv(1, MIME) + tlv(2, b"<b>Alice</b> &amp; co")) == [
        Profile(account="alice", text="Alice & co")
    ]
    utf16 = b'text/aolrtf; charset="unicode-2-0"'
    assert talk.c(2, 4, tlv(1, utf16) + tlv(2, "☃".encode("utf-16-be")))[0].text == "☃"
    assert talk.c(2, 4, tlv(4)) == []
    assert talk.c(2, 4, tlv(3, MIME) + tlv(4, b"gone fishing")) == [
        Presence(account="alice", status="away", text="gone fishing")
    ]
    assert talk.c(2, 4, tlv(4)) == [Presence(account="alice", status="online")]


def test_somebody_s_profile_and_away_message():
    talk = Talk()
    assert talk.c(2, 5, u16(1) + name8("bob"), request=4) == []
    assert talk.c(2, 0x15, u32(3) + name8("bob"), request=4) == []
    told = talk.s(2, 6, info("bob") + tlv(1, MIME) + tlv(2, b"I am Bob") + tlv(4, b"out"))
    assert told == [
        Profile(account="bob", text="I am Bob"),
        Presence(account="bob", status="away", text="out"),
    ]


def test_directories():
    talk = Talk()
    entry = tlv(1, b"Bob") + tlv(2, b"Builder") + tlv(8, b"Ulm") + tlv(0x0C, b"bobby")
    text = "first name: Bob, last name: Builder, city: Ulm, nickname: bobby"
    assert talk.c(2, 9, entry) == [Profile(account="alice", nickname="bobby", text=text)]
    talk.c(2, 0x0B, name8("bob"), request=6)
    assert talk.s(2, 0x0C, u16(1) + u16(4) + entry, request=6) == [
        Profile(account="bob", nickname="bobby", text=text)
    ]
    assert talk.s(2, 0x0C, u16(1) + u16(0), request=6) == []
    assert talk.c(0x0F, 2, entry) == [Search(text=text, account="alice")]
    assert talk.c(0x0A, 2, b"bob@example.com") == [Search(text="bob@example.com", account="alice")]
    assert talk.s(0x0A, 3, tlv(1, b"bob") + tlv(1, b"bob2")) == [
        SearchHit(owner="bob"),
        SearchHit(owner="bob2"),
    ]


def test_who_was_found_in_the_directory():
    """joscar `SearchResultsCmd`, open-oscar-server `SNAC_0x0F_0x03_InfoReply`."""
    bob = u16(3) + tlv(1, b"Bob") + tlv(8, b"Ulm") + tlv(9, b"bobby")
    nobody, carol = u16(1) + tlv(1, b"Nobody"), u16(1) + tlv(9, b"carol")
    assert Talk().s(0x0F, 3, u16(5) + u16(0) + u16(3) + bob + nobody + carol) == [
        SearchHit(owner="bobby"),
        Profile(account="bobby", text="first name: Bob, city: Ulm"),
        SearchHit(owner="carol"),
    ]
    assert Talk().s(0x0F, 3, u16(3) + u16(0)) == []  # too many


def test_the_mail_address_of_the_account():
    told = Talk().s(7, 3, u16(3) + u16(2) + tlv(1, b"alice") + tlv(0x11, b"a@b.c"))
    assert told == [Profile(account="alice", text="email: a@b.c")]
    assert Talk().s(7, 3, u16(3) + u16(1) + tlv(8, u16(0x15))) == []


def test_a_new_password_goes_in_the_clear():
    old, new = Talk().c(7, 4, tlv(2, b"n3w") + tlv(0x12, b"0ld"))
    assert isinstance(old, Credential)
    assert (old.kind, old.scheme) == ("plain", "oscar-password-change")
    assert (old.secret, new.secret) == ("0ld", "n3w")
    (told,) = Talk().c(7, 4, tlv(0x11, b"a@b.c"))
    assert told.text == "email: a@b.c"


# -- contact lists -----------------------------------------------------------------------------


def item(name: bytes, group: int, number: int, kind: int, *tlvs: bytes) -> bytes:
    return text16(name) + u16(group) + u16(number) + u16(kind) + text16(b"".join(tlvs))


def test_the_stored_list():
    items = [
        item(b"", 0, 0, 1, tlv(0xC8, u16(1) + u16(2))),
        item(b"Friends", 1, 0, 1),
        item(b"bob", 1, 1, 0, tlv(0x131, b"Bobby")),
        item(b"carol", 2, 2, 0),
        item(b"Work", 2, 0, 1),
        item(b"mallory", 0, 3, 3),
        item(b"spammer", 0, 4, 0x0E),
        item(b"trusted", 0, 5, 2),
        item(b"1", 0, 6, 0x14, tlv(0xD5, bytes(18))),
    ]
    body = b"\0" + u16(len(items)) + b"".join(items) + u32(0)
    assert Talk().s(0x13, 6, body) == [
        Contacts(
            owner="alice",
            entries=(
                Contact(account="bob", nickname="Bobby", group="Friends"),
                Contact(account="carol", group="Work"),
                Contact(account="mallory", blocked=True),
                Contact(account="spammer", blocked=True),
            ),
        )
    ]


def test_changes_know_the_groups_of_before():
    talk = Talk()
    talk.s(0x13, 6, b"\0" + u16(1) + item(b"Friends", 1, 0, 1) + u32(0))
    add, alter, gone = (
        talk.c(0x13, subtype, item(b"bob", 1, 1, 0) + item(b"x", 1, 2, 0x99))
        for subtype in (8, 9, 10)
    )
    assert add == alter
    assert add == [
        Contacts(owner="alice", change="add", entries=(Contact(account="bob", group="Friends"),))
    ]
    assert gone[0].change == "remove"
    assert talk.c(0x13, 8, item(b"Work", 2, 0, 1)) == []


def test_the_master_group_is_no_group():
    items = item(b"All", 0, 0, 1) + item(b"bob", 0, 1, 0)
    assert Talk().c(0x13, 8, items)[0].entries[0].group == ""


@pytest.mark.parametrize("subtype", [6, 8])
def test_of_a_list_that_breaks_off_what_came_before_is_told(subtype):
    head = b"\0" + u16(3) if subtype == 6 else b""
    items = item(b"Friends", 1, 0, 1) + item(b"bob", 1, 1, 0)
    told, broken = Talk().s(0x13, subtype, head + items + b"\0\x09xx")
    assert told.entries == (Contact(account="bob", group="Friends"),)
    assert isinstance(broken, Malformed)


def test_a_broken_alias_costs_the_alias():
    (told,) = Talk().c(0x13, 8, item(b"bob", 1, 1, 0, b"\1\x31\xff\xff"))
    assert told.entries[0].account == "bob"


def test_lists_kept_by_the_client():
    talk = Talk()
    both = name8("bob") + name8("carol")
    cases = [
        (3, 4, "add", False),
        (3, 5, "remove", False),
        (9, 7, "add", True),
        (9, 8, "remove", True),
        (9, 5, "add", False),
    ]
    for family, subtype, change, blocked in cases:
        (told,) = talk.c(family, subtype, both)
        assert (told.change, [entry.blocked for entry in told.entries]) == (change, [blocked] * 2)
    assert talk.c(3, 4) == []


def test_leave_to_be_listed():
    talk = Talk()
    (asked,) = talk.c(0x13, 0x18, name8("bob") + text16(b"please") + u16(0))
    assert (asked.sender, asked.recipient, asked.kind, asked.text) == (
        "alice",
        "bob",
        "authorization",
        "please",
    )
    (was_asked,) = talk.s(0x13, 0x19, name8("bob") + text16(b"please") + u16(0))
    assert (was_asked.sender, was_asked.recipient) == ("bob", "alice")
    # libpurple 2.10.9 `receiveauthgrant` and `receiveauthreply`, whose flag 1 grants.
    (granted,) = talk.s(0x13, 0x1B, name8("bob") + b"\1" + text16(b""))
    assert (granted.sender, granted.kind, granted.text) == ("bob", "authorization-granted", "")
    (refused,) = talk.c(0x13, 0x1A, name8("bob") + b"\0" + text16(b"no"))
    assert (refused.sender, refused.kind, refused.text) == ("alice", "authorization-denied", "no")
    (unasked,) = talk.s(0x13, 0x15, name8("bob") + text16(b"come in") + u16(0))
    assert (unasked.recipient, unasked.kind) == ("alice", "authorization-granted")
    assert talk.s(0x13, 0x1C, name8("bob")) == [
        Contacts(owner="bob", change="add", entries=(Contact(account="alice"),))
    ]


def test_an_extension_block_stands_before_the_body():
    """SNAC flag 8000, as the ICQ servers of the last years sent it."""
    body = u16(6) + tlv(1, u16(4)) + name8("bob") + text16(b"please") + u16(0)
    (told,) = Talk().s(0x13, 0x19, body, flags=0x8000)
    assert told.text == "please"


# -- chat --------------------------------------------------------------------------------------

ROOM = u16(4) + name8("!aol://2719:10-4-knitting") + u16(0)


def test_the_name_in_a_room_s_cookie():
    assert room_name(b"!aol://2719:10-4-knit%20wear-now") == "knit wear-now"
    assert room_name(b"something else") == "something else"


def said(text: bytes, charset: bytes = b"us-ascii") -> bytes:
    return tlv(5, tlv(2, charset) + tlv(3, b"en") + tlv(1, text))


def test_a_chat_room():
    talk = Talk()
    described = ROOM + b"\2" + u16(1) + tlv(0xD3, b"Knitting")
    assert talk.c(
        0x0D, 8, u16(4) + name8("create") + u16(0xFFFF) + b"\1" + u16(1) + tlv(0xD3, b"Knitting")
    ) == [Room(room="Knitting", action="create", account="alice")]
    assert talk.s(0x0D, 9, tlv(4, described)) == []
    assert talk.s(0x0E, 2, described) == []
    assert talk.s(0x0E, 3, info("alice") + info("bob")) == [
        Room(room="Knitting", action="join", account="alice"),
        Room(room="Knitting", action="join", account="bob"),
    ]
    (mine,) = talk.c(0x0E, 5, COOKIE + u16(3) + tlv(1) + tlv(6) + said(b"<b>hi</b> all"))
    assert mine == Message(
        sender="alice",
        recipient="",
        room="Knitting",
        text="hi all",
        markup="<b>hi</b> all",
        size=6,
    )
    reflected = COOKIE + u16(3) + tlv(3, info("alice")) + tlv(1) + said(b"<b>hi</b> all")
    assert talk.s(0x0E, 6, reflected) == []
    other = b"7654321\0" + u16(3) + tlv(3, info("bob")) + tlv(1)
    (theirs,) = talk.s(0x0E, 6, other + said("grüß".encode("utf-16-be"), b"unicode-2-0"))
    assert (theirs.sender, theirs.text, theirs.room) == ("bob", "grüß", "Knitting")
    (from_elsewhere,) = talk.s(0x0E, 6, b"another!" + reflected[8:])
    assert from_elsewhere.sender == "alice"  # signed on twice
    assert talk.s(0x0E, 4, info("bob")) == [Room(room="Knitting", action="leave", account="bob")]


def test_a_whisper_is_for_one_member_of_a_room():
    """open-oscar-server foodgroup/chat.go: TLV 2 names them, and TLV 1 (for all) is not there."""
    talk = Talk()
    talk.s(0x0E, 2, ROOM + b"\2" + u16(1) + tlv(0xD3, b"Knitting"))
    (mine,) = talk.c(0x0E, 5, COOKIE + u16(3) + tlv(2, b"bob") + said(b"psst"))
    assert (mine.kind, mine.sender, mine.recipient, mine.text) == (
        "whisper",
        "alice",
        "bob",
        "psst",
    )
    theirs = b"7654321\0" + u16(3) + tlv(3, info("bob")) + tlv(2, b"alice")
    (heard,) = talk.s(0x0E, 6, theirs + said(b"what?"))
    assert (heard.kind, heard.sender, heard.recipient) == ("whisper", "bob", "alice")
    (public,) = talk.c(0x0E, 5, b"1234568\0" + u16(3) + tlv(1) + tlv(2, b"bob") + said(b"hi"))
    assert (public.kind, public.recipient) == ("text", "")


def test_what_a_program_says_by_itself_in_a_room():
    """libpurple family_chat.c: TLV 7."""
    (told,) = Talk().c(0x0E, 5, COOKIE + u16(3) + tlv(1) + tlv(7) + said(b"away"))
    assert (told.kind, told.text) == ("auto-response", "away")


def test_what_is_sealed_in_a_room_is_not_told_as_text():
    """joscar `ChatMsg.CONTENTTYPE_SECURE`."""
    inner = tlv(5, tlv(4, b"application/pkcs7-mime") + tlv(1, b"\x30\x82\1\xff"))
    (told,) = Talk().c(0x0E, 5, COOKIE + u16(3) + tlv(1) + inner)
    assert (told.kind, told.text, told.size) == ("encrypted", "", 0)


# -- icons -------------------------------------------------------------------------------------

PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)
MD5 = hashlib.md5(PNG).digest()


def test_icons_up_and_down():
    talk = Talk()
    item_ = u16(1) + b"\1\x10" + MD5
    up = talk.c(0x10, 2, u16(1) + text16(PNG))
    down = talk.s(0x10, 5, name8("bob") + item_ + text16(PNG))
    icq = talk.s(0x10, 7, name8("bob") + item_ + b"\0" + item_ + text16(PNG))
    opened = [effects(told, FileOpen)[0] for told in (up, down, icq)]
    assert [(one.sender, one.recipient) for one in opened] == [
        ("alice", ""),
        ("bob", "alice"),
        ("bob", "alice"),
    ]
    assert [one.md5 for one in opened] == ["", MD5.hex(), MD5.hex()]
    assert len({one.key for one in opened}) == 3
    assert {told[1].data for told in (up, down, icq)} == {PNG}
    assert talk.c(0x10, 2, u16(1) + text16(b"")) == []


@pytest.mark.parametrize(
    ("kind", "name"),
    [(0, "buddy icon"), (3, "arrival sound"), (12, "buddy icon"), (0x400, "emoticon set")],
)
def test_other_items_of_buddy_art_are_named(kind, name):
    talk, item_ = Talk(), u16(kind) + b"\0\4abcd"
    down = talk.s(0x10, 7, name8("bob") + item_ + b"\0" + item_ + text16(PNG))
    up = talk.c(0x10, 2, u16(kind) + text16(PNG))
    assert [effects(told, FileOpen)[0].name for told in (down, up)] == [name, name]
