"""ESP over IP: sequence accounting against a plain oracle, cleartext, captures and the laws."""

import random
import struct
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import kit

from backchannel.effects import Tie
from backchannel.events import Anomaly, Gap, Malformed
from backchannel.model import Claim, Endpoint, Side, Standing
from backchannel.protocols import Start
from backchannel.protocols.esp.cleartext import checksum, inside
from backchannel.protocols.esp.events import EspTraffic
from backchannel.protocols.esp.sequence import Sequence
from backchannel.protocols.esp.session import Session, recognise

C, S = Side.CLIENT, Side.SERVER
START = Start("ip", Endpoint("192.0.2.9", 0), Endpoint("192.0.2.1", 0), number=50)
PUBLIC = kit.CORPUS / "public"
with_corpus = pytest.mark.skipif(not PUBLIC.exists(), reason="the corpus of captures is not here")
TOP = 1 << 32


def packet(spi, sequence, size=100):
    body = random.Random(spi * 7919 + sequence).randbytes(size - 8)
    return struct.pack(">II", spi, sequence) + body


def decode(steps, start=START):
    session = Session(start)
    return kit.decode(session, steps), session


def final(steps):
    (one,) = [e for e in kit.events(decode(steps)[0], EspTraffic) if e.final]
    return one


# -- sequence numbers --------------------------------------------------------------------------


def count(numbers):
    first, *rest = numbers
    sequence = Sequence(first % TOP, 100)
    for number in rest:
        sequence.add(number % TOP, 100)
    return sequence


def figures(numbers):
    found = count(numbers)
    return {
        name: getattr(found, name)
        for name in ("missing", "late", "replayed", "outside", "resets")
        if getattr(found, name)
    }


def test_an_unbroken_sequence():
    found = count(range(1, 1001))
    assert (found.packets, found.octets, found.first, found.last) == (1000, 100_000, 1, 1000)
    assert figures(range(1, 1001)) == {}


@pytest.mark.parametrize(
    ("numbers", "wanted"),
    [
        ([1, 2, 5, 6], {"missing": 2}),
        ([1, 2, 5, 3, 4, 6], {"late": 2}),
        ([1, 2, 5, 4, 6], {"missing": 1, "late": 1}),
        ([1, 2, 2, 3], {"replayed": 1}),
        ([1, 2, 3, 1, 4], {"replayed": 1}),
        ([5, 4, 6], {"late": 1}),
        ([9, 6, 10], {"missing": 2, "late": 1}),
        ([9, 6, 8, 10], {"missing": 1, "late": 2}),
        ([100, 101, 1 << 30, 102], {"outside": 1}),
        ([1 << 20, 5, (1 << 20) + 1], {"outside": 1}),
        ([500, 501, 502, 1, 2, 3, 4, 5, 6], {"resets": 1}),
        ([*range(1, 500), 1, 2, 3, 4, 5, 6], {"resets": 1}),
        ([*range(1, 500), 1, 2, 3, 500, 501], {"replayed": 3}),
        ([*range(1, 500), *range(100, 110), 500, 501], {"replayed": 10}),
        ([*range(1, 500), *range(100, 110), 502, 503], {"replayed": 10, "missing": 2}),
        ([1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6], {"replayed": 6}),
        ([TOP - 2, TOP - 1, 0, 1, 2], {}),
        ([TOP - 2, TOP - 1, 1, 2], {"missing": 1}),
        ([TOP - 1, 1, 0, 2], {"late": 1}),
    ],
)
def test_figures_of_short_sequences(numbers, wanted):
    assert figures(numbers) == wanted


def test_first_and_last_across_the_wrap():
    found = count([TOP - 2, TOP - 1, 0, 1])
    assert (found.first, found.last) == (TOP - 2, 1)


