"""What is known of the example captures is found in them: the facts of the manifest, one by one.

The manifest was written by whoever drove the programs: texts, accounts and files as sent.
"""

import hashlib
import re
from functools import cache
from html import unescape
from pathlib import Path

import pytest
import yaml

from backchannel import events
from backchannel.detect.guessing import SCHEMES
from backchannel.model import Side
from backchannel.pipeline import Scan
from backchannel.protocols.mtproto.events import (
    TelegramConnection,
    TelegramError,
    TelegramHandshake,
    TelegramKey,
)
from backchannel.protocols.openvpn.events import OpenvpnHandshake, OpenvpnTraffic
from backchannel.protocols.quic.events import QuicStep
from backchannel.protocols.rtp.events import MediaStream
from backchannel.protocols.stun.events import IceCheck, TurnAllocation
from backchannel.protocols.tls.events import TlsCertificate, TlsHello
from backchannel.protocols.tor.events import TorLink
from backchannel.protocols.tor_directory.events import TorDirectory
from backchannel.protocols.wireguard.events import WireguardHandshake, WireguardTraffic

EXAMPLES = Path(__file__).parents[1] / "examples"
ENTRIES = yaml.safe_load((EXAMPLES / "manifest.yaml").read_text())["captures"]
SERVICE = {
    "aim": "aim",
    "msn": "msn",
    "yahoo": "yahoo",
    "fasttrack": "kazaa",
    "gnutella": "gnutella",
    "ipsec": "ipsec",
    "icq": "icq",
    "openvpn": "openvpn",
    "wireguard": "wireguard",
    "bittorrent": "bittorrent",
    "edonkey": "edonkey",
    "soulseek": "soulseek",
    "irc": "irc",
    "xmpp": "xmpp",
    "telegram": "telegram",
    "tor": "tor",
    "direct_connect": "direct-connect",
}
every_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["path"])


@cache
def observations(path):
    run = Scan(EXAMPLES / path)
    return list(run), run.document


def told(entry, kind):
    return [seen for seen in observations(entry["path"])[0] if isinstance(seen.event, kind)]


def plain(text):
    """Text as a reader sees it, without markup and spaces."""
    return re.sub(r"\s+", "", unescape(re.sub(r"<[^>]*>", "", text)))


@every_entry
def test_the_capture_is_the_one_the_facts_are_about(entry):
    digest = hashlib.sha256((EXAMPLES / entry["path"]).read_bytes()).hexdigest()
    assert digest == entry["sha256"]


@every_entry
def test_the_service_is_named_and_parsed(entry):
    family = entry["path"].split("/")[0]
    document = observations(entry["path"])[1]
    found = {row.service: row.confidence for row in document.services}
    if family not in SERVICE:
        told = {service for service, confidence in found.items() if confidence != "name"}
        assert not told & set(SERVICE.values()), found
        return
    assert found.get(SERVICE[family]) == "parsed", found
    if "packets" in entry:
        assert document.traffic.packets == entry["packets"]


def sent_texts(entry):
    """The texts that the manifest says were sent: sender -> texts in order."""
    sent = {}
    for message in entry.get("messages", ()):
        if message.get("plaintext_in_pcap", True):
            sent.setdefault(str(message["from"]), []).append(message["text"])
    for event in entry.get("events", ()):
        if event["kind"] in {"im", "im_auto_response"}:
            sent.setdefault(str(event["from"]), []).append(event["value"])
    for message in entry.get("messages_interleaved", ()):
        sent.setdefault(str(message["from"]), []).append(message["html"])
    return sent


@pytest.mark.parametrize(
    "entry", [e for e in ENTRIES if sent_texts(e)], ids=lambda entry: entry["path"]
)
def test_every_message_is_decoded_in_order(entry):
    for sender, texts in sent_texts(entry).items():
        seen = [
            plain(s.event.text)
            for s in told(entry, events.Message)
            if s.event.sender.split(";")[0] == sender
        ]
        at = 0
        for text in texts:
            wanted = plain(re.sub(r"^url=|\bdescription=| \(sent as.*", " ", text))
            matches = [place for place in range(at, len(seen)) if wanted[:40] in seen[place]]
            assert matches, (sender, text, seen)
            at = matches[0]


@pytest.mark.parametrize(
    "entry",
    [e for e in ENTRIES if e.get("files") or e.get("received_files")],
    ids=lambda entry: entry["path"],
)
def test_every_transferred_file_is_whole(entry):
    expected = [*entry.get("files", ()), *entry.get("received_files", ())]
    digests = {seen.event.sha256: seen.event for seen in told(entry, events.Transfer)}
    for file in expected:
        if not file.get("received_ok", True):
            continue
        assert file["sha256"] in digests, (
            file,
            [seen.event for seen in told(entry, events.Transfer)],
        )


