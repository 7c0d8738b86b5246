"""IKE sessions: golden captures, what manifests and tshark say of captures, and the laws."""

from collections import Counter
from functools import cache
from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import kit
from tests.matcher import Matcher
from tests.protocols.ike.craft import (
    KE,
    MARKER,
    NATT,
    NONCE,
    ODD,
    SA,
    START,
    TCP,
    C,
    S,
    aggressive_pair,
    chain,
    decode,
    encrypted_1,
    esp,
    frame,
    message,
    notify,
    phase_1,
    protected,
    sa_1,
    sa_answer,
    sa_init,
    u16,
    u32,
)

from backchannel.effects import Expect, Tie
from backchannel.events import Credential, Gap, Malformed
from backchannel.model import Claim, Confidence, Standing
from backchannel.protocols import load
from backchannel.protocols.esp.events import EspTraffic, NatKeepalive
from backchannel.protocols.ike.events import (
    IkeMessage,
    IkeProposals,
    IkeStage,
    NatDetection,
    VendorIds,
)
from backchannel.protocols.ike.psk import guess_is_right
from backchannel.protocols.ike.session import Session, recognise

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[2] / "examples"
CAPTURES = sorted(EXAMPLES.glob("ipsec/*.pcap"))
PUBLIC = kit.CORPUS / "public"
every_capture = pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
with_corpus = pytest.mark.skipif(not PUBLIC.exists(), reason="the corpus of captures is not here")


def sessions(capture):
    """Every claimed flow of a capture, with its session's outputs."""
    found = []
    protocols = load()
    for flow in kit.flows(capture):
        for name in ("ike", "esp", "ah"):
            claim = protocols[name].recognise(kit.peek(flow))
            if isinstance(claim, Claim):
                start, steps = flow.start, flow.steps
                if claim.flipped:
                    start = msgspec.structs.replace(start, client=start.server, server=start.client)
                    steps = [(side.other, data) for side, data in steps]
                session = protocols[name].session(start)
                told = kit.decode(session, steps)
                if session.standing is not Standing.REFUTED:
                    found.append((flow, claim, session, told))
                break
    return found


@cache
def public(name):
    return sessions(PUBLIC / "ike-ipsec" / name)


def told(found, kind):
    return [event for _, _, _, outputs in found for event in kit.events(outputs, kind)]


# -- goldens -----------------------------------------------------------------------------------


def test_there_are_captures():
    assert len(CAPTURES) == 2


@every_capture
def test_golden(capture):
    outputs = [output for _, _, _, told in sessions(capture) for output in told]
    kit.check_golden(HERE / "golden" / f"{capture.stem}.jsonl", outputs)


# -- witness: the manifest of the recordings, their maker's key, tshark ------------------------


def test_the_initiator_is_behind_the_nat_and_the_responder_is_not():
    for capture in CAPTURES:
        found = [event for event in told(sessions(capture), NatDetection) if event.version == 2]
        assert [event.behind_nat for event in found] == ["initiator"]


def test_the_source_hash_does_not_match_the_translated_address():
    capture = EXAMPLES / "ipsec/natt_public_side.pcap"
    hashes = [item for event in told(sessions(capture), NatDetection) for item in event.hashes]
    own = [item for item in hashes if item.of == item.by == "initiator"]
    assert {item.seen.partition(":")[0] for item in own} == {"203.0.113.1"}
    assert {item.matches for item in own} == {"nothing"}


def test_the_translated_source_ports_are_those_of_the_flows():
    flows = [flow for flow, *_ in sessions(EXAMPLES / "ipsec/natt_public_side.pcap")]
    assert {flow.start.client.port for flow in flows} == {40527, 40711, 40750}


