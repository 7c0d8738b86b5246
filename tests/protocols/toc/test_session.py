"""TOC: sign-on, messages, lists, rooms and proposals, made by hand from the specification.

One capture is of real programs: the TOC server and two clients of Twisted Words (twisted/twisted
@9cf56f44, `words/protocols/toc.py`, carried over to Python 3), in a network of their own with
invented accounts. They hear each other, so what each program printed is the golden's witness.
"""

from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import craft, kit

from backchannel.effects import Expect
from backchannel.events import (
    Contact,
    Contacts,
    Credential,
    Gap,
    Malformed,
    Message,
    Offer,
    OfferAnswer,
    PeerAddress,
    Presence,
    Profile,
    Room,
    Search,
    SignOff,
    SignOn,
    SignOnAnswer,
    Software,
    Typing,
    Warned,
)
from backchannel.model import MORE, Capability, Claim, Endpoint, Side, Standing
from backchannel.pipeline import Scan
from backchannel.protocols import Peek, Start
from backchannel.protocols.oscar.events import RequestFailed
from backchannel.protocols.toc import wire
from backchannel.protocols.toc.session import Session, recognise

HERE = Path(__file__).parent
SYN = 2
FLOWS = kit.flows(HERE / "captures/twisted.pcap")
C, S = Side.CLIENT, Side.SERVER
START = Start("tcp", Endpoint("10.0.0.2", 40000), Endpoint("10.0.0.5", 9898))
GREETING = b"FLAPON\r\n\r\n"
SIGNON = 'toc_signon login.oscar.aol.com 5190 alice 0x2408105c23001130 english "TIC:TiK 0.90"'
SEND_FILE = "09461343-4C7F-11D1-8222-444553540000"


def flap(channel: int, payload: bytes) -> bytes:
    return bytes([0x2A, channel]) + b"\0\0" + len(payload).to_bytes(2) + payload


# -- a real conversation -----------------------------------------------------------------------


def test_golden():
    told = []
    for flow in kit.flows(HERE / "captures/twisted.pcap"):
        session = Session(flow.start)
        told += kit.decode(session, flow.steps)
        assert session.standing is Standing.PARSED
    kit.check_golden(HERE / "twisted.jsonl", told)


def test_a_capture_that_begins_behind_flapon_is_known(tmp_path):
    """Only the sign-on frame, a name and nothing more, tells it from OSCAR's."""
    whole = kit.packets(HERE / "captures/twisted.pcap")
    late = [packet for packet in whole if b"FLAPON" not in packet and not packet[33] & SYN]
    seen = list(Scan(craft.write(tmp_path / "late.pcap", late)))
    assert {item.protocol for item in seen} == {"toc"}
    signed = {item.event.account for item in seen if isinstance(item.event, SignOn)}
    assert signed == {"alma", "brad"}


def test_both_clients_heard_what_the_other_said():
    alma, brad = (
        {
            (told.room, told.text)
            for told in kit.events(kit.decode(Session(flow.start), flow.steps), Message)
            if told.sender == sender
        }
        for flow, sender in zip(reversed(FLOWS), ("brad", "alma"), strict=True)
    )
    assert alma == {("", "yes, five"), ("", "are you away?"), ("GardenRoom", "hi all")}
    hello = 'hello there, meet "at" 5 {pm} $10'
    assert brad == {("", hello), ("GardenRoom", "come in"), ("GardenRoom", "in the room")}


HELLO = flap(1, b"\0\0\0\1")
NAMED = flap(1, b"\0\0\0\1\0\1\0\5alice")


def say(text: str) -> bytes:
    return flap(2, text.encode() + b"\0")


def hear(text: str) -> bytes:
    return flap(2, text.encode())


class Talk:
    def __init__(self) -> None:
        self.session = Session(START)
        self.session.feed(C, GREETING)
        self.session.feed(S, HELLO)
        self.opened = self.session.feed(C, NAMED + say(SIGNON))

    def c(self, text: str) -> list:
        return self.session.feed(C, say(text))

    def s(self, text: str) -> list:
        return self.session.feed(S, hear(text))


