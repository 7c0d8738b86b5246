"""Real traffic of both networks: every fact of the corpus' manifest, and tshark as a witness."""

import hashlib
import shutil
import subprocess
from collections import Counter
from functools import cache

import pytest
import yaml
from tests import kit

from backchannel.effects import FileData, FileOpen
from backchannel.events import (
    Download,
    Malformed,
    Peer,
    PeerAddress,
    Search,
    SearchHit,
    Software,
)
from backchannel.model import Claim, Side, Standing
from backchannel.protocols.gnutella import session as gnutella
from backchannel.protocols.gnutella import wire
from backchannel.protocols.gnutella.events import Handshake, HashTree, Messages, Refused
from backchannel.protocols.gnutella2 import session as gnutella2

PUBLIC = kit.CORPUS / "public"
FOLDER = PUBLIC / "gnutella"
C = Side.CLIENT

pytestmark = pytest.mark.skipif(
    not FOLDER.exists(), reason="the corpus of public captures is not here"
)


@cache
def entry(name: str) -> dict:
    entries = yaml.safe_load((PUBLIC / "manifest.yaml").read_text())
    entries = entries["captures"] if isinstance(entries, dict) else entries
    [found] = [item for item in entries if item["path"] == f"gnutella/{name}"]
    data = (FOLDER / name).read_bytes()
    assert hashlib.sha256(data).hexdigest() == found["sha256"]
    return found["facts"]


@cache
def decoded(name: str) -> list:
    """(flow, protocol, standing, what was told) of every flow that is claimed."""
    found = []
    for flow in kit.flows(FOLDER / name):
        if not flow.steps:
            continue
        for module in (gnutella, gnutella2):
            claim = module.recognise(kit.peek(flow))
            if isinstance(claim, Claim):
                steps = [(side.other if claim.flipped else side, data) for side, data in flow.steps]
                session = module.Session(flow.start)
                told = kit.decode(session, steps)
                found.append((flow, claim.protocol, session.standing, told))
    return found


def events(name: str, kind, protocol: str = ""):
    return [
        value
        for _, spoken, _, told in decoded(name)
        for value in kit.events(told, kind)
        if protocol in ("", spoken)
    ]


def counts(name: str, transport: str) -> Counter[str]:
    """Messages by kind, of all flows over *transport*."""
    total: Counter[str] = Counter()
    for flow, _, _, told in decoded(name):
        if flow.start.transport == transport:
            for summary in kit.events(told, Messages):
                total.update(dict(summary.counts))
    return total


# -- gtk-gnutella on the living network, 2022 ----------------------------------------------------

LIVING = "gnutella.pcap"


def test_every_flow_of_the_living_network_is_read_without_a_fault():
    assert not events(LIVING, Malformed)
    assert {protocol for _, protocol, _, _ in decoded(LIVING)} == {"gnutella", "gnutella2"}
    assert all(standing is not Standing.REFUTED for _, _, standing, _ in decoded(LIVING))


def test_handshakes_are_those_of_the_manifest():
    facts = entry(LIVING)
    shaken = events(LIVING, Handshake)
    assert sum(value.step == "connect" for value in shaken) == facts["handshake_connects"]
    answers = [value for value in shaken if value.step == "answer"]
    # The manifest counts lines of 200 answers of both sides that its own search found.
    assert sum(value.code == 200 for value in answers) == facts["handshake_200"]
    reasons = Counter(value.reason for value in answers if value.code == 503)
    for reason, times in facts["handshake_503"].items():
        assert reasons[reason] == times
    agents = {value.agent for value in shaken if value.agent}
    assert facts["user_agent"] in agents
    for named in ("Foxy 9.9.9.9", "Foxy 1.9.10.0", "Shareaza 2.7.10.2"):
        assert named in agents
    assert any(agent.startswith("gtk-gnutella/1.2.1") for agent in agents)
    assert {"gtk-gnutella", "Foxy", "Shareaza"} <= {v.name for v in events(LIVING, Software)}