@every_capture
def test_the_float_is_expected_and_tied(capture):
    """The SA begun on port 500 goes on at 4500, where it was announced."""
    first, second = [outputs for flow, _, _, outputs in sessions(capture)][:2]
    (coming,) = kit.effects(first, Expect)
    assert (coming.protocol, coming.port, coming.address) == ("ike", 4500, "203.0.113.2")
    ties = {tie.key for tie in kit.effects(first, Tie)} & {
        tie.key for tie in kit.effects(second, Tie)
    }
    assert coming.context.key in ties
    assert len(ties) == 2  # IKEv2's and IKEv1's


def test_esp_in_udp_flows_both_ways_as_tshark_counts_it():
    found = told(sessions(EXAMPLES / "ipsec/natt_client_side.pcap"), EspTraffic)
    final = [event for event in found if event.final]
    assert sum(event.packets for event in final) == 1814
    assert sum(event.octets for event in final) == 1538308 - 1814 * 42  # Ethernet, IPv4, UDP
    assert sorted(event.packets for event in final) == [1, 1, 2, 2, 839, 969]
    assert {event.missing for event in final} == {0}


def test_keep_alives_as_tshark_counts_them():
    found = sessions(EXAMPLES / "ipsec/natt_client_side.pcap")
    assert [event.count for event in told(found, NatKeepalive)] == [1, 2, 3, 4, 5, 6, 7]


@every_capture
def test_the_aggressive_mode_hash_belongs_to_the_key_that_was_configured(capture):
    (credential,) = told(sessions(capture), Credential)
    assert (credential.scheme, credential.account) == ("ikev1-psk", "client@feas")
    assert guess_is_right(credential, b"feaspsk")
    assert not guess_is_right(credential, b"feaspsk2")


def test_the_probe_of_ike_scan_shows_what_it_offers_and_that_it_was_refused():
    probe = sessions(EXAMPLES / "ipsec/natt_public_side.pcap")[2][3]
    (offer,) = kit.events(probe, IkeProposals)
    assert {"DES", "3DES", "HMAC_MD5", "HMAC_MD5_96", "MODP_1024", "MODP_1536"} == set(offer.weak)
    assert kit.events(probe, IkeStage)[-1].detail == "NO_PROPOSAL_CHOSEN"


# -- witness: the manifest of the public captures, made with tshark ----------------------------

EXCHANGES = {
    "IKEv1 Main": "Main Mode",
    "IKEv1 Aggressive": "Aggressive Mode",
    "Quick": "Quick Mode",
    "INFORMATIONAL(v2)": "INFORMATIONAL",
}
NOT_BY_PORT = {"espaes_getvpn_tunnel.pcapng"}  # IKE on port 848, which tshark does not look at


def entries():
    path = PUBLIC / "manifest.yaml"
    if not path.exists():
        return []
    loaded = yaml.safe_load(path.read_text())
    listed = loaded if isinstance(loaded, list) else loaded["captures"]
    return [entry for entry in listed if entry["path"].startswith("ike-ipsec/")]


every_entry = pytest.mark.parametrize(
    "entry", entries(), ids=lambda entry: Path(entry["path"]).name
)


@every_entry
def test_the_messages_of_the_manifest(entry):
    facts, name = entry["facts"], Path(entry["path"]).name
    found = told(public(name), IkeMessage)
    if name in NOT_BY_PORT:
        assert facts["ike_messages"] == 0
        assert [event.exchange for event in found] == ["IKE_SA_INIT"] * 2 + ["GSA_AUTH"] * 2
        return
    assert len(found) == facts["ike_messages"]
    exchanges = Counter(event.exchange for event in found)
    assert exchanges == {EXCHANGES.get(key, key): n for key, n in facts["exchange_types"].items()}
    assert {event.version for event in found} == {int(v, 16) >> 4 for v in facts["ike_version"]}
    pairs = {f"{event.initiator_spi}/{event.responder_spi or '0' * 16}" for event in found}
    assert set(facts["spi_pairs_i_r_first"]) <= pairs
    assert len(pairs) == facts["distinct_spi_pairs"]


