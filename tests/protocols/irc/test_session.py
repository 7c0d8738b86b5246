"""IRC: who signs on, joins, says and leaves; lines made by hand from RFC 2812 and ircdocs.

Captures of real programs are in `examples/irc`; `test_manifest` holds them against what was typed.
"""

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import kit
from tests.protocols.irc.talk import (
    HELLO,
    MIDWAY,
    START,
    TALK,
    WELCOME,
    C,
    S,
    heard,
    lines,
    said,
    spoken,
)

from backchannel.effects import Inner, InnerEnd, Open
from backchannel.events import (
    Contact,
    Contacts,
    Credential,
    Gap,
    LoginOffer,
    Malformed,
    Message,
    PeerAddress,
    Presence,
    Profile,
    Room,
    SignOff,
    SignOn,
    SignOnAnswer,
    Software,
    Typing,
)
from backchannel.model import Capability, Side, Standing
from backchannel.protocols.irc.events import ChatNetwork
from backchannel.protocols.irc.session import FOREIGN, TLS_LOOK, Session
from backchannel.protocols.irc.state import BATCHES, MESSAGES, PEOPLE
from backchannel.protocols.irc.wire import LONGEST


def test_a_session_from_welcome_to_the_end():
    told = kit.events(kit.decode(Session(START), TALK))
    seen = PeerAddress(use=Capability.PRESENCE, account="ann", address="192.0.2.10", how="join")
    assert told == [
        SignOn(account="ann", method="nickname"),
        SignOnAnswer(
            account="ann",
            accepted=True,
            reason="Welcome to the Example Network ann!ann@192.0.2.10",
        ),
        Software(name="ngircd", version="26.1", role="server"),
        ChatNetwork(name="Example", server="irc.example"),
        Room(room="#lab", action="join", account="ann"),
        seen,
        Room(room="#lab", action="join", account="bob"),
        PeerAddress(use=Capability.PRESENCE, account="bob", address="203.0.113.8", how="join"),
        Message(sender="ann", recipient="", room="#lab", text="good morning", size=12),
        Message(sender="bob", recipient="", room="#lab", text="good morning to you", size=19),
        Message(sender="ann", recipient="bob", text="only for you", size=12),
        SignOff(account="ann", reason="quit"),
    ]


# -- signing on --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (":s.example 433 * ann :Nickname is already in use.", "433 Nickname is already in use."),
        (":s.example 464 ann :Bad password", "464 Bad password"),
        (":s.example 465 ann :You are banned", "465 You are banned"),
        ("ERROR :Closing Link: ann (Bad password)", "Closing Link: ann (Bad password)"),
    ],
)
def test_a_refusal_before_the_welcome(line, reason):
    told = kit.events(kit.decode(Session(START), [HELLO, (S, lines(line))]))
    assert told[-1] == SignOnAnswer(account="ann", accepted=False, reason=reason)


def test_servers_that_want_no_user():
    steps = [(C, lines("PASS oauth:abc", "NICK ann")), (S, lines(":tmi.example 001 ann :Welcome"))]
    told = kit.decode(Session(START), steps)
    assert [(side, type(event)) for side, event in told] == [
        (C, SignOn),
        (C, Credential),
        (S, SignOnAnswer),
    ]


def test_another_name_where_the_first_is_taken():
    steps = [HELLO, (S, lines(":s.example 433 * ann :in use")), (C, lines("NICK ann_")), WELCOME]
    told = kit.events(kit.decode(Session(START), steps), SignOn)
    assert [each.account for each in told] == ["ann", "ann_"]


def test_an_error_behind_the_welcome_is_an_end():
    assert heard("ERROR :Closing Link: ann (Ping timeout)") == [
        SignOff(account="ann", reason="Closing Link: ann (Ping timeout)")
    ]


