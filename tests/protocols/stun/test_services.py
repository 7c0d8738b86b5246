"""Whose calls STUN shows: messages made by hand after [MS-TURN], [MS-ICE2], nDPI's captures and the
WhatsApp Calls Research Group's notes. Facts about captures are on the protocol's page.
"""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests import craft, kit
from tests.protocols.stun.test_session import (
    ALLOCATED,
    BINDING,
    BOUND,
    ENDS,
    MATCHER,
    NONCE,
    UDP,
    UDP_RELAY,
    USER,
    C,
    S,
    attribute,
    login,
    look,
    marked,
    message,
    noise,
    say,
    xor,
)

from backchannel.effects import Remember
from backchannel.model import Capability, Claim, Endpoint, Standing
from backchannel.pipeline import Scan
from backchannel.protocols.stun import services, sockets, wire
from backchannel.protocols.stun.events import IceCheck, StunCall, StunCarries
from backchannel.protocols.stun.session import Session

COOKIE = (0x000F, b"\x72\xc6\x4b\xc6")
PEER = Endpoint("203.0.113.77", 35393)


def ice(version, *more):
    """A check of Microsoft's."""
    fields = (0x06, b"abcd:efgh"), (0x8070, struct.pack(">I", version)), (0x24, bytes(4))
    return marked(message(1, 0, *fields, *more))


def answered_ice(version):
    """An answer to one."""
    return message(1, 2, (0x8070, struct.pack(">I", version)))


def turn(kind, *attributes, tid=1):
    """A message of Microsoft's TURN, whose attributes are not padded."""
    body = b"".join(struct.pack(">HH", name, len(value)) + value for name, value in attributes)
    return struct.pack(">HH", kind, len(body)) + wire.COOKIE + noise(tid, 12) + body


def relay(version, kind=3, realm=b'"rtcmedia"', tid=1):
    """Microsoft's ALLOCATE, of a size that is no multiple of four."""
    return turn(kind, COOKIE, (0x8008, struct.pack(">I", version)), (0x15, realm), tid=tid)


def token(tid=1, size=150, method=3):
    return message(method, 0, (0x4000, bytes(size)), (0x16, bytes(8)), (0x08, bytes(20)), tid=tid)


def unpadded(tid=1):
    """WhatsApp's ALLOCATE before 2020."""
    return turn(3, (0x4000, bytes(102)), tid=tid)


def admitted(tid=1):
    return message(3, 2, xor(0x20, "203.0.113.9", 5), (0x4002, bytes(8)), tid=tid)


def realm(name, method=4):
    return message(method, 0, USER, (0x14, name), NONCE, (0x08, bytes(20)))


def owners(told):
    return [event.by for _, event in told if isinstance(event, StunCall)]


@pytest.mark.parametrize(
    ("data", "service", "by"),
    [
        (ice(7), "teams", "microsoft-ice"),
        (ice(4), "teams", "microsoft-ice"),
        (ice(3), "skype", "microsoft-ice"),
        (ice(1, (0x8054, b"1")), "skype", "microsoft-ice"),
        (message(1, 2, (0x8070, b"\0\0\0\7"), xor(0x20, "1.2.3.4", 5)), "teams", "microsoft-ice"),
        (message(3, 0, COOKIE, (0x8008, b"\0\0\0\6")), "teams", "microsoft-turn"),
        (message(3, 0, COOKIE, (0x8008, b"\0\0\0\4")), "skype", "microsoft-turn"),
        (relay(6), "teams", "microsoft-turn"),
        (relay(5), "skype", "microsoft-turn"),
        (relay(6, kind=0x113), "teams", "microsoft-turn"),
        (turn(0x115, COOKIE, (0x13, bytes(33))), "skype", "microsoft-turn"),
        (token(), "whatsapp", "whatsapp"),
        (unpadded(), "whatsapp", "whatsapp"),
        (admitted(), "whatsapp", "whatsapp"),
        (message(0x200, 0), "whatsapp", "whatsapp"),
        (message(0x201, 0), "whatsapp", "whatsapp"),
        (message(0x205, 0, (0x4002, bytes(8))), "whatsapp", "whatsapp"),
        (b"\x08\x01\0\x08" + wire.COOKIE + bytes(20), "whatsapp", "whatsapp"),
        (realm(b"signal.org"), "signal", "realm"),
        (realm(b"telegram.org"), "telegram", "realm"),
        (realm(b"whispersystems.org", method=8), "signal", "realm"),
    ],
)
def test_what_shows_whose_call_it_is(data, service, by):
    made, told = say((C, data))
    assert (made.service, owners(told)) == (service, [by])
    assert StunCall(by=by).capability is Capability.VOICE_VIDEO


