"""Conditions that cannot be made to happen here, made of recorded packets; each says how."""

import random

import pytest
from tests import craft
from tests.diagnose.altered import Datagram, datagrams, later, plain, without, write
from tests.diagnose.test_recorded import said
from tests.protocols.ike import craft as ike

from backchannel.diagnose import facts
from backchannel.diagnose.doctor import diagnose
from backchannel.diagnose.reading import read
from backchannel.model import Endpoint, Side

SECOND = 1_000_000_000
LEFT, RIGHT = Endpoint("10.1.0.2", 4500), Endpoint("10.2.0.2", 4500)


def doctor(tmp_path, near, far=None):
    there = read([str(write(tmp_path / "far.pcap", far))]) if far is not None else None
    return diagnose(read([str(write(tmp_path / "near.pcap", near))]), there)


def from_right(each):
    return each.source.address == RIGHT.address


# -- ESP by itself -----------------------------------------------------------------------------


def test_plain_esp_that_does_not_come_back(tmp_path):
    packets = plain(
        without(datagrams("works.near.pcap"), lambda each: each.esp and from_right(each))
    )
    told = doctor(tmp_path, packets)
    assert said(told) == ("likely plain-esp-dropped",)
    assert "protocol 50" in told.gateways[0].conclusions[0].next[0]


def test_plain_esp_that_is_dropped_between_two_captures(tmp_path):
    near = plain(datagrams("works.near.pcap"))
    far = plain(datagrams("works.far.pcap"))
    there = without(far, lambda each: each.esp and not from_right(each))
    here = without(near, lambda each: each.esp and from_right(each))
    assert said(doctor(tmp_path, here, there)) == (
        "certain plain-esp-dropped",
        "certain plain-esp-dropped",
    )


def undetected(each):
    """Without notifications of NAT detection all stays on port 500, which a NAT makes 31000; ESP
    goes by itself.
    """
    data = each.data.replace(b"\x40\x04", b"\x7f\x04").replace(b"\x40\x05", b"\x7f\x05")
    if each.esp:
        return each._replace(plain=True)
    outside, gateway = Endpoint(LEFT.address, 31000), Endpoint(RIGHT.address, 500)
    ends = (gateway, outside) if from_right(each) else (outside, gateway)
    data = data.removeprefix(bytes(4)) if each.source.port == 4500 else data
    return each._replace(source=ends[0], target=ends[1], data=data)


def test_a_nat_that_nobody_looked_for(tmp_path):
    packets = list(map(undetected, datagrams("works.near.pcap")))
    assert said(doctor(tmp_path, packets)) == ("likely nat-not-detected",)


# -- order -------------------------------------------------------------------------------------


def long(count=400):
    """A recorded session whose ESP goes on for longer."""
    packets = datagrams("works.near.pcap")
    spi = next(
        int.from_bytes(each.data[:4]) for each in packets if each.esp and not from_right(each)
    )
    back = next(each for each in packets if each.esp and from_right(each))
    start = packets[-1].time
    for number in range(count):
        time = start + number * 10_000_000
        packets.append(
            back._replace(time=time, source=LEFT, target=RIGHT, data=ike.esp(spi, number + 9))
        )
    answered = max(int.from_bytes(e.data[4:8]) for e in packets if e.esp and from_right(e))
    answer = ike.esp(int.from_bytes(back.data[:4]), answered + 1)
    return [*packets, back._replace(time=time + 1, data=answer)]


def test_packets_that_come_behind_a_replay_window(tmp_path):
    packets = long()
    chosen = [at for at, each in enumerate(packets) if each.esp and not from_right(each)][20:300:20]
    order = list(packets)
    for at in reversed(chosen):  # each comes forty packets later
        order.insert(at + 40, order.pop(at))
    times = [each.time for each in packets]
    moved = [each._replace(time=time) for each, time in zip(order, times, strict=True)]
    told = doctor(tmp_path, moved)
    assert said(told) == ("likely replay-window",)
    assert "window of 32" in told.gateways[0].conclusions[0].title


def test_a_little_disorder_is_nothing(tmp_path):
    packets = long()
    rng = random.Random(3)
    order = sorted(range(len(packets)), key=lambda at: at + (rng.random() * 8 if at > 30 else 0))
    moved = [packets[at]._replace(time=packets[place].time) for place, at in enumerate(order)]
    assert said(doctor(tmp_path, moved)) == ()