@every_entry
def test_the_esp_of_the_manifest(entry):
    facts = entry["facts"]
    final = [event for event in told(public(Path(entry["path"]).name), EspTraffic) if event.final]
    counted = Counter()
    for event in final:
        counted[event.carrier] += event.packets
    assert counted["udp"] == facts["esp_in_udp_frames"]
    assert counted["ip"] == facts["esp_frames_ip_proto_50"]


@every_entry
def test_the_keep_alives_of_the_manifest(entry):
    found = told(public(Path(entry["path"]).name), NatKeepalive)
    assert len(found) == entry["facts"]["nat_keepalives"]


@every_entry
def test_the_vendor_ids_of_the_manifest(entry):
    if Path(entry["path"]).name in NOT_BY_PORT:
        return
    names = {
        name for event in told(public(Path(entry["path"]).name), VendorIds) for name in event.names
    }
    wanted = {name.rstrip("\n") for name in entry["facts"]["vendor_ids_named"]}
    assert wanted <= {name.removesuffix("\\n") for name in names}


@every_entry
def test_messages_with_nat_hashes_as_the_manifest_counts_them(entry):
    if Path(entry["path"]).name in NOT_BY_PORT:
        return
    found = told(public(Path(entry["path"]).name), IkeMessage)
    facts = entry["facts"]
    one = [e for e in found if e.version == 1 and any(p.startswith("NAT-D") for p in e.payloads)]
    # tshark reads Cisco's payload 15 as GDOI's; that it is NAT-D is shown by the hashes agreeing
    expected = facts["frames_with_ikev1_nat_d_payload"]
    assert len(one) == (2 if entry["path"].endswith("ISAKMP_sa_setup.pcap") else expected)


@with_corpus
@pytest.mark.parametrize(
    ("name", "behind"),
    [
        ("ISAKMP_sa_setup.pcap", ["none"]),
        ("ah_direct_transport.pcapng", ["none"]),
        ("ikev1-main-mode.pcap", ["none"]),
        ("ikev1-aggressive-mode.pcap", ["none"]),
        ("ikev2-natt-firewall-exit.pcap", ["initiator"]),
        ("espnull_direct_transport_natt.pcapng", ["initiator"]),
        ("isakmp4500.pcap", ["initiator"]),
        ("l2tp-ipsec-client.pcap", ["initiator"]),
        ("ikev2_notify_redirect.pcap", ["initiator", "initiator"]),
    ],
)
def test_who_is_behind_a_nat_in_public_captures(name, behind):
    """Checked by hand with hashlib: which hashes are those of which address and port."""
    assert [event.behind_nat for event in told(public(name), NatDetection)] == behind


@with_corpus
def test_a_tunnel_whose_grant_begins_with_a_notification_is_up():
    """Its answer has 240 bytes; ESP both ways and keys for a second tunnel follow."""
    stages = told(public("ikev2-natt-firewall-exit.pcap"), IkeStage)
    assert ("authentication-answered", "") in {(each.stage, each.detail) for each in stages}
    assert "Notify alone" not in {each.detail for each in stages}


@with_corpus
def test_the_chosen_transforms_of_the_manifest():
    """`;7;4;2;1;`: AES, SHA-256, group 2, pre-shared key."""
    found = told(public("ikev1-aggressive-mode.pcap"), IkeProposals)
    (chosen,) = [event for event in found if event.chosen]
    numbers = {a.kind: a.number for a in chosen.suites[0].algorithms}
    assert numbers == {"encryption": 7, "hash": 4, "authentication": 1, "group": 2}


@with_corpus
def test_a_sha256_hash_is_kept_too():
    """Huawei's lab key was guessed with a word list of our own."""
    (credential,) = told(public("ikev1-aggressive-mode.pcap"), Credential)
    assert guess_is_right(credential, b"123")


@with_corpus
def test_null_encryption_is_seen_through():
    found = [e for e in told(public("espnull_direct_transport_natt.pcapng"), EspTraffic) if e.final]
    assert [event.cleartext for event in found] == ["icmp", "icmp"]
    others = told(public("l2tp-ipsec-client.pcap"), EspTraffic)
    assert {event.cleartext for event in others} == {""}