@pytest.mark.parametrize(
    "why",
    ["Closing Link: h.example (Quit: off to 7 High St)", "Closing Link: ann[h] (Client Quit)"],
)
def test_the_words_of_a_quit_that_was_not_captured_are_not_a_reason(why):
    [told] = heard(f"ERROR :{why}")
    assert told.reason.startswith("Closing Link: ")
    assert "High St" not in told.reason


def test_names_are_followed():
    told = kit.events(
        said(
            (S, ":ann!a@h NICK :anna"),
            (C, "PRIVMSG #lab :as Anna"),
            (S, ":bob!b@h NICK bert"),
        )
    )
    assert told[0] == Profile(account="ann", nickname="anna")
    assert (told[1].sender, told[1].room) == ("anna", "#lab")
    assert told[2] == Profile(account="bob", nickname="bert")


# -- rooms and people --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (":bob!b@h PART #lab :bye", Room(room="#lab", action="leave", account="bob")),
        (
            ":bob!b@h KICK #lab eve :out",
            Room(room="#lab", action="leave", account="eve", others=("bob",)),
        ),
        (
            ":bob!b@h INVITE ann :#den",
            Room(room="#den", action="invite", account="bob", others=("ann",)),
        ),
        (":bob!b@h QUIT :so long", Presence(account="bob", status="offline", text="so long")),
        (":bob!b@h AWAY :lunch", Presence(account="bob", status="away", text="lunch")),
        (":bob!b@h AWAY", Presence(account="bob", status="online")),
        (":s.example 301 ann bob :lunch", Presence(account="bob", status="away", text="lunch")),
        (":s.example 604 ann bob b h 17 :is online", Presence(account="bob", status="online")),
        (":s.example 731 ann :bob", Presence(account="bob", status="offline")),
        (
            ":s.example 332 ann #lab :what it is about",
            Message(
                sender="", recipient="", room="#lab", kind="topic", text="what it is about", size=16
            ),
        ),
        (
            ":bob!b@h TOPIC #lab :new",
            Message(sender="bob", recipient="", room="#lab", kind="topic", text="new", size=3),
        ),
        (
            ":bob!b@h NOTICE ann :\x01VERSION WeeChat 3.8 (Nov 2 2022)\x01",
            Software(name="WeeChat", version="3.8", account="bob"),
        ),
        (":s.example 732 ann :bob", Contacts(owner="ann", entries=(Contact(account="bob"),))),
    ],
)
def test_what_servers_say(line, event):
    assert heard(line) == [event]


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ("AWAY :lunch", Presence(account="ann", status="away", text="lunch")),
        ("AWAY", Presence(account="ann", status="online")),
        ("INVITE bob #den", Room(room="#den", action="invite", account="ann", others=("bob",))),
        (
            "MONITOR + bob,eve",
            Contacts(
                owner="ann", change="add", entries=(Contact(account="bob"), Contact(account="eve"))
            ),
        ),
        (
            "WATCH -bob",
            Contacts(owner="ann", change="remove", entries=(Contact(account="bob"),)),
        ),
        (
            "PRIVMSG #lab :\x01ACTION waves\x01",
            Message(sender="ann", recipient="", room="#lab", kind="action", text="waves", size=5),
        ),
        (
            "NOTICE bob :a notice",
            Message(sender="ann", recipient="bob", kind="notice", text="a notice", size=8),
        ),
        (
            "PRIVMSG @#lab :to those who lead",
            Message(sender="ann", recipient="", room="#lab", text="to those who lead", size=17),
        ),
        (
            "PRIVMSG bob :\x0304,01red\x03 and \x02bold\x02",
            Message(
                sender="ann",
                recipient="bob",
                text="red and bold",
                size=12,
                markup="\x0304,01red\x03 and \x02bold\x02",
            ),
        ),
    ],
)
def test_what_clients_say(line, event):
    assert spoken(line) == [event]