def test_packets_that_come_twice(tmp_path):
    packets = long()
    twice = [each for each in packets for _ in range(2 if each.esp else 1)]
    assert set(said(doctor(tmp_path, twice))) == {"certain esp-replayed"}


# -- late, stale -------------------------------------------------------------------------------


def test_a_capture_that_began_behind_the_key_exchange(tmp_path):
    packets = [each for each in datagrams("works.near.pcap") if each.esp]
    assert said(doctor(tmp_path, packets)) == ("certain esp-without-ike",)


def test_a_gateway_that_does_not_know_the_association(tmp_path):
    """INVALID_IKE_SPI in clear, as RFC 7296 §1.5 allows, answers the recorded question."""
    packets = datagrams("restarted.near.pcap")
    asked = packets[-1]
    head = asked.data[4:20]
    answer = ike.message(2, 37, 0x20, [ike.notify(4)], i=head[:8], r=head[8:16], mid=2)
    told = [
        *packets,
        asked._replace(
            time=asked.time + 1_000_000, source=RIGHT, target=LEFT, data=bytes(4) + answer
        ),
    ]
    found = said(doctor(tmp_path, told))
    assert "likely stale-association" in found


def test_the_capture_ends_before_an_answer_could_come(tmp_path):
    assert said(doctor(tmp_path, datagrams("works.near.pcap")[:1])) == ("certain too-early",)


def test_one_direction_only(tmp_path):
    packets = without(datagrams("works.near.pcap"), from_right)
    assert "certain one-direction-captured" in said(doctor(tmp_path, packets))


# -- other programs ----------------------------------------------------------------------------


WINDOWS = bytes.fromhex("1e2b516905991c7d7c96fcbfb587e461") + b"\0\0\0\x09"
RFC3947 = bytes.fromhex("4a131c81070358455c5728f20e95452f")


def windows(tmp_path, *, behind):
    """A client of Windows in main mode, and a server that may be behind a NAT."""
    client, server = Endpoint("203.0.113.9", 500), Endpoint("198.51.100.7", 500)
    real = "192.168.1.10" if behind else server.address
    how = {"i": b"winwinwi", "r": b"RESPONSE"}
    vendor = [(13, WINDOWS), (13, RFC3947)]
    offer = ike.sa_1(ike.phase_1())

    def hashes(mine, theirs):
        return [(20, ike.nat_hash(theirs, 500, **how)), (20, ike.nat_hash(mine, 500, **how))]

    steps = [
        (Side.CLIENT, ike.main([offer, *vendor], i=how["i"], r=ike.NONE)),
        (Side.SERVER, ike.main([offer, *vendor], **how)),
        (
            Side.CLIENT,
            ike.main([(4, ike.G_XI), (10, ike.NI), *hashes(client.address, server.address)], **how),
        ),
        (
            Side.SERVER,
            ike.main([(4, ike.G_XR), (10, ike.NR), *hashes(real, client.address)], **how),
        ),
    ]
    path = tmp_path / "windows.pcap"
    packets = craft.datagrams(steps, client=client, server=server)
    path.write_bytes(craft.pcap(packets, apart=100))
    return diagnose(read([str(path)]))


def test_windows_and_a_server_behind_a_nat(tmp_path):
    told = windows(tmp_path, behind=True)
    assert "likely windows-nat-rule" in said(told)
    (found,) = [each for each in told.gateways[0].conclusions if each.id == "windows-nat-rule"]
    assert "AssumeUDPEncapsulationContextOnSendRule" in found.next[0]


def test_windows_and_a_server_in_the_open(tmp_path):
    assert "likely windows-nat-rule" not in said(windows(tmp_path, behind=False))


def test_tcp_encapsulation(tmp_path):
    """The recorded messages in the frames of RFC 9329, in one stream."""
    steps = [(Side.CLIENT, b"IKETCP")]
    for each in datagrams("works.near.pcap"):
        data = each.data if each.source.port == 4500 else bytes(4) + each.data
        steps.append((Side.SERVER if from_right(each) else Side.CLIENT, ike.frame(data)))
    path = tmp_path / "tcp.pcap"
    packets = craft.tcp(
        steps, client=Endpoint("10.1.0.2", 40000), server=Endpoint("10.2.0.2", 4500)
    )
    path.write_bytes(craft.pcap(packets))
    told = diagnose(read([str(path)]))
    assert said(told) == ("certain in-tcp",)
    assert told.gateways[0].verdict == "the tunnel stands and carries in both directions"


