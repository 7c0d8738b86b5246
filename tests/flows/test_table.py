"""The flow table: its bounds, its clock, and that its key changes nothing."""

import resource
import struct

import pytest
from tests.flows.frames import (
    CORES,
    DEFAULTS,
    EVERYTHING,
    START,
    SYN,
    A,
    B,
    Talk,
    both,
    ethernet,
    ip,
    pcap,
    play,
    tcp,
    udp,
)

from backchannel.contract import Magic
from backchannel.errors import UsageError
from backchannel.flows.delivery import CLOSED, DATA, EVICTED, FINISHED, IDLE
from backchannel.flows.settings import FlowSettings


def datagrams(count, *, gap=0.001, hosts=250):
    """*count* flows of one datagram each."""
    return [
        (
            n * gap,
            ethernet(
                ip(
                    f"10.0.{n // hosts}.{n % hosts + 1}",
                    "10.1.0.1",
                    17,
                    udp((n % 60_000 + 1, 53), b"x"),
                )
            ),
        )
        for n in range(count)
    ]


def test_the_key_of_the_hash_changes_nothing():
    capture = pcap(datagrams(3000))
    one = play("compiled", capture, settings=FlowSettings(max_flows=500, key=1))
    two = play("compiled", capture, settings=FlowSettings(max_flows=500, key=0xFEEDFACECAFEBEEF))
    assert one == two
    assert one.counters["flows evicted to bound memory"] == 2500


def test_long_flows_are_counted_in_full():
    """After 255 packets of a side its counters are taken to where there is more room."""
    talk = Talk().open()
    for n in range(1200):
        talk.send(n % 2, bytes(1400 - n % 3))
    told = both(pcap(talk.frames))
    row = told.rows[0]
    assert row.packets == (602, 601)
    assert row.payload_bytes == (sum(1400 - n % 3 for n in range(0, 1200, 2)),) * 2
    assert row.bytes == tuple(
        40 * n + m for n, m in zip(row.packets, row.payload_bytes, strict=True)
    )
    assert (row.missed, row.retransmissions, row.gaps) == ((0, 0), 0, (0, 0))


@pytest.mark.parametrize(("silence", "found"), [(6, 1), (14, 0)])
def test_first_bytes_wait_for_those_before_them_as_long_as_for_any_hole(silence, found):
    """The expiry hand comes by after 32 packets, and lets go what nothing came for."""
    talk = Talk().open().send(0, b"second", at=5)
    talk.send(0, b"first", at=0, wait=silence)
    others = [(at + silence - 2, frame) for at, frame in datagrams(64)]
    frames = sorted(talk.frames + others)
    told = both(pcap(frames), [(0, Magic("tcp", b"firstsecond", first=True))])
    assert len(told.rows) == found


def test_holes_of_more_than_four_gigabytes_are_counted_and_filled():
    talk = Talk().open()
    far = (1 << 30) - 1
    for n in range(5):
        talk.send(0, b"x", at=n * far)
    assert both(pcap(talk.frames), []).columns["client_gaps"] == [4 * (far - 1)]
    talk.send(0, b"y" * 100, at=4 * far - 100)
    talk.send(0, b"z", at=4 * far + 1)
    columns = both(pcap(talk.frames), []).columns
    assert columns["client_gaps"] == [4 * (far - 1) - 100]
    assert columns["out_of_order"] == [1]


@pytest.mark.parametrize("step", [24, 100, 4096])
def test_the_size_of_chunks_changes_nothing(step):
    capture = pcap(datagrams(300))
    told = both(capture, step=step)
    assert told == play("compiled", capture)


def test_the_longest_idle_gives_way_and_half_open_flows_first():
    frames = datagrams(6)
    syns = [
        (n * 0.001 + 0.0005, ethernet(ip("10.2.0.1", "10.1.0.1", 6, tcp((n + 1, 80), 1, 0, SYN))))
        for n in range(2)
    ]
    told = both(pcap(sorted(frames + syns)), settings=FlowSettings(max_flows=4))
    evicted = [d[0] for d in told.deliveries if d[2:3] + d[5:] == (CLOSED, EVICTED)]
    assert told.counters["flows evicted to bound memory"] == 4
    assert told.columns["protocol"][:2] == [6, 6]
    assert len(evicted) == 2  # nobody wanted the SYNs


