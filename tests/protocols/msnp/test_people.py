"""Contact lists, presence and profiles in the dialect of every version."""

import pytest
from tests import kit
from tests.protocols.msnp.craft import ALICE, BOB, EVE, C, S, line, only, payload, said

from backchannel.events import Contact, Contacts, Presence, Profile, Search, SearchHit


def login(version):
    return [
        (C, line(f"VER 1 MSNP{version} CVR0")),
        (S, line(f"VER 1 MSNP{version}")),
        (S, line(f"USR 2 OK {ALICE} {'Alice' if version < 10 else '1'} 0")),
    ]


def entries(told):
    return [entry for event in kit.events(told, Contacts) for entry in event.entries]


FRIEND = Contact(account=BOB, nickname="Bob B", group="Friends", lists=("forward",))


def test_lists_of_msnp7():
    told = said(
        *login(7),
        (S, line("LSG 5 4 1 2 0 Other%20Contacts 0") + line("LSG 5 4 2 2 7 Friends 0")),
        (S, line("LST 5 FL 4 1 2 bob@example.com Bob%20B 7")),
        (S, line("LST 5 BL 4 1 1 eve@example.org Eve")),
        (S, line("LST 5 RL 4 0 0")),
    )
    assert entries(told) == [
        FRIEND,
        Contact(account=EVE, nickname="Eve", blocked=True, lists=("block",)),
    ]
    assert {event.owner for event in kit.events(told, Contacts)} == {ALICE}


def test_lists_of_msnp8():
    told = said(
        *login(8),
        (S, line("LSG 0 Other%20Contacts 0") + line("LSG 7 Friends 0")),
        (S, line("LST bob@example.com Bob%20B 1 7")),
        (S, line("LST eve@example.org Eve 12 0,7")),
    )
    eve = Contact(
        account=EVE,
        nickname="Eve",
        group="Other Contacts, Friends",
        blocked=True,
        lists=("block", "reverse"),
    )
    assert entries(told) == [FRIEND, eve]


def test_lists_of_msnp10_and_later():
    group = "12345678-1234-1234-1234-123456789012"
    told = said(
        *login(12),
        (S, line(f"LSG Friends {group}")),
        (S, line(f"LST N=bob@example.com F=Bob%20B C={group[::-1]} 1 1 {group}")),
        (S, line("LST N=eve@example.org 16")),
    )
    assert entries(told) == [FRIEND, Contact(account=EVE, lists=("pending",))]


def test_changes_are_told_when_asked_for_and_not_again_when_granted():
    told = said(
        *login(8),
        (C, line("ADD 7 FL bob@example.com Bob%20B 0")),
        (S, line("ADD 7 FL 44 bob@example.com Bob%20B 0")),
        (C, line("REM 8 AL bob@example.com")),
        (S, line("REM 8 AL 45 bob@example.com")),
        (S, line("ADD 0 RL 46 eve@example.org Eve")),
    )
    assert [
        (e.change, e.entries[0].account, e.entries[0].lists) for e in kit.events(told, Contacts)
    ] == [
        ("add", BOB, ("forward",)),
        ("remove", BOB, ("allow",)),
        ("add", EVE, ("reverse",)),
    ]


def test_adc():
    told = said(*login(11), (C, line("ADC 16 FL N=bob@example.com F=Bob%20B")))
    assert only(told, Contacts) == Contacts(
        owner=ALICE,
        change="add",
        entries=(Contact(account=BOB, nickname="Bob B", lists=("forward",)),),
    )


def test_changes_that_call_a_contact_by_its_guid():
    """aMSN `protocol.tcl`: REM FL takes the GUID and maybe a group's, ADC FL moves with C= and a
    group; the account stood beside it in LST, or in the answer to an ADC.
    """
    bob, eve, group = (f"{each}2345678-1234-1234-1234-123456789012" for each in "123")
    told = said(
        *login(12),
        (S, line(f"LSG Friends {group}")),
        (S, line(f"LST N=bob@example.com F=Bob%20B C={bob} 1 1 {group}")),
        (C, line("ADC 16 FL N=eve@example.org F=Eve")),
        (S, line(f"ADC 16 FL N=eve@example.org F=Eve C={eve}")),
        (C, line(f"ADC 17 FL C={eve} {group}")),
        (S, line(f"ADC 17 FL C={eve} {group}")),
        (C, line(f"REM 18 FL {bob.upper()} {group}")),
        (S, line(f"REM 18 FL {bob} {group}")),
        (C, line(f"REM 19 FL {bob}")),
        (C, line(f"REM 20 FL {group[::-1]}")),
    )
    changes = [(event.change, event.entries[0]) for event in kit.events(told, Contacts)][1:]
    assert [(change, each.account, each.group) for change, each in changes] == [
        ("add", EVE, ""),
        ("add", EVE, "Friends"),
        ("remove", BOB, "Friends"),
        ("remove", BOB, ""),
    ]