# -- two clocks --------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [3.25, -7200.5, 0.004])
@pytest.mark.parametrize("name", ["works", "esp-lossy", "mapping-lost", "port-4500-blocked"])
def test_clocks_that_differ_change_nothing_but_the_clocks(tmp_path, name, seconds):
    near, far = datagrams(f"{name}.near.pcap"), datagrams(f"{name}.far.pcap")
    before = doctor(tmp_path, near, far).gateways[0]
    after = doctor(tmp_path, near, later(far, int(seconds * SECOND))).gateways[0]
    moved = after.between.clock_offset_ms - before.between.clock_offset_ms
    assert abs(moved - seconds * 1000) < 0.01
    assert [each.id for each in after.conclusions] == [each.id for each in before.conclusions]
    assert after.between.lost == before.between.lost
    assert after.between.translations == before.between.translations


def test_a_slow_line_is_told_from_a_wrong_clock(tmp_path):
    """What comes from the left needs 40 ms more on the way, and so does what comes back."""
    near = datagrams("works.near.pcap")
    delay = 40_000_000
    far = [
        each._replace(time=each.time + (delay if not from_right(each) else -delay))
        for each in datagrams("works.far.pcap")
    ]
    between = doctor(tmp_path, near, sorted(far)).gateways[0].between
    assert abs(between.clock_offset_ms) < 1
    assert abs(between.delay_ms - 40) < 1
    assert between.near_end == "10.1.0.2"


def test_near_and_far_may_be_named_the_other_way_round(tmp_path):
    near, far = datagrams("esp-one-way.far.pcap"), datagrams("esp-one-way.near.pcap")
    told = doctor(tmp_path, near, far)
    assert said(told) == ("certain esp-dropped",)
    assert told.gateways[0].between.near_end == "10.2.0.2"


def test_captures_of_different_sessions(tmp_path):
    told = doctor(tmp_path, datagrams("works.near.pcap"), datagrams("moved.far.pcap"))
    assert said(told)[0] == "certain far-elsewhere"
    assert told.gateways[0].between is None


def test_a_far_capture_that_began_late_counts_nothing_as_lost(tmp_path):
    """The last packets of a session, two hours behind its beginning."""
    near, far = datagrams("works.near.pcap"), datagrams("works.far.pcap")
    hours = 2 * 3600 * SECOND
    parts = [
        [*packets[:6], *(each._replace(time=each.time + hours) for each in packets[6:])]
        for packets in (near, far)
    ]
    told = doctor(tmp_path, parts[0], parts[1][6:])
    assert said(told) == ()
    assert told.gateways[0].between.lost == ()


# -- attempts before and after -----------------------------------------------------------------


def behind(first, second):
    """One recording behind another, five seconds later."""
    one, two = datagrams(first), datagrams(second)
    return [*one, *later(two, one[-1].time + 5 * SECOND - two[0].time)]


def test_what_failed_before_the_tunnel_stood_is_a_note(tmp_path):
    (told,) = doctor(tmp_path, behind("wrong-secret.near.pcap", "works.near.pcap")).gateways
    assert [(each.id, each.weight) for each in told.conclusions] == [
        ("authentication-refused", "note")
    ]
    assert told.verdict == "the tunnel stands and carries in both directions"


def test_what_fails_beside_a_tunnel_that_stands_is_a_warning(tmp_path):
    (told,) = doctor(tmp_path, behind("works.near.pcap", "proposals-refused.near.pcap")).gateways
    assert [(each.id, each.weight) for each in told.conclusions] == [
        ("proposals-refused", "warning")
    ]


def test_packets_that_are_only_counted_are_not_lost(tmp_path, monkeypatch):
    """Each side keeps a hundred of four hundred; the far one had lost some before."""
    monkeypatch.setattr(facts, "PACKETS", 100)
    near = long()
    far = [
        each for at, each in enumerate(datagrams("works.far.pcap")[:4] + long()[4:]) if at % 10 != 8
    ]
    told = doctor(tmp_path, near, far)
    (lost,) = told.gateways[0].between.lost
    assert lost.sent < 130
    assert (lost.sent - lost.arrived) / lost.sent < 0.15
    assert told.unseen["ESP packets counted and not compared: table full"] > 200


