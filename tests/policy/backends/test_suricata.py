"""Suricata's rules: well formed by its published grammar, and their bytes are those of real flows.

There is no Suricata among the tools of these tests. What stands in for it is a matcher of the few
payload keywords that our signatures use, written from the Rules chapter of its user guide and run
over the example captures: each signature is found in its own service's and in no other's.
"""

import re
from collections import defaultdict
from pathlib import Path

import pytest
from tests import kit
from tests.policy.backends import grammars
from tests.policy.examples import (
    AIM_FILES,
    AIM_IMAGE,
    AIM_MESSAGE,
    DESK,
    EXAMPLES,
    ICQ_LOGIN,
    NAMES,
    OFFICE,
    STAFF,
    TUNNEL,
    line,
    rules,
)
from tests.protocols.discord_voice import test_session as discord_voice
from tests.protocols.whatsapp import test_session as whatsapp
from tests.protocols.zoom import build as zoom

from backchannel.policy.backends import suricata
from backchannel.policy.backends._signatures import SIGNATURES
from backchannel.policy.compile import known

ROOT = Path(__file__).parents[3]
BACKEND = known()["suricata"]


def text(policy):
    return suricata.emit(policy, ())[0].text


@pytest.mark.parametrize("example", EXAMPLES)
def test_it_reads_by_the_grammar(example):
    made = suricata.emit(EXAMPLES[example], ())
    found = grammars.suricata(made[0].text)
    used = {end[1:] for head, _ in found for end in (head["source"], head["target"])} - {"ny"}
    groups = re.findall(r"^    (BC_\w+): ", made[1].text, re.MULTILINE)
    assert used == set(groups) - {"BC_NOBODY"}


def octets(content):
    """Return the bytes of a content: text with |hex| in it."""
    parts = content.strip('"').split("|")
    return b"".join(
        bytes.fromhex(part) if odd % 2 else part.encode() for odd, part in enumerate(parts)
    )


def matches(options, payload):
    """Return whether one payload fits, by the guide's words on each keyword."""
    found = [(each[1], each[2]) for each in grammars._OPTION.finditer(options)]
    end, place = 0, 0
    while place < len(found):
        name, value = found[place]
        place += 1
        if name == "content":
            more = {}
            while place < len(found) and found[place][0] in grammars._OF_CONTENT:
                more[found[place][0]] = int(found[place][1] or 0)
                place += 1
            wanted, data = octets(value), payload
            if "nocase" in more:
                wanted, data = wanted.lower(), data.lower()
            relative = "distance" in more or "within" in more
            start = end + more.get("distance", 0) if relative else more.get("offset", 0)
            span = more.get("within" if relative else "depth")
            at = data.find(wanted, start, None if span is None else start + span)
            if at < 0:
                return False
            end = at + len(wanted)
        elif name == "dsize":
            low, between, high = value.partition("<>")
            size = len(payload)
            bounds = {">": size > int(value[1:] or 0), "<": size < int(value[1:] or 0)}
            fits = int(low) < size < int(high) if between else bounds.get(value[0])
            if not (size == int(value) if fits is None else fits):
                return False
        elif name == "byte_test":
            size, operator, wanted, at = value.split(",")
            if len(payload) < int(at) + int(size):
                return False
            number = int.from_bytes(payload[int(at) : int(at) + int(size)])
            fits = {
                "<": number < int(wanted),
                ">": number > int(wanted),
                "&": bool(number & int(wanted)),
            }[operator.lstrip("!")]
            if fits == operator.startswith("!"):
                return False
        else:
            assert name == "ip_proto"
            return False
    return True


def payloads(path):
    """Yield the carrier, a payload, and it with the one before it of the same side."""
    before = {}
    for packet in kit.packets(path):
        protocol, source, target, segment = kit.split(packet) or (0, "", "", b"")
        carrier = {6: "tcp", 17: "udp"}.get(protocol, "")
        if not carrier:
            continue
        data = segment[(segment[12] >> 4) * 4 if carrier == "tcp" else 8 :]
        side = source, target, segment[:4]
        if data:
            yield carrier, data, before.get(side, b"") + data
            before[side] = data


@pytest.fixture(scope="module")
def seen():
    """Which signatures are found in the captures of each service.

    Suricata looks at the stream put together too, but for sizes, which are a packet's own.
    """
    found = defaultdict(set)
    longest = {
        each.name: max(
            (octets(text) for text in re.findall(r'content:("[^"]+")', each.options)),
            key=len,
            default=b"",
        ).lower()
        for each in SIGNATURES
    }
    for path in sorted(ROOT.glob("examples/*/*.pcap")):
        told = found[path.parent.name]
        for carrier, data, stream in payloads(path):
            lower = stream.lower()
            for each in SIGNATURES:
                likely = each.carrier == carrier and longest[each.name] in lower
                if likely and each.name not in told:
                    whole = stream if carrier == "tcp" and "dsize" not in each.options else data
                    if matches(each.options, data) or matches(each.options, whole):
                        told.add(each.name)
    return found