def test_sign_on():
    """The specification's own example: `password` roasts to 0x2408105c23001130."""
    talk = Talk()
    assert talk.opened == [
        SignOn(account="alice", method="roasted-password", client="TIC:TiK 0.90"),
        Credential(account="alice", kind="recoverable", scheme="toc-roast", secret="password"),
        Software(name="TIC:TiK 0.90", account="alice"),
    ]
    assert talk.session.standing is Standing.PARSED
    assert talk.s("SIGN_ON:TOC1.0") == [SignOnAnswer(account="alice", accepted=True)]


@pytest.mark.parametrize("command", ["toc2_signon", "toc2_login"])
def test_sign_on_to_toc2(command):
    session = Session(START)
    line = SIGNON.replace("toc_signon", command) + ' 160 US "" "" 3 0 30303 -kentucky -utf8 1'
    assert session.feed(C, GREETING + NAMED + say(line))[1].secret == "password"


@pytest.mark.parametrize(
    ("text", "secret"), [("0x", ""), ("plain", "plain"), ("0xzz", "0xzz"), ("2408", "2408")]
)
def test_passwords_that_are_not_roasted(text, secret):
    assert wire.unroast(text) == secret


def test_refused():
    talk = Talk()
    (told,) = talk.s("ERROR:980")
    assert told == SignOnAnswer(account="alice", accepted=False, reason="wrong name or password")
    (told,) = talk.s("ERROR:901:bob")
    assert told == RequestFailed(
        service="toc", code=901, reason="recipient is not available", about="bob"
    )
    (told,) = talk.s("ERROR:nonsense")
    assert (told.code, told.about) == (0, "")


def test_messages():
    talk = Talk()
    cases = [
        (
            talk.c(r'toc_send_im bob "it\'s \$5: \"so\" <b>cheap</b>"'),
            'it\'s $5: "so" cheap',
            "text",
        ),
        (talk.c('toc_send_im bob "out" auto'), "out", "auto-response"),
        (talk.c("toc2_send_im bob hello"), "hello", "text"),
        (talk.c('toc2_send_im_enc bob "F" A en "hi there" auto'), "hi there", "auto-response"),
    ]
    for (told,), text, kind in cases:
        assert (told.sender, told.recipient, told.text, told.kind) == ("alice", "bob", text, kind)
    assert cases[0][0][0].markup == 'it\'s $5: "so" <b>cheap</b>'
    cases = [
        (talk.s("IM_IN:Bob B:F:see http://x.org: now"), "see http://x.org: now", "text"),
        (talk.s("IM_IN:Bob B:T:away"), "away", "auto-response"),
        (talk.s("IM_IN2:Bob B:F:F:two"), "two", "text"),
        (talk.s("IM_IN_ENC2:Bob B:F:F:T: O :F:L:en:grüße: ja"), "grüße: ja", "text"),
    ]
    for (told,), text, kind in cases:
        assert (told.sender, told.recipient, told.text, told.kind) == ("Bob B", "alice", text, kind)


def test_the_name_as_it_is_written():
    talk = Talk()
    assert talk.s("NICK:Alice W") == []
    assert talk.c("toc_send_im bob hi")[0].sender == "Alice W"