@pytest.mark.parametrize(
    "line",
    [
        ":s.example 353 ann = #lab :ann @bob +eve",
        ":s.example 322 ann #other 42 :a room that is listed",
        ":s.example 372 ann :- message of the day",
        ":s.example 319 ann bob :#lab #den",
        ":s.example NOTICE ann :*** You are connected",
        ":ann MODE ann :+i",
        ":bob!b@h MODE #lab +o ann",
        "PING :s.example",
        ":s.example 433 ann bob :Nickname is already in use",
        "@time=2026-11-28T10:00:00.000Z :bob!b@h TAGMSG #lab",
    ],
)
def test_lists_and_the_rest_tell_nothing(line):
    assert heard(line) == []


@pytest.mark.parametrize(
    ("line", "methods", "realm", "tls"),
    [
        (":s.example CAP * LS :multi-prefix sasl=PLAIN,external tls", ("PLAIN", "EXTERNAL"), 1, 1),
        (":s.example CAP * LS :sasl", ("SASL",), 1, 0),
        (":s.example CAP * LS :multi-prefix", (), 1, 0),
        ("CAP * LS :tls away-notify", (), 0, 1),
        (":s.example CAP * LS * :a sasl=PLAIN\r\n:s.example CAP * LS :tls", ("PLAIN",), 1, 1),
        (":s.example CAP * LS :sasl\r\n:s.example CAP * LS :sasl", ("SASL",), 1, 0),
    ],
)
def test_what_a_server_is_able_to_says_how_one_logs_in(line, methods, realm, tls):
    """IRCv3, `sasl` 3.1 and 3.2, and `tls`."""
    told = Session(START).feed(S, f"{line}\r\n".encode())
    tls_word, named = "offered" if tls else "", "s.example" if realm else ""
    assert told == [LoginOffer(methods=methods, realm=named, tls=tls_word)]


@pytest.mark.parametrize(
    "line", ["CAP * LS :away-notify", ":s.example CAP * ACK :sasl", ":s.example CAP * NEW :sasl"]
)
def test_other_words_of_capabilities_tell_nothing(line):
    assert Session(START).feed(S, f"{line}\r\n".encode()) == []


def test_of_many_ways_to_log_in_some_are_told():
    many = ",".join(f"M{number}" for number in range(200))
    (offer,) = Session(START).feed(S, f":s.example CAP * LS :sasl={many}\r\n".encode())
    assert len(offer.methods) == 64


@pytest.mark.parametrize(
    ("line", "account", "address", "how"),
    [
        (
            ":s.example 352 ann #lab b 203.0.113.8 s.example bob H :0 Bob",
            "bob",
            "203.0.113.8",
            "who",
        ),
        (":s.example 311 ann bob b 2001:db8::8 * :Bob", "bob", "2001:db8::8", "whois"),
        (":s.example 338 ann bob 203.0.113.8 :actually using host", "bob", "203.0.113.8", "whois"),
        (
            ":s.example 378 ann bob :is connecting from *@h 203.0.113.8",
            "bob",
            "203.0.113.8",
            "whois",
        ),
        (":s.example 302 ann :bob*=+b@203.0.113.8", "bob", "203.0.113.8", "userhost"),
        (":bob!b@[2001:db8::8] JOIN #lab", "bob", "2001:db8::8", "join"),
        (":bob!b@h CHGHOST b 203.0.113.8", "bob", "203.0.113.8", "chghost"),
    ],
)
def test_hosts_that_are_addresses(line, account, address, how):
    want = PeerAddress(use=Capability.PRESENCE, account=account, address=address, how=how)
    assert [each for each in heard(line) if isinstance(each, PeerAddress)] == [want]
    hidden = heard(line.replace(address, "host.example"))
    assert not [each for each in hidden if isinstance(each, PeerAddress)]


def test_a_bouncer_is_named_once():
    line = ":*status!znc@znc.in PRIVMSG ann :Connected!"
    told = kit.events(said((S, line), (S, line)), Software)
    assert told == [Software(name="ZNC", role="server")]


