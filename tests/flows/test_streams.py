"""TCP put in order: each way in which a capture, a network or an attacker disturbs it."""

import pytest
from tests.flows.frames import ACK, DEFAULTS, FIN, RST, SYN, Talk, both, pcap

from backchannel.contract import Magic
from backchannel.flows.delivery import CLOSED, DATA, END, FINISHED, GAP, IDLE, REUSED
from backchannel.flows.settings import FlowSettings

OVER = (0, CLOSED, FINISHED)


def story(talk, settings=DEFAULTS, **options):
    return both(pcap(talk.frames), settings=settings, **options).story()


def one_row(talk, **options):
    (row,) = both(pcap(talk.frames), **options).rows
    return row


def test_a_plain_conversation():
    talk = Talk().open().send(0, b"ask").send(1, b"answer")
    talk.send(0, b"", flags=FIN | ACK).send(1, b"", flags=FIN | ACK).send(0, b"")
    assert story(talk) == [
        (0, DATA, b"ask"),
        (1, DATA, b"answer"),
        (0, END, 0),
        (1, END, 0),
        OVER,
    ]
    row = one_row(talk)
    assert (row.client.port, row.server.port, row.begun, row.state) == (40_000, 80, True, "closed")
    assert (row.packets, row.payload_bytes) == ((5, 3), (3, 6))
    assert row.missed == (0, 0)


def test_segments_out_of_order_wait_for_what_is_before_them():
    talk = Talk().open().send(0, b"three", at=8).send(0, b"two.", at=4).send(0, b"one.", at=0)
    assert story(talk) == [(0, DATA, b"one."), (0, DATA, b"two."), (0, DATA, b"three"), OVER]
    row = one_row(talk)
    assert row.gaps == (0, 0)
    assert row.out_of_order == 2
    assert row.retransmissions == 0


@pytest.mark.parametrize("start", [1000, 0xFFFFFFFC])
def test_what_is_repeated_behind_a_hole_does_not_fill_it(start):
    """Bytes 4 to 9 are lost at first: 6 and 7 come late, the others later still."""
    talk = Talk(start=(start, 1)).open().send(0, b"0123").send(0, b"ab", at=10)
    talk.send(0, b"ab", at=10).send(0, b"67", at=6).send(0, b"b", at=11).send(0, b"ab", at=10)
    row = one_row(talk)
    assert row.gaps == (4, 0)
    assert (row.out_of_order, row.retransmissions) == (1, 2)
    talk.send(0, b"89ab", at=8).send(0, b"89ab", at=8).send(0, b"45", at=4).send(0, b"x" * 12, at=0)
    row = one_row(talk)
    assert row.gaps == (0, 0)
    assert (row.out_of_order, row.retransmissions) == (3, 4)


@pytest.mark.parametrize("start", [0xFFFFFFF0, 0xFFFFFFFF, 0x7FFFFFF8])
def test_sequence_numbers_wrap(start):
    talk = Talk(start=(start, start)).open()
    for _ in range(10):
        talk.send(0, b"client...").send(1, b"server...")
    talk.send(0, b"tail", at=93).send(0, b"mid", at=90)
    told = both(pcap(talk.frames))
    assert told.bytes_of(0) == b"client..." * 10 + b"midtail"
    assert told.bytes_of(1) == b"server..." * 10


def test_overlaps_keep_the_bytes_that_came_first():
    talk = Talk().open().send(0, b"....CDEF", at=4).send(0, b"abcdefgh", at=0).send(0, b"X", at=0)
    told = both(pcap(talk.frames))
    assert told.bytes_of(0) == b"abcd....CDEF"
    assert told.rows[0].conflicts == 2
    assert told.counters["tcp retransmissions with other content"] == 2