def test_lists():
    talk = Talk()
    (told,) = talk.s("CONFIG:m 1\ng Friends\nb bob\nb carol\ng Work\nb dave\nd mallory\n")
    assert told == Contacts(
        owner="alice",
        entries=(
            Contact(account="bob", group="Friends"),
            Contact(account="carol", group="Friends"),
            Contact(account="dave", group="Work"),
            Contact(account="mallory", blocked=True),
        ),
    )
    (told,) = talk.s("CONFIG2:g:Friends\nb:bob:Bobby:::::note\nd:mallory\nm:1\ndone:\n")
    assert told.entries[0] == Contact(account="bob", nickname="Bobby", group="Friends")
    assert talk.s("CONFIG:") == []
    (told,) = talk.c('toc_set_config "g Friends\nb bob\n"')
    assert (told.change, told.entries[0].group) == ("list", "Friends")
    (told,) = talk.c("toc_set_config {m 1\ng My Friends\nb bob b\nb carol\n}")  # Gaim
    assert [(each.account, each.group) for each in told.entries] == [
        ("bob b", "My Friends"),
        ("carol", "My Friends"),
    ]
    (told,) = talk.c('toc2_new_buddies "{g:Friends\nb:bob:Bobby\n}"')
    assert (told.change, told.entries[0].nickname) == ("add", "Bobby")
    cases = [
        ("toc_add_buddy bob carol", "add", ["bob", "carol"], False),
        ("toc_remove_buddy bob", "remove", ["bob"], False),
        ('toc2_remove_buddy bob carol "My Friends"', "remove", ["bob", "carol"], False),
        ("toc_add_deny mallory", "add", ["mallory"], True),
        ("toc2_remove_deny mallory", "remove", ["mallory"], True),
    ]
    for line, change, accounts, blocked in cases:
        (told,) = talk.c(line)
        assert told.change == change
        assert [entry.account for entry in told.entries] == accounts
        assert {entry.blocked for entry in told.entries} == {blocked}
    assert talk.c("toc_add_buddy") == []


def test_presence():
    talk = Talk()
    told = [
        talk.s("UPDATE_BUDDY:Bob:T:0:1711036800:0: O")[0],
        talk.s("UPDATE_BUDDY:Bob:T:0:1711036800:5: O ")[0],
        talk.s("UPDATE_BUDDY2:Bob:T:0:1711036800:0: OU:")[0],
        talk.s("UPDATE_BUDDY:Bob:F:0:0:9:")[0],
        talk.c('toc_set_away "gone <b>fishing</b>"')[0],
        talk.c("toc_set_away")[0],
        talk.c("toc_set_idle 300")[0],
        talk.c("toc_set_idle 0")[0],
    ]
    assert told == [
        Presence(account="Bob", status="online"),
        Presence(account="Bob", status="idle", idle=300),
        Presence(account="Bob", status="away"),
        Presence(account="Bob", status="offline"),
        Presence(account="alice", status="away", text="gone fishing"),
        Presence(account="alice", status="online"),
        Presence(account="alice", status="idle", idle=300),
        Presence(account="alice", status="online"),
    ]


def test_other_commands():
    talk = Talk()
    assert talk.c("toc_evil mallory anon") == [Warned(account="mallory", by="alice")]
    assert talk.s("EVILED:20:bob") == [Warned(account="alice", level=20, by="bob")]
    assert talk.c('toc_set_info "<b>I</b> am"') == [Profile(account="alice", text="I am")]
    assert talk.c('toc_dir_search "Bob":"":"Builder"') == [
        Search(text="Bob Builder", account="alice")
    ]
    assert [event.secret for event in talk.c('toc_change_passwd old "new \\$ one"')] == [
        "old",
        "new $ one",
    ]
    assert talk.c("toc2_client_event bob 2") == [Typing(sender="alice", recipient="bob")]
    assert talk.s("CLIENT_EVENT2:bob:0") == [Typing(sender="bob", recipient="alice", active=False)]
    assert talk.c("toc_init_done") == talk.c("toc_keep_alive") == talk.s("PAUSE") == []
    assert talk.s("GOTO_URL:profile:info?x") == []