def test_an_address_is_told_once():
    line = ":bob!b@203.0.113.8 PRIVMSG #lab :hello"
    assert len(kit.events(said((S, line), (S, line)), PeerAddress)) == 1


def test_who_is_asked_for_again_and_again():
    steps = [(C, "ISON bob eve"), (S, ":s.example 303 ann :bob")] * 3
    told = kit.events(said(*steps, (C, "ISON bob eve"), (S, ":s.example 303 ann :eve")))
    assert told == [
        Contacts(owner="ann", entries=(Contact(account="bob"), Contact(account="eve"))),
        Presence(account="eve", status="offline"),
        Presence(account="bob", status="offline"),
        Presence(account="eve", status="online"),
    ]


def test_an_echo_of_ones_own_message_is_told_once():
    text = "PRIVMSG #lab :only once"
    assert len(kit.events(said((C, text), (S, f":ann!a@h {text}")), Message)) == 1
    assert len(kit.events(said((S, f":ann!a@h {text}")), Message)) == 1  # another of one's clients


def test_an_echo_is_known_where_the_server_changed_the_text():
    text = "x" * 400
    cut = (C, f"PRIVMSG #lab :{text}"), (S, f":ann!a@h PRIVMSG #lab :{text[:300]}")
    assert len(kit.events(said(*cut), Message)) == 1
    labelled = (C, "@label=7 PRIVMSG #lab :\x02a"), (S, "@label=7 :ann!a@h PRIVMSG #lab :a")
    assert len(kit.events(said(*labelled), Message)) == 1
    others = (C, "PRIVMSG #lab :abc"), (S, ":ann!a@h PRIVMSG #lab :ab")
    assert len(kit.events(said(*others), Message)) == 2


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\r\r\n", "\n\r"])
def test_what_ends_a_line(end):
    """ngIRCd 26.1 takes a carriage return alone, too, and passes on what stands before it."""
    session = Session(START)
    kit.decode(session, [HELLO, WELCOME], ends=False)
    text = f"PRIVMSG bob :one{end}PRIVMSG bob :two{end}".encode()
    assert [each.text for each in kit.events(kit.decode(session, [(C, text)]))] == ["one", "two"]


def test_a_line_that_grows_byte_by_byte_is_searched_fast():
    session = Session(START)
    kit.decode(session, [HELLO, WELCOME], ends=False)
    started = process_time()
    for _ in range(LONGEST):
        session.feed(C, b"x")
    assert process_time() - started < 0.5


def test_only_the_first_byte_of_tls_may_belong_to_the_line_before():
    session = Session(START)
    asked = [(C, lines("STARTTLS")), (S, lines(":s.example 670 * :go ahead"))]
    inside = [(C, b"\x16\x03"), (C, b"\n\x03"), (S, b"\n\x16")]
    told = kit.effects(kit.decode(session, asked + inside, ends=False), Inner)
    assert [(each.side, each.data) for each in told] == inside


@pytest.mark.parametrize("cut", [0, 1])
def test_tls_begins_behind_the_whole_end_of_the_line(cut):
    session = Session(START)
    line = b":s.example 670 * :go ahead\r\n"
    kit.decode(session, [(C, lines("STARTTLS")), (S, line[: len(line) - cut])], ends=False)
    told = kit.effects(
        kit.decode(session, [(S, line[len(line) - cut :] + b"\x16\x03")], ends=False)
    )
    assert told == [Inner(side=S, data=b"\x16\x03", channel="tls")]


def test_tls_begins_though_the_servers_side_was_not_captured():
    session = Session(START)
    hello = b"\x16\x03\x01\x01\x36\n"
    told = kit.decode(session, [(C, lines("CAP LS", "STARTTLS") + hello), (C, b"\n")], ends=False)
    assert [each.data for each in kit.effects(told, Inner)] == [hello, b"\n"]
    asked = [(C, lines("STARTTLS")), (S, lines(":s.example 691 * :no")), (C, lines("CAP LS"))]
    told = kit.decode(Session(START), [*asked, (C, hello)], ends=False)
    assert not kit.effects(told)