def test_a_retransmission_with_the_same_bytes_is_no_conflict():
    talk = Talk().open().send(0, b"hello world").send(0, b"lo wo", at=3).send(0, b"world!", at=6)
    row = one_row(talk)
    assert (row.conflicts, row.retransmissions) == (0, 2)
    assert both(pcap(talk.frames)).bytes_of(0) == b"hello world!"


def test_a_retransmission_is_compared_far_back():
    talk = Talk().open()
    for number in range(6):
        talk.send(0, bytes([number]) * 1400)
    talk.send(0, bytes([3]) * 1400, at=4200).send(0, b"?" * 1400, at=2800)
    assert one_row(talk).conflicts == 1


def test_keep_alives_are_nothing():
    talk = Talk().open().send(0, b"hello").send(0, b"?", at=4).send(0, b"", at=4)
    talk.send(1, b"", at=-1)
    assert story(talk) == [(0, DATA, b"hello"), OVER]
    row = one_row(talk)
    assert (row.retransmissions, row.conflicts) == (0, 0)


def test_what_the_other_side_acknowledged_was_lost_by_the_capture():
    talk = Talk().open().send(0, b"later", at=100)
    talk.send(1, b"answer", ack=105).send(0, b"more")
    assert story(talk) == [
        (0, GAP, 100),
        (0, DATA, b"later"),
        (1, DATA, b"answer"),
        (0, DATA, b"more"),
        OVER,
    ]
    assert one_row(talk).gaps == (100, 0)


def test_data_captured_behind_their_acknowledgement_are_not_lost():
    """As mirror ports and several receive queues capture them."""
    talk = Talk().open().send(0, b"one.").send(0, b"three", at=8).send(1, b"", ack=13)
    told = both(pcap(talk.send(0, b"two.", at=4).send(1, b"answer", ack=13).frames))
    assert told.story() == [
        (0, DATA, b"one."),
        (0, DATA, b"two."),
        (0, DATA, b"three"),
        (1, DATA, b"answer"),
        OVER,
    ]
    assert "tcp bytes never seen" not in told.counters


@pytest.mark.parametrize(("side", "data"), [(0, b"more"), (1, b"")])
def test_what_was_acknowledged_alone_is_waited_for_a_moment(side, data):
    talk = Talk().open().send(0, b"later", at=100).send(1, b"", ack=105)
    told = both(pcap(talk.send(side, data, wait=0.048).frames))
    assert told.deliveries[0][2:] == (GAP, *told.deliveries[-1][3:5], 100)  # only when it ended
    told = both(pcap(talk.send(side, data, wait=0.002).send(0, b"missed", at=3).frames))
    assert told.deliveries[0][2:] == (GAP, told.deliveries[0][3], 7, 100)
    assert told.counters["tcp gaps acknowledged"] == 1
    assert b"missed" not in told.bytes_of(0)


def test_what_was_acknowledged_is_given_up_without_another_packet_of_its_flow():
    talk = Talk().open().send(0, b"later", at=100).send(1, b"", ack=105)
    other = Talk(ports=(1, 2))
    for _ in range(200):
        other.send(0, b"")
    other.frames = [(time + 0.06, frame) for time, frame in other.frames]
    told = both(pcap(talk.frames + other.frames))
    assert told.deliveries[0][2] == GAP
    assert 5 < told.deliveries[0][4] < 205


def test_both_fins_may_be_captured_before_the_last_data():
    talk = Talk().open().send(0, b"one").send(0, b"", at=6, flags=FIN | ACK)
    talk.send(1, b"", flags=FIN | ACK).send(0, b"").send(0, b"two", at=3)
    told = both(pcap(talk.frames))
    assert told.story() == [
        (0, DATA, b"one"),
        (1, END, 0),
        (0, DATA, b"two"),
        (0, END, 0),
        OVER,
    ]
    assert "tcp bytes after the end" not in told.counters


