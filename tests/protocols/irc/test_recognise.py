"""Which first lines are IRC's, and which belong to the many other protocols of lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import kit
from tests.protocols.irc.talk import START, TALK

from backchannel.model import MORE, Claim
from backchannel.protocols import Peek
from backchannel.protocols.irc.recognise import recognise

MINE = sorted((kit.EXAMPLES / "irc").glob("*.pcap"))


def peeked(client=b"", server=b"", *, begun=True):
    return recognise(Peek("tcp", client, server, begun, START))


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (b"NICK ann\r\nUSER ann 0 * :Ann\r\n", b""),
        (b"user ann 0 * :Ann\n", b""),
        (b"NICK ann\rUSER ann 0 * :Ann\r", b""),
        (b"CAP LS 302\r\n", b""),
        (b"PASS x\r\nCAP REQ :sasl\r\n", b""),
        (b"WEBIRC secret gateway host.example 192.0.2.9\r\n", b""),
        (b"PASS x\r\nSERVER a.example 1 :info\r\n", b""),
        (b"SERVER a.example secret 0 0AA :InspIRCd\r\n", b""),
        (b"PASS :x\r\nSERVER a.example 1 0 1700000000 J10 ABAAA +h6 :Undernet\r\n", b""),
        (b":0AA SERVER a.b.example 2 :Unreal\r\n", b""),
        (b"CAPAB START 1205\r\n", b""),
        (b"NICK ann\r\n", b":irc.example NOTICE * :*** Looking up\r\n"),
        (b"", b"NOTICE AUTH :*** Looking up your hostname\r\n"),
        (b"", b":irc.example 001 ann :Welcome\r\n"),
        (b"STARTTLS\r\n", b":irc.example 670  :go ahead\r\n"),
        (b"", b"@time=2026-11-28T10:00:00.000Z :irc.example CAP * LS :sasl\r\n"),
        (b"", b":bob!b@host.example PRIVMSG #lab :hello\r\n"),
        (b"PRIVMSG #lab :hello\r\n", b""),
        (b"JOIN #lab secret\r\n", b""),
        (b"NICK ann\r\n", b"ERROR :Closing Link: [192.0.2.10] (banned)\r\n"),
    ],
)
def test_claimed_from_either_side(client, server):
    claim = peeked(client, server)
    assert isinstance(claim, Claim)
    assert not claim.flipped
    turned = peeked(server, client)
    assert turned.flipped or "server" in claim.evidence


def test_each_line_waits_for_its_end():
    line = b"USER ann 0 * :Ann"
    assert all(peeked(line[:size]) is MORE for size in range(1, len(line) + 1))
    assert all(isinstance(peeked(line + end), Claim) for end in (b"\r", b"\n"))


@pytest.mark.parametrize(
    "text", [b"NICK ann\r\n", b"PASS secret\r\n", b"PING :x\r\n", b"STARTTLS\r\n"]
)
def test_words_that_others_have_too_wait_for_the_other_side(text):
    assert peeked(text) is MORE


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (b"USER anonymous\r\n", b"220 ftp.example ready\r\n"),
        (b"USER bob\r\n", b"+OK POP3 ready\r\n"),
        (b"USER bob\r\nPASS x\r\n", b"+OK\r\n"),
        (b"EHLO a\r\nSTARTTLS\r\n", b"220 mail.example ESMTP\r\n250 ok\r\n"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b""),
        (b"MODE READER\r\n", b"200 news.example ready\r\n"),
        (b"NOTICE me\r\nMORE\r\n", b"a\r\nb\r\nc\r\n"),
        (b"VER 1 MSNP8 CVR0\r\n", b"VER 1 MSNP8\r\n:x\r\n"),
        (b"$Lock EXTENDED Pk=x|", b"$HubName x|\n"),
        (b"PING\r\n", b"+PONG\r\n"),
        (b"\x16\x03\x01\0\0\r\n", b""),
        (b"JOIN \0\r\n", b""),
    ],
)
def test_other_protocols_of_lines_are_not_claimed(client, server):
    assert peeked(client, server) is None


def test_nobody_waits_for_ever():
    assert peeked(b"PING x\r\n" * 8) is None
    assert peeked(b"NICK x\r\n", b"hello\r\nthere\r\n") is None
    assert peeked(b"NICK" + b"x" * 20_000) is None


def test_midway_the_first_line_may_be_a_rest():
    text = b"t of a text \xff:-)\r\n:bob!b@h PRIVMSG #lab :hello\r\n"
    assert isinstance(peeked(b"", text, begun=False), Claim)
    assert peeked(b"", text) is None


@pytest.mark.parametrize("path", MINE, ids=lambda path: path.name)
def test_recorded_sessions_are_claimed(path):
    assert kit.claimed(path, recognise)


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_random_bytes_are_not_claimed(client, server):
    assert not isinstance(peeked(client, server), Claim)


def test_the_made_up_talk_is_claimed():
    assert isinstance(peeked(TALK[0][1]), Claim)