def test_addresses_are_those_of_the_manifest():
    facts = entry(LIVING)
    address, _, port = facts["listen_ip"].rpartition(":")
    disclosed = events(LIVING, PeerAddress)
    own = {(value.address, value.port) for value in disclosed if value.how == "handshake"}
    assert (address, int(port)) in own
    seen_as = {value.address for value in disclosed if value.how == "remote-ip"}
    assert facts["remote_ip_header"] in seen_as
    assert all(facts["client"] in ends(flow) for flow, _, _, _ in decoded(LIVING))
    ports = Counter(flow.start.server.port == 6346 for flow, _, _, _ in decoded(LIVING))
    assert ports[False] > ports[True]


def ends(flow: kit.Flow) -> set[str]:
    return {flow.start.client.address, flow.start.server.address}


def test_datagrams_are_those_of_the_manifest():
    facts = entry(LIVING)["udp"]
    seen = counts(LIVING, "udp")
    assert seen["ping"] == facts["ping"]
    assert seen["pong"] == facts["pong"]
    assert seen["query"] == facts["query(GUESS)"]
    assert seen["vendor"] == facts["vendor_message_GTKG"]
    assert seen["part"] + seen["acknowledgement"] == facts["gnutella2_GND_datagrams"]
    assert sum(_is_guess_pong(data) for data in datagrams(LIVING)) == facts["pong_with_GUE_ggep"]


def datagrams(name: str):
    for flow, _, _, _ in decoded(name):
        if flow.start.transport == "udp":
            yield from (data for _, data in flow.steps)


def _is_guess_pong(data: bytes) -> bool:
    try:
        message = wire.read_message(data)
    except ValueError:
        return False
    return message.kind == wire.PONG and b"GUE" in message.body


def test_searches_are_those_of_the_manifest():
    for protocol in ("gnutella", "gnutella2"):
        asked = {value.text for value in events(LIVING, Search, protocol)}
        assert set(entry(LIVING)["queries"]) <= asked
    hits = [file.name.lower() for hit in events(LIVING, SearchHit) for file in hit.files]
    assert len(hits) > 100
    assert sum("spiderman" in name for name in hits) > 50
    assert "spiderman" in {value.text for value in events(LIVING, Search)}


def test_a_download_and_a_hash_tree_over_http():
    """Read from the request lines: two ranges of one file from two nodes, and its hash tree."""
    asked = events(LIVING, Download)
    assert [(value.first, value.last) for value in asked] == [(0, 1048575), (2709924, 3234211)]
    assert {value.hash for value in asked} == {"urn:sha1:LXIP2A72T5H3BU3GRUMZFYNU3OYDK6FI"}
    assert len(events(LIVING, HashTree)) == 1
    opened = [value for _, _, _, told in decoded(LIVING) for value in kit.effects(told, FileOpen)]
    assert {(value.key.split()[0], value.shared, value.size) for value in opened} == {
        ("sha1:5dd0fd03fa9f4fb0d3668d1992e1b4dbb03578a8", True, 3234212)
    }
    data = [value for _, _, _, told in decoded(LIVING) for value in kit.effects(told, FileData)]
    assert sum(len(value.data) for value in data) == 4444 + 1746
    assert any(value.data.startswith(b"ID3") and value.offset == 0 for value in data)


@pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is not installed")
def test_witness_tshark_hands_over_the_same_datagrams():
    """Payloads as tshark cuts them out: no pong, and no packet of the layer, went unclaimed."""
    pongs = [data for data in datagrams(LIVING) if _is_pong(data)]
    fields = ["-Y", "udp && !icmp", "-T", "fields", "-e", "udp.payload"]
    command = ["tshark", "-r", str(FOLDER / LIVING), *fields]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    payloads = [bytes.fromhex(line) for line in shown.split() if line]
    assert sum(_is_pong(data) for data in payloads) == len(pongs)
    assert sum(data[:3] == b"GND" for data in payloads) == 528