def test_a_lost_tail_before_a_fin_is_waited_for_a_moment():
    talk = Talk().open().send(0, b"one").send(0, b"", at=6, flags=FIN | ACK).send(1, b"", ack=7)
    talk.send(1, b"", ack=7, wait=0.06).send(0, b"two", at=3)
    told = both(pcap(talk.frames))
    assert told.story() == [(0, DATA, b"one"), (0, GAP, 3), (0, END, 0), OVER]
    assert told.counters["tcp bytes after the end"] == 1


def test_what_the_end_of_the_input_tells_belongs_to_the_flows_last_packet():
    talk = Talk().open().send(0, b"one").send(0, b"three", at=5)
    other = Talk(ports=(1, 2)).open().send(0, b"later").send(0, b"")
    other.frames = [(time + 1, frame) for time, frame in other.frames]
    told = both(pcap(talk.frames + other.frames))
    ends = [(d[2], d[4]) for d in told.deliveries if d[2] in (GAP, CLOSED)]
    assert ends == [(GAP, 5), (CLOSED, 5), (CLOSED, 10)]


def test_one_side_only_waits_for_a_bounded_time():
    talk = Talk().send(0, b"", at=-1, flags=SYN).send(0, b"first").send(0, b"third", at=10)
    talk.send(0, b"fourth", wait=11)
    told = both(pcap(talk.frames))
    gap = told.batches[1]
    assert [d[2:3] + d[4:] for d in gap] == [(GAP, 4, 5), (DATA, 3, b"third"), (DATA, 4, b"fourth")]
    assert told.counters["tcp gaps after waiting"] == 1


def test_one_side_only_waits_for_a_bounded_number_of_bytes():
    talk = Talk().send(0, b"", at=-1, flags=SYN).send(0, b"first")
    for number in range(5):
        talk.send(0, b"x" * 1000, at=10 + 1000 * number)
    told = both(pcap(talk.frames), settings=FlowSettings(stream_bytes=4000))
    assert told.counters["tcp gaps to bound memory"] == 1
    assert told.bytes_of(0) == b"first" + b"x" * 5000


def test_holes_at_the_end_are_told():
    talk = Talk().open().send(0, b"a").send(0, b"c", at=2).send(1, b"", ack=3).send(1, b"z", at=7)
    assert story(talk) == [
        (0, DATA, b"a"),
        (0, GAP, 1),
        (0, DATA, b"c"),
        (1, GAP, 7),
        (1, DATA, b"z"),
        OVER,
    ]


def test_a_lost_tail_is_told_where_it_was_acknowledged():
    talk = Talk().open().send(0, b"seen").send(1, b"thanks", ack=500)
    assert story(talk) == [(0, DATA, b"seen"), (1, DATA, b"thanks"), (0, GAP, 496), OVER]


def test_a_stream_joined_in_the_middle_begins_where_it_is_seen():
    talk = Talk().send(1, b"answer", at=70_000).send(0, b"ask", at=9000)
    assert story(talk) == [(0, DATA, b"answer"), (1, DATA, b"ask"), OVER]
    row = one_row(talk)
    assert (row.begun, row.state, row.client.port) == (False, "midstream", 80)


def test_the_client_is_known_from_the_answer_alone():
    talk = Talk().send(1, b"", at=-1, flags=SYN | ACK).send(1, b"banner").send(0, b"hi")
    row = one_row(talk)
    assert (row.client.port, row.begun) == (40_000, True)
    assert story(talk) == [(1, DATA, b"banner"), (0, DATA, b"hi"), OVER]


def test_a_first_segment_that_comes_late_is_still_first():
    talk = Talk().open().send(1, b"world", at=6).send(1, b"hello ", at=0)
    assert story(talk) == [(1, DATA, b"hello "), (1, DATA, b"world"), OVER]


def test_data_in_the_syn_count():
    talk = Talk().send(0, b"fast", at=-1, flags=SYN)
    talk.reach[0] = 4
    talk.send(1, b"", at=-1, flags=SYN | ACK, ack=4).send(0, b" open")
    assert both(pcap(talk.frames)).bytes_of(0) == b"fast open"


