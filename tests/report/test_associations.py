"""IPsec between two hosts, as the summary shows it. The recordings' logs say what it should be."""

import io
from collections import Counter

import msgspec
import pytest
from rich.console import Console
from tests import craft, kit
from tests.protocols.ike.craft import (
    CLIENT,
    NONE,
    SERVER,
    C,
    S,
    esp,
    nat_hash,
    notify,
    protected,
    response,
    sa_answer,
    sa_init,
)
from tests.protocols.ike.test_scan import conversation

from backchannel.model import Endpoint
from backchannel.pipeline import Scan
from backchannel.report import associations, html, terminal
from backchannel.report.document import Association, Carried
from backchannel.report.pseudonyms import Pseudonyms
from backchannel.report.words import behind, came, kept

RECORDED = kit.EXAMPLES.parent / "tests/protocols/ike/captures"
NATT = kit.EXAMPLES / "ipsec/natt_client_side.pcap"


def rows(path, **options):
    run = Scan(path, **options)
    list(run)
    return run.document.associations


def association(**changes):
    return Association(
        **{
            "service": "ipsec",
            "client": "10.0.0.5",
            "server": "203.0.113.2",
            "stages": {},
            "sent": Carried(),
            "received": Carried(),
            "first_seen": "",
            "last_seen": "",
            "frame": 1,
        }
        | changes
    )


def test_who_is_behind_a_nat_how_far_it_came_and_what_passed():
    """A tunnel of version 2 that was rekeyed, one of version 1, and probes of ike-scan."""
    (row,) = rows(NATT)
    assert (row.client, row.server, row.versions) == ("10.3.0.2", "203.0.113.2", (1, 2))
    assert row.behind_nat == "client"
    assert (row.stages["established"], row.stages["rekeying"], row.failure) == (2, 1, "")
    assert (row.sent.packets, row.received.packets) == ESP
    assert (row.sent.missing, row.received.missing, row.spis) == (0, 0, 6)
    assert (row.keepalives, row.client_ports) == (7, (4500,))
    assert 5 <= row.keepalive_seconds < 6  # set to 5


def test_who_is_behind_a_nat_is_said_whoever_began(tmp_path):
    """The gateway begins a key exchange anew, and its peer's hash of itself agrees with nothing."""
    near, far = (CLIENT.address, CLIENT.port), (SERVER.address, SERVER.port)
    begun = {"i": b"INITI-II", "r": NONE}
    asked = notify(16388, nat_hash(*far, **begun)), notify(16389, nat_hash(*near, **begun))
    begun["r"] = b"RESPO-II"
    inside = nat_hash("192.168.1.7", 500, **begun)
    answer = notify(16388, inside), notify(16389, nat_hash(*far, **begun))
    packets = [
        (C, sa_init()),
        (S, sa_answer()),
        (S, sa_init(*asked, i=begun["i"])),
        (C, sa_answer(*answer, **begun)),
    ]
    (row,) = rows(craft.write(tmp_path / "anew.pcap", conversation(CLIENT, SERVER, packets)))
    assert (row.client, row.behind_nat) == (CLIENT.address, "client")


ESP = 972, 842  # counted by tshark, as the six SPIs


@pytest.mark.parametrize(
    ("name", "failure"),
    [
        ("wrong_key.pcap", "authentication-answered: Notify alone"),
        ("quick_mode_refused.pcap", "unanswered: quick mode"),
        ("dead_gateway.pcap", "silent: 4 messages"),
        ("forgotten_mapping.pcap", ""),
    ],
)
def test_what_failed_is_said(name, failure):
    (row,) = rows(RECORDED / name)
    assert (row.failure, row.behind_nat) == (failure, "client")


def test_a_nat_that_forgot_is_one_row_with_several_ports():
    """Three flows, one association each way, of which no packet is missing to its end."""
    (row,) = rows(RECORDED / "forgotten_mapping.pcap")
    assert row.client_ports == (1893, 17935, 33840)
    assert row.spis == 2
    assert row.sent.packets == 30
    assert row.sent.missing == 0


def test_esp_alone_is_a_row_too(tmp_path):
    ends = Endpoint("10.0.0.2", 4500), Endpoint("198.51.100.9", 4500)
    steps = [(C, esp(0xC0000001, at)) for at in (*range(1, 10), 12)]
    (row,) = rows(craft.write(tmp_path / "esp.pcap", conversation(*ends, steps)))
    assert came(row) == "not seen"
    assert (row.sent.packets, row.sent.missing, row.received.packets) == (10, 2, 0)


def test_rows_are_bounded(monkeypatch, tmp_path):
    monkeypatch.setattr(associations, "ROWS", 3)
    packets = []
    for last in range(5):
        ends = Endpoint(f"10.0.0.{last}", 4500), Endpoint("198.51.100.9", 4500)
        packets += conversation(*ends, [(C, esp(0xC0000001, at)) for at in range(1, 9)])
    run = Scan(craft.write(tmp_path / "many.pcap", packets))
    list(run)
    assert len(run.document.associations) == 3
    assert run.document.unseen["IPsec between hosts not shown: table full"] > 0


