"""The guard's parts without a kernel: what is sent, held, overwritten, decided and loaded."""

import struct
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from tests.enforce.guarding import guard, services
from tests.enforce.lab import SERVER, World, isolated
from tests.kit import flows

from backchannel.catalogue import index
from backchannel.enforce import bridge, connections, decline, inject, ruleset
from backchannel.enforce.figures import Sum
from backchannel.enforce.guard import Guard
from backchannel.enforce.hold import (
    AGAIN,
    FEWEST,
    HUNG,
    MESSAGE_BYTES,
    MESSAGE_PAUSE,
    MOST,
    MOST_OF_FLOW,
    NUDGE,
    NUDGE_OF_FEW,
    SEVERAL,
    STALL,
    STALLED,
    STEP,
    UNTOLD,
    WAIT,
    Holds,
    Lane,
)
from backchannel.enforce.inspector import Inspector
from backchannel.enforce.law import Ends, Law, bounded
from backchannel.enforce.marks import Marks
from backchannel.enforce.messages import Figures, Knowledge, Stop, Turned
from backchannel.enforce.nfqueue import ACCEPT, DROP, Queue
from backchannel.enforce.nudge import nudge
from backchannel.enforce.remote import Lost
from backchannel.errors import UsageError
from backchannel.model import Capability
from backchannel.policy.load import load
from backchannel.process import Deaths

EXAMPLES = Path(__file__).parents[2] / "examples"
HEADS = {4: IP(src="10.1.0.2", dst="10.2.0.2"), 6: IPv6(src="fd00:1::2", dst="fd00:2::2")}
every_version = pytest.mark.parametrize("version", [4, 6])


# -- packets of our own, read by scapy -------------------------------------------------------------


def read(version, data):
    """Read a packet with scapy; return it, and whether scapy computes the same checksums."""
    told = {4: IP, 6: IPv6}[version](data)
    again = told.copy()
    for layer in (again, again.payload):
        for name in ("chksum", "cksum"):
            if name in layer.fields:
                del layer.fields[name]
    return told, bytes(again) == data


@every_version
def test_a_reset_is_what_its_receiver_waits_for(version):
    sent = HEADS[version] / TCP(sport=5, dport=6, seq=1000, ack=2000, flags="PA") / b"hello"
    segment = inject.Segment(bytes(sent))
    there, sound = read(version, inject.reset_to_target(segment))
    assert sound
    assert (there.src, there[TCP].sport, there[TCP].seq, there[TCP].flags) == (
        sent.src,
        5,
        1000,
        "RA",
    )


def acknowledged(head, held, acked, **options):
    """What scapy reads in the packets that tell a sender of *held* parts: (ack, blocks, times)."""
    told = []
    for made in nudge(held, bytes(head), acked, 700, **options):
        packet, sound = read(head.version, made)
        assert sound
        assert inject.bare(made)
        assert not inject.bare(made + b"x")
        assert (packet.src, packet[TCP].sport, packet[TCP].flags) == (head.dst, 6, "A")
        assert (packet[TCP].seq, packet[TCP].window) == (2000, 700)
        found = dict(each for each in packet[TCP].options if each[0] in ("SAck", "Timestamp"))
        told.append((packet[TCP].ack, found["SAck"], found.get("Timestamp")))
    return told


@every_version
def test_a_sender_is_told_what_waits_behind_a_hole(version):
    head = HEADS[version] / TCP(sport=5, dport=6, seq=1040, ack=2000, flags="PA") / b"0123456789"
    held = [(1020, 1030), (1040, 1050), (1030, 1040), (1070, 1080), (1025, 1035)]
    assert acknowledged(head, held, 1000, message=False) == [(1000, (1070, 1080, 1020, 1050), None)]
    head[TCP].options = [("NOP", None), ("NOP", None), ("Timestamp", (77, 55))]
    assert acknowledged(head, held[:1], 1000, message=False) == [
        (1000, (1020, 1030), (55, 77)),
        (1000, (1020, 1030), None),
    ]


def test_a_sender_keeps_the_first_segment_of_a_message_as_if_it_were_lost():
    head = HEADS[4] / TCP(sport=5, dport=6, seq=3, ack=2000, flags="PA") / b"0123456789"
    wraps = [(0xFFFFFFFE, 0xFFFFFFFF), (0xFFFFFFFF, 0), (0, 1), (1, 2)]
    assert acknowledged(head, wraps, 0xFFFFFFF0, message=True) == [
        (0xFFFFFFF0, (0xFFFFFFFF, 2), None)
    ]
    assert acknowledged(head, wraps[:1], 0xFFFFFFF0, message=True) == []