def test_a_reset_ends_nothing_by_itself():
    """A forged one would blind us; a true one is followed by nothing."""
    talk = Talk().open().send(0, b"one").send(1, b"", flags=RST).send(0, b"two")
    assert story(talk) == [(0, DATA, b"one"), (0, DATA, b"two"), OVER]
    assert one_row(talk).state == "established"
    assert one_row(Talk().open().send(0, b"one").send(1, b"", flags=RST)).state == "reset"


def test_a_reset_far_away_is_ignored():
    talk = Talk().open().send(0, b"one").send(1, b"", at=1 << 24, flags=RST)
    told = both(pcap(talk.frames))
    assert told.counters["tcp resets out of window"] == 1
    assert told.rows[0].state == "established"


def test_a_fin_that_nobody_acknowledges_ends_nothing():
    talk = Talk().open().send(0, b"one").send(0, b"", flags=FIN | ACK)
    talk.send(0, b"two", at=3).send(1, b"", ack=6)
    assert story(talk) == [(0, DATA, b"one"), (0, DATA, b"two"), OVER]


def test_a_repetition_after_the_end_is_no_more_bytes():
    """As in a capture of two interfaces, which has each packet twice."""
    talk = Talk().open().send(0, b"one", flags=FIN | ACK).send(1, b"", ack=4)
    told = both(pcap(talk.send(0, b"one", at=0, flags=FIN | ACK).frames))
    assert told.bytes_of(0) == b"one"
    assert told.counters == {}


def test_bytes_after_the_end_are_counted():
    talk = Talk().open().send(0, b"one", flags=FIN | ACK).send(1, b"", ack=4).send(0, b"late", at=3)
    told = both(pcap(talk.frames))
    assert told.bytes_of(0) == b"one"
    assert told.counters["tcp bytes after the end"] == 1


@pytest.mark.parametrize("closed", [FIN, RST])
def test_ports_used_again_are_a_new_flow(closed):
    old = Talk().open().send(0, b"old").send(0, b"", flags=closed | ACK)
    old.send(1, b"", flags=closed | ACK)
    new = Talk(start=(777_777, 888_888)).open().send(0, b"new")
    new.frames = [(time + 1, frame) for time, frame in new.frames]
    told = both(pcap(old.frames + new.frames))
    assert [row.serial for row in told.rows] == [1, 2]
    assert told.rows[1].packets == (3, 1)
    assert [d[5] for d in told.deliveries if d[2] == CLOSED] == [REUSED, FINISHED]


@pytest.mark.parametrize("before", [b"", b"ask", b"lost"])
def test_a_syn_captured_behind_the_data_is_the_same_flow(before):
    talk = Talk().send(0, before, at=0).send(0, b"more", at=4).send(0, b"", at=-1, flags=SYN)
    talk.send(1, b"", at=-1, flags=SYN | ACK).send(1, b"answer", at=0)
    row = one_row(talk)
    assert (row.packets, row.begun, row.state) == ((3, 2), True, "established")
    assert row.client.port == 40_000


def test_a_syn_elsewhere_behind_data_is_another_flow():
    talk = Talk().send(0, b"data", at=100).send(0, b"", at=-1, flags=SYN)
    talk.send(1, b"", at=-1, flags=SYN | ACK).send(0, b"more", at=0)
    assert len(both(pcap(talk.frames)).rows) == 2


HIDDEN = [  # sent before the SYN, and read by nobody
    [(0, b"x" * 64)],
    [(0, b""), (64, b"x")],
    [(0, b""), (0, b"x")],
]


