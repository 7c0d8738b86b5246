"""What people and programs are shown: complete, redacted, harmless, and the same each time."""

import html.parser
import io
import os
from pathlib import Path

import jsonschema
import msgspec
import pytest
from rich.console import Console
from tests.report.sample import EVENTS, HOSTILE, document, finding, observation

from backchannel.catalogue import index
from backchannel.detect import rules
from backchannel.detect.model import SEVERITIES
from backchannel.events import Credential
from backchannel.privacy import REDACTED, Disclosure
from backchannel.report import eve, jsonlines
from backchannel.report.document import Document
from backchannel.report.html import page
from backchannel.report.summary import Summary
from backchannel.report.terminal import render, size

INDEX = index.load()


def screen():
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(render(document(), INDEX))
    return console.export_text()


def test_the_document_tells_what_happened():
    made = document()
    (service,) = made.services
    assert (service.service, service.stack, service.confidence) == ("aim", "oscar", "parsed")
    assert service.exposed == {
        "address": 1,
        "contact-list": 1,
        "file": 1,
        "message": 1,
        "password-plain": 1,
    }
    assert set(service.capabilities) == {"login", "presence", "message", "file-transfer"}
    assert made.anomalies == {"aim: oversized-game-request": 1}
    assert made.unseen == {"malformed oscar messages": 1, "unknown link type 147": 2}
    alice = next(row for row in made.accounts if row.account == "alice")
    assert (alice.sent, alice.contacts, alice.sign_ons) == (1, 2, 1)
    assert alice.credentials == ("plain: socks5-userpass",)
    assert made.conversations[0].messages + made.conversations[1].messages == 1


def test_who_shows_a_password_uses_the_account_from_there():
    """A client of a web proxy never signs on: the password comes with each request."""
    summary = Summary(Disclosure())
    event = Credential(account="erin", kind="plain", scheme="http-basic", secret="b4sic")
    summary.add(observation(event))
    made = summary.document(tool="", inputs=[], traffic=document().traffic, counters={})
    assert [(row.account, row.addresses) for row in made.accounts] == [("erin", ("10.0.0.5",))]


def test_the_document_follows_its_own_schema():
    schema = msgspec.json.schema(Document)
    jsonschema.validate(msgspec.json.decode(msgspec.json.encode(document())), schema)


def test_passwords_are_in_no_output_unless_asked_for():
    redacted = msgspec.json.encode(document()).decode() + screen() + page(document(), INDEX)
    redacted += "".join(
        line(observation(event), Disclosure()).decode()
        for event in EVENTS
        for line in (eve.line, jsonlines.line)
    )
    assert "tea4two!" not in redacted
    assert "see you at noon" not in redacted
    assert REDACTED in redacted
    assert document(Disclosure(secrets=True)).credentials[0].secret == "tea4two!"


def test_an_attackers_names_are_harmless_on_a_terminal():
    shown = screen()
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "\\x1b[31m" in shown


class _Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes = set(), set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_the_page_is_self_contained_and_an_attackers_names_are_text():
    text = page(document(), INDEX)
    tags = _Tags()
    tags.feed(text)
    assert not tags.tags & {"script", "iframe", "img", "link", "object", "form"}
    assert not {name for name in tags.attributes if name.startswith("on")} | (
        tags.attributes & {"src", "action"}
    )
    assert "http://" not in text
    assert "https://" not in text
    assert "\u202e" not in text
    assert "&lt;script&gt;" in text
    for wanted in ("oversized-game-request", "cut short", "unknown link type 147", "192.168.1.9"):
        assert wanted in text


def test_output_is_the_same_each_time():
    assert page(document(), INDEX) == page(document(), INDEX)
    assert msgspec.json.encode(document()) == msgspec.json.encode(document())


EVE_FIELDS = {  # names and types in Suricata's etc/schema.json at 398687d5d4
    "timestamp": str,
    "flow_id": int,
    "pcap_cnt": int,
    "event_type": str,
    "vlan": list,
    "src_ip": str,
    "src_port": int,
    "dest_ip": str,
    "dest_port": int,
    "proto": str,
    "ip_v": int,
    "app_proto": str,
    "direction": str,
    "community_id": str,
    "fileinfo": dict,
    "alert": dict,
}
ALERT = {"action", "gid", "signature_id", "rev", "signature", "category", "severity", "metadata"}
FILEINFO = {"filename", "state", "size", "gaps", "stored", "sha256"}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_eve_records_use_only_suricatas_fields_and_one_object_of_ours(event):
    record = msgspec.json.decode(eve.line(observation(event), Disclosure()))
    ours = record.pop("backchannel")
    assert ours["service"] == "aim"
    for name, value in record.items():
        assert isinstance(value, EVE_FIELDS[name]), name
    assert set(record.get("fileinfo", {})) <= FILEINFO
    assert record["timestamp"].endswith("+0000")


@pytest.mark.skipif(
    "BACKCHANNEL_EVE_SCHEMA" not in os.environ, reason="BACKCHANNEL_EVE_SCHEMA names no schema"
)
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_eve_records_validate_against_the_published_schema(event):
    schema = msgspec.json.decode(Path(os.environ["BACKCHANNEL_EVE_SCHEMA"]).read_bytes())
    schema["properties"]["backchannel"] = {"type": "object"}
    record = msgspec.json.decode(eve.line(observation(event), Disclosure()))
    jsonschema.Draft202012Validator(schema).validate(record)


def test_a_finding_is_an_alert_as_suricatas_collectors_know_it():
    made = finding("a", severity="high")
    record = msgspec.json.decode(eve.alert_line(made))
    assert record.pop("backchannel")["rule"] == made.rule
    for name, value in record.items():
        assert isinstance(value, EVE_FIELDS[name]), name
    assert set(record["alert"]) == ALERT
    assert record["alert"]["severity"] == 1
    assert record["timestamp"].endswith("+0000")
    (place, *_) = made.evidence
    assert f"{record['src_ip']}:{record['src_port']}" == place.client
    assert record["flow_id"] == place.flow
    assert (record["proto"], record["ip_v"]) == ("TCP", 4)


def test_rules_have_numbers_of_their_own_that_stay():
    numbers = {eve.signature_id(name) for name in rules.load()}
    assert len(numbers) == len(rules.load())
    assert eve.signature_id("external-proxy") == 131_405_559


def test_a_severity_is_one_of_suricatas_priorities_and_stands_in_words_too():
    told = [
        msgspec.json.decode(eve.alert_line(finding("a", severity=each)))["alert"]
        for each in SEVERITIES
    ]
    assert [each["severity"] for each in told] == [4, 3, 2, 1, 1]
    assert [each["metadata"]["signature_severity"] for each in told] == [[s] for s in SEVERITIES]


def test_direction_follows_the_side_that_spoke():
    record = msgspec.json.decode(eve.line(observation(EVENTS[0]), Disclosure()))
    assert (record["src_ip"], record["dest_port"], record["direction"]) == (
        "10.0.0.5",
        443,
        "to_server",
    )


@pytest.mark.parametrize(
    ("octets", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (5 * 10**12, "5.0 TB"),
    ],
)
def test_sizes_are_readable(octets, shown):
    assert size(octets) == shown


def test_hostile_is_hostile():
    assert "\x1b" in HOSTILE