@given(
    st.integers(0, TOP - 1),
    st.lists(st.tuples(st.integers(-30, 30), st.integers(0, 9)), min_size=2, max_size=200),
)
@settings(max_examples=300)
def test_loss_reordering_and_replay_as_a_set_counts_them(base, noise):
    """The oracle remembers every number. Within 64 holes and no restart both must agree."""
    numbers = [40 + at + shift for at, (shift, keep) in enumerate(noise) if keep]
    numbers = [40, *(n for n in numbers if n >= 0)]
    runs = max((len(run) for run in _old_runs(numbers)), default=0)
    if runs >= 4:  # four old numbers in a row are taken for a new beginning
        return
    seen, replayed = set(), 0
    for number in numbers:
        replayed += number in seen
        seen.add(number)
    found = count([base + number for number in numbers])
    assert found.packets == len(numbers)
    assert found.replayed == replayed
    assert found.missing == max(seen) - min(seen) + 1 - len(seen)
    assert found.first == (base + min(seen)) % TOP
    assert found.last == (base + max(seen)) % TOP


def _old_runs(numbers):
    """Runs of consecutive numbers that had been seen."""
    seen, run = set(), []
    for number in numbers:
        if number in seen and run and run[-1] == number - 1:
            run.append(number)
        else:
            yield run
            run = [number] if number in seen else []
        seen.add(number)
    yield run


@given(st.lists(st.integers(0, TOP - 1), min_size=1, max_size=300))
def test_any_numbers_are_counted_in_bounded_memory(numbers):
    found = count(numbers)
    assert found.packets == len(numbers)
    assert len(found._holes) <= 64
    assert min(found.missing, found.late, found.replayed, found.outside, found.resets) >= 0


def test_more_holes_than_are_kept_stay_missing():
    numbers = list(range(1, 1000, 2))
    assert figures(numbers) == {"missing": 499}
    assert figures([*numbers, 998]) == {"missing": 498, "late": 1}
    assert figures([*numbers, 2]) == {"missing": 499, "replayed": 1}  # forgotten, so it looks old


# -- reports -----------------------------------------------------------------------------------


def test_reports_come_at_the_first_packet_and_when_the_number_doubled():
    told = kit.events(decode([(C, packet(0xC0000001, at)) for at in range(1, 1001)])[0], EspTraffic)
    assert [event.packets for event in told] == [1, 16, 32, 64, 128, 256, 512, 1000]
    assert [event.final for event in told] == [False] * 7 + [True]


def test_each_spi_of_each_side_counts_alone():
    steps = [
        (C, packet(0xC1, 1)),
        (S, packet(0xC1000, 1)),
        (C, packet(0xC2000, 1)),
        (C, packet(0xC2000, 2)),
    ]
    told = kit.events(decode(steps)[0], EspTraffic)
    assert {(e.spi, e.packets) for e in told if e.final} == {
        ("000000c1", 1),
        ("000c1000", 1),
        ("000c2000", 2),
    }


def test_flows_of_two_hosts_are_tied_whoever_began():
    back = Start("ip", START.server, START.client, number=50)
    keys = [
        {tie.key for tie in kit.effects(decode([(side, packet(0xC1000, 1))], start)[0], Tie)}
        for side, start in ((C, START), (S, back))
    ]
    assert keys[0] == keys[1] == {"ipsec/192.0.2.1/192.0.2.9", "esp/192.0.2.1/000c1000"}


def test_a_second_packet_is_the_proof():
    assert decode([(C, packet(0xC1000, 1))])[1].standing is Standing.CLAIMED
    assert decode([(C, packet(0xC1000, 1)), (C, packet(0xC1000, 2))])[1].standing is Standing.PARSED
    assert decode([(C, packet(0xC1000, 1)), (S, packet(0xC2000, 1))])[1].standing is Standing.PARSED


def test_stumps_and_reserved_spis_are_named_now_and_then():
    steps = [(C, packet(0xC1000, 1)), *[(C, b"\1\2\3")] * 5, *[(C, packet(255, 1))] * 5]
    outputs, _ = decode(steps)
    assert [e.reason for e in kit.events(outputs, Malformed)] == ["ESP packet of 3 bytes"] * 3
    assert [e.kind for e in kit.events(outputs, Anomaly)] == ["reserved-spi"]