def test_numbers_of_esp_are_bounded_in_all_rows_together(monkeypatch, tmp_path):
    monkeypatch.setattr(associations, "SPIS", 3)
    packets = []
    for last in range(2):
        ends = Endpoint(f"10.0.0.{last}", 4500), Endpoint("198.51.100.9", 4500)
        spis = range(0xC0000001, 0xC0000003)
        steps = [(C, esp(spi, at)) for spi in spis for at in range(1, 9)]
        packets += conversation(*ends, steps * 2)
    run = Scan(craft.write(tmp_path / "many.pcap", packets))
    list(run)
    assert [row.spis for row in run.document.associations] == [2, 1]
    assert sum(row.sent.packets for row in run.document.associations) == 2 * 2 * 2 * 8
    told = "associations of IPsec between hosts not counted: table full"
    assert run.document.unseen[told] == 1


def attempt(i, r, answer):
    packets = [sa_init(i=i), sa_answer(i=i, r=r), protected(8, 35, 35, 1, i=i, r=r), answer]
    ends = (CLIENT, SERVER), (SERVER, CLIENT)
    return [craft.udp(*ends[at % 2], data) for at, data in enumerate(packets)]


REFUSED = attempt(b"ATTEMPT1", b"ANSWER-1", response(35, [notify(24)], i=b"ATTEMPT1", mid=1))
ALONE = attempt(b"ATTEMPT3", b"ANSWER-3", protected(0x20, 35, 41, 1, i=b"ATTEMPT3", r=b"ANSWER-3"))
GRANTED = attempt(
    b"ATTEMPT2", b"ANSWER-2", protected(0x20, 35, 36, 1, i=b"ATTEMPT2", r=b"ANSWER-2")
)


@pytest.mark.parametrize(
    ("packets", "failure"),
    [
        (REFUSED, "refused: AUTHENTICATION_FAILED"),
        (REFUSED + GRANTED, ""),
        (GRANTED + REFUSED, "refused: AUTHENTICATION_FAILED"),
        (ALONE + GRANTED, ""),
        (GRANTED + ALONE, "authentication-answered: Notify alone"),
        (ALONE[:2] + [ALONE[2]] * 3 + GRANTED, ""),
        (GRANTED + ALONE[:2] + [ALONE[2]] * 3, "unanswered: 3 messages, to authenticate"),
    ],
)
def test_a_later_attempt_that_was_granted_is_what_counts(tmp_path, packets, failure):
    """Without a NAT, ESP is a flow of its own, and IKE shows no more than an answer."""
    (row,) = rows(craft.write(tmp_path / "attempts.pcap", packets))
    assert row.failure == failure


def test_words():
    assert [behind(association(behind_nat=word)) for word in ("none", "both", "")] == [
        "nobody",
        "both",
        "",
    ]
    claimed = association(behind_nat="client", claimed=("client", "server"))
    assert behind(claimed) == "client (server claims it)"
    up = {"initiated": 2, "established": 2, "rekeying": 1}
    told = came(association(versions=(2,), stages=up))
    assert told == "IKEv2: established, begun 2 times, 1 rekeying"
    failed = association(versions=(1,), stages=up, failure="silent: 4 messages")
    assert came(failed) == "IKEv1: silent: 4 messages, established before"
    refused = association(versions=(2,), failure="authentication-answered: Notify alone")
    assert came(refused) == "IKEv2: authentication answered with a notification alone"
    assert came(association(versions=(1,), stages={"deleting": 1})) == "IKEv1: under way"
    assert kept(association(keepalives=12, keepalive_seconds=20.0)) == "12, every 20 s"
    assert (kept(association()), kept(association(keepalives=1))) == ("", "1")


def test_a_name_that_a_proxy_was_asked_for_is_harmless():
    run = Scan(NATT)
    list(run)
    hostile = "\x1b[2J<script>[red]"
    made = msgspec.structs.replace(run.document, associations=(association(server=hostile),))
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(terminal.render(made, run.index))
    shown = console.export_text()
    assert "\x1b" not in shown
    assert "[red]" in shown
    assert "<script>[red]" not in html.page(made, run.index)


def test_people_see_it_and_pseudonyms_hide_hosts():
    run = Scan(NATT)
    list(run)
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(terminal.render(run.document, run.index))
    shown = console.export_text()
    assert "IPsec between hosts" in shown
    assert "client (server claims it)" in shown
    assert 'id="associations"' in html.page(run.document, run.index)
    (hidden,) = rows(NATT, pseudonyms=Pseudonyms("twelve letters"))
    assert not {hidden.client, hidden.server} & {"10.3.0.2", "203.0.113.2"}
    assert Counter(hidden.stages) == Counter(rows(NATT)[0].stages)