def without_cookie(data):
    """The same with a transaction of 16 bytes, as before RFC 5389."""
    return data[:4] + noise(8, 16) + data[20:]


@pytest.mark.parametrize("data", [relay(6), relay(1, realm=b"abcd"), turn(0x115, COOKIE)])
def test_a_flow_is_known_by_microsofts_cookie(data):
    """Form: [MS-TURN] 2.2; witness: tshark reads such an ALLOCATE of 113 bytes in Arkime's
    `stun.pcap`."""
    for one in (data, without_cookie(data)):
        assert isinstance(look(one), Claim)
        assert MATCHER.candidates("udp", one) == ["stun"]
        assert isinstance(look(noise(4, 60), one), Claim)
        assert look(one[:-1]) is None
        assert look(one[:20] + one[28:]) is None


def test_who_answers_with_microsofts_cookie_is_the_server():
    assert look(relay(6, kind=0x113)).flipped
    assert not look(relay(6)).flipped
    assert not look(noise(4, 60), relay(6, kind=0x113)).flipped


@pytest.mark.parametrize("known", [True, False])
def test_a_call_through_microsofts_relay_is_teams_whatever_its_size(tmp_path, known):
    asked, answered = relay(6), relay(6, kind=0x113)
    if not known:
        asked, answered = without_cookie(asked), without_cookie(answered)
    talk = craft.datagrams([(C, asked), (S, answered)])
    document = Scan(craft.write(tmp_path / "relay.pcap", talk)).document
    assert [row.service for row in document.services] == ["teams"]


@pytest.mark.parametrize(
    "data",
    [
        token(),
        unpadded(),
        admitted(),
        message(0x200, 0),
        message(0x202, 2),
        b"\x08\x01\0\x08" + wire.COOKIE + bytes(20),
    ],
)
def test_messenger_asks_the_same_relays_by_webrtcs_transactions(data):
    letters = data[:8] + b"OHYZx3I+8P/m" + data[20:]
    assert (say((C, letters))[0].service, owners(say((C, letters))[1])) == ("stun-turn", [])
    almost = data[:8] + b"OHYZx3I+8P_m" + data[20:]
    assert say((C, almost))[0].service == "whatsapp"


@pytest.mark.parametrize(
    "data",
    [
        BINDING,
        BOUND,
        marked(message(1, 0, (0x06, b"a:b"), (0xC057, bytes(4)), (0xC059, bytes(8)))),
        message(1, 0, (0x4000, bytes(8))),
        message(3, 0, UDP_RELAY, (0x4000, bytes(8))),
        message(3, 0, (0x4002, bytes(8))),
        message(3, 3, (0x4002, bytes(8))),
        message(3, 0, (0x8008, b"\0\0\0\6")),
        message(3, 0, (0x8008, b"\0\0\0\6"), COOKIE),
        message(3, 0, COOKIE),
        message(3, 0, (0x000F, b"\x72\xc6\x4b\xc7"), (0x8008, b"\0\0\0\6")),
        message(0x206, 0),
        message(0x1FF, 0),
        realm(b"signal.org.example"),
        realm(b"tulip.example"),
        realm(b""),
        relay(6) + b"\0",
        relay(6)[:-1],
        relay(0),
        relay(6)[:-11] + b"\x0b" + relay(6)[-10:],
        turn(3, (0x000F, b"\x72\xc6\x4b\xc7"), (0x15, b"x")),
        turn(0x203, COOKIE, (0x15, b"x")),
        turn(3, (0x4000, bytes(101)), (0x4001, b"")),
        turn(4, (0x4000, bytes(102))),
        turn(0x103, (0x4000, bytes(102))),
        b"\x08\x06\0\x08" + wire.COOKIE + bytes(20),
        b"\x08\x01\0\x08" + bytes(24),
    ],
)
def test_what_could_be_anybodys(data):
    made, told = say((C, data))
    assert (made.service, owners(told)) == ("stun-turn", [])


