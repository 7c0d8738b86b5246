"""WhatsApp's chat connection: bytes made by hand after whatsmeow's and yowsup's descriptions.

The numbers are invented. Facts about nDPI's captures were read off their bytes.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import kit
from tests.matcher import Matcher

from backchannel.events import Gap, Malformed, SignOn
from backchannel.model import MORE, Claim, Endpoint, Side, Standing
from backchannel.pipeline import Scan
from backchannel.protocols import Peek, Start
from backchannel.protocols.whatsapp import PROTOCOL, funxmpp, wire
from backchannel.protocols.whatsapp.session import HEARD, Session, recognise
from backchannel.reader import WireError

C, S = Side.CLIENT, Side.SERVER
START = Start("tcp", Endpoint("192.0.2.1", 40000), Endpoint("192.0.2.2", 5222))
WHATSAPP = kit.CORPUS / "public" / "whatsapp" / "whatsapp_login_chat.pcap"
KEY, SEALED, TAG = bytes(range(32)), bytes(range(48)), bytes(range(16))


def field(number, data):
    """One protobuf field of bytes."""
    low, high = len(data) & 0x7F | (0x80 if len(data) > 0x7F else 0), len(data) >> 7
    return bytes((number << 3 | 2, low, *([high] if high else []))) + data


def frame(body, flags=0):
    return (flags << 20 | len(body)).to_bytes(3, "big") + body


EPHEMERAL, STATIC = field(1, KEY), field(2, SEALED)
ROUTED = b"ED\0\1\0\0\4\x08\x09\x08\x05"
FRESH = frame(field(2, EPHEMERAL))
KNOWN = frame(field(2, EPHEMERAL + STATIC + field(3, bytes(200)) + b"\x20\x01"))
ANSWER = frame(field(3, EPHEMERAL + STATIC + field(3, TAG)))
RESUMED = frame(field(3, EPHEMERAL + field(3, TAG)))
SECRET = frame(bytes(range(256)))
STREAM = [(C, b"WA\6\3" + FRESH), (S, ANSWER), (C, SECRET), (S, SECRET)]

NUMBER = "491700000000"
OPENED = b"WA\1\5" + frame(b"\xf8\x05\x01\xa5\x91\x89\xfc\x10Android-2.12.124")
FEATURES = frame(b"\xf8\x02\x9c\xf8\x01\xf8\x01\x78")
AUTH = b"\xf8\x06\x0c\x56\xbf\xb5"
TEXT = frame(AUTH + b"\xfc\x0c" + NUMBER.encode() + b"\xfc\x04\1\2\3\4")
GREETING = frame(b"\xf8\x03\x01\x3a\x91") + frame(b"\xf8\x01\x9c")
OLD = [(C, OPENED + FEATURES + TEXT), (S, GREETING + frame(TAG, 8)), (C, frame(TAG, 8))]
OLD_SIGN_ON = SignOn(account=NUMBER, method="WAUTH-2", client="Android-2.12.124")


def look(client=b"", server=b"", transport="tcp"):
    return recognise(Peek(transport, client, server, True, START))


def say(*steps):
    session = Session(START)
    return session, kit.events(kit.decode(session, steps))


@pytest.mark.parametrize("client", [b"WA\6\3" + FRESH, ROUTED + b"WA\5\2" + KNOWN, OPENED])
def test_an_opening_is_claimed_once_its_first_message_shows(client):
    claim = look(client)
    assert isinstance(claim, Claim)
    assert "WA " in claim.evidence
    assert look(client[:1]) is MORE
    assert look(client[:12]) is MORE


@pytest.mark.parametrize(
    "client",
    [
        b"WAIT A MOMENT",
        b"ED\0\2\0\0\4abcdWA\6\3" + FRESH,
        b"ED\0\1\0\x10\0" + bytes(4096) + b"WA\6\3" + FRESH,
        b"ED\0\1\0\0\4abcdGET / HTTP/1.1\r\n",
        b"WA\0\5" + FRESH,
        b"WA\x10\5" + FRESH,
        b"WA\6\x10" + FRESH,
        b"WA\6\3" + ANSWER,
        b"WA\6\3" + frame(field(2, b"\x0a\x21" + bytes(33))),
        b"WA\6\3" + frame(field(2, b"\x0a\x20" + bytes(31))),
        b"WA\6\3" + frame(field(2, EPHEMERAL) + b"\0"),
        b"WA\6\3" + frame(b"\x12\xff\xff\xff\xff\x0a\x20" + KEY),
        b"WA\6\3\0\0\0" + bytes(40),
        b"WA\1\4" + OPENED[4:],
        b"WA\1\5" + frame(TAG, 8),
        b"WA\1\5" + FEATURES,
        b"WA\1\5" + frame(b"\xf8\x05\x01\xa5\x91\x89\xfc\x20Android"),
        b"WA\1\5" + frame(b"\xfc\x05\x01\xa5\x91\x89\x91"),
    ],
)
def test_what_is_near_is_not(client):
    assert look(client.ljust(200, b"\0")) is None


def test_the_bounds_of_a_routing_hint_and_of_a_frame():
    hint = b"ED\0\1" + wire.MOST_ROUTING.to_bytes(3, "big") + bytes(wire.MOST_ROUTING)
    assert isinstance(look(hint + b"WA\6\3" + FRESH), Claim)
    more = b"ED\0\1" + (wire.MOST_ROUTING + 1).to_bytes(3, "big") + bytes(wire.MOST_ROUTING + 1)
    assert look(more + b"WA\6\3" + FRESH) is None
    assert wire.take_frame(bytearray(frame(bytes(wire.MOST))), 6) == (0, bytes(wire.MOST))
    with pytest.raises(WireError):
        wire.take_frame(bytearray((wire.MOST + 1).to_bytes(3, "big")), 6)


@pytest.mark.parametrize(
    ("body", "attributes"),
    [
        (b"\xf8\x03\x01\x3a\x91", {0x3A: 0x91}),
        (b"\xf9\x00\x03\x01\x3a\x91", {0x3A: 0x91}),
        (b"\xf8\x03\x01\xec\x05\xef\x06", {0x105: 0x406}),
        (b"\xf8\x03\x01\x3a\xfd\x10\x00\x02ab", {0x3A: "ab"}),
        (b"\xf8\x03\x01\x3a\xfa\xff\x82\x49\x10\xfc\x01s", {0x3A: "491@s"}),
        (b"\xf8\x03\x01\x3a\xfb\x02\xab\x1f", {0x3A: "AB1F"}),
        (b"\xf8\x21\x01" + bytes(range(2, 34)), {n: n + 1 for n in range(2, 34, 2)}),
        (b"\xf8\x02\x01 content that is not read", {}),
    ],
)
def test_elements(body, attributes):
    assert funxmpp.read_element(body) == funxmpp.Element(1, attributes)


@pytest.mark.parametrize(
    "body",
    [
        b"\xf8\x00",
        b"\xf8\x23\x01" + bytes(range(34)),
        b"\xf8\x03\x01\x3a\x91\x00",
        b"\xf8\x03\x01\x3a\xf0",
        b"\xf8\x03\x01\x3a\xf8",
        b"\xf8\x03\x01\xfa\xfa\x01\x01\x91",
        b"\xf8\x03\x01\x3a\xff\x01\xcc",
        b"\xf8\x03\x01\x3a\xfc\x03ab",
        b"\x03\x03\x01\x3a\x91",
    ],
)
def test_what_is_no_element(body):
    with pytest.raises(WireError):
        funxmpp.read_element(body)


def test_datagrams_are_not_looked_at():
    assert look(b"WA\6\3" + FRESH, transport="udp") is None


def test_a_client_that_does_not_know_the_servers_key():
    session, told = say(*STREAM)
    assert told == [SignOn(account="", method="noise-xx")]
    assert (session.standing, session.done, session.service) == (Standing.PARSED, True, "whatsapp")


@pytest.mark.parametrize("answer", [ANSWER, RESUMED])
def test_a_client_that_knows_it_goes_on_at_once(answer):
    session, told = say((C, ROUTED + b"WA\5\2" + KNOWN + SECRET * 300), (S, answer))
    assert told == [SignOn(account="", method="noise-ik")]
    assert (session.standing, session.done) == (Standing.PARSED, True)
    assert kit.footprint(session) < 1000


def test_a_hello_that_nobody_answers_stays_a_signature():
    session, _ = say((C, b"WA\5\2" + KNOWN))
    assert (session.standing, session.done) == (Standing.CLAIMED, False)


def test_a_client_that_goes_on_with_a_whole_frame_was_answered():
    for size in range(4, len(SECRET)):
        session, told = say((C, b"WA\6\3" + FRESH), (C, SECRET[:size]))
        assert (session.standing, session.done) == (Standing.CLAIMED, False)
    session, told = say((C, b"WA\6\3" + FRESH), (C, SECRET))
    assert told == [SignOn(account="", method="noise-xx")]
    assert (session.standing, session.done) == (Standing.PARSED, True)
    session, told = say((C, b"WA\6\3" + FRESH), (C, b"\2" + SECRET))
    assert isinstance(told[-1], Malformed)
    assert session.standing is Standing.REFUTED


def test_less_than_a_sealed_key_and_a_tag_behind_a_hello_is_no_answered_clients():
    least = field(4, field(1, SEALED) + field(2, TAG))
    assert len(least) == wire.FINISH == 70
    made, told = say((C, b"WA\6\3" + FRESH), (C, frame(least)))
    assert (made.standing, made.done) == (Standing.PARSED, True)
    for body in (b"\x78", bytes(wire.FINISH - 1)):
        made, told = say((C, b"WA\6\3" + FRESH + frame(body)))
        assert isinstance(told[-1], Malformed)
        assert made.standing is Standing.REFUTED


def test_a_client_that_ended_its_part_with_the_hello_may_say_little_which_proves_nothing():
    little = frame(bytes(20))
    made, _ = say((C, b"WA\5\2" + KNOWN + little * (HEARD - 1)))
    assert (made.standing, made.done) == (Standing.CLAIMED, False)
    assert say((C, b"WA\5\2" + KNOWN + little + SECRET))[0].standing is Standing.PARSED
    assert say((C, b"WA\5\2" + KNOWN + little), (S, RESUMED))[0].standing is Standing.PARSED
    made, _ = say((C, b"WA\5\2" + KNOWN + little * HEARD), (S, RESUMED))
    assert (made.standing, made.done) == (Standing.CLAIMED, True)


def test_another_answer_takes_the_claim_back():
    for answer in (b"HTTP/1.1 400 Bad Request\r\n\r\n", FRESH, frame(field(3, STATIC))):
        session, told = say((C, b"WA\6\3" + FRESH), (S, answer + bytes(100)))
        assert isinstance(told[-1], Malformed)
        assert session.standing is Standing.REFUTED
    assert say((S, ANSWER))[0].standing is Standing.REFUTED


def test_funxmpp_says_who_signs_on_and_with_what():
    session, told = say(*OLD)
    assert told == [OLD_SIGN_ON]
    assert (session.standing, session.done) == (Standing.PARSED, True)


@pytest.mark.parametrize(
    ("number", "account"),
    [
        (b"\xfc\x0c" + NUMBER.encode(), NUMBER),
        (b"\xff\x06" + bytes.fromhex(NUMBER), NUMBER),
        (b"\xff\x87" + bytes.fromhex("4917000000001f"), "4917000000001"),
        (b"\xfb\x02\x4a\xf1", "4AF1"),
        (b"\xfd\0\0\x02" + b"49", "49"),
        (b"\xec\x07", ""),
    ],
)
def test_a_number_is_packed_or_text(number, account):
    _, told = say((C, OPENED + frame(AUTH + number + b"\xfc\0")))
    assert [event.account for event in told] == [account]


def test_what_is_encrypted_is_not_read():
    _, told = say((C, OPENED + frame(TEXT[3:], 8)), (C, TEXT), *OLD[1:2])
    assert told == []


def test_funxmpp_that_never_encrypts_is_left_alone():
    session, _ = say((C, OPENED), *[(S, GREETING)] * HEARD)
    assert session.done


def test_a_hole_ends_it():
    session, told = say((C, b"WA\6\3" + FRESH), (S, 300), (S, SECRET))
    assert told == [SignOn(account="", method="noise-xx"), Gap(size=300)]
    assert (session.standing, session.done) == (Standing.CLAIMED, True)


def test_a_frame_that_never_ends_is_not_held():
    session, told = say((C, b"WA\1\5\x0f\xff\xff" + bytes(70_000)))
    assert [type(event) for event in told] == [Malformed]
    assert kit.footprint(session) < 1000


@pytest.mark.parametrize("steps", [STREAM, OLD, [(C, ROUTED + b"WA\5\2" + KNOWN), (S, RESUMED)]])
@given(size=st.integers(1, 60))
def test_segmentation_changes_nothing(steps, size):
    kit.check_segmentation(lambda: Session(START), steps, size)


PIECES = [b"WA\6\3", b"WA\1\5", ROUTED, FRESH, KNOWN, ANSWER, OPENED, TEXT, GREETING]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(Side),
            st.binary(max_size=60)
            | st.sampled_from(PIECES)
            | st.binary(max_size=40).map(lambda body: frame(b"\xf8" + body)),
        )
    )
)
def test_garbage_is_never_raised(steps):
    kit.check_garbage(lambda: Session(START), [(C, OPENED), *steps], bound=1 << 17)
    kit.check_garbage(lambda: Session(START), steps, bound=1 << 17)


def test_the_magic_lets_every_opening_pass_and_little_else():
    matcher = Matcher({"whatsapp": PROTOCOL})
    for data in (OPENED, ROUTED, b"WA\6\3" + FRESH, b"WA", b"ED\0"):
        assert matcher.candidates("tcp", data) == ["whatsapp"]
    for data in (b"WAIT FOR ME", b"EDIT FILE", b"WA\6\3\x16\3\1", b"\x16\3\1\2\0\1\0\1\xfc"):
        assert matcher.candidates("tcp", data) == []


@pytest.mark.skipif(not WHATSAPP.exists(), reason="the public corpus is not here")
def test_a_real_sign_on():
    """The program's name stands in the bytes as text, and so does the number, 12 digits long."""
    seen = [one for one in Scan(WHATSAPP) if isinstance(one.event, SignOn)]
    assert [(one.event.client, one.event.method) for one in seen] == [
        ("iPhone-2.12.2-5222", "WAUTH-2")
    ]
    assert seen[0].event.account.encode() in WHATSAPP.read_bytes()
    assert len(seen[0].event.account) == 12
    assert seen[0].confidence.word == "parsed"
