"""IRC through the guard: messages pass while files are refused, or their offers taken out."""

from pathlib import Path

import pytest
from tests.enforce.guarding import guard
from tests.enforce.lab import SERVER, World, isolated, play
from tests.enforce.test_guard import OTHER_PORT, stood
from tests.enforce.test_real import NGIRCD, QUIET, connect, wait
from tests.live.world import needs
from tests.protocols.irc.talk import HELLO, JOINED, WELCOME, C, S, lines

NO_FILES = "rules: [{deny: irc, capabilities: [file-transfer]}]"
DECLINE = NO_FILES.replace("]}]", "], refuse: decline}]")
RESET, DECLINED = ("reset", "irc", "file-transfer"), ("declined", "irc", "file-transfer")
OPENING = [HELLO, WELCOME, JOINED, (C, lines("PRIVMSG #lab :good morning"))]
OFFER = C, lines("PRIVMSG bob :\x01DCC SEND notes.txt 3221225994 5000 12000\x01")
AFTER = [(S, lines(":bob!b@203.0.113.8 PRIVMSG ann :what was that?")), (C, lines("PING :x"))]


def sent(steps, side):
    return b"".join(data for whose, data in steps if whose is side)


@pytest.mark.parametrize("size", [0, 1])
@isolated
def test_messages_pass_and_an_offered_file_ends_the_connection(size):
    world = World()
    with guard(world, NO_FILES) as running:
        chat = play(world, [*OPENING, *AFTER], OTHER_PORT, size=size)
        assert running.actions() == []
        offering = play(world, [*OPENING, OFFER, *AFTER], OTHER_PORT, size=size)
        assert running.told() == [RESET]
    assert not chat.failed
    assert "Reset" in offering.failed
    assert offering.received[0] == sent(OPENING, C)  # not even half of the offer


@isolated
def test_lines_that_are_none_do_not_hide_an_offer():
    world = World()
    with guard(world, NO_FILES) as running:
        told = play(world, [*OPENING, (C, lines(*["%%"] * 20)), OFFER, *AFTER], OTHER_PORT)
        assert running.told() == [RESET]
    assert "Reset" in told.failed


@isolated
def test_an_offer_is_taken_out_and_the_talk_goes_on():
    world = World()
    steps = [*OPENING, (C, lines("PRIVMSG #lab :here it comes") + OFFER[1]), *AFTER]
    with guard(world, DECLINE) as running:
        told = play(world, steps, OTHER_PORT)
        assert running.told(DECLINED) == [DECLINED]
    assert not told.failed
    arrived = told.received[0]
    assert len(arrived) == len(sent(steps, C))
    assert b"DCC" not in arrived
    assert [line for line in arrived.splitlines() if line] == [
        line for line in sent(steps, C).splitlines() if b"DCC" not in line
    ]


@pytest.mark.parametrize("existing", ["judge", "reset"])
@isolated
def test_a_talk_that_stood_before_goes_on_without_files(existing):
    world = World()
    policy = f"guard: {{existing: {existing}}}\n{NO_FILES}"
    hello = lines("PRIVMSG #lab :still here")
    assert stood(world, policy, hello) == (hello, [])
    assert stood(world, policy, OFFER[1]) == (b"", [RESET])


@isolated
def test_the_whole_service_is_refused_before_the_welcome():
    world = World()
    with guard(world, "rules: [{deny: irc}]") as running:
        told = play(world, OPENING, OTHER_PORT)
        assert running.told() == [("reset", "irc", "")]
    assert told.received[0] == b""


@isolated
def test_a_real_server_and_its_clients_know_nothing_of_an_offer_that_was_taken_out():
    needs("ngircd")
    world = World()
    Path("/run/ngircd.conf").write_text(NGIRCD)
    nobody = ("unshare", "--user", "--map-user=1", "--map-group=1")  # it refuses to be root
    world.server.start(*nobody, "ngircd", "-n", "-f", "/run/ngircd.conf", **QUIET)
    with guard(world, DECLINE) as running:
        ann, bob = connect(world, 6667), connect(world, 6667)
        for near, name in ((ann, b"ann"), (bob, b"bob")):
            near.sendall(b"NICK %b\r\nUSER %b 0 * :%b\r\n" % (name, name, name))
            wait(near, b" 001 ")
        ann.sendall(b"PRIVMSG bob :\1DCC SEND book %d 5000 9\1\r\n" % int.from_bytes(b"\x0a\1\0\1"))
        ann.sendall(b"PRIVMSG bob :did you get it?\r\n")
        assert b"DCC" not in wait(bob, b"did you get it?")
        bob.sendall(b"PRIVMSG ann :get what?\r\n")
        assert b"get what?" in wait(ann, b"get what?")
        assert running.told(DECLINED) == [DECLINED]


@isolated
def test_a_connection_that_an_offer_announced_is_refused_before_its_first_packet():
    world = World()
    number = int.from_bytes(bytes(map(int, SERVER[4].split("."))))
    offer = lines(f":bob!b@host.example PRIVMSG ann :\x01DCC SEND book {number} 5001 9\x01")
    with guard(world, DECLINE) as running:
        play(world, [*OPENING, (S, offer), *AFTER], OTHER_PORT)
        assert DECLINED in running.told(DECLINED)
        with world.server.listen(4, SERVER[4], 5001), pytest.raises(ConnectionRefusedError):
            world.client.connect(SERVER[4], 5001)
        assert RESET in running.told(RESET)
        assert running.lines()[-1]["evidence"].startswith("announced by irc in frame")