def _is_pong(data: bytes) -> bool:
    try:
        return wire.read_message(data).kind == wire.PONG
    except ValueError:
        return False


@pytest.mark.parametrize("size", [1, 17, 512])
def test_segmentation_changes_nothing_of_long_connections(size):
    """Deflated connections of both networks, which carry hundreds of messages each."""
    long = [
        item
        for item in decoded(LIVING)
        if item[0].start.transport == "tcp" and counted(item[3]) > 30
    ]
    assert {protocol for _, protocol, _, _ in long} == {"gnutella", "gnutella2"}
    for flow, protocol, _, _ in long:
        module = gnutella if protocol == "gnutella" else gnutella2
        kit.check_segmentation(
            lambda module=module, flow=flow: module.Session(flow.start), flow.steps, size
        )


def counted(told) -> int:
    return sum(times for value in kit.events(told, Messages) for _, times in value.counts)


# -- Shareaza amid a capture of 2005 -------------------------------------------------------------

SHAREAZA = "FTPv6-2.pcap"


def test_datagrams_of_gnutella2_are_those_of_the_manifest():
    facts = entry(SHAREAZA)
    seen = counts(SHAREAZA, "udp")
    assert seen["part"] + seen["acknowledgement"] == facts["udp"]["gnutella2_GND_datagrams"]
    assert seen["ping"] == facts["udp"]["gnutella_ping"]
    assert seen["pong"] == facts["udp"]["pong_GUE"]
    assert seen["vendor"] == facts["udp"]["vendor_message_LIME"]
    assert not events(SHAREAZA, Malformed)
    assert all(facts["host"] in ends(flow) for flow, _, _, _ in decoded(SHAREAZA))


def test_hits_of_gnutella2_give_the_host_away():
    hits = events(SHAREAZA, SearchHit)
    assert {(hit.address, hit.port) for hit in hits} == {(entry(SHAREAZA)["host"], 41730)}
    files = [file for hit in hits for file in hit.files]
    assert all(file.hash.startswith("urn:bitprint:") for file in files)
    # The MD4 of nothing, as RFC 1320 gives it: the file that is empty says so twice.
    assert [file.name for file in files if "31d6cfe0d16ae931b73c59d7e0c089c0" in file.detail] == [
        file.name for file in files if not file.size and file.name
    ]


# -- attempts of 2002, and lines that only look like Gnutella ------------------------------------


def test_what_only_has_the_port_is_not_claimed():
    """`No listener` inside resets on 6346 is no Gnutella, as the manifest warns; what the flows
    that do get through say is: downloads of BearShare 2.2.6.
    """
    assert "No listener" in entry("gnutella-2.pcap")["note"]
    found = decoded("gnutella-2.pcap")
    assert len(found) == 5
    assert all(flow.steps[0][1].startswith(b"GET /get/") for flow, _, _, _ in found)
    assert {value.name for value in events("gnutella-2.pcap", Software)} == {
        "BearShare",
        "Gnotella",
    }
    assert [value.status for value in events("gnutella-2.pcap", Refused)] == [503] * 5


@pytest.mark.parametrize("name", ["max-header.pcapng", "max-line.pcapng"])
def test_endless_headers_are_malformed(name):
    [(_, protocol, standing, told)] = decoded(name)
    assert (protocol, standing) == ("gnutella", Standing.CLAIMED)
    assert [value.reason for value in kit.events(told)] == [
        "connection ended inside handshake headers"
    ]


def test_the_host_cache_of_the_living_network_is_told_once_a_flow():
    for _, _, _, told in decoded(LIVING):
        named = [(peer.address, peer.port, peer.role) for peer in kit.events(told, Peer)]
        assert len(named) == len(set(named))