@pytest.mark.parametrize("wait", [0.001, 0.06])
@pytest.mark.parametrize("answers_wait", [True, False])
@pytest.mark.parametrize("sent", HIDDEN)
def test_what_was_sent_before_a_syn_hides_nothing_behind_it(sent, answers_wait, wait):
    talk = Talk()
    for at, data in sent:
        talk.send(0, data, at=at)
    talk.send(0, b"", at=-1, flags=SYN).send(1, b"", at=-1, ack=0, flags=SYN | ACK)
    talk.send(0, b"", at=0, wait=wait).send(0, b"ask me", at=0).send(1, b"answer", ack=6)
    settings = FlowSettings(answers_wait=answers_wait)
    told = both(pcap(talk.frames), magics=ASKING, settings=settings)
    assert told.story() == [(0, DATA, b"ask me"), (1, DATA, b"answer"), OVER]


@pytest.mark.parametrize(("before", "wait"), [((0, b"", FIN | ACK), 0.001), ((0, b"more", ACK), 1)])
def test_ports_used_again_are_a_new_flow_wherever_its_numbers_begin(before, wait):
    """What came of a long flow may hold any number."""
    side, data, flags = before
    talk = Talk().send(0, b"old" * 400).send(side, data, flags=flags).send(1, b"", flags=flags)
    talk.send(0, b"", at=9, flags=SYN, wait=wait).send(1, b"", at=-1, ack=10, flags=SYN | ACK)
    told = both(pcap(talk.send(1, b"banner", ack=10).send(0, b"new", at=10).frames))
    assert [(row.begun, row.payload_bytes) for row in told.rows][1:] == [(True, (3, 6))]


def test_the_same_syn_again_is_the_same_flow():
    talk = Talk()
    for _ in range(3):
        talk.send(0, b"", at=-1, flags=SYN, wait=1)
    assert both(pcap(talk.frames)).totals["flows"] == 1


def test_a_forged_syn_does_not_cut_a_flow():
    talk = Talk().open().send(0, b"one").send(0, b"", at=99_999, flags=SYN)
    talk.reach[0] = 3
    talk.send(0, b"two").send(1, b"yes")
    assert story(talk) == [(0, DATA, b"one"), (0, DATA, b"two"), (1, DATA, b"yes"), OVER]


def test_a_syn_that_is_answered_begins_a_new_flow():
    old = Talk().open().send(0, b"old")
    new = Talk(start=(777_777, 888_888)).open().send(0, b"new").send(1, b"answer")
    new.frames = [(time + 1, frame) for time, frame in new.frames]
    told = both(pcap(old.frames + new.frames))
    assert [(row.client.port, row.begun) for row in told.rows] == [(40_000, True)] * 2
    assert told.bytes_of(1) == b"answer"
    assert told.bytes_of(0) == b"oldnew"


@pytest.mark.parametrize("answers", [(0, 1), (1, 0), (0,), (1,)])
def test_both_sides_may_open_one_connection(answers):
    """Simultaneous open (RFC 9293 §3.5), as of hosts that reach each other through their NATs."""
    talk = Talk().send(0, b"", at=-1, flags=SYN).send(1, b"", at=-1, flags=SYN)
    for side in answers:
        talk.send(side, b"", at=-1, flags=SYN | ACK)
    talk.send(1, b"yes").send(0, b"late", at=3).send(0, b"ask", at=0)
    assert story(talk) == [(1, DATA, b"yes"), (0, DATA, b"ask"), (0, DATA, b"late"), OVER]
    row = one_row(talk)
    assert (row.client.port, row.begun, row.state) == (40_000, True, "established")
    assert row.missed == (0, 0)


def test_a_forged_syn_before_the_first_one_does_not_turn_the_sides():
    forged = Talk(start=(1000, 77)).send(1, b"", at=-1, flags=SYN)
    talk = Talk().open().send(0, b"ask").send(1, b"answer")
    told = both(pcap(forged.frames + [(time + 1, frame) for time, frame in talk.frames]))
    assert [(row.client.port, row.begun) for row in told.rows][-1] == (40_000, True)
    assert (told.bytes_of(0), told.bytes_of(1)) == (b"ask", b"answer")