def test_groups_may_be_made_and_renamed():
    told = said(
        *login(8),
        (S, line("ADG 23 14 New%20Group 1 0") + line("REG 25 15 1 Pals 0")),
        (S, line("LST bob@example.com Bob 1 1")),
    )
    assert entries(told)[0].group == "Pals"


@pytest.mark.parametrize("quote", ["'", '"'])
def test_lists_in_xml(quote):
    q = quote
    body = (
        f"<ml l={q}1{q}><d n={q}example.com{q}><c n={q}bob{q} l={q}3{q} t={q}1{q} f={q}Bob%20B{q}/>"
        f"</d><d n={q}example.org{q}><c n={q}eve{q} l={q}4{q} t={q}1{q}/></d>"
        f"<t><c n={q}tel:+15551234{q} l={q}3{q}/></t></ml>"
    )
    told = said(*login(15), (C, payload("ADL 7", body)), (S, line("ADL 7 OK")))
    event = only(told, Contacts)
    assert event.change == "list"
    assert [(e.account, e.lists, e.blocked) for e in event.entries] == [
        (BOB, ("forward", "allow"), False),
        (EVE, ("block",), True),
        ("tel:+15551234", ("forward", "allow"), False),
    ]


def test_who_adds_or_removes_in_xml():
    body = '<ml><d n="example.org"><c n="eve" t="1" l="8" f="Eve%20E"/></d></ml>'
    told = said(*login(15), (S, payload("ADL 0", body)), (C, payload("RML 9", body)))
    assert [(e.change, e.entries[0].lists) for e in kit.events(told, Contacts)] == [
        ("add", ("reverse",)),
        ("remove", ("reverse",)),
    ]


def test_a_list_error_has_a_payload():
    told = said(
        *login(15),
        (C, payload("ADL 7", "<ml><d n='x.y'><c n='z' l='3' t='9'/></d></ml>")),
        (S, payload("241 7", "<ml><d n='x.y'/></ml>") + line(f"FLN {BOB} 1 0:0")),
    )
    assert only(told, Presence).account == BOB


@pytest.mark.parametrize(
    ("version", "text"),
    [
        (2, "NLN AWY bob@example.com Bob%20B"),
        (8, "NLN AWY bob@example.com Bob%20B 268435456"),
        (9, "NLN AWY bob@example.com Bob%20B 268435456 %3Cmsnobj%2F%3E"),
        (15, "NLN AWY bob@example.com 1 Bob%20B 1073741856 %3Cmsnobj%2F%3E"),
        (16, "NLN AWY bob@example.com 1 Bob%20B 1073741856:48 %3Cmsnobj%2F%3E"),
        (18, "NLN AWY 1:bob@example.com Bob%20B 2416181284:00 0"),
        (8, "ILN 9 AWY bob@example.com Bob%20B 268435456"),
        (15, "ILN 9 AWY bob@example.com 1 Bob%20B 1073741856"),
        (0, "NLN AWY bob@example.com 1 Bob%20B 1073741856"),
        (0, "NLN AWY bob@example.com Bob%20B 1073741856"),
    ],
)
def test_presence_of_every_version(version, text):
    told = said(*(login(version) if version else []), (S, line(text)))
    presence = [p for p in kit.events(told, Presence) if p.account == BOB]
    assert [p.status for p in presence] == ["away"]
    assert [p.nickname for p in kit.events(told, Profile) if p.account == BOB] == ["Bob B"]