def test_wanted_flows_give_way_last():
    magic = [(0, Magic("udp", b"keep"))]
    keep = ethernet(ip("10.9.9.9", "10.1.0.1", 17, udp((7, 7), b"keep")))
    frames = [(0.0, keep), *[(time + 1, frame) for time, frame in datagrams(100)]]
    told = both(pcap(frames), magic, FlowSettings(max_flows=8))
    assert [d[5] for d in told.deliveries if d[2] == CLOSED] == [FINISHED]


def test_idle_flows_are_noticed_by_the_hand():
    """Nothing comes for them any more, and yet they end while the run goes on."""
    settings = FlowSettings(udp_idle=1)
    frames = datagrams(40) + [(10 + n * 0.001, datagrams(1)[0][1]) for n in range(3000)]
    told = both(pcap(frames), settings=settings)
    reasons = [d[5] for d in told.deliveries if d[2] == CLOSED]
    assert reasons.count(IDLE) == 40
    assert reasons.count(FINISHED) == 1


def test_time_that_goes_backwards_ends_nothing():
    frames = [(n, datagrams(1)[0][1]) for n in (1000, 0, 1001, 5)]
    assert both(pcap(frames)).totals["flows"] == 1


def test_slots_are_valid_until_the_next_take():
    for core, framing in CORES.values():
        made = core.FlowCore([(0, Magic("udp"))])
        capture = pcap(datagrams(1))
        reader = framing.Records(capture[:24])
        made.feed(reader.cut(memoryview(capture), len(capture)))
        with pytest.raises(ValueError, match="take"):
            made.feed(reader.cut(memoryview(capture), 0))
        ((slot, *_),) = made.take()
        assert made.row(slot).serial == 1
        assert made.volume(slot) == sum(made.row(slot).bytes) > 0
        assert made.take() == []
        made.finish()
        assert made.take()[0][2] == CLOSED
        assert made.row(slot).serial == 1
        assert made.take() == []
        with pytest.raises(KeyError):
            made.row(slot)
        with pytest.raises(KeyError):
            made.volume(slot)
        for ask in (made.info, made.whole, made.figures):
            with pytest.raises(KeyError):
                ask(slot)
        with pytest.raises(ValueError, match="take"):
            made.finish()


def test_deliveries_one_by_one_are_those_of_all_together():
    for (one, _), (all_, _) in zip(started(datagrams(300)), started(datagrams(300)), strict=True):
        for core in (one, all_):
            core.expire((START + 3600) * 10**9)
        batches = []
        while batch := all_.take():
            batches.append(batch)
            assert by_one(one) == batch
        assert by_one(one) == []
        with pytest.raises(IndexError):
            one.bring()
        assert max(map(len, batches)) > 1


def by_one(core):
    """Return what `take` does."""
    found = []
    for _ in range(core.advance()):
        due = core.bring()
        found.append((due.slot, due.side, due.kind, due.time, due.frame, due.payload))
    return found


def test_totals():
    told = both(pcap([(1.5, b"nonsense"), *datagrams(2), (0.5, b"")]))
    assert told.totals == {
        "packets": 4,
        "bytes": 8 + 2 * 43,
        "flows": 2,
        "first_time": START * 10**9,
        "last_time": START * 10**9 + 1_500_000_000,
    }
    assert both(pcap([])).totals == dict.fromkeys(told.totals, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_flows": 0},
        {"tunnel_depth": 17},
        {"payloads": 256},
        {"max_flows": 1 << 30},
        {"udp_idle": -1},
    ],
)
def test_settings_beyond_reason_are_refused(wrong):
    with pytest.raises(UsageError):
        FlowSettings(**wrong)