@given(st.binary(max_size=90))
def test_no_header_breaks_the_telling(head):
    for made in nudge([(9, 19)], head, 5, 700, message=False):
        assert made[0] >> 4 in (4, 6)


@every_version
def test_icmp_quotes_the_datagram(version):
    sent = bytes(HEADS[version] / UDP(sport=9, dport=4000) / b"secret")
    told, sound = read(version, inject.unreachable(inject.Segment(sent)))
    assert sound
    assert told.src == HEADS[version].dst
    if version == 4:
        assert (told[ICMP].type, told[ICMP].code) == (3, 3)
    assert sent[:28] in bytes(told)


@every_version
@given(data=st.binary(min_size=1, max_size=99))
def test_overwritten_packets_have_sound_checksums(version, data):
    sent = bytes(HEADS[version] / TCP(flags="PA", options=[("NOP", None)] * 4) / (b"x" * len(data)))
    told, sound = read(version, inject.with_data(inject.Segment(sent), data))
    assert sound
    assert bytes(told[TCP].payload) == data


@given(st.binary(max_size=120))
def test_any_bytes_are_a_packet_or_a_value_error(data):
    try:
        segment = inject.Segment(data)
    except (ValueError, struct.error):
        return
    assert segment.version in range(16)


# -- offers overwritten ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("protocol", "name", "port", "mark"),
    [
        ("oscar", "aim/aim_oft.pcap", 5191, b"\x09\x46\x13\x43"),
        ("msnp", "msn/msn_msnp8_msnftp_bitlbee.pcap", 1863, b"x-msmsgsinvite"),
        ("ymsg", "yahoo/ymsg15_libpurple243.pcap", 5050, b"YMSG"),
        ("irc", "irc/irc_irssi_ngircd_dcc.pcap", 6667, b"\x01DCC "),
        ("xmpp", "xmpp/prosody_ibb_socks5.pcap", 5222, b"jabber.org/protocol/"),
    ],
)
def test_only_offers_are_overwritten_and_nothing_moves(protocol, name, port, mark):
    changed = 0
    for flow in flows(EXAMPLES / name):
        if flow.start.server.port != port:
            continue
        for _, data in flow.steps:
            made = decline.neutral(protocol, data) if isinstance(data, bytes) else None
            if made is not None:
                changed += 1
                assert len(made) == len(data)
                assert mark in data
                assert decline.neutral(protocol, made) is None
    assert changed


IRC_OFFER = b"PRIVMSG bob :\x01DCC SEND a 1 2 3\x01"
BODY = b"<message to='bob'><body>hi</body></message>"


@pytest.mark.parametrize(
    ("protocol", "before", "offer", "behind"),
    [
        ("irc", b"PING x\r", IRC_OFFER + b"\r", b"PING y\r\n"),
        ("irc", b"", b"  " + IRC_OFFER + b"\r\n", b""),
        ("irc", b"", b"CPRIVMSG bob #lab :\x01DCC SEND a 1 2 3\x01\r\n", b""),
        ("xmpp", BODY, b"<message><file-sharing xmlns='urn:xmpp:sfs:0'/></message>", b""),
        ("xmpp", b"", b"<message><r><media-sharing xmlns='urn:xmpp:sims:1'/></r></message>", BODY),
        ("xmpp", BODY, b"<iq><data cid='x' xmlns='urn:xmpp:bob'>AAAA</data></iq>", BODY),
        ("xmpp", b"", b"<iq><vCard><PHOTO><BINVAL>AAAA</BINVAL></PHOTO></vCard></iq>", b""),
    ],
)
def test_what_is_overwritten_of_newer_forms(protocol, before, offer, behind):
    made = decline.neutral(protocol, before + offer + behind)
    assert made is not None
    assert made.startswith(before)
    assert made.endswith(behind)
    assert not made[len(before) : len(made) - len(behind)].strip()


@given(st.sampled_from(["oscar", "msnp", "ymsg", "irc", "xmpp", "none"]), st.binary(max_size=200))
def test_no_bytes_break_the_overwriting(protocol, data):
    made = decline.neutral(protocol, data)
    assert made is None or len(made) == len(data)