def test_rooms():
    talk = Talk()
    assert talk.c('toc_chat_join 4 "Knit: wear"') == [
        Room(room="Knit: wear", action="create", account="alice")
    ]
    assert talk.s("CHAT_JOIN:7:Knit: wear") == [
        Room(room="Knit: wear", action="join", account="alice")
    ]
    (told,) = talk.c("toc_chat_send 7 hello")
    assert (told.room, told.text) == ("Knit: wear", "hello")
    assert talk.s("CHAT_IN:7:Alice:F:hello") == []  # reflected
    (told,) = talk.s("CHAT_IN:7:bob:F:hi: all")
    assert told == Message(sender="bob", recipient="", room="Knit: wear", text="hi: all", size=7)
    (told,) = talk.s("CHAT_IN_ENC:7:bob:T:A:en:psst")
    assert (told.kind, told.text) == ("whisper", "psst")
    (told,) = talk.c("toc_chat_whisper 7 bob psst")
    assert (told.recipient, told.kind) == ("bob", "whisper")
    assert [event.account for event in talk.s("CHAT_UPDATE_BUDDY:7:T:bob:carol")] == [
        "bob",
        "carol",
    ]
    assert talk.s("CHAT_UPDATE_BUDDY:7:F:bob")[0].action == "leave"
    (told,) = talk.c('toc_chat_invite 7 "come" bob carol')
    assert (told.room, told.others) == ("Knit: wear", ("bob", "carol"))
    told = talk.s("CHAT_INVITE:Sewing:9:bob:come here")
    assert (told[0].room, told[0].account, told[1].text) == ("Sewing", "bob", "come here")
    assert talk.c("toc_chat_leave 9")[0].room == "Sewing"
    assert talk.s("CHAT_LEFT:9")[0].action == "leave"
    assert talk.c("toc_chat_send 99 x")[0].room == "99"


def test_a_file_is_proposed():
    cookie = b64encode(b"1234567\0").decode()
    detail = b64encode(b"\0\1\0\1\0\0\4\xd2plan.pdf\0").decode()
    talk = Talk()
    told = talk.s(
        f"RVOUS_PROPOSE:bob:{SEND_FILE}:{cookie}:1:10.0.0.9:10.0.0.9:203.0.113.9:5190:10001:{detail}"
    )
    offer = kit.events([(S, one) for one in told], Offer)[0]
    assert (offer.sender, offer.recipient, offer.name, offer.size) == (
        "bob",
        "alice",
        "plan.pdf",
        1234,
    )
    assert offer.id == b"1234567\0".hex()
    assert offer.use is Capability.FILE_TRANSFER
    places = [(one.address, one.port) for one in told if isinstance(one, PeerAddress)]
    assert places == [("10.0.0.9", 5190), ("203.0.113.9", 5190)]
    assert [(one.address, one.port) for one in told if isinstance(one, Expect)] == places
    (answer,) = talk.c(f"toc_rvous_accept bob {cookie} {SEND_FILE}")
    assert answer == OfferAnswer(
        sender="alice",
        recipient="bob",
        id=offer.id,
        accepted=True,
        use=Capability.FILE_TRANSFER,
    )
    assert talk.c(f"toc_rvous_cancel bob {cookie} {SEND_FILE}")[0].accepted is False
    assert talk.c("toc_rvous_cancel bob !!! nonsense") == []
    assert talk.s("RVOUS_PROPOSE:bob:x:y:z") == []


def test_signed_off():
    talk = Talk()
    assert talk.session.feed(C, flap(4, b"")) == [SignOff(account="alice")]
    assert talk.session.feed(C, flap(4, b"")) == []


# -- loss --------------------------------------------------------------------------------------


def test_lost_framing_is_said_once_then_silence_until_a_gap():
    talk = Talk()
    assert [type(one) for one in talk.session.feed(C, b"nonsense")] == [Malformed]
    assert talk.c("toc_send_im bob lost") == []
    told = talk.session.gap(C, 3) + talk.session.feed(C, b"junk" + say("toc_send_im bob found"))
    assert told[0] == Gap(size=3)
    assert told[1].text == "found"


def test_the_greeting_comes_once():
    session = Session(START)
    session.feed(C, say("toc_init_done"))
    assert [type(one) for one in session.feed(C, GREETING)] == [Malformed]


def test_joined_late():
    session = Session(Start("tcp", START.client, START.server, begun=False))
    assert session.feed(S, b"of something:" + hear("IM_IN:bob:F:found"))[0].text == "found"


def test_what_is_no_toc_refutes_the_claim():
    for junk in (b"HTTP/1.1", flap(2, bytes(9000))):
        session = Session(START)
        session.feed(C, GREETING + junk)
        assert session.standing is Standing.REFUTED