def test_who_is_named_twice_hears_it_once():
    (told,) = spoken("PRIVMSG bob,bob :once")
    assert told.recipient == "bob"


@pytest.mark.parametrize(("command", "kind"), [("CPRIVMSG", "text"), ("CNOTICE", "notice")])
def test_messages_through_a_channel(command, kind):
    """ircu and hybrid: the server passes it on as PRIVMSG or NOTICE."""
    (told,) = spoken(f"{command} bob #lab :psst")
    assert (told.recipient, told.kind, told.text, told.room) == ("bob", kind, "psst", "")
    assert spoken(f"{command} bob #lab") == []


HISTORY = [
    (S, ":s.example BATCH +h chathistory #lab"),
    (S, "@batch=h;msgid=1 :ann!a@h PRIVMSG #lab :hello"),
    (S, "@batch=h;msgid=2 :bob!b@h PRIVMSG #lab :good morning"),
    (S, "@batch=h;msgid=3 :eve!e@h PRIVMSG #lab :before you came"),
    (S, "@batch=h;msgid=4 :eve!e@h PRIVMSG #lab :\x01ACTION waves\x01"),
    (S, "@batch=h;msgid=5 :ann!a@h NICK anna"),
    (S, "@batch=h;msgid=6 :eve!e@h QUIT :bye"),
    (S, ":s.example BATCH -h"),
]


def test_a_history_tells_once_and_late():
    """IRCv3 chathistory, with the events of draft/event-playback."""
    told = kit.events(
        said(
            (C, "PRIVMSG #lab :hello"),
            (S, "@msgid=1 :ann!a@h PRIVMSG #lab :hello"),
            (S, "@msgid=2 :bob!b@h PRIVMSG #lab :good morning"),
            *HISTORY,
            (S, "@batch=h;msgid=7 :bob!b@h PRIVMSG #lab :now"),
            (C, "PRIVMSG #lab :still Ann"),
        )
    )
    assert [(each.sender, each.kind, each.text) for each in told] == [
        ("ann", "text", "hello"),
        ("bob", "text", "good morning"),
        ("eve", "offline", "before you came"),
        ("eve", "offline", "waves"),
        ("bob", "text", "now"),
        ("ann", "text", "still Ann"),
    ]


def test_a_batch_inside_a_history_is_of_the_past_too():
    nested = (
        (S, ":s.example BATCH +h chathistory #lab"),
        (S, "@batch=h :s.example BATCH +m draft/multiline #lab"),
        (S, "@batch=m :eve!e@h PRIVMSG #lab :one"),
        (S, ":s.example BATCH -m"),
        (S, ":s.example BATCH -h"),
        (S, ":s.example BATCH +m draft/multiline #lab"),
        (S, "@batch=m :eve!e@h PRIVMSG #lab :two"),
    )
    assert [each.kind for each in kit.events(said(*nested))] == ["offline", "text"]


def test_an_id_alone_hides_nothing():
    lines = [(S, f"@msgid=1 :eve!e@h PRIVMSG #lab :{text}") for text in ("one", "two", "one")]
    assert [each.text for each in kit.events(said(*lines))] == ["one", "two"]


def test_histories_are_bounded():
    session = Session(START)
    kit.decode(session, [HELLO, WELCOME], ends=False)
    batches = [(S, lines(f":s.example BATCH +{n} chathistory #lab")) for n in range(99)]
    texts = [(S, lines(f"@msgid={n} :eve!e@h PRIVMSG #lab :{n}")) for n in range(MESSAGES + 9)]
    kit.decode(session, [*batches, *texts], ends=False)
    assert len(session._state.past) == BATCHES
    assert len(session._state._told) == MESSAGES
    writers = [(S, lines(f"@+typing=active :e{n}!e@h TAGMSG #lab")) for n in range(PEOPLE + 9)]
    kit.decode(session, writers, ends=False)
    assert len(session._state._typing) == PEOPLE