def test_a_syn_whose_sender_goes_on_begins_a_new_flow():
    """In a capture of one side only there is no answer to wait for."""
    old = Talk().open().send(0, b"old")
    new = Talk(start=(777_777, 0)).send(0, b"", at=-1, flags=SYN).send(0, b"new")
    new.frames = [(time + 1, frame) for time, frame in new.frames]
    told = both(pcap(old.frames + new.frames))
    assert told.totals["flows"] == 2
    assert told.bytes_of(0) == b"oldnew"
    assert told.rows[1].missed == (0, 0)


def test_far_segments_are_not_believed_at_once():
    talk = Talk().open().send(0, b"one").send(0, b"stray", at=1 << 30 | 10)
    talk.reach[0] = 3
    told = both(pcap(talk.send(0, b"two").frames))
    assert told.bytes_of(0) == b"onetwo"
    assert told.counters["tcp segments out of window"] == 1


def test_far_segments_are_believed_when_they_go_on():
    talk = Talk().open().send(0, b"one")
    for number in range(6):
        talk.send(0, b"far", at=(1 << 31) + 3 * number)
    told = both(pcap(talk.frames))
    assert told.counters["tcp sequence restarts"] == 1
    assert told.bytes_of(0) == b"one" + b"far" * 3
    assert (0, GAP, (1 << 31) + 9 - 3) in told.story()


def test_a_snap_length_leaves_holes():
    talk = Talk().open().send(0, b"x" * 100).send(1, b"y" * 100, ack=100).send(0, b"z" * 100)
    talk.send(1, b"", ack=200)
    told = both(pcap(talk.frames, snap=94))
    assert told.story() == [
        (0, DATA, b"x" * 40),
        (1, DATA, b"y" * 40),
        (0, GAP, 60),
        (0, DATA, b"z" * 40),
        (0, GAP, 60),
        (1, GAP, 60),
        OVER,
    ]
    assert told.rows[0].payload_bytes == (200, 100)
    assert told.counters["truncated payloads"] == 3


def test_idle_flows_end():
    settings = FlowSettings(tcp_unproved_idle=100)
    talk = Talk().open().send(0, b"one").send(0, b"two", wait=99).send(0, b"three", wait=101)
    told = both(pcap(talk.frames), settings=settings)
    assert [d[5] for d in told.deliveries if d[2] == CLOSED] == [IDLE, FINISHED]
    assert [row.begun for row in told.rows] == [True, False]


def test_a_flow_is_kept_for_long_once_it_is_proved_what_it_speaks():
    settings = FlowSettings(tcp_unproved_idle=100, tcp_wanted_idle=200)
    talk = Talk().open().send(0, b"one").send(0, b"two", wait=150).send(0, b"three", wait=250)

    def act(core, batch):
        if batch[0][5] == b"one":
            core.keep(batch[0][0])

    told = both(pcap(talk.frames), settings=settings, act=act)
    reasons = [d[5] for d in told.deliveries if d[2] == CLOSED]
    assert reasons == [IDLE, FINISHED]
    assert told.rows[0].payload_bytes == (6, 0)


def test_what_was_delivered_long_ago_is_held_against_nothing():
    """Nobody repeats what was said long before; the hand moves with every 32nd packet."""
    settings = FlowSettings(history_idle=30)
    for wait, conflicts in ((20, 1), (40, 0)):
        talk = Talk().open().send(0, b"one")
        other = Talk(ports=(1, 2)).open()
        other.time = talk.time + wait
        for _ in range(70):
            other.send(0, b"on")
        talk.time = other.time
        talk.send(0, b"two", at=0)
        told = both(pcap(sorted(talk.frames + other.frames)), settings=settings)
        assert told.counters.get("tcp retransmissions with other content", 0) == conflicts