def test_reserved_spis_of_keys_set_by_hand_are_counted():
    steps = [(C, packet(10, at)) for at in (1, 2, 3)]
    assert isinstance(recognise(peek(steps[0])), Claim)
    outputs, session = decode(steps)
    assert session.standing is Standing.PARSED
    (last,) = [event for event in kit.events(outputs, EspTraffic) if event.final]
    assert (last.spi, last.packets, last.last) == ("0000000a", 3, 3)
    assert [e.kind for e in kit.events(outputs, Anomaly)] == ["reserved-spi"]
    assert not kit.events(decode([(C, packet(0, at)) for at in (1, 2)])[0], EspTraffic)


def test_a_gap_is_told():
    assert Session(START).gap(C, 5) == [Gap(size=5)]


# -- NULL encryption ---------------------------------------------------------------------------


def ipv4(payload, protocol=17):
    head = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 7, 0, 64, protocol, 0, b"\n\0\0\1", b"\n\0\0\2"
    )
    return head[:10] + (0xFFFF ^ sum_of(head)).to_bytes(2, "big") + head[12:] + payload


def sum_of(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    return (total & 0xFFFF) + (total >> 16)


UDP = struct.pack(">HHHH", 5353, 5353, 8 + 13, 0) + b"thirteen byte"
TCP = (
    struct.pack(">HHIIBBHHH", 40000, 80, 1, 2, 0x80, 0x18, 512, 77, 0)
    + b"\1\1\x08\n"
    + bytes(8)
    + b"GET /"
)
ECHO = b"\x08\0" + (0xFFFF ^ sum_of(b"\x08\0\0\0\0\1\0\1abcd")).to_bytes(2, "big") + b"\0\1\0\1abcd"
IPV6 = struct.pack(">IHBB", 6 << 28, len(UDP), 17, 64) + bytes(32) + UDP
GRE = b"\0\0\x08\0" + ipv4(UDP)
NEIGHBOUR = b"\x87\0\x12\x34" + bytes(20)


def null(body, protocol, icv=12, iv=0):
    pad = -(len(body) + 2) % 4
    tail = bytes(range(1, pad + 1)) + bytes([pad, protocol])
    noise = random.Random(3).randbytes(icv + iv)
    return struct.pack(">II", 0xC1000, 1) + noise[:iv] + body + tail + noise[iv:]


@pytest.mark.parametrize("icv", [0, 12, 16, 20, 24, 32])
@pytest.mark.parametrize("iv", [0, 8])
@pytest.mark.parametrize(
    ("body", "protocol", "name"),
    [
        (ipv4(UDP), 4, "ipv4"),
        (IPV6, 41, "ipv6"),
        (UDP, 17, "udp"),
        (TCP, 6, "tcp"),
        (ECHO, 1, "icmp"),
        (GRE, 47, "gre"),
        (NEIGHBOUR, 58, "icmpv6"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_protocol_inside_null_encryption_is_named(body, protocol, name, icv, iv):
    assert inside(null(body, protocol, icv, iv)) == name
    steps = [(C, null(body, protocol, icv, iv))]
    assert final(steps).cleartext == name


@pytest.mark.parametrize(
    "broken",
    [
        null(UDP[:-1], 17),
        null(ipv4(UDP)[:-1], 4),
        null(ipv4(UDP).replace(b"\n\0\0\1", b"\n\0\0\3"), 4),
        null(ECHO[:-1] + b"x", 1),
        null(TCP[:12] + b"\x8f" + TCP[13:], 6),
        null(TCP[:20] + b"\x08\xff" + TCP[22:], 6),
        null(UDP, 18),
        null(UDP, 17)[:20],
        b"",
        bytes(8),
    ],
    ids=range(10),
)
def test_what_does_not_agree_with_itself_is_not_believed(broken):
    assert inside(broken) == ""


def test_chance_does_not_make_cleartext():
    chance = random.Random(11)
    assert not [size for size in range(20, 20_020) if inside(chance.randbytes(24 + size % 400 * 4))]


def test_a_later_sample_can_still_show_it():
    steps = [(C, packet(0xC1000, 1)), (C, struct.pack(">II", 0xC1000, 2) + null(UDP, 17)[8:])]
    assert final(steps).cleartext == "udp"


@given(st.binary(max_size=200))
def test_any_packet_may_be_looked_into(data):
    assert isinstance(inside(data), str)


def test_the_checksum_is_that_of_rfc_1071():
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) in (0xDDF2, 0xF2DD)
    assert checksum(b"") == 0


# -- recognition, captures, laws ---------------------------------------------------------------


def peek(*steps, number=50, transport="ip"):
    start = Start(transport, START.client, START.server, number=number)
    return kit.peek(kit.Flow(start, list(steps)))


def test_recognition():
    assert isinstance(recognise(peek((C, packet(0xC1000, 1)))), Claim)
    assert isinstance(recognise(peek((S, packet(0xC1000, 1)), number=0)), Claim)
    assert recognise(peek((C, packet(255, 1)), number=0)) is None
    assert recognise(peek((C, packet(0, 1)))) is None
    assert recognise(peek((C, b"short"))) is None
    assert recognise(peek((C, packet(0xC1000, 1)), number=51)) is None
    assert recognise(peek((C, packet(0xC1000, 1)), transport="udp")) is None


def test_without_a_number_ah_is_told_apart():
    ah = bytes([6, 4, 0, 0]) + struct.pack(">II", 0xC1000, 1) + bytes(60)
    assert recognise(peek((C, ah), number=0)) is None


@with_corpus
@pytest.mark.parametrize(
    ("name", "packets"),
    [
        ("02-sunrise-sunset-esp.pcap", 8),
        ("IKEv1.pcap", 296),
        ("IKEv2.pcap", 162),
        ("espaes_getvpn_tunnel.pcapng", 20),
    ],
)
def test_packets_as_tshark_counts_them(name, packets):
    seen = 0
    for flow in kit.flows(PUBLIC / "ike-ipsec" / name):
        if flow.start.transport == "ip" and recognise(kit.peek(flow)):
            told = kit.events(kit.decode(Session(flow.start), flow.steps), EspTraffic)
            seen += sum(event.packets for event in told if event.final)
            assert {event.cleartext for event in told} == {""}
    assert seen == packets


@with_corpus
def test_figures_of_a_capture_as_tshark_lists_its_sequence_numbers():
    """tshark -T fields -e esp.spi -e esp.sequence: 1-148, 2-75 and 2-75, none missing or double."""
    (flow,) = [f for f in kit.flows(PUBLIC / "ike-ipsec/IKEv1.pcap") if f.start.transport == "ip"]
    told = kit.events(kit.decode(Session(flow.start), flow.steps), EspTraffic)
    assert {(e.spi, e.first, e.last, e.missing, e.replayed) for e in told if e.final} == {
        ("3d71315a", 1, 148, 0, 0),
        ("e8f1f49c", 2, 75, 0, 0),
        ("8905e940", 2, 75, 0, 0),
    }


chunks = st.lists(
    st.tuples(
        st.sampled_from([C, S]),
        st.binary(max_size=60)
        | st.builds(packet, st.integers(250, 262), st.integers(0, 60), st.integers(8, 90)),
    ),
    max_size=40,
)


@given(chunks)
def test_garbage_is_told_never_raised(steps):
    kit.check_garbage(lambda: Session(START), steps, bound=1 << 16)


def test_no_example_of_another_protocol_is_esp_over_ip():
    examples = Path(__file__).parents[3] / "examples"
    captures = list(examples.rglob("*.pcap*"))
    assert len(captures) > 20
    assert not [f for path in captures for f in kit.flows(path) if recognise(kit.peek(f))]


@pytest.mark.parametrize(("sequence", "in_full"), [((1, 2, 3), False), ((1, 2, 2), True)])
def test_last_figures_are_told_in_full_where_somebody_reads_them(sequence, in_full):
    """Here, where packets came twice: of others it is enough to know that they were told."""
    asked = []

    def reads(tag, **values):
        asked.append((tag, values))
        return not values

    session = Session(msgspec.structs.replace(START, read=reads))
    for number in sequence:
        session.feed(C, packet(0x1000, number))
    assert asked == [("esp-traffic", {"cleartext": "", "replayed": 0, "final": True})]
    (last,) = session.end(C)
    assert (last is EspTraffic) is not in_full
    assert not in_full or (last.replayed, last.final) == (1, True)