# -- both sides in one capture -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("works", ()),
        ("port-4500-blocked", ("certain blocked-4500",)),
        ("esp-one-way", ("certain esp-dropped",)),
        ("mapping-lost", ("certain did-not-follow", "certain mapping-changed")),
    ],
)
def test_one_capture_of_both_sides_is_compared_by_itself(tmp_path, name, found):
    both = sorted([*datagrams(f"{name}.near.pcap"), *datagrams(f"{name}.far.pcap")])
    told = doctor(tmp_path, both)
    assert said(told) == (*found, "certain both-sides")
    (gateways,) = told.gateways
    assert (gateways.initiator, gateways.far_initiator) == ("10.1.0.2", "10.2.0.1")
    apart = doctor(tmp_path, datagrams(f"{name}.near.pcap"), datagrams(f"{name}.far.pcap"))
    lost = [(each.what, each.sent, each.arrived) for each in gateways.between.lost]
    assert lost == [(each.what, each.sent, each.arrived) for each in apart.gateways[0].between.lost]
    frames = [f for c in gateways.conclusions for e in c.because for f in e.frames]
    assert max(frames) <= len(both)


@pytest.mark.parametrize("name", ["works", "port-4500-blocked", "peer-dead", "selectors-refused"])
def test_a_capture_of_two_interfaces_without_nat_has_each_packet_twice(tmp_path, name):
    packets = datagrams(f"{name}.near.pcap")
    twice = [each._replace(time=each.time + 9_000 * at) for each in packets for at in (0, 1)]
    once, doubled = doctor(tmp_path, packets), doctor(tmp_path, twice)
    assert [each for each in said(doubled) if "esp-replayed" not in each] == list(said(once))
    texts = [e.text for c in once.gateways[0].conclusions for e in c.because if "sent" in e.text]
    again = [e.text for c in doubled.gateways[0].conclusions for e in c.because if "sent" in e.text]
    assert texts == again


@pytest.mark.parametrize("skipped", [0, 1, 2, 3])
def test_captures_without_ike_that_begin_with_either_end_s_packet(tmp_path, skipped):
    """ESP alone, the far side from a packet of the other end on: nobody takes one for the other."""
    near, far = (
        [each for each in datagrams(f"works.{which}.pcap") if each.esp] for which in ("near", "far")
    )
    far = without(far[skipped:], lambda each: not from_right(each) and each.data[7] in {5, 6, 7})
    told = doctor(tmp_path, near, far)
    assert said(told) == ("certain esp-lost", "certain esp-without-ike")
    between = told.gateways[0].between
    assert between.near_end == "10.1.0.2"
    lost = sum(each.sent - each.arrived for each in between.lost if each.sender == "10.1.0.2")
    assert lost >= 3
    assert all(each.sender == "10.1.0.2" or skipped for each in between.lost)


def test_one_spi_in_both_directions(tmp_path):
    """Keys set by hand may have it; numbers of one direction are not those of the other."""
    near, far = datagrams("works.near.pcap"), datagrams("works.far.pcap")
    near, far = (
        [
            each._replace(data=b"\0\0\x12\x34" + each.data[4:]) if each.esp else each
            for each in packets
        ]
        for packets in (near, far)
    )
    told = doctor(tmp_path, near, far)
    assert said(told) == ()
    assert told.gateways[0].between.lost == ()


# -- a long tunnel -----------------------------------------------------------------------------