def test_who_is_writing():
    told = kit.events(
        said(
            (C, "@+typing=active TAGMSG bob"),
            (S, "@+typing=active :ann!a@h TAGMSG bob"),
            (C, "@+typing=active TAGMSG bob"),
            (C, "PRIVMSG bob :there"),
            (C, "@+typing=active TAGMSG bob"),
            (C, "@+typing=done TAGMSG bob"),
            (S, "@+draft/typing=active :eve!e@h TAGMSG #lab"),
            (S, "@+typing=paused :eve!e@h TAGMSG #lab"),
            (S, "@+typing=paused :eve!e@h TAGMSG #lab"),
            (S, "@+react=x :eve!e@h TAGMSG #lab"),
        ),
        Typing,
    )
    assert told == [
        Typing(sender="ann", recipient="bob"),
        Typing(sender="ann", recipient="bob"),
        Typing(sender="ann", recipient="bob", active=False),
        Typing(sender="eve", recipient="#lab"),
        Typing(sender="eve", recipient="#lab", active=False),
    ]


def test_texts_that_are_not_utf8():
    session = Session(START)
    kit.decode(session, [HELLO, WELCOME], ends=False)
    (told,) = kit.events(kit.decode(session, [(C, b"PRIVMSG #lab :Gr\xf6\xdfe\r\n")]))
    assert told.text == "Größe"


# -- TLS and links of servers ------------------------------------------------------------------


def test_behind_starttls_only_the_beginning_is_shown():
    session = Session(START)
    opening = [(C, lines("STARTTLS")), (S, lines(":s.example 670 * :go ahead") + b"\x16\x03")]
    told = kit.effects(kit.decode(session, opening, ends=False))
    assert told == [Open(channel="tls"), Inner(side=S, data=b"\x16\x03", channel="tls")]
    assert session.standing is Standing.PARSED
    assert not session.done
    told = kit.effects(kit.decode(session, [(C, bytes(TLS_LOOK))], ends=False))
    assert len(told[0].data) == TLS_LOOK - 2
    assert told[1:] == [InnerEnd(channel="tls")]
    assert session.done


def test_servers_that_join_each_other():
    session = Session(START)
    steps = [
        (C, lines("PASS link-secret 0210-IRC+ ngIRCd|26.1:CHLMSXZ P", "SERVER a.example 1 :info")),
        (S, lines("PASS other-secret 0210-IRC+ ngIRCd|26.1:CHL P", "SERVER b.example 1 :info")),
        (S, lines(":b.example NICK carl 1 carl h 1 + :Carl")),
    ]
    told = kit.events(kit.decode(session, steps))
    assert [(type(each).__name__, each.account) for each in told] == [
        ("SignOn", "a.example"),
        ("Credential", "a.example"),
        ("SignOnAnswer", "a.example"),
        ("Credential", "b.example"),
    ]
    assert [each.secret for each in (told[1], told[3])] == ["link-secret", "other-secret"]
    assert session.done


def test_a_link_with_its_password_in_the_greeting():
    steps = [
        (C, lines("CAPAB START 1202", "CAPAB END", "SERVER a.example secret 0 00A :services")),
        (S, lines("ERROR :Closing link: no such server")),
    ]
    told = kit.events(kit.decode(Session(START), steps))
    assert (told[1].account, told[1].secret, told[1].scheme) == ("a.example", "secret", "irc-link")
    assert not told[2].accepted


# -- standing, loss, and what breaks the protocol ----------------------------------------------


REGISTRATION = [(C, b"NICK ann\r\nUSER a 0 * :Ann\r\n")]