# -- what waits ------------------------------------------------------------------------------------


class Answers:
    """Stands where a queue is, and writes down what it is told."""

    def __init__(self, number=0):
        self.number, self.told = number, []

    def judge(self, packet, verdict, *_):
        """Note a verdict."""
        self.told.append((packet, verdict))


def waiting(queue, number, begin=100, length=10, side=0):
    """A packet as `Holds` sees it."""
    return SimpleNamespace(
        queue=queue,
        number=number,
        begin=begin,
        length=length,
        side=side,
        slot=1,
        serial=1,
        payload=b"",
    )


def pass_time(holds, duration, begin=0):
    """Let so many ns pass, as they do where we look all the time."""
    for moment in range(begin, begin + duration, STEP):
        holds.review(moment)
    holds.review(begin + duration)


def test_held_packets_go_when_the_bytes_before_them_came():
    queue, known = Answers(), [100]
    holds = Holds(lambda *_: known[0], lambda _: False, lambda *_: None)
    holds.hold(waiting(queue, 1, begin=110))
    holds.hold(waiting(queue, 2, begin=130))
    holds.review(1)
    assert queue.told == []
    known[0] = 120
    holds.review(2)
    assert queue.told == [(1, ACCEPT)]
    holds.drop(1, 1)
    assert queue.told[1:] == [(2, DROP)]
    assert (holds.packets, holds.bytes, bool(holds)) == (0, 0, False)


@pytest.mark.parametrize(("closed", "verdict"), [(False, ACCEPT), (True, DROP)])
def test_at_a_bound_the_policy_decides(closed, verdict):
    queue = Answers()
    holds = Holds(lambda *_: 0, lambda _: closed, lambda *_: None)
    for number in range(MOST_OF_FLOW + 1):
        holds.hold(waiting(queue, number, begin=100 + 10 * number))
    assert queue.told == [(MOST_OF_FLOW, verdict)]
    pass_time(holds, WAIT + 3 * STEP)
    assert queue.told[1:] == [(number, verdict) for number in range(MOST_OF_FLOW)]
    assert holds.bytes == 0