OWN = {
    "aim": {"FLAP sign-on", "SNAC in FLAP", "OFT header", "ODC header"},
    "bittorrent": {
        "BitTorrent handshake",
        "BitTorrent DHT",
        "BitTorrent UDP tracker",
        "BitTorrent tracker",
        "BitTorrent local search",
    },
    "edonkey": {"eDonkey hello"},
    "fasttrack": {"FastTrack download", "FastTrack user", "FastTrack ping"},
    "gnutella": {"Gnutella handshake", "Gnutella download"},
    "icq": {"FLAP sign-on", "SNAC in FLAP", "OFT header", "ICQ 5 client"},
    "ipsec": {"IKEv2 opening", "IKE behind the non-ESP marker"},
    "openvpn": {
        "OpenVPN reset over TCP",
        "OpenVPN reset with SHA-256",
        "OpenVPN reset in tls-crypt-v2",
    },
    "wireguard": {"WireGuard opening"},
    "msn": {"MSNP versions", "MSNP message", "MSNFTP versions", "MSN direct connection"},
    "yahoo": {"YMSG"},
}
PROXIES = {"SOCKS 5 without password", "SOCKS 5 with password", "HTTP CONNECT", "MSN gateway"}


@pytest.mark.parametrize("service", OWN)
def test_a_signature_is_in_its_own_captures_and_in_no_other(service, seen):
    assert OWN[service] <= seen[service]
    others = set().union(*OWN.values()) - OWN[service]
    assert not seen[service] & others


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("WhatsApp hello", whatsapp.STREAM[0][1]),
        ("Discord address discovery", discord_voice.ASKED),
        ("Zoom opening", zoom.opening()),
        ("Zoom from client to client", zoom.direct("10.0.0.7", 9)),
        ("OpenVPN reset in tls-crypt", b"\x38" + bytes(range(1, 9)) + b"\0\0\0\1" + b"k" * 41),
    ],
)
def test_a_signature_of_what_no_example_shows(name, payload):
    found = [each.name for each in SIGNATURES if matches(each.options, payload)]
    assert found == [name]


def test_proxied_captures_show_the_proxy(seen):
    assert PROXIES & seen["aim"]
    assert {"HTTP CONNECT", "MSN gateway"} <= seen["msn"]


def test_one_use_is_refused_where_its_flows_are_its_own():
    """OFT carries files only, so messages over OSCAR go on."""
    found = grammars.suricata(text(OFFICE))
    told = {dict(options)["msg"]: head["action"] for head, options in found}
    assert told['"backchannel no-files OFT header"'] == "reject"
    assert told['"backchannel no-files-except-1 OFT header"'] == "pass"
    assert not any("FLAP" in message for message in told)


def test_a_signature_that_an_allowed_service_shares_is_not_refused():
    policy = rules(
        line("icq", "allow", ICQ_LOGIN, ours=DESK),
        line("aim", "deny", AIM_MESSAGE, ours=STAFF, best_effort=True),
    )
    judgement = BACKEND.judge(policy, policy.lines[1], AIM_MESSAGE)
    assert judgement.level == "partly", "TOC is AIM's alone"
    assert "FLAP sign-on" not in text(policy)
    assert "icq login (line icq)" in suricata._kept(
        suricata.reading(policy), policy.lines[1], SIGNATURES[0]
    )


def test_the_exempt_pass_and_only_before_a_refusal():
    found = grammars.suricata(text(NAMES))
    passes = [dict(options)["msg"] for head, options in found if head["action"] == "pass"]
    assert any("no-aim-except-1 ODC header" in message for message in passes)
    late = rules(
        line("aim", "deny", AIM_MESSAGE, AIM_IMAGE, AIM_FILES, ours=STAFF, best_effort=True),
        line("desk", "allow", AIM_FILES, ours=DESK),
    )
    assert "pass" not in {head["action"] for head, _ in grammars.suricata(text(late))}


def test_ipsec_is_known_below_ports():
    policy = rules(line("none", "deny", TUNNEL, best_effort=True, refuse="drop"), known=())
    heads = [head for head, _ in grammars.suricata(text(policy))]
    assert {head["protocol"] for head in heads} == {"udp", "ip"}
    assert {head["action"] for head in heads} == {"drop"}


def test_hostile_names_stay_inside_messages():
    evil = 'x"; sid:1;) drop ip any any -> any any (msg:"\n'
    policy = rules(line("a", "deny", AIM_IMAGE, ours=STAFF, reason=evil), name=evil)
    assert len(grammars.suricata(text(policy))) == 1