@pytest.mark.parametrize(
    "said",
    [
        b":irc.example 001 ann :Welcome\r\n",
        b"NOTICE AUTH :*** Looking up your hostname\r\n",
        b"PING :12345\r\n",
        b"ERROR :Closing Link: ann\r\n",
        b"banner of a program between\r\n:irc.example 001 ann :Welcome\r\n",
    ],
)
def test_what_a_server_says_proves_a_registration(said):
    session = Session(START)
    kit.decode(session, REGISTRATION, ends=False)
    assert session.standing is Standing.CLAIMED
    kit.decode(session, [(S, said)], ends=False)
    assert session.standing is Standing.PARSED


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Length: 0\r\n\r\n",
        b"<html>\r\n<head><title>400 Bad Request</title></head>\r\n",
        b"220 mail.example ESMTP\r\n502 5.5.2 Error: command not recognized\r\n",
        b"-ERR unknown command\r\n",
        b"* OK IMAP4 ready\r\nNICK BAD unknown\r\nUSER BAD unknown\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\3\1\0\2\2\x46",
    ],
)
def test_a_server_of_something_else_refutes_a_registration(said):
    session = Session(START)
    kit.decode(session, [*REGISTRATION, (S, said)])
    assert session.standing is Standing.REFUTED


@pytest.mark.parametrize("said", [b"", b":irc.example 001 ann :Wel"])
def test_an_answer_that_was_cut_refutes_nothing(said):
    """As by a snap length."""
    session = Session(START)
    kit.decode(session, [*REGISTRATION, (S, said), (S, 500), (S, b"tail of a line\r\n")])
    assert session.standing is Standing.PARSED
    session = Session(START)
    kit.decode(session, [*REGISTRATION, (S, b"SSH-2.0-OpenSSH_9.2\r\n"), (S, 500)])
    assert session.standing is Standing.REFUTED


@pytest.mark.parametrize("tail", [(b"tail\r\n",), (b"tail\r", b"\n"), (b"ta", b"il\r\n\r\n")])
def test_how_the_rest_of_a_line_is_cut_changes_nothing(tail):
    session = Session(START)
    kit.decode(session, [*REGISTRATION, (S, 500), *((S, each) for each in tail)])
    assert session.standing is Standing.PARSED


def test_what_stands_behind_words_that_refute_is_not_read():
    session = Session(START)
    assert not kit.decode(session, [(C, b"CA\r\nSTARTTLS\r\n\x16\x03\x01\0")], ends=False)
    assert session.standing is Standing.REFUTED


@pytest.mark.parametrize("more", [b"", b"JOIN #bay\r\n"])
def test_a_client_that_was_captured_alone_is_believed(more):
    session = Session(START)
    kit.decode(session, [*REGISTRATION, (C, more)], ends=False)
    assert session.standing is (Standing.PARSED if more else Standing.CLAIMED)
    kit.decode(session, [])
    assert session.standing is Standing.PARSED


def test_words_that_irc_does_not_know_refute():
    session = Session(START)
    kit.decode(session, [(C, lines("HELO example", "MAIL from"))], ends=False)
    assert session.standing is Standing.REFUTED


def test_commands_of_bots_do_no_harm():
    session = Session(START)
    kit.decode(session, [*TALK[:4], (C, lines("XBOT go")), *TALK[4:]], ends=False)
    assert session.standing is Standing.PARSED


def test_a_line_that_is_none_costs_itself():
    session = Session(START)
    told = kit.events(kit.decode(session, [*TALK[:4], (S, b"\0\1\2\r\n"), *TALK[4:]]))
    assert len([each for each in told if isinstance(each, Malformed)]) == 1
    assert told[-1] == SignOff(account="ann", reason="quit")


def test_lines_that_are_none_are_told_of_a_few_times():
    session = Session(START)
    told = kit.events(kit.decode(session, [*TALK[:4], (S, b"\0\r\n" * 50), *TALK[4:]]), Malformed)
    assert len(told) == FOREIGN