@with_corpus
def test_esp_without_ike_is_known_by_its_content():
    ((_, claim, session, outputs),) = public("espudp1.pcap")
    assert (claim.confidence, session.standing) == (Confidence.PORT, Standing.PARSED)
    assert not kit.events(outputs, IkeMessage)


# -- the laws ----------------------------------------------------------------------------------

body = st.binary(max_size=60)
numbers = st.sampled_from([0, 1, 4, 5, 8, 10, 11, 12, 13, 14, 15, 20, 33, 41, 42, 43, 46, 53, 132])
badly_filled = st.builds(
    lambda version, exchange, flags, payloads, i, r, mid: message(
        version, exchange, flags, payloads, i=i, r=r, mid=mid
    ),
    st.sampled_from([1, 2]),
    st.sampled_from([1, 2, 4, 5, 6, 32, 34, 35, 36, 37, 43]),
    st.integers(0, 63),
    st.lists(st.tuples(numbers, body), max_size=6),
    st.sampled_from([b"INITIATE", b"initiat2"]),
    st.sampled_from([bytes(8), b"RESPONSE"]),
    st.integers(0, 3),
)
packets = st.builds(esp, st.integers(250, 260), st.integers(0, 40), st.sampled_from([24, 60, 61]))
datagrams = (
    badly_filled | badly_filled.map(lambda m: MARKER + m) | packets | st.just(b"\xff") | body
)
chunks = st.lists(st.tuples(st.sampled_from([C, S]), datagrams), max_size=30)
gaps = st.tuples(st.sampled_from([C, S]), st.integers(1, 9))


@given(chunks)
def test_garbage_is_told_never_raised(steps):
    kit.check_garbage(lambda: Session(NATT), steps)


@given(
    st.lists(st.tuples(st.sampled_from([C, S]), datagrams.map(frame) | body) | gaps, max_size=20)
)
def test_garbage_in_a_stream_is_told_never_raised(steps):
    kit.check_garbage(lambda: Session(TCP), steps)


CONVERSATION = [
    (C, b"IKETCP" + frame(MARKER + sa_init())),
    (S, frame(MARKER + sa_answer())),
    (C, frame(MARKER + protected(0x08, 35, 35, 1))),
    (S, frame(MARKER + protected(0x20, 35, 36, 1))),
    *((C, frame(esp(0xC0000001, n))) for n in range(1, 6)),
    *((S, frame(esp(0xC0000002, n))) for n in range(1, 6)),
    (C, frame(MARKER + protected(0x08, 37, 42, 2))),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 33, 34, 35, 100])
def test_segmentation_changes_nothing(size):
    kit.check_segmentation(lambda: Session(TCP), CONVERSATION, size)


@given(size=st.integers(1, 300), lost=st.integers(0, 12), side=st.sampled_from([C, S]))
@settings(max_examples=40)
def test_segmentation_changes_nothing_behind_a_gap(size, lost, side):
    steps = [*CONVERSATION[:lost], (side, 11), *CONVERSATION[lost:]]
    kit.check_segmentation(lambda: Session(TCP), steps, size)


@given(
    st.lists(
        st.tuples(st.sampled_from([C, S]), body | datagrams.map(frame) | gaps.map(lambda g: g[1]))
    ),
    st.integers(1, 50),
)
@settings(max_examples=60)
def test_segmentation_of_garbage_changes_nothing(steps, size):
    kit.check_segmentation(lambda: Session(TCP), steps, size)


# -- recognition -------------------------------------------------------------------------------


def peek(*steps, start=START):
    return kit.peek(kit.Flow(start, list(steps)))