def test_it_is_said_once_and_the_first_word_counts():
    made, told = say((C, ice(7)), (S, ice(7)), (C, token(tid=9)))
    assert (made.service, owners(told)) == ("teams", ["microsoft-ice"])


def test_a_messengers_own_word_goes_before():
    made, told = say((C, ice(7)), start=replace(UDP, service="msn"))
    assert (made.service, owners(told)) == ("msn", [])


@pytest.mark.parametrize(
    ("steps", "proved"),
    [
        ([(C, relay(6)), (S, relay(6, kind=0x103))], True),
        ([(C, relay(6)), (S, relay(6, kind=0x113))], True),
        ([(C, relay(6)), (S, relay(6, kind=0x103, tid=2))], False),
        ([(C, relay(6)), (C, relay(6, kind=0x103))], False),
        ([(C, relay(6)), *[(S, turn(0x115, COOKIE, (0x13, bytes(33))))] * 9], False),
        ([(C, unpadded()), (S, admitted())], True),
        ([(C, unpadded()), (S, admitted(tid=2))], False),
        ([(C, token()), (S, admitted())], True),
    ],
)
def test_an_answer_proves_them_too(steps, proved):
    made, _ = say(*steps)
    assert made.standing is (Standing.PARSED if proved else Standing.CLAIMED)


def test_what_is_inside_a_multiplexed_frame_is_read():
    def frame(inner, size=None):
        size = len(inner) + 8 if size is None else size
        return struct.pack(">HHQ", 0xFF10, size, 5) + inner

    media = bytes.fromhex("8060000100000010000000ff") + bytes(20)
    assert owners(say((C, frame(ice(7))))[1]) == ["microsoft-ice"]
    _, told = say((C, BINDING), (S, BOUND), (C, frame(media)))
    assert StunCarries(kind="media") in [event for _, event in told]
    for odd in (frame(media, 9), frame(b""), frame(frame(media))):
        _, told = say((C, BINDING), (S, BOUND), (C, odd))
        assert StunCarries(kind="other") in [event for _, event in told]


def known(*entries):
    table = {}
    for each in entries:
        table.setdefault(each[3] or each[1], {})[each] = "whatsapp"
    return replace(UDP, recall=lambda key: table if key == sockets.KEY else None)


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        (("udp", ENDS[0].address, ENDS[0].port, ""), True),
        (("udp", ENDS[1].address, ENDS[1].port, ""), True),
        (("udp", ENDS[1].address, ENDS[1].port, ENDS[0].address), True),
        (("udp", ENDS[0].address, ENDS[0].port, ENDS[1].address), True),
        (("udp", ENDS[1].address, ENDS[1].port, "10.0.0.6"), False),
        (("udp", ENDS[0].address, 40001, ""), False),
        (("tcp", ENDS[0].address, ENDS[0].port, ""), False),
    ],
)
def test_a_flow_of_a_known_socket_is_the_same_services(entry, found):
    made, told = say((C, BINDING), start=known(entry))
    assert owners(told) == (["socket"] if found else [])
    assert made.service == ("whatsapp" if found else "stun-turn")
    assert not kept(told)


def kept(told):
    values = [event.value for _, event in told if isinstance(event, Remember)]
    return [dict(one for of in value.values() for one in of.items()) for value in values]


def socket(end, host=""):
    return "udp", end.address, end.port, host


def test_a_message_whose_sum_is_wrong_does_not_keep_the_sockets_from_being_asked():
    broken = bytearray(message(1, 0, (0x8028, bytes(4))))
    _, told = say((C, bytes(broken)), (C, BINDING), start=known(socket(ENDS[0])))
    assert owners(told) == ["socket"]


@pytest.mark.parametrize(
    ("steps", "end"),
    [
        ([(C, token()), (S, admitted())], 0),
        ([(S, ice(7)), (C, BOUND)], 1),
        ([(C, BINDING), (S, answered_ice(7))], 0),
    ],
)
def test_who_asks_is_remembered_once_answered(steps, end):
    made, told = say(*steps)
    assert kept(told) == [{socket(ENDS[end]): made.service}]