def test_what_comes_behind_lines_that_are_none_is_heard():
    """Servers answer them with 421 and go on; an offer behind them is one."""
    junk = (C, lines(*["%%"] * 2 * FOREIGN))
    told = kit.events(kit.decode(Session(START), [*TALK[:4], junk, (C, lines("PRIVMSG bob :hi"))]))
    assert [type(each) for each in told[-FOREIGN - 1 :]] == [Malformed] * FOREIGN + [Message]


@pytest.mark.parametrize("size", [LONGEST, LONGEST * 2 + 5])
def test_a_line_without_end_is_not_held(size):
    session = Session(START)
    steps = [*TALK[:4], (S, b"x" * size), (S, lines("yz", ":bob!b@h PRIVMSG ann :behind it"))]
    told = kit.events(kit.decode(session, steps))
    assert [type(each) for each in told[-2:]] == [Malformed, Message]
    assert kit.footprint(session) < LONGEST + 4096


def test_joined_midway_and_behind_a_hole():
    steps = [
        (S, b"half a line\r\n:bob!b@h PRIVMSG #lab :one\r\n:bob!b@h PRIV"),
        (S, 7),
        (S, b"? lost text\r\n:bob!b@h PRIVMSG #lab :two\r\n"),
        (C, b"PRIVMSG #lab :three\r\n"),
    ]
    session = Session(MIDWAY)
    told = kit.events(kit.decode(session, steps))
    assert [each.text for each in told if isinstance(each, Message)] == ["one", "two", "three"]
    assert not [each for each in told if isinstance(each, Malformed)]
    assert Gap(size=7) in told
    assert session.standing is Standing.PARSED


def test_joined_at_the_welcome():
    told = kit.events(kit.decode(Session(MIDWAY), [WELCOME]))
    assert told[0] == SignOn(account="ann", method="nickname")


def test_whose_flow_it_is_shows_in_what_the_server_answers():
    steps = [(S, b":s.example 303 ann :bob\r\n"), (C, b"PRIVMSG bob :hello\r\n")]
    (told,) = kit.events(kit.decode(Session(MIDWAY), steps), Message)
    assert (told.sender, told.recipient) == ("ann", "bob")


def test_one_whole_line_of_a_flow_joined_midway_says_what_it_is():
    session = Session(MIDWAY)
    assert not session.aligned
    kit.decode(session, [(S, b":bob!b@h PRIVMSG #lab :one\r\n")], ends=False)
    assert session.aligned
    assert not session.partial(S)
    kit.decode(session, [(S, b":bob!b@h PRIV")], ends=False)
    assert session.partial(S)
    assert not session.partial(C)
    assert not session.aligned


# -- laws --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_segments_change_nothing(size):
    kit.check_segmentation(lambda: Session(START), TALK, size)
    over = [*TALK[:4], (S, b"x" * (LONGEST * 2 + 9) + b"\n"), *TALK[4:]]
    kit.check_segmentation(lambda: Session(START), over, size * 1000 + 1)


WORDS = ["NICK", "USER a 0 * :A", ":s.example 001", "PRIVMSG #c :\x01DCC SEND", "DCC", "x 1 2 3"]
WORDS += [":a!b@c", "JOIN #c", "AUTHENTICATE", "+", "a" * 400, "PASS", "SERVER", "b.c 1 :x"]
WORDS += ["ISON", "303 a :b", "005 NETWORK=x", "STARTTLS", ":s.example 670 :", "\r\n", " "]
garbled = st.lists(st.sampled_from(WORDS), max_size=8).map(lambda words: " ".join(words).encode())


@given(
    st.lists(
        st.tuples(
            st.sampled_from(Side),
            st.one_of(garbled, st.binary(max_size=40), st.integers(1, 9)),
        )
    )
)
def test_garbage(chunks):
    kit.check_garbage(lambda: Session(START), [HELLO, *chunks])
    kit.check_garbage(lambda: Session(MIDWAY), chunks)