@with_corpus
def test_foreign_captures_are_not_claimed():
    """Nor any other protocol's examples, be it as a suspicion."""
    folders = [
        path
        for path in PUBLIC.iterdir()
        if path.is_dir() and path.name not in ("ike-ipsec", "malformed")
    ]
    captures = [path for folder in folders for path in folder.iterdir() if path.suffix != ".yaml"]
    captures += [path for path in EXAMPLES.rglob("*.pcap*") if path.parent.name != "ipsec"]
    claimed = Counter()
    assert len(captures) > 100
    for capture in captures:
        for flow in kit.flows(capture):
            if flow.steps and isinstance(recognise(kit.peek(flow)), Claim):
                claimed[capture.name] += 1
    # two probes to UDP 500, which are IKE: the manifest says so
    assert claimed == {"http-rst-ack.pcapng": 2}


@given(st.binary(min_size=1, max_size=200))
@settings(max_examples=500)
def test_random_bytes_are_nobodys(data):
    """On port 4500 they may raise a suspicion, which has no events and a guess's confidence."""
    for start in (NATT, ODD):
        answer = recognise(peek((C, data), start=start))
        assert answer is None or answer.confidence is Confidence.PORT
    prefixed = data.startswith(b"IKETCP")
    assert prefixed or not isinstance(recognise(peek((C, data), start=TCP)), Claim)


OPENINGS = [
    sa_init(),
    sa_init(notify(16390, b"cookie")),
    message(2, 34, 8, [notify(16390, b"cookie"), SA, KE, NONCE], r=bytes(8)),
    message(1, 2, 0, [sa_1(phase_1())], r=bytes(8)),
    aggressive_pair()[0],
    message(1, 1, 0, [sa_1(phase_1()), (10, b"n" * 16)], r=bytes(8)),
]
LATER = [
    sa_answer(),
    aggressive_pair()[1],
    protected(0x08, 35, 35, 1),
    protected(0x20, 43, 34, 1),
    encrypted_1(32, 77),
    encrypted_1(5, 78),
    encrypted_1(6, 79),
    message(2, 37, 0x08, [], mid=9),
]


@pytest.mark.parametrize("data", OPENINGS + LATER, ids=range(len(OPENINGS + LATER)))
@pytest.mark.parametrize("marker", [b"", MARKER], ids=["plain", "marked"])
def test_every_message_is_recognised_on_any_port_from_either_side(data, marker):
    matcher = Matcher(load())
    assert "ike" in matcher.candidates("udp", marker + data)
    for port in (500, 4500, 9999):
        start = msgspec.structs.replace(
            START, server=msgspec.structs.replace(START.server, port=port)
        )
        for side in (C, S):
            claim = recognise(peek((side, marker + data), start=start))
            assert isinstance(claim, Claim)
            assert claim.confidence is Confidence.SIGNATURE
            assert ("marker" in claim.evidence) is bool(marker)
    framed = frame(MARKER + data)
    assert "ike" in matcher.candidates("tcp", framed)
    assert isinstance(recognise(peek((C, framed), start=TCP)), Claim)


@pytest.mark.parametrize("data", OPENINGS, ids=range(len(OPENINGS)))
def test_an_opening_may_have_bytes_behind_it_or_be_cut(data):
    matcher = Matcher(load())
    for altered in (data + bytes(8), data[:60]):
        assert "ike" in matcher.candidates("udp", altered)
        assert isinstance(recognise(peek((C, altered))), Claim)
    later = recognise(peek((C, LATER[0] + bytes(8))))
    assert later is None or later.confidence is Confidence.PORT


def test_a_response_seen_first_turns_the_sides():
    assert recognise(peek((C, sa_answer()))).flipped
    assert not recognise(peek((S, sa_answer()))).flipped
    assert recognise(peek((C, aggressive_pair()[1]))).flipped
    assert recognise(peek((S, sa_init()))).flipped
    assert not recognise(peek((C, sa_init()))).flipped
    assert not recognise(peek((C, protected(0x20, 37, 0, 4)))).flipped  # either may have begun it


def test_a_later_message_of_the_responder_turns_the_sides_where_the_ports_agree():
    start = msgspec.structs.replace(
        NATT, client=NATT.server, server=msgspec.structs.replace(NATT.client, port=40711)
    )
    assert recognise(peek((C, MARKER + protected(0, 37, 0, 4)), start=start)).flipped