@pytest.mark.parametrize(
    ("version", "text"),
    [(8, "NLN AWY bob@example.com 1 268435456"), (18, "NLN AWY 1:bob@example.com 32 1:0 0")],
)
def test_a_nickname_may_look_like_a_network(version, text):
    told = said(*login(version), (S, line(text)))
    assert [p.nickname for p in kit.events(told, Profile) if p.account == BOB] == [text.split()[3]]


@pytest.mark.parametrize(
    "text", ["FLN bob@example.com", "FLN bob@example.com 1 0:0", "FLN 1:bob@example.com 0:0"]
)
def test_going_offline(text):
    assert only(said(*login(9), (S, line(text))), Presence) == Presence(
        account=BOB, status="offline"
    )


def test_ones_own_state_is_told_once():
    told = said(
        *login(9),
        (C, line("CHG 9 HDN 1073741856")),
        (S, line("CHG 9 HDN 1073741856")),
        (C, line("CHG 10 PHN 0")),
        (S, line("CHG 10 PHN 0")),
    )
    assert [(p.account, p.status) for p in kit.events(told, Presence)] == [
        (ALICE, "invisible"),
        (ALICE, "on the phone"),
    ]
    told = said(*login(9), (S, line("CHG 11 BSY 0")))
    assert only(told, Presence) == Presence(account=ALICE, status="busy")


def test_servers_repeat_themselves_and_we_do_not():
    twice = line("NLN BSY bob@example.com Bob 0") * 2 + line("NLN NLN bob@example.com Bobby 0")
    told = said(*login(8), (S, twice))
    assert [p.status for p in kit.events(told, Presence)] == ["busy", "online"]
    assert [p.nickname for p in kit.events(told, Profile)] == ["Bob", "Bobby"]


def test_personal_messages_and_music():
    music = r"WMP\0Music\01\0{0} - {1}\0Title &amp; more\0Artist\0"
    data = f"<Data><PSM>a &lt;b&gt;</PSM><CurrentMedia>{music}</CurrentMedia></Data>"
    told = said(
        *login(11),
        (S, payload("UBX bob@example.com", data) + payload("UBX bob@example.com", data)),
        (C, payload("UUX 8", "<Data><PSM>mine</PSM><CurrentMedia></CurrentMedia></Data>")),
        (S, line("UUX 8 0")),
        (C, payload("UUX 9", "<EndpointData><Capabilities>1:0</Capabilities></EndpointData>")),
        (S, payload("UBX bob@example.com", "<Data><PSM></PSM></Data>")),
        (S, payload("UBX eve@example.org 32", "<Data><PSM></PSM></Data>")),
    )
    assert kit.events(told, Profile) == [
        Profile(account=BOB, text="a <b>\nTitle & more - Artist"),
        Profile(account=ALICE, text="mine"),
        Profile(account=BOB, text=""),
    ]


def test_nicknames():
    told = said(
        *login(15),
        (C, line("PRP 8 MFN Alice%20%F0%9F%90%87")),
        (S, line("PRP 8 MFN Alice%20%F0%9F%90%87")),
        (C, line("PRP 9 PHH 555-1234")),
    )
    assert only(told, Profile) == Profile(account=ALICE, nickname="Alice \U0001f407")
    told = said(*login(8), (C, line("REA 9 bob@example.com Bobbie")))
    assert only(told, Profile) == Profile(account=BOB, nickname="Bobbie")
    told = said(*login(11), (S, line("PRP MFN Alice%20A")))
    assert only(told, Profile) == Profile(account=ALICE, nickname="Alice A")


def test_the_member_directory():
    told = said(
        *login(7),
        (C, line("FND 10 fname=Ann lname=O%27Hara city=* state=* country=US")),
        (S, line("FND 10 1 1 fname=Ann lname=O%27Hara city=Boston state=MA country=US")),
    )
    assert only(told, Search).text == "fname=Ann lname=O'Hara country=US"
    assert only(told, SearchHit).owner == "Ann O'Hara"


def test_names_may_be_hostile():
    told = said(*login(8), (S, line("NLN NLN bob@example.com %1B%5D0;x%07%E2%80%AEevil 0")))
    assert only(told, Profile).nickname == "\x1b]0;x\x07\u202eevil"
    told = said(*login(8), (S, line("NLN NLN bob@example.com %FF%zz 0")))
    assert only(told, Profile).nickname == "\xff%zz"