def accounts(entry):
    found = entry.get("accounts", {})
    if isinstance(found, dict):
        return {str(name): password for name, password in found.items()}
    return {row["user"]: row["password"] for row in found if "user" in row}


@pytest.mark.parametrize(
    "entry", [e for e in ENTRIES if accounts(e)], ids=lambda entry: entry["path"]
)
def test_every_account_signs_on(entry):
    names = {seen.event.account for seen in told(entry, events.SignOn)}
    assert set(accounts(entry)) <= names


@pytest.mark.parametrize(
    "path", ["icq/icq_oscar_roast_8im.pcap", "icq/icq_v5_neticq_iserverd.pcap"]
)
def test_recoverable_passwords_are_recovered(path):
    entry = next(entry for entry in ENTRIES if entry["path"] == path)
    found = {
        s.event.account: s.event.secret
        for s in told(entry, events.Credential)
        if s.event.kind == "recoverable"
    }
    assert found == accounts(entry)


def test_the_proxied_session_is_a_stack_with_the_proxys_password_exposed():
    entry = {"path": "aim/aim_http_connect_auth_clientleg.pcap"}
    stacks = {row.stack for row in observations(entry["path"])[1].services}
    assert {"http-proxy", "http-connect/oscar"} <= stacks
    plain_ones = [s.event for s in told(entry, events.Credential) if s.event.kind == "plain"]
    assert {(c.account, c.secret) for c in plain_ones} == {("proxyuser", "proxypass5")}


def test_a_socks_session_is_a_stack_beside_the_direct_one():
    stacks = {row.stack for row in observations("aim/aim_socks5.pcap")[1].services}
    assert {"socks", "socks5/oscar", "oscar"} <= stacks


def test_kazaa_searches_shares_and_downloads_are_read_through_the_encryption():
    entry = next(e for e in ENTRIES if e["path"] == "fasttrack/ft_enc29.pcap")
    searches = {seen.event.text for seen in told(entry, events.Search)}
    assert {"moonlight", "holiday photo", "nonexistentthing"} <= searches
    shared = {f.name: f.size for s in told(entry, events.Share) for f in s.event.files}
    assert {s["name"]: s["size"] for s in entry["shares"]}.items() <= shared.items()
    digests = {seen.event.sha256 for seen in told(entry, events.Transfer)}
    wanted = {s["name"]: s["sha256"] for s in entry["shares"]}
    assert {wanted["moonlight_readme.txt"], wanted["moonlight_demo.mp3"]} <= digests


def test_gnutella_queries_are_read_through_the_compression():
    entry = next(e for e in ENTRIES if e["path"].startswith("gnutella"))
    assert set(entry["queries"]) <= {seen.event.text for seen in told(entry, events.Search)}


@pytest.mark.parametrize(
    "entry", [e for e in ENTRIES if e.get("indices")], ids=lambda entry: entry["path"]
)
def test_every_packet_of_a_wireguard_tunnel_belongs_to_its_key(entry):
    packets = dict.fromkeys(entry["indices"], 0)
    for seen in told(entry, WireguardTraffic):
        if seen.event.state == "ends":
            packets[seen.event.index] += seen.event.packets
    assert packets == entry["indices"]
    stages = [seen.event.stage for seen in told(entry, WireguardHandshake)]
    assert stages == ["initiated", "answered"] * entry["handshakes"]


@pytest.mark.parametrize(
    "entry", [e for e in ENTRIES if e.get("control_channel")], ids=lambda entry: entry["path"]
)
def test_an_openvpn_session_is_told_as_it_was_set_up(entry):
    stages = [seen.event for seen in told(entry, OpenvpnHandshake)]
    assert [event.stage for event in stages] == entry["stages"]
    assert {event.wrapping for event in stages} == {entry["control_channel"]}
    sums = {
        seen.side.name.lower(): seen.event.packets
        for seen in told(entry, OpenvpnTraffic)
        if seen.event.state == "ends"
    }
    assert sums == entry["data_packets"]
    names = {name for seen in told(entry, TlsCertificate) for name in seen.event.names}
    assert names == set(entry.get("certificates", ()))


@pytest.mark.parametrize(
    "entry", [e for e in ENTRIES if e.get("mapped")], ids=lambda entry: entry["path"]
)
def test_a_relay_and_its_allocations_are_told(entry):
    def places(kind, **wanted):
        found = [seen.event for seen in told(entry, kind)]
        return [e for e in found if all(getattr(e, k) == v for k, v in wanted.items())]

    direct = [seen for seen in told(entry, events.PeerAddress) if seen.stack == "stun"]
    mapped = {seen.event.address for seen in direct if seen.event.how == "stun-mapped"}
    assert mapped == set(entry["mapped"])
    granted = places(TurnAllocation, state="granted")
    assert [f"{e.address}:{e.port}" for e in granted] == entry["allocations"]
    assert len(places(TurnAllocation, state="refused")) == entry.get("refused", 0)
    led_to = [f"{e.host}:{e.port}" for e in places(events.ProxyRequest, scheme="turn")]
    assert led_to == entry.get("led_to", [])
    assert {e.username for e in places(IceCheck)} == set(entry.get("ice", ()))
    sums = [e.packets for e in places(MediaStream, state="ends")]
    assert sums == entry.get("media_packets", [])