@pytest.mark.parametrize(
    "data",
    [
        b"\0\1\0\0" + bytes.fromhex("2112a442") + b"t" * 12,  # STUN, on 4500 as well
        b"\x30\xff" + u16(60) + u32(7) + bytes(61),  # GTP-U
        b"\xc8\2" + u16(30) + u16(1) + bytes(25),  # L2TP
        b"\1\0\0\0" + bytes(range(145)),  # WireGuard with a byte too many
        bytes(4) + bytes(60),  # a marker, and nothing
        bytes(28),
        b"x" * 27,
        b"\0\0\0\1" + bytes(40),
    ],
)
def test_others_are_not_ike(data):
    assert not isinstance(claim := recognise(peek((C, data))), Claim) or (
        claim.confidence is Confidence.PORT
    )
    session = Session(NATT)
    assert kit.events(kit.decode(session, [(C, data)] * 6)) == []
    assert session.standing is Standing.REFUTED


def test_a_stream_is_waited_for_only_while_it_fits():
    whole = b"IKETCP" + frame(MARKER + sa_init())
    for size in range(1, 6):
        assert recognise(peek((C, whole[:size]), start=TCP)) is not None
    assert isinstance(recognise(peek((C, whole[:6]), start=TCP)), Claim)
    assert recognise(peek((S, whole), start=TCP)).flipped
    framed = frame(MARKER + sa_answer())
    for size in (3, 10, 33, len(framed) - 1):
        assert not isinstance(recognise(peek((S, framed[:size]), start=TCP)), Claim)
        assert recognise(peek((S, framed[:size]), start=TCP)) is not None
    for foreign in (
        b"GET / HTTP/1.1\r\n",
        b"IKEv",
        b"\0\x20\0\0\0\1" + bytes(40),
        frame(MARKER + bytes(60)),
    ):
        assert recognise(peek((C, foreign), start=TCP)) is None


# -- loss --------------------------------------------------------------------------------------


def test_a_broken_body_costs_one_payload():
    broken = sa_init((41, b"\0\x40\x40\x04short"), notify(16418))
    outputs, session = decode([(C, broken)])
    assert [type(e) for e in kit.events(outputs)].count(Malformed) == 1
    assert "CHILDLESS_IKEV2_SUPPORTED" in str(outputs)
    assert session.standing is Standing.PARSED


def test_a_broken_chain_keeps_what_came_before_it():
    data, first = chain([SA, NONCE])
    lying = message(2, 34, 8, data[:-34] + u16(9999) + data[-32:], r=bytes(8), first=first)
    outputs, session = decode([(C, lying)])
    (told_message,) = kit.events(outputs, IkeMessage)
    assert told_message.payloads == ("Security Association",)
    assert len(kit.events(outputs, Malformed)) == 1
    assert kit.events(outputs, IkeProposals)
    assert session.standing is not Standing.REFUTED


def test_a_gap_in_a_datagram_flow_is_only_told():
    session = Session(NATT)
    session.feed(C, MARKER + sa_init())
    assert session.gap(C, 7) == [Gap(size=7)]
    assert kit.events([(S, e) for e in session.feed(S, MARKER + sa_answer())], IkeMessage)


@with_corpus
@pytest.mark.parametrize(
    "name", [p.name for p in (PUBLIC / "malformed").glob("*")] if PUBLIC.exists() else []
)
def test_malformed_captures_end_quietly(name):
    if name.startswith(("isakmp", "ike", "esp")):
        sessions(PUBLIC / "malformed" / name)


@with_corpus
def test_the_damaged_part_is_named():
    ((_, _, _, outputs),) = sessions(PUBLIC / "malformed/ikev2pI2-segfault.pcapng")
    assert [event.reason for event in kit.events(outputs, Malformed)] == [
        "Security Association payload: wanted 43686 bytes at 44, 196 left",
        "IKE message: wanted 43686 bytes at 276, 232 left",
    ]
