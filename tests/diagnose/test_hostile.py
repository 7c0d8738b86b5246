"""Floods and nonsense: bounded, counted, and no real tunnel is hidden behind them."""

import random
import struct
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import craft
from tests.diagnose.altered import Datagram, datagrams, write
from tests.diagnose.test_recorded import CAPTURES, said
from tests.protocols.ike import craft as ike

from backchannel.diagnose import doctor, facts, reading
from backchannel.diagnose.doctor import diagnose
from backchannel.diagnose.icmp import refusal
from backchannel.diagnose.reading import read
from backchannel.diagnose.terminal import render
from backchannel.model import Endpoint
from backchannel.report.console import console

GATEWAY = Endpoint("10.2.0.2", 500)


def flood(count, sources):
    """Beginnings with random SPIs, from so many addresses."""
    rng, start = random.Random(7), datagrams("works.near.pcap")[0].time - 10_000_000_000
    for number in range(count):
        at = number % sources
        source = Endpoint(f"172.{16 + at // 65536}.{at // 256 % 256}.{at % 256}", 500)
        hello = ike.sa_init(i=rng.randbytes(8))
        yield Datagram(start + number * 10_000, source, GATEWAY, hello)


@pytest.mark.parametrize("sources", [1, 8_000])
def test_a_flood_of_beginnings_is_bounded_and_hides_nothing(tmp_path, sources):
    real = datagrams("works.near.pcap")
    path = write(tmp_path / "flood.pcap", [*flood(8_000, sources), *real])
    told = read([str(path)])
    assert len(told.facts.pairs) <= facts.PAIRS
    kept = sum(len(pair.attempts) for pair in told.facts.pairs.values())
    assert kept <= facts.TOTAL_ATTEMPTS + len(told.facts.pairs)
    assert all(len(pair.attempts) <= facts.ATTEMPTS for pair in told.facts.pairs.values())
    told = diagnose(told)
    (standing,) = [each for each in told.gateways if each.initiator == "10.1.0.2"]
    assert standing.verdict == "the tunnel stands and carries in both directions"
    gone = told.unseen.get("pairs of gateways without an answer not kept: table full", 0)
    assert gone == max(0, sources + 1 - facts.PAIRS)
    if sources == 1:
        assert "certain half-open-flood" in said(told)


def test_many_attempts_of_many_hide_no_later_one(tmp_path, monkeypatch):
    """They fill the table of all attempts before the table of pairs is full."""
    monkeypatch.setattr(facts, "TOTAL_ATTEMPTS", 600)
    path = write(tmp_path / "flood.pcap", [*flood(4_000, 40), *datagrams("works.near.pcap")])
    told = read([str(path)]).facts
    assert sum(len(pair.attempts) for pair in told.pairs.values()) <= 600
    assert told.pairs["10.1.0.2", "10.2.0.2"].attempts


def test_a_client_that_tries_and_tries_is_seen_when_it_succeeds(tmp_path):
    """A hundred refused attempts, each answered, and then one that stands."""
    failed = datagrams("wrong-secret.near.pcap")
    packets = []
    for number in range(100):
        new = number.to_bytes(4) + b"xxxx"
        for each in failed:
            data = each.data[4:] if each.data.startswith(bytes(4)) else each.data
            marker = each.data[: len(each.data) - len(data)]
            time = each.time + (number - 200) * 10_000_000_000
            packets.append(each._replace(time=time, data=marker + new + data[8:]))
    path = write(tmp_path / "tries.pcap", [*packets, *datagrams("works.near.pcap")])
    (told,) = diagnose(read([str(path)])).gateways
    assert told.verdict == "the tunnel stands and carries in both directions"
    assert [(each.id, each.weight) for each in told.conclusions] == [
        ("authentication-refused", "note")
    ]


def test_a_tunnel_with_a_problem_is_shown_before_a_flood(tmp_path):
    real = datagrams("port-4500-blocked.near.pcap")
    path = write(tmp_path / "flood.pcap", [*flood(200, 100), *real])
    out = console()
    with out.capture() as shown:
        out.print(render(diagnose(read([str(path)]))))
    first = next(line for line in shown.get().splitlines() if "→" in line)
    assert first.startswith("10.1.0.2 → 10.2.0.2")
    assert "77 pairs of gateways more" in shown.get()


def test_random_esp_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(facts, "PACKETS", 500)
    rng = random.Random(5)
    start = datagrams("works.near.pcap")
    packets = [
        start[4]._replace(time=start[-1].time + n * 1000, data=ike.esp(rng.getrandbits(32), 1 + n))
        for n in range(20_000)
    ]
    told = read([str(write(tmp_path / "esp.pcap", [*start, *packets]))])
    (pair,) = told.facts.pairs.values()
    assert len(pair.streams) <= facts.STREAMS
    assert sum(len(each.sequences) for each in pair.streams.values()) <= 500
    assert told.counters["associations of ESP not kept: table full"] > 1000
    real = [each for each in pair.streams.values() if each.packets > 1]
    assert sum(each.packets for each in real) >= 16
    diagnose(told)