def test_a_message_too_long_to_be_held_passes_in_its_order():
    queue = Answers()
    holds = Holds(lambda *_: 0, lambda _: False, lambda *_: None)
    sizes = [1400] * (MESSAGE_BYTES // 1400 + 1)
    for number, size in enumerate(sizes):
        begin = 100 + 1400 * number
        assert holds.hold_message(waiting(queue, number, begin=begin, length=size))
    assert holds.first(1, 1, 0) == 100
    assert not holds.hold_message(waiting(queue, 99, begin=100 + 1400 * len(sizes)))
    assert queue.told == [(number, ACCEPT) for number in range(len(sizes))]
    assert not holds


def test_what_is_sent_again_in_other_pieces_waits_once():
    """As TCP's timer sends it: joined, or cut to other sizes. It makes no message longer."""
    queue = Answers()
    holds = Holds(lambda *_: 0, lambda _: False, lambda *_: None)
    assert holds.hold_message(waiting(queue, 1, begin=100, length=1000))
    assert holds.hold_message(waiting(queue, 2, begin=1100, length=5000))
    for number, (begin, length) in enumerate([(100, 6000), (1100, 1448), (2548, 1448)], 3):
        assert holds.hold_message(waiting(queue, number, begin=begin, length=length))
    assert queue.told == [(3, DROP), (4, DROP), (5, DROP)]
    assert holds.hold_message(waiting(queue, 6, begin=100, length=7000))  # and something new
    assert holds.hold_message(waiting(queue, 7, begin=7100, length=1000))
    assert queue.told == [(3, DROP), (4, DROP), (5, DROP)]


def test_a_silent_sender_is_told_once_what_waits_and_a_message_goes_when_it_stays_silent():
    queue, told, late = Answers(), [], []
    holds = Holds(
        lambda *_: 0,
        lambda _: False,
        lambda *_: None,
        nudge=lambda lane, held: told.append((lane, [each.begin for each in held])) or 0,
        late=lambda lane, passed: late.append((lane, passed)),
    )
    begins = [100 + 10 * number for number in range(SEVERAL)]
    holds.review(0)
    for number, begin in enumerate(begins):
        assert holds.hold_message(waiting(queue, number, begin=begin))
        holds.review(1)
    assert holds.hold_message(waiting(queue, 99, begin=110))  # sent again
    assert queue.told == [(99, DROP)]
    holds.review(NUDGE)
    assert told == []
    holds.review(NUDGE + 1)
    holds.review(NUDGE + 2)
    assert told == [(Lane(1, 1, 0), begins)]
    pass_time(holds, MESSAGE_PAUSE - NUDGE - 2, begin=NUDGE + 2)
    assert queue.told[1:] == []
    pass_time(holds, 2, begin=MESSAGE_PAUSE)
    assert queue.told[1:] == [(number, ACCEPT) for number in range(SEVERAL)]
    assert late == [(Lane(1, 1, 0), True)]
    assert not holds


@pytest.mark.parametrize(("number", "nudges"), [(FEWEST - 1, 0), (FEWEST, 1), (SEVERAL - 1, 1)])
def test_a_sender_of_few_packets_is_left_alone_at_first(number, nudges):
    """It is not kept from sending more, and being told would cost it its window."""
    told = []
    holds = Holds(
        lambda *_: 0, lambda _: False, lambda *_: None, nudge=lambda *_: told.append(1) or 0
    )
    holds.review(0)
    for each in range(number):
        assert holds.hold_message(waiting(Answers(), each, begin=100 + each))
    pass_time(holds, NUDGE_OF_FEW - STEP)
    assert told == []
    pass_time(holds, 2 * STEP, begin=NUDGE_OF_FEW - STEP)
    assert len(told) == nudges


def test_a_sender_that_stays_silent_is_told_again():
    """What told it may have been lost."""
    told, queue = [], Answers()
    holds = Holds(
        lambda *_: 0, lambda _: False, lambda *_: None, nudge=lambda *_: told.append(1) or 1
    )
    holds.left = 1
    holds.review(0)
    for number in range(SEVERAL):
        assert holds.hold_message(waiting(queue, number, begin=100 + number))
    pass_time(holds, AGAIN)
    assert len(told) == 1
    pass_time(holds, MESSAGE_PAUSE - AGAIN, begin=AGAIN)
    assert queue.told == []
    assert len(told) == 5  # after 40, 80, 160 and 320 ms once more


def test_a_sender_that_goes_on_when_it_is_told_is_told_at_once_from_then_on():
    told = []
    holds = Holds(
        lambda *_: 0, lambda _: False, lambda *_: None, nudge=lambda _, held: told.append(held) or 1
    )
    holds.left = 1
    holds.review(0)
    for number in range(SEVERAL):
        assert holds.hold_message(waiting(Answers(), number, begin=100 + number))
    holds.review(NUDGE)
    for number in range(SEVERAL, SEVERAL + 3):
        assert holds.hold_message(waiting(Answers(), number, begin=100 + number))
        holds.review(NUDGE + number)
    assert [len(held) for held in told] == [SEVERAL, SEVERAL + 1, SEVERAL + 2, SEVERAL + 3]


def test_where_we_did_not_look_no_sender_was_slow():
    """The inspecting process was stopped, or the clock was set."""
    queue = Answers()
    holds = Holds(lambda *_: 0, lambda _: False, lambda *_: None)
    holds.review(0)
    assert holds.hold_message(waiting(queue, 1))
    holds.hold(waiting(queue, 2, begin=500))
    for moment in (1, 10**8, 0, 10**8, 2 * 10**8):
        holds.review(moment)
    assert queue.told == []
    pass_time(holds, WAIT, begin=2 * 10**8)
    assert queue.told == [(1, ACCEPT), (2, ACCEPT)]


def test_what_passes_until_a_sender_is_told_of_each_packet_is_not_its_own_time():
    """A sender of many small packets, each of which waits for our word: on a busy machine that may
    take long in all, though the sender always goes on at once.
    """
    queue = Answers()
    holds = Holds(lambda *_: 0, lambda _: False, lambda *_: None)
    for number in range(200):
        assert holds.hold_message(waiting(queue, number, begin=100 + 10 * number))
        holds.review(number * 10**9)  # it is told
    assert queue.told == []
    pass_time(holds, MESSAGE_PAUSE + 3 * STEP, begin=200 * 10**9)
    assert queue.told == [(number, ACCEPT) for number in range(200)]


def test_a_sender_that_was_not_told_yet_is_not_slow():
    """The guard's own process, which sends what tells it, is busy: with a reload, say."""
    queue = Answers()
    holds = Holds(lambda *_: 0, lambda _: False, lambda *_: None, nudge=lambda *_: 2)
    holds.review(0)
    assert holds.hold_message(waiting(queue, 1))
    holds.hold(waiting(queue, 2, begin=500))
    pass_time(holds, UNTOLD)
    holds.left = 1
    assert queue.told == []
    holds.left = 2
    pass_time(holds, MESSAGE_PAUSE - STEP, begin=UNTOLD)
    assert queue.told == []
    pass_time(holds, WAIT, begin=UNTOLD + MESSAGE_PAUSE - STEP)
    assert queue.told == [(1, ACCEPT), (2, ACCEPT)]


@pytest.mark.parametrize(("closed", "verdict"), [(False, ACCEPT), (True, DROP)])
def test_where_we_stopped_a_sender_amid_its_message_the_policy_decides(closed, verdict):
    """Its timer has struck meanwhile; what it sends again may be all that it ever sends."""
    queue, counted, late = Answers(), [], []
    holds = Holds(
        lambda *_: 0,
        lambda _: closed,
        counted.append,
        late=lambda _, passed: late.append(passed),
    )
    holds.review(1)
    assert holds.hold_message(waiting(queue, 1))
    pass_time(holds, MESSAGE_PAUSE + 2 * STEP, begin=1 + STALL + STEP)
    assert queue.told == [(1, verdict)]
    assert holds.hold_message(waiting(queue, 2), wronged=True)
    pass_time(holds, MESSAGE_PAUSE + 2 * STEP, begin=10**9)
    assert queue.told == [(1, verdict), (2, verdict)]
    assert counted.count(STALLED) == 2
    assert late == [not closed] * 2


@pytest.mark.parametrize(("closed", "verdict"), [(False, ACCEPT), (True, DROP)])
def test_where_senders_cannot_be_told_the_policy_decides(closed, verdict):
    queue, counted = Answers(), []
    holds = Holds(lambda *_: 0, lambda _: closed, counted.append, nudge=lambda *_: 1)
    holds.review(0)
    for number in range(SEVERAL):
        assert holds.hold_message(waiting(queue, number, begin=100 + 10 * number))
    pass_time(holds, UNTOLD + 3 * STEP)
    assert queue.told == [(number, verdict) for number in range(SEVERAL)]
    assert HUNG in counted
    assert not holds
    assert holds.bytes == 0


@pytest.mark.parametrize(("closed", "verdict"), [(False, ACCEPT), (True, DROP)])
def test_where_nothing_more_can_wait_the_policy_decides_of_messages_too(closed, verdict):
    queue = Answers()
    holds = Holds(lambda *_: 0, lambda _: closed, lambda *_: None)
    for number in range(MOST):
        each = waiting(queue, number, begin=100 + 10 * number)
        each.slot = number // 50
        assert holds.hold_message(each)
    assert holds.hold_message(waiting(queue, MOST, begin=9000))
    assert queue.told == [(MOST, verdict)]


# -- the guard's own process ----------------------------------------------------------------------


class Dying:
    """An inspecting process that says something, and is gone when it is answered."""

    figures, sent = Figures(number=0), 0

    def hear(self):
        """Yield what it said before, and what comes of asking for more."""
        yield Turned()
        raise Lost("it closed its socket")

    def tell(self, _):
        """It is gone."""
        raise Lost("it takes no command")

    def kill(self):
        """It is gone."""


def test_an_inspector_that_is_gone_when_it_is_answered_is_lost_once(monkeypatch):
    """It asked for something, and died: the guard starts another one, and does not die itself."""
    made = Guard.__new__(Guard)
    made.remote, made.inspectors = Dying(), Sum()
    made._revision = SimpleNamespace(begin=Stop, drop=lambda: None)
    made.watchdog = SimpleNamespace(fail=lambda: None)
    made._deaths = Deaths(60.0)
    told = []
    monkeypatch.setattr("backchannel.enforce.guard.remark", told.append)
    made._hear()
    assert made.remote is None
    assert told == ["the inspecting process was lost (it takes no command); it is being restarted"]


# -- the law ---------------------------------------------------------------------------------------


def law(tmp_path, text, limit=None):
    """The law of a policy."""
    path = tmp_path / "policy.yaml"
    path.write_text("policy: 1\n" + text)
    return Law(load(path, services()), services(), limit)


def test_the_first_line_that_fits_decides(tmp_path):
    made = law(
        tmp_path,
        "rules:\n- {allow: aim, capabilities: [login, message], from: 10.0.0.0/8}\n- {deny: aim}\n",
    )
    inside, outside = Ends("10.1.1.1", "192.0.2.1"), Ends("192.0.2.7", "192.0.2.1")
    decision = made.decide("aim", inside)
    assert Capability.MESSAGE not in decision.refused
    assert Capability.FILE_TRANSFER in decision.refused
    assert decision.all is None
    assert made.decide("aim", outside).all is not None
    assert not made.decide("icq", inside).concerns


def test_who_must_begin_anew_and_what_may_be_refused(tmp_path):
    made = law(
        tmp_path,
        "rules: [{deny: aim, from: 10.0.0.1, existing: reset}, {allow: msn}, {deny: yahoo}]",
    )
    assert made.strict
    assert made.renews(Ends("10.0.0.1", "192.0.2.1")).name == "deny-aim"
    assert made.renews(Ends("10.0.0.2", "192.0.2.1")) is None
    assert {"oscar", "ymsg"} <= made.refusable()
    assert "msnp" not in made.refusable()
    assert "msnp" in law(tmp_path, "default: deny\nrules: [{allow: msn}]").refusable()
    assert not law(tmp_path, "rules: [{deny: aim}]").strict


def test_hours_begin_and_end_also_over_midnight(tmp_path):
    made = law(tmp_path, 'rules: [{deny: aim, when: {days: [fri], start: "22:00", end: "06:00"}}]')
    for weekday, minute, holds in (
        (4, 1319, 0),
        (4, 1320, 1),
        (5, 359, 1),
        (5, 360, 0),
        (4, 100, 0),
    ):
        made.now(weekday, minute)
        assert made.decide("aim", Ends("10.0.0.1", "10.0.0.2")).concerns == bool(holds)


def test_the_limit_makes_every_line_milder_and_none_stricter(tmp_path):
    text = "rules: [{deny: aim, mode: alert}, {deny: icq}]"
    first, second = law(tmp_path, text, "observe").rules.lines
    assert law(tmp_path, text, "observe").mode(first) == "observe"
    assert law(tmp_path, text, "reset").mode(first) == "alert"
    assert law(tmp_path, text, "reset").mode(second) == "reset"


@pytest.mark.parametrize("limit", ["observe", "alert"])
def test_who_refuses_nothing_holds_nothing_up(tmp_path, limit):
    strict = law(tmp_path, "default: deny\nrules: [{deny: aim, on-failure: closed}, {deny: icq}]")
    assert not strict.mild
    assert strict.strict
    bound = bounded(strict.rules, limit)
    assert {(line.mode, line.on_failure, line.existing) for line in bound.lines} == {
        (limit, "open", "judge")
    }
    assert not ruleset.Plan(rules=bound).closes
    mild = Law(bound, services())
    assert mild.mild
    assert not mild.refusable()
    assert not mild.refuses(["aim", "icq"], Ends("10.0.0.1", "10.0.0.2"))
    assert bounded(strict.rules, None) == strict.rules
    assert bounded(strict.rules, "drop") == strict.rules


def test_a_line_in_earnest_beside_one_that_is_only_told_of(tmp_path):
    text = "guard: {mode: observe}\nrules: [{deny: aim}, {deny: icq, mode: reset}]"
    made, ends = law(tmp_path, text), Ends("10.0.0.1", "10.0.0.2")
    assert not made.mild
    assert made.refuses(["icq"], ends)
    assert not made.refuses(["aim"], ends)
    assert law(tmp_path, "guard: {mode: observe}\ndefault: deny\nrules: [{deny: aim}]").mild


# -- the kernel's side -----------------------------------------------------------------------------


def test_marks_are_bits_of_their_own():
    marks = Marks(5)
    bits = [marks.mask, marks.closed, marks.empty]
    assert sum(bits) == 15 << 5
    assert marks.mask == marks.passes | marks.drops == marks.resets
    with pytest.raises(UsageError):
        Marks(29)


def test_bridged_packets_are_refused(tmp_path):
    port = tmp_path / "net/eth1/brport"
    port.mkdir(parents=True)
    (tmp_path / "net/br0").mkdir()
    (port / "bridge").symlink_to(tmp_path / "net/br0")
    settings = tmp_path / "bridge"
    assert "br0" in bridge.check(tmp_path / "net", settings, {"br0", "eth1"})[0]
    settings.mkdir()
    (settings / "bridge-nf-call-iptables").write_text("1\n")
    with pytest.raises(UsageError, match="bridge-nf-call-iptables=0"):
        bridge.check(tmp_path / "net", settings, {"br0", "eth1"})
    assert bridge.check(tmp_path / "net", settings, {"lo"}) == []  # the host's, in a container


def test_removal_undoes_what_was_loaded_and_touches_nothing_else():
    saved = [
        "*mangle",
        f":{ruleset.CHAIN} - [0:0]",
        "-A FORWARD -j OTHERS",
        f"-A FORWARD -j {ruleset.CHAIN}",
        f"-A INPUT ! -i lo -j {ruleset.CHAIN}",
    ]
    text = ruleset.mangle_removal(saved)
    assert "-D FORWARD -j OTHERS" not in text
    assert text.count("-D ") == 2
    assert ruleset.mangle_removal(["*mangle", "-A FORWARD -j OTHERS"]) == ""


@isolated
def test_verdicts_of_the_guard_before_are_not_trusted():
    """A connection keeps the mark that the guard before gave it; ours must judge it anew."""
    world = World()
    with world.server.listen(4, SERVER[4], 80) as listener:
        near = world.client.connect(SERVER[4], 80)
        far, _ = listener.accept()
        with guard(world, "rules: [{deny: aim}]"):
            for _ in range(80):  # more than a connection met midway is looked at
                near.sendall(b"x" * 100)
                far.recv(100)
            listed = world.router.sh("cat /proc/net/nf_conntrack || conntrack -L")
            assert f"mark={Marks().passes}" in listed
        assert f"mark={Marks().passes}" not in world.router.sh(
            "cat /proc/net/nf_conntrack || conntrack -L"
        )
        with world.router.inside():
            assert connections.clear(Marks().mask) == 0


@isolated
def test_a_queue_that_is_taken_says_so():
    world = World()
    with world.router.inside():
        first = Queue(3)
        with pytest.raises(OSError, match=r"busy|not permitted"):
            Queue(3)
        assert first.receive() == 0
        first.close()


# -- what is over ------------------------------------------------------------------------------


def test_the_core_lets_go_of_what_was_refused(tmp_path):
    """The kernel resets it, and no end of it is ever seen here."""
    path = tmp_path / "policy.yaml"
    path.write_text("policy: 1\nrules: [{deny: aim}]\n")
    known = Knowledge(
        rules=load(path, services()), services=services(), index=index.build(services())
    )
    made = Inspector(
        known,
        [],
        marks=Marks(),
        patience=8,
        max_flows=100,
        injector=SimpleNamespace(send=bytes),
        interface=str,
        tell=print,
    )
    start = 10**18

    def show(packets, now):
        made._refuser.ends[:] = [bytes(packet) for packet in packets]
        made._let_go(now)

    there, back = IP(src="10.1.0.2", dst="10.2.0.2"), IP(src="10.2.0.2", dst="10.1.0.2")
    data = b"*\1\0\1\0\4\0\0\0\1"
    hello = there / TCP(sport=5, dport=6, seq=101, ack=501, flags="PA") / data
    show(
        [
            there / TCP(sport=5, dport=6, seq=100, flags="S"),
            back / TCP(sport=6, dport=5, seq=500, ack=101, flags="SA"),
            hello,
        ],
        start,
    )
    assert len(made.engine.live()) == 1
    made.core.expire(start + 100 * 10**9)
    assert made.core.take() == []  # it is wanted: a chat may be silent for long
    refused = inject.reset_to_target(inject.Segment(bytes(hello)))
    made._refuser.ends.append(refused)
    made._let_go(start + 100 * 10**9)
    assert made._refuser.ends == []
    made.core.expire(start + 111 * 10**9)
    made.judge.deliver(made.core.take())
    assert len(made.engine.live()) == 0