def stream(count, packets):
    """A capture of *count* records, made without holding it whole."""
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    record = bytearray(struct.pack("<IIII", START, 0, 40, 40))
    record += ip("10.0.0.0", "192.0.2.1", 6, tcp((1, 80), 7, 0, SYN))
    yield head
    block = bytearray()
    for number in range(count):
        struct.pack_into("<II", record, 0, START + number // packets, number % packets)
        struct.pack_into(">I", record, 16 + 12, 0x0A000000 + number % (1 << 24))
        struct.pack_into(">H", record, 16 + 20, number >> 24 & 0xFFFF | 1)
        block += record
        if len(block) > 1 << 20:
            yield bytes(block)
            block.clear()
    yield bytes(block)


def flood(count, packets, **settings):
    core, framing = CORES["compiled"]
    made = core.FlowCore([(0, Magic("tcp", b"\x2a"))], FlowSettings(**settings))
    blocks = stream(count, packets)
    reader = framing.Records(next(blocks))
    head = True
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    held = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    for block in blocks:
        held += block
        offset = reader.offset
        made.feed(reader.cut(memoryview(held), len(held)))
        assert made.take() == []
        held = held[reader.offset - offset :]
        head = False
    assert not head
    return made, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


@pytest.mark.slow
def test_ten_million_syns():
    """Each from another address: the table stays bounded, and says what it let go."""
    made, grown = flood(10_000_000, 1_000_000)
    assert made.totals()["flows"] == 10_000_000
    assert made.counters()["flows evicted to bound memory"] >= 8_000_000
    assert grown < 280


@pytest.mark.slow
def test_a_million_flows_at_once():
    made, grown = flood(1_000_000, 1_000_000, max_flows=1_000_000)
    assert made.counters() == {}
    assert grown < 280


def started(frames, magic=EVERYTHING, settings=DEFAULTS):
    """Yield each core after *frames*, with all that it delivered taken."""
    for core, framing in CORES.values():
        made, capture = core.FlowCore(magic, settings), pcap(frames)
        made.feed(framing.Records(capture[:24]).cut(memoryview(capture), len(capture)))
        drained(made)
        yield made, framing


def drained(core):
    told = []
    while batch := core.take():
        told += batch
    return told


def test_time_alone_ends_idle_flows():
    """On a quiet interface nothing moves the hand but the clock."""
    begin = START * 10**9
    for core, _ in started(datagrams(300), settings=FlowSettings(udp_idle=5)):
        core.expire(begin + 4 * 10**9)
        assert drained(core) == []
        core.expire(begin + 60 * 10**9)
        assert [(d[2], d[5]) for d in drained(core)] == [(CLOSED, IDLE)] * 300
        assert core.totals()["packets"] == 300
        core.expire(0)  # a clock set back ends nothing
        assert drained(core) == []
        core.finish()
        with pytest.raises(ValueError, match="take"):
            core.expire(begin)


def test_a_flow_is_kept_for_long_once_it_is_proved_what_it_speaks():
    begin = START * 10**9
    for core, _ in started(datagrams(3), settings=FlowSettings(udp_idle=5, udp_wanted_idle=60)):
        core.keep(1)
        core.expire(begin + 30 * 10**9)
        assert [d[0] for d in drained(core)] == [0, 2]
        core.expire(begin + 90 * 10**9)
        assert [d[0] for d in drained(core)] == [1]


def test_other_magics_can_be_set_without_losing_flows():
    no, yes = [(0, Magic("udp", b"nothing"))], [(0, Magic("udp", b"x"))]
    frames = [(n, ethernet(ip(A, B, 17, udp((1000, 53), b"x")))) for n in range(2)]
    for core, framing in started(frames[:1], no):
        core.match(yes)
        capture = pcap(frames[1:])
        core.feed(framing.Records(capture[:24]).cut(memoryview(capture), len(capture)))
        assert [(d[2], d[5]) for d in drained(core)] == [(DATA, b"x")]
        assert core.totals()["flows"] == 1