def test_memory_does_not_grow_with_the_flood(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "FLOWS", 500)
    monkeypatch.setattr(facts, "PAIRS", 100)
    peaks = []
    for count in (1_000, 5_000):
        path = write(tmp_path / f"{count}.pcap", flood(count, count))
        tracemalloc.start()
        told = read([str(path)])
        diagnose(told)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]
    assert told.counters["flows evicted to bound memory"] > 4_000


names = sorted(path.name for path in CAPTURES.glob("*.pcap"))


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(names), seed=st.integers(0, 1 << 32))
def test_damaged_and_mixed_packets_are_diagnosed_all_the_same(tmp_path_factory, name, seed):
    """Bytes change, packets go, come twice and change places: there is always an answer."""
    rng, folder = random.Random(seed), tmp_path_factory.mktemp("mixed")
    packets = datagrams(name)
    for _ in range(rng.randrange(1, 8)):
        if not packets:
            break
        at = rng.randrange(len(packets))
        each = packets[at]
        match rng.randrange(4) if each.data else 0:
            case 0:
                del packets[at]
            case 1:
                packets.insert(rng.randrange(len(packets)), each)
            case 2:
                data = bytearray(each.data)
                for _ in range(rng.randrange(1, 9)):
                    data[rng.randrange(len(data))] = rng.randrange(256)
                packets[at] = each._replace(data=bytes(data))
            case 3:
                packets[at] = each._replace(data=each.data[: rng.randrange(len(each.data))])
    near = read([str(write(folder / "near.pcap", packets))])
    far = read([str(write(folder / "far.pcap", sorted(datagrams(rng.choice(names)))))])
    for told in (diagnose(near), diagnose(near, far), diagnose(far, near)):
        for gateways in told.gateways:
            for conclusion in gateways.conclusions:
                assert "{" not in conclusion.title + conclusion.means + "".join(conclusion.next)


@given(number=st.sampled_from([1, 58]), data=st.binary(max_size=80))
def test_any_icmp_is_read_or_left(number, data):
    refusal(number, data)


def test_icmp_quotes():
    quoted = craft.udp(Endpoint("10.1.0.2", 500), GATEWAY, bytes(20))
    told = refusal(1, struct.pack(">BBHI", 3, 13, 0, 0) + quoted[:28])
    assert (told.reason, told.source, told.target_port) == ("prohibited", "10.1.0.2", 500)
    told = refusal(1, struct.pack(">BBHHH", 3, 4, 0, 0, 1400) + quoted[:28])
    assert (told.reason, told.mtu) == ("too-big", 1400)
    six = craft.udp(Endpoint("2001:db8::1", 4500), Endpoint("2001:db8::2", 4500), bytes(20))
    told = refusal(58, struct.pack(">BBHI", 1, 4, 0, 0) + six[:48])
    assert (told.reason, told.target, told.source_port) == ("port", "2001:db8::2", 4500)
    assert refusal(58, struct.pack(">BBHI", 2, 0, 0, 1280) + six[:48]).mtu == 1280
    esp = craft.ip("10.1.0.2", "10.2.0.2", 50, bytes(20))
    assert refusal(1, struct.pack(">BBHI", 3, 2, 0, 0) + esp[:28]).protocol == 50
    web = craft.udp(Endpoint("10.1.0.2", 1234), Endpoint("10.2.0.2", 53), bytes(20))
    assert refusal(1, struct.pack(">BBHI", 3, 3, 0, 0) + web[:28]) is None
    assert refusal(1, struct.pack(">BBHI", 8, 0, 0, 0) + quoted[:28]) is None


def test_spis_that_all_gateways_of_the_far_side_share_cost_little(tmp_path, monkeypatch):
    """Somebody uses a tunnel's SPI from many addresses: the real one is compared all the same."""
    monkeypatch.setattr(doctor, "BEYOND", 3)
    there = datagrams("works.far.pcap")
    stolen = next(each for each in there if each.esp)
    spi = int.from_bytes(stolen.data[:4])
    for at in range(90 * 10):
        place = Endpoint(f"10.66.0.{at // 10}", 4500)
        time, data = there[-1].time + 1_000_000, ike.esp(spi, 1 + at % 10)
        there.append(stolen._replace(time=time, source=place, data=data))
    near = read([str(write(tmp_path / "near.pcap", datagrams("works.near.pcap")))])
    far = read([str(write(tmp_path / "far.pcap", there))])
    told = diagnose(near, far)
    assert told.unseen["gateways of the far side not compared: too many with the same SPIs"] == 88
    between = told.gateways[0].between
    assert (between.matched, between.lost) == (20, ())