def test_dropping_a_flow_acts_on_the_next_packet():
    talk = Talk().open().send(0, b"one").send(0, b"two").send(1, b"three")

    def act(core, batch):
        if batch[0][5] == b"one":
            core.drop(batch[0][0])

    told = both(pcap(talk.frames), act=act)
    assert told.story() == [(0, DATA, b"one"), OVER]
    assert told.rows[0].payload_bytes == (6, 5)


def test_a_dropped_flow_can_be_wanted_again():
    talk = Talk().open().send(0, b"one").send(0, b"two").send(1, b"three").send(0, b"four")
    other = Talk(ports=(1, 2)).send(0, b"now")
    other.frames = [(talk.time - 0.0005, other.frames[0][1])]

    def act(core, batch):
        if batch[0][5] == b"one":
            core.drop(batch[0][0])
        if batch[0][5] == b"now":
            core.want(0)

    told = both(pcap(sorted(talk.frames + other.frames)), act=act)
    assert [d[5] for d in told.deliveries if d[2] == DATA] == [b"one", b"now", b"four"]


@pytest.mark.parametrize("also", [False, True])
def test_a_released_flow_is_met_like_any_other_again(also):
    """What it holds back goes with the release, and CLOSED comes though nothing fits later."""
    talk = Talk().open().send(0, b"PLAY one").send(1, b"no").send(0, b"lost", at=20).send(1, b"no")
    talk.send(0, b"some", at=24).send(1, b"PLAY now" if also else b"no").send(0, b"next")
    magics = [(5, Magic("tcp", b"PLAY"))]

    def act(core, batch):
        if batch[0][5] == b"PLAY one":
            core.release(batch[0][0])
            core.release(batch[0][0])  # as once

    told = both(pcap(talk.frames), magics, act=act)
    met = [(1, DATA, b"PLAY now"), (0, DATA, b"next")] if also else []
    assert told.story() == [(0, DATA, b"PLAY one"), *met, OVER]
    assert told.rows[0].hits == 1 << 5
    if also:
        assert told.rows[0].missed == (16, 4)


def test_a_released_flow_tells_what_matched_though_its_other_side_waited_for_nothing():
    talk = Talk().open().send(0, b"PLAY").send(1, b"WAI").send(1, b"xx")
    magics = [(5, Magic("tcp", b"PLAY")), (6, Magic("tcp", b"WAITING", first=True))]

    def act(core, batch):
        if batch[0][5] == b"PLAY":
            core.release(batch[0][0])

    told = both(pcap(talk.frames), magics, act=act)
    assert told.story() == [(0, DATA, b"PLAY"), OVER]
    assert told.rows[0].hits == told.columns["hits"][0] == 1 << 5


def test_a_released_flow_is_compared_with_no_more_magics_than_any_other():
    talk = Talk().open()
    for _ in range(6):
        talk.send(0, b"PLAY").send(1, b"PLAY")
    settings = FlowSettings(payloads=2)

    def act(core, batch):
        core.release(batch[0][0])

    told = both(pcap(talk.frames), [(5, Magic("tcp", b"PLAY"))], settings=settings, act=act)
    assert len(told.deliveries) == 2 + 2 * 2 + 1, "first bytes, two more of each side, the end"


def test_bytes_buffered_in_all_flows_are_bounded():
    frames = []
    for port in range(100):
        talk = Talk(ports=(port + 1, 80)).send(0, b"", at=-1, flags=SYN).send(0, b"a")
        frames += talk.send(0, b"x" * 900, at=50).frames
    told = both(pcap(frames), settings=FlowSettings(total_bytes=20_000))
    assert told.counters["tcp gaps to bound memory"] > 50
    assert sum(len(d[5]) for d in told.deliveries if d[2] == DATA) == 100 * 901


def test_a_dribble_costs_bounded_work():
    """One byte at a time, backwards: the worst order for a list of segments."""
    talk = Talk().open().send(0, b"a")
    for at in range(2000, 1, -1):
        talk.send(0, b"x", at=at)
    told = both(pcap(talk.frames))
    assert told.counters["tcp gaps to bound memory"] > 0