@pytest.mark.parametrize(
    "entry", [e for e in ENTRIES if e.get("guessable")], ids=lambda entry: entry["path"]
)
def test_the_passwords_of_a_relay_can_be_guessed(entry):
    logins = {seen.event.account: seen.event for seen in told(entry, events.Credential)}
    for account, password in accounts(entry).items():
        test = SCHEMES[logins[account].scheme].test
        assert test(logins[account], password)
        assert not test(logins[account], password + "x")


def test_signed_on_accounts_come_from_the_client_side():
    seen = told({"path": "aim/aim_md5login_8im.pcap"}, events.SignOn)
    assert seen
    assert {observation.side for observation in seen} == {Side.CLIENT}


@pytest.mark.parametrize(
    "entry", [e for e in ENTRIES if e.get("connections")], ids=lambda entry: entry["path"]
)
def test_every_connection_of_quic_is_told_by_its_name(entry):
    """With everything decoded; otherwise only those that name a service."""
    steps, ports = {}, {}
    for seen in Scan(EXAMPLES / entry["path"], everything=True):
        if isinstance(seen.event, TlsHello):
            ports[seen.flow] = (seen.event.name, seen.service, seen.flow.server.port)
        elif isinstance(seen.event, QuicStep):
            steps.setdefault(seen.flow, []).append(f"{seen.event.step} {seen.event.version}")
    wanted = [(e["name"], e["service"], e["port"]) for e in entry["connections"]]
    assert list(ports.values()) == wanted
    assert list(steps.values()) == [each["steps"] for each in entry["connections"]]
    named = {each["service"] for each in entry["connections"]} - {""}
    rows = observations(entry["path"])[1].services
    assert {(row.service, row.stack, row.confidence) for row in rows} == {
        (service, "quic", "name") for service in named
    }


@pytest.mark.parametrize(
    "entry", [e for e in ENTRIES if e.get("telegram")], ids=lambda entry: entry["path"]
)
def test_every_connection_of_telegrams_is_told_with_its_key(entry):
    found = {}
    for kind in (TelegramConnection, TelegramHandshake, TelegramKey, TelegramError):
        for seen in told(entry, kind):
            found.setdefault(seen.flow.serial, []).append(seen.event)
    assert len(found) == len(entry["telegram"])
    for wanted, (opening, *rest) in zip(entry["telegram"], found.values(), strict=True):
        assert (opening.framing, opening.obfuscated) == (wanted["framing"], wanted["obfuscated"])
        steps = [event.step for event in rest if isinstance(event, TelegramHandshake)]
        assert steps == (list(EXCHANGE) if wanted["new"] else [])
        keys = [event.key for event in rest if isinstance(event, TelegramKey)]
        assert keys == ([wanted["key"]] if wanted["key"] else [])
        errors = [event.code for event in rest if isinstance(event, TelegramError)]
        assert errors == ([wanted["error"]] if "error" in wanted else [])
    named = {seen.event.server_keys for seen in told(entry, TelegramHandshake)}
    assert named == {(), (entry["server_key"],)}


@pytest.mark.parametrize(
    "entry",
    [e for e in ENTRIES if e["path"].startswith("tor/")],
    ids=lambda entry: entry["path"],
)
def test_tors_links_and_requests_are_told(entry):
    assert len(told(entry, TorLink)) == entry.get("links", 0)
    uploads = [seen.event.target for seen in told(entry, TorDirectory)]
    assert uploads == entry.get("uploads", [])
    if "onion" in entry:
        asked = [seen.event.host for seen in told(entry, events.ProxyRequest)]
        assert entry["onion"] in asked


@pytest.mark.parametrize(
    "entry", [e for e in ENTRIES if e.get("shared")], ids=lambda entry: entry["path"]
)
def test_what_direct_connect_shares_and_looks_for_is_told(entry):
    shared = {file.name for seen in told(entry, events.Share) for file in seen.event.files}
    assert shared == set(entry["shared"])
    assert {seen.event.text for seen in told(entry, events.Search)} == set(entry["searches"])
    passwords = [seen.event for seen in told(entry, events.Credential)]
    assert [(each.account, each.kind) for each in passwords] in (
        [("carol", "plain")],
        [("carol", "hash")],
    )


EXCHANGE = (
    "req_pq_multi",
    "resPQ",
    "req_DH_params",
    "server_DH_params_ok",
    "set_client_DH_params",
    "dh_gen_ok",
)
