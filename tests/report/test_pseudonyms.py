"""Pseudonyms: the same for the same, in all outputs; nothing of the original left anywhere."""

import re
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.report.sample import EVENTS, document, finding, observation

from backchannel import events
from backchannel.catalogue import index
from backchannel.cli.scan import scan as command
from backchannel.errors import UsageError
from backchannel.model import Capability
from backchannel.pipeline import Scan
from backchannel.privacy import Disclosure
from backchannel.report import eve, jsonlines
from backchannel.report.html import page
from backchannel.report.pseudonyms import SHORTEST, Pseudonyms, from_option
from backchannel.report.renamed import renamed

EXAMPLES = Path(__file__).parents[2] / "examples"
KEY = "a key that nobody guesses"
NAMES = Pseudonyms(KEY)
addresses = st.ip_addresses(v=4) | st.ip_addresses(v=6)


@given(addresses)
def test_an_address_stays_an_address_of_its_kind(address):
    told = ip_address(NAMES.address(str(address)))
    assert told.version == address.version
    if address.is_global and address.version == 4 and not address.is_multicast:
        assert told in ip_network("240.0.0.0/4")
    assert told.is_loopback == address.is_loopback
    assert told.is_multicast == address.is_multicast
    assert told.is_link_local == address.is_link_local


@given(st.integers(0, 2**24 - 1), st.integers(0, 2**24 - 1))
def test_private_addresses_keep_their_prefixes_and_never_collide(left, right):
    one, two = (
        int(ip_address(NAMES.address(str(ip_address(0x0A000000 + n))))) for n in (left, right)
    )
    assert one >> 24 == two >> 24 == 10
    shared = lambda a, b: 32 - (a ^ b).bit_length()  # noqa: E731
    assert shared(one, two) == shared(left | 0x0A000000, right | 0x0A000000)


def test_the_same_key_gives_the_same_and_another_another():
    again, other = Pseudonyms(KEY), Pseudonyms(KEY + "!")
    for value, kind in (("alice", "account"), ("10.0.0.5", "host"), ("a.exe", "file")):
        assert again.name(value, kind) == NAMES.name(value, kind) != value
        assert other.name(value, kind) != NAMES.name(value, kind)


def test_names_are_one_however_they_are_written_and_files_keep_their_endings():
    assert NAMES.name("Alice Smith", "account") == NAMES.name("alicesmith", "account")
    assert NAMES.name("Login.ICQ.com.", "host") == NAMES.name("login.icq.com", "host")
    assert re.fullmatch(
        r"host-[0-9a-f]{10}\.invalid:5190", NAMES.name("login.icq.com:5190", "host")
    )
    assert re.fullmatch(r"file-[0-9a-f]{10}\.exe", NAMES.name("My holiday.EXE", "file"))
    assert NAMES.name("10.0.0.5:80", "host") == f"{NAMES.address('10.0.0.5')}:80"
    assert NAMES.name("[2001:4860::1]:80", "host").startswith("[2001:db8:")
    assert NAMES.name("", "account") == ""


def test_a_short_key_is_refused_and_a_file_can_hold_it(tmp_path):
    with pytest.raises(UsageError):
        from_option("x" * (SHORTEST - 1))
    with pytest.raises(UsageError):
        from_option(f"@{tmp_path / 'none'}")
    (tmp_path / "key").write_text(KEY + "\n")
    assert from_option(f"@{tmp_path / 'key'}").name("a", "id") == NAMES.name("a", "id")


@pytest.mark.parametrize("option", ["secrets", "content"])
def test_what_shows_originals_is_refused_together_with_it(option):
    with pytest.raises(UsageError, match="cannot be combined"):
        command("x.pcap", pseudonymise=KEY, **{option: True})


def test_private_fields_are_redacted_whatever_was_asked_for():
    line = jsonlines.line(NAMES.observation(observation(EVENTS[1])), Disclosure(secrets=True))
    assert b"tea4two!" not in line