# -- answers captured before their questions -------------------------------------------------------


def skewed(talk, early=0.005):
    """Capture what the server says *early*, as where two captures were merged."""
    frames = [(time - early * (frame[26:30] != talk.frames[0][1][26:30]), frame)
              for time, frame in talk.frames]  # fmt: skip
    return both(pcap(sorted(frames, key=lambda each: each[0])), magics=ASKING)


ASKING = [(0, Magic("tcp", b"ask", first=True))]
EXCHANGE = [
    (0, DATA, b"ask"),
    (1, DATA, b"answer"),
    (0, DATA, b"more"),
    (1, DATA, b"and"),
    (1, DATA, b"more"),
    OVER,
]


def exchange():
    talk = Talk().open().send(0, b"ask").send(1, b"answer").send(0, b"more")
    return talk.send(1, b"and").send(1, b"more").send(0, b"")


@pytest.mark.parametrize("early", [0, 0.0015, 0.005, 0.04])
def test_an_answer_captured_before_its_question_comes_behind_it(early):
    told = skewed(exchange(), early)
    assert told.story() == EXCHANGE
    assert [row.missed for row in told.rows] == [(0, 0)]


def test_what_was_answered_far_too_early_is_not_waited_for():
    talk = Talk().open().send(1, b"answer", ack=3).send(0, b"ask", wait=0.06).send(1, b"more")
    told = both(pcap(talk.frames), magics=ASKING)
    assert told.story() == [(0, DATA, b"ask"), (1, DATA, b"more"), OVER]
    assert told.rows[0].missed == (0, 6)


def test_an_answer_to_a_lost_question_waits_for_a_moment():
    talk = Talk().open().send(0, b"ask").send(1, b"lost", ack=7).send(1, b"later", wait=0.06)
    told = both(pcap(talk.send(0, b"on", at=7).frames))
    assert told.story() == [
        (0, DATA, b"ask"),
        (1, DATA, b"lost"),
        (1, DATA, b"later"),
        (0, GAP, 4),
        (0, DATA, b"on"),
        OVER,
    ]
    assert told.deliveries[1][4] < told.deliveries[2][4] < told.deliveries[3][4]


def test_where_one_direction_was_captured_answers_soon_wait_no_more():
    talk = Talk().open()
    for at in range(6):
        talk.send(1, b"answer", ack=10 * at + 10, wait=0.06)
    last = len(talk.frames)
    told = both(pcap(talk.frames))
    batches = [{delivery[4] for delivery in batch} for batch in told.batches]
    assert {last} in batches  # by itself, before the input ended
    assert [what for _, kind, what in told.story() if kind == DATA] == [b"answer"] * 6


def test_answers_do_not_wait_where_they_must_not():
    settings = FlowSettings(answers_wait=False)
    talk = Talk().open().send(0, b"ask").send(1, b"answer", ack=7).send(0, b"late", at=3)
    assert [what for _, kind, what in story(talk, settings) if kind == DATA] == [
        b"ask",
        b"answer",
        b"late",
    ]


def test_two_sides_that_wait_for_each_other_wait_for_a_moment():
    """No network sends that; a forger may."""
    talk = Talk().open().send(0, b"one", ack=3).send(1, b"two", ack=3)
    talk.send(0, b"on", ack=3, wait=0.06)
    assert story(talk) == [(0, DATA, b"one"), (1, DATA, b"two"), (0, DATA, b"on"), OVER]


@pytest.mark.parametrize("room", [200, 400])
def test_answers_that_wait_are_bounded(room):
    settings = FlowSettings(stream_bytes=room, opening_bytes=room)
    talk = Talk().open().send(0, b"ask")
    for _ in range(9):
        talk.send(1, b"x" * 40, ack=9)
    told = both(pcap(talk.frames), settings=settings)
    assert told.bytes_of(1) == b"x" * 360
    assert "tcp gaps to bound memory" not in told.counters