@pytest.mark.parametrize(
    "steps",
    [
        [(C, token())],
        [(S, admitted())],
        [(C, answered_ice(7))],
        [(S, b"\x08\x02\0\0" + wire.COOKIE + bytes(12) + bytes(40))],
        [(C, ice(7)), (C, BOUND)],
    ],
)
def test_a_strangers_word_names_no_other_flow(steps):
    made, told = say(*steps)
    assert made.service != "stun-turn"
    assert not kept(told)


def test_what_is_known_is_not_remembered_again():
    (effect,) = sockets.remember(known(), "teams", sockets.of(UDP, PEER))
    assert sockets.remember(known(sockets.of(UDP, PEER)), "whatsapp", sockets.of(UDP, PEER)) == []
    assert effect.value == {PEER.address: {socket(PEER): "teams"}}


def test_a_relays_peers_are_remembered_for_who_asked_for_them():
    named = [(S, message(3, 3, (0x09, b"\0\0\4\1"), (0x14, b"signal.org"), NONCE, tid=2))]
    asked = [(C, login(8, xor(0x12, PEER.address, PEER.port, tid=5), tid=5))]
    _, told = say(*named, *asked)
    assert kept(told)[-1] == {socket(PEER, ENDS[0].address): "signal"}
    assert not kept(say(*ALLOCATED, *asked)[1])
    assert not kept(say(*ALLOCATED, *asked, start=replace(UDP, service="msn"))[1])


def test_no_more_is_remembered_than_there_is_room_for():
    full = [("udp", f"10.1.0.{n}", n, "") for n in range(sockets.HOSTS)]
    (effect,) = sockets.remember(known(*full), "signal", sockets.of(UDP, PEER))
    assert list(effect.value) == [*(f"10.1.0.{n}" for n in range(1, sockets.HOSTS)), PEER.address]
    (effect,) = sockets.remember(known(*full), "signal", full[3])
    assert len(effect.value) == sockets.HOSTS
    assert list(effect.value.items())[-1] == ("10.1.0.3", {full[3]: "signal"})


@pytest.mark.parametrize("whose", ["", "10.1.0.9"])
def test_one_host_drives_out_only_its_own(whose):
    own = [("udp", "10.1.0.9" if not whose else f"10.2.0.{n}", n, whose) for n in range(100)]
    others = [("udp", f"10.3.0.{n}", 5, "") for n in range(100)]
    (effect,) = sockets.remember(known(*others), "signal", *own)
    assert [each for host in effect.value.values() for each in host] == (
        others + own[-sockets.SHARE :]
    )


def test_the_way_that_a_call_goes_on_directly_is_known(tmp_path):
    here = Endpoint("10.9.0.2", 46652)
    packets = [
        *craft.datagrams([(C, token()), (S, admitted())], client=here, server=PEER),
        *craft.datagrams(
            [(C, message(1, 0, (0x08, bytes(20)))), (S, message(1, 2, (0x08, bytes(20))))],
            client=here,
            server=Endpoint("198.51.100.20", 41107),
        ),
    ]
    (row,) = Scan(craft.write(tmp_path / "call.pcap", packets)).document.services
    assert (row.service, row.stack, row.flows) == ("whatsapp", "stun", 2)
    assert row.capabilities == ("voice-video",)


def test_vendors():
    assert services.vendor(wire.read(ice(7))) == "Microsoft"
    assert services.vendor(wire.read(message(1, 0, (0xC057, bytes(4))))) == "Google"
    assert services.vendor(wire.read(BINDING)) == ""
    _, told = say((C, ice(7)))
    assert [event.vendor for _, event in told if isinstance(event, IceCheck)] == ["Microsoft"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from((C, S)),
            st.sampled_from(
                [relay(6), unpadded(), token(), admitted(), ice(3), ice(7), message(0x201, 0)]
            )
            | st.builds(lambda body: turn(3, COOKIE) + body, st.binary(max_size=40))
            | st.binary(max_size=60),
        )
    )
)
def test_garbage_is_never_raised(steps):
    kit.check_garbage(lambda: Session(UDP), steps)


@given(st.binary(max_size=80))
def test_no_random_bytes_are_a_services(data):
    assert services.read_unpadded(data) is None


def test_they_are_claimed_as_stun():
    for data in (ice(7), token(), message(0x201, 0), message(3, 0, COOKIE, (0x8008, bytes(4)))):
        assert isinstance(look(data), Claim)
    assert attribute(1, b"x") == b"\0\1\0\1x\0\0\0"