def test_a_text_field_that_nobody_listed_is_renamed():
    told = NAMES.observation(observation(events.Anomaly(kind="odd", detail="of bob")))
    assert (told.event.kind, told.event.detail[:5]) == ("odd", "text-")
    offer = events.Offer(
        use=Capability.FILE_TRANSFER, sender="a", recipient="b", name="bob.doc", detail="bob"
    )
    told = NAMES.observation(observation(offer)).event
    assert told.use is Capability.FILE_TRANSFER
    assert re.fullmatch(r"file-\w+\.doc", told.name)


def test_an_account_has_one_name_in_every_field():
    alice = NAMES.name("alice", "account")
    message = NAMES.observation(observation(EVENTS[3]))
    assert message.account == message.event.sender == alice
    assert message.event.recipient == NAMES.name("bob", "account")
    assert NAMES.names("message", {"sender": "alice", "client": "10.0.0.5"}) == {
        "sender": alice,
        "client": NAMES.address("10.0.0.5"),
    }


def test_a_community_id_would_give_the_addresses_away():
    told = renamed(msgspec.structs.replace(document(), findings=(finding(),)), NAMES)
    (place,) = told.findings[0].evidence
    assert place.community_id == NAMES.observation(observation(EVENTS[0])).flow.community_id == ""
    assert place.client == f"{NAMES.address('10.0.0.5')}:41000"
    assert told.findings[0].id != finding().id


def test_hostile_names_leave_nothing():
    made = renamed(document(), NAMES)
    text = page(made, index.load()) + msgspec.json.encode(made).decode()
    assert not {"alice", "10.0.0.5", "64.12.1.1", "192.168.1.9", "a.pcap"} & set(
        re.findall(r"[\w.]+", text)
    )
    assert "alert(1)" not in "".join(
        jsonlines.line(NAMES.observation(observation(event)), Disclosure()).decode()
        for event in EVENTS
    )


@cache
def runs():
    """The examples as they are, and under pseudonyms."""
    plain, hidden = Scan(EXAMPLES), Scan(EXAMPLES, pseudonyms=Pseudonyms(KEY))
    return list(plain), plain.document, list(hidden), hidden.document


def originals():
    """Names, addresses and files of the examples that are long enough to be told apart."""
    _, made, _, _ = runs()
    told = {entry.path for entry in made.inputs} | {Path(e.path).name for e in made.inputs}
    for row in made.services:
        told |= {
            *row.accounts,
            *row.hosts.clients,
            *(s.rsplit(":", 1)[0] for s in row.hosts.servers),
        }
    for row in made.accounts:
        told |= {row.account, *row.names, *row.addresses}
    for row in made.files:
        told |= {row.name, row.sender, row.recipient}
    told |= {row.address for row in made.addresses}
    ours = {"initiator", "responder", "client", "server", "0.0.0.0", "127.0.0.1"}
    ours.add("239.192.152.143")  # BitTorrent's group: the catalogue names it
    return {name for name in told if len(name) > 4 and name not in ours}


def test_nothing_of_the_examples_is_left_in_any_output():
    _, plain, seen, hidden = runs()
    assert len(hidden.findings) == len(plain.findings)
    output = msgspec.json.encode(hidden).decode() + page(hidden, index.load())
    output += b"".join(
        line(each, Disclosure()) for each in seen for line in (jsonlines.line, eve.line)
    ).decode()
    lost = sorted(
        name
        for name in originals()
        if name in output  # most are not, and a pattern takes twenty times as long to say so
        and re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", output)
    )
    assert not lost


def test_who_was_one_stays_one():
    _, plain, _, hidden = runs()
    assert len(plain.accounts) == len(hidden.accounts)
    assert len({row.account for row in plain.accounts}) == len(
        {row.account for row in hidden.accounts}
    )
    assert len(plain.pairs) == len(hidden.pairs)
