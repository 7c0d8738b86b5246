"""How long flows are kept that will never prove themselves, since another one speaks in them."""

from ipaddress import ip_address

from tests import craft

from backchannel.flows.settings import FlowSettings
from backchannel.model import Endpoint, Side
from backchannel.pipeline import Scan

C, S = Side
PROXY, FRIEND = Endpoint("10.9.0.1", 1080), Endpoint("192.0.2.9", 5555)
WAITS = Endpoint(PROXY.address, 40_000)


def address(end):
    return ip_address(end.address).packed + end.port.to_bytes(2, "big")


def test_what_comes_through_a_bind_may_pause_as_long_as_what_it_is(tmp_path):
    bind = [
        (C, b"\5\1\0"),
        (S, b"\5\0"),
        (C, b"\5\2\0\1" + address(Endpoint(FRIEND.address, 6667))),
        (S, b"\5\0\0\1" + address(WAITS)),
    ]
    talk = [
        (C, b"NICK bob\r\nUSER bob 0 * :Bob\r\n"),
        (S, b":irc.x 001 bob :Welcome\r\n:irc.x 004 bob irc.x inspircd iow psn\r\n"),
        (C, b"JOIN #chan\r\n"),
        (S, b":bob!u@h JOIN #chan\r\n"),
    ]
    before = craft.tcp(talk, client=FRIEND, server=WAITS, close=False)
    whole = craft.tcp([*talk, (C, b"PRIVMSG #chan :still here\r\n")], client=FRIEND, server=WAITS)
    others = craft.datagrams([(C, b"x")] * 12)
    packets = [*craft.tcp(bind, server=PROXY, close=False), *before, *others, *whole[len(before) :]]
    path = tmp_path / "bind.pcap"
    path.write_bytes(craft.pcap(packets, apart=1000))
    seen = [one for one in Scan(path, settings=FlowSettings(tcp_unproved_idle=10)) if one.account]
    assert {one.stack for one in seen} == {"socks5-bind/irc"}
    assert len({one.flow.serial for one in seen}) == 1
    assert type(seen[-1].event).__name__ == "Message"