# -- recognition -------------------------------------------------------------------------------


def peek(client: bytes = b"", server: bytes = b"", *, begun: bool = True) -> Peek:
    return Peek("tcp", client, server, begun, START)


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (GREETING, b""),
        (GREETING + NAMED, HELLO),
        (say("toc_send_im bob hi"), b""),
        (b"", hear("IM_IN:bob:F:hi")),
        (NAMED + say(SIGNON), HELLO),
    ],
)
def test_claimed(client, server):
    claim = recognise(peek(client, server))
    assert isinstance(claim, Claim)
    assert not claim.flipped
    assert recognise(peek(server, client)).flipped


def test_joined_late_is_claimed():
    assert isinstance(recognise(peek(b"", b"half" + hear("IM_IN:bob:F:hi"), begun=False)), Claim)


@pytest.mark.parametrize("data", [b"", b"FLAP", HELLO, NAMED, HELLO + b"\x2a\2\0\0\0\x20IM_"])
def test_more_is_needed(data):
    assert recognise(peek(data)) is MORE


@pytest.mark.parametrize(
    "data",
    [
        b"FLAPOFF",
        b"GET /",
        b"\x2a\7",
        flap(2, b"\0\4\0\6" + bytes(20)),
        flap(2, b"toc_"),
        hear("im_in:x"),
    ],
)
def test_not_claimed(data):
    assert recognise(peek(data)) is None
    assert recognise(peek(GREETING, data)) is None


def test_datagrams_are_not_it():
    assert recognise(Peek("udp", GREETING, b"", True, START)) is None


# -- the laws ----------------------------------------------------------------------------------

texts = st.sampled_from(
    [
        SIGNON,
        'toc_send_im bob "hi"',
        "toc_set_idle 99999999999999",
        'toc2_new_buddies "{g:x\nb:y"',
        "toc_chat_invite 1",
        "toc2_remove_buddy",
        f"toc_rvous_accept bob x {SEND_FILE}",
        "IM_IN:bob:F:hi",
        "CONFIG:g x\nb y",
        "UPDATE_BUDDY:x",
        "CHAT_INVITE:a:b:c:d",
        f"RVOUS_PROPOSE:bob:{SEND_FILE}:QUFBQQ==:1:1.2.3.4:::5190:99999:QUFB",
        "EVILED:x:y",
        "ERROR:",
    ]
).map(say)
noise = st.binary(max_size=30).map(lambda data: flap(2, b"toc_send_im " + data))
steps = st.lists(
    st.tuples(
        st.sampled_from([C, S]),
        texts
        | noise
        | st.just(GREETING)
        | st.binary(min_size=1, max_size=40)
        | st.integers(1, 900),
    ),
    max_size=10,
)


@settings(max_examples=150)
@given(conversation=steps, size=st.integers(1, 30), begun=st.booleans())
def test_segmentation_changes_nothing(conversation, size, begun):
    start = Start("tcp", START.client, START.server, begun=begun)
    kit.check_segmentation(lambda: Session(start), conversation, size)


@settings(max_examples=300)
@given(steps, st.booleans())
def test_garbage_is_reported_never_raised(conversation, begun):
    start = Start("tcp", START.client, START.server, begun=begun)
    kit.check_garbage(lambda: Session(start), conversation, 1 << 17)


def test_a_whole_session_in_any_segments():
    conversation = [
        (C, GREETING),
        (S, HELLO),
        (C, NAMED + say(SIGNON)),
        (S, hear("SIGN_ON:TOC1.0") + hear("CONFIG:g x\nb bob")),
        (C, say('toc_send_im bob "hello there"') + flap(5, b"") + flap(4, b"")),
    ]
    for size in (1, 2, 3, 7, 50):
        kit.check_segmentation(lambda: Session(START), conversation, size)
    told = [type(one).__name__ for _, one in kit.decode(Session(START), conversation)]
    assert told == [
        "SignOn",
        "Credential",
        "Software",
        "SignOnAnswer",
        "Contacts",
        "Message",
        "SignOff",
    ]