def day(which, hours=10):
    """A recorded tunnel that goes on for hours: keep-alives each 20 s, and each minute the left one
    asks whether the right one lives.
    """
    packets = datagrams(f"works.{which}.pcap")
    left = next(
        each.source for each in packets if each.source.port == 4500 and not from_right(each)
    )
    head = next(each.data[4:20] for each in packets if each.source.port == 4500 and not each.esp)
    how = {"i": head[:8], "r": head[8:]}
    start = packets[-1].time + SECOND
    for at in range(0, hours * 3600, 20):
        time = start + at * SECOND
        packets.append(Datagram(time, left, RIGHT, b"\xff"))
        if at % 60 == 0:
            asked = ike.protected(0x08, 37, 0, 2 + at // 60, **how)
            answered = ike.protected(0x20, 37, 0, 2 + at // 60, **how)
            packets.append(Datagram(time + 1_000_000, left, RIGHT, bytes(4) + asked))
            packets.append(Datagram(time + 2_000_000, RIGHT, left, bytes(4) + answered))
    return packets, how, left


def test_a_long_tunnel_is_well(tmp_path):
    near, far = day("near")[0], day("far")[0]
    assert said(doctor(tmp_path, near)) == ()
    told = doctor(tmp_path, near, far)
    assert said(told) == ()
    assert told.gateways[0].between.lost == ()


def test_silence_at_the_end_of_a_long_tunnel_is_found(tmp_path):
    packets, how, left = day("near")
    end = packets[-1].time + 20 * SECOND
    asked = bytes(4) + ike.protected(0x08, 37, 0, 5000, **how)
    packets += [Datagram(end + n * SECOND, left, RIGHT, asked) for n in range(4)]
    told = doctor(tmp_path, packets)
    assert said(told) == ("likely peer-dead",)
    assert told.gateways[0].conclusions[0].because[0].frames == tuple(
        range(len(packets) - 3, len(packets) + 1)
    )


def test_keepalives_of_hours_are_heard(tmp_path):
    """Scan tells only some after 256: here the last one before a silence counts."""
    packets, how, left = day("near")
    end = packets[-1].time + 19 * SECOND
    asked = bytes(4) + ike.protected(0x00, 37, 0, 3, **how)
    packets += [Datagram(end + n * SECOND, RIGHT, left, asked) for n in range(4)]
    (found,) = doctor(tmp_path, packets).gateways[0].conclusions
    assert found.id == "state-timed-out"
    assert "After 19.0 s without a packet" in found.means


def test_what_one_side_let_go_is_not_lost(tmp_path, monkeypatch):
    """The far side has eight associations more than fit, and lets the recorded ones go."""
    monkeypatch.setattr(facts, "STREAMS", 8)
    near, far = datagrams("works.near.pcap"), datagrams("works.far.pcap")
    last = far[-1]
    for spi in range(0x5000, 0x5008):
        for number in range(1, 12):
            time = last.time + (spi * 16 + number) * 1_000_000
            far.append(
                last._replace(
                    time=time,
                    source=RIGHT,
                    target=Endpoint("10.2.0.1", 4500),
                    data=ike.esp(spi, number),
                )
            )
    told = doctor(tmp_path, near, far)
    assert told.unseen["far: associations of ESP not kept: table full"] >= 2
    assert told.gateways[0].between.lost == ()


def test_a_mapping_that_outlives_a_silence_is_kept(tmp_path):
    """Behind a NAT of random ports the right one sends after 40 seconds, and it comes in."""
    near, far = datagrams("keepalives-help.near.pcap"), datagrams("keepalives-help.far.pcap")
    parts = []
    for packets in (near, far):
        inward = [each for each in packets if each.esp and from_right(each)][-1]
        spi, number = int.from_bytes(inward.data[:4]), int.from_bytes(inward.data[4:8]) + 1
        late = inward._replace(time=packets[-1].time + 40 * SECOND, data=ike.esp(spi, number))
        parts.append([*packets, late])
    between = doctor(tmp_path, *parts).gateways[0].between
    assert between.mapping_kept_s == 40.0
    assert between.mapping_lost_s is None


def test_answers_that_go_to_a_host_that_asked_nothing(tmp_path):
    """Of two clients with one mapping the one without a tunnel of its own gets the answers."""
    packets = datagrams("shared-mapping.near.pcap")
    spi = next(each.data[:8] for each in packets if each.source.address == "10.1.0.3")
    told = doctor(tmp_path, [each for each in packets if each.data.startswith(spi)])
    assert "certain shared-mapping" in said(told)
    assert not any(each.startswith("likely moved") for each in said(told))


def test_a_client_that_moves_has_not_another_ones_mapping(tmp_path):
    """Of a recorded move only from the last answer to the old address to the first question from
    the new one.
    """
    told = doctor(tmp_path, datagrams("moved.near.pcap")[3:12])
    assert "certain shared-mapping" not in said(told)
