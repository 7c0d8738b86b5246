"""The guard on a router in namespaces: real sockets, recorded conversations, a real kernel."""

import random
import socket
from contextlib import suppress
from pathlib import Path

import pytest
from tests.enforce.guarding import guard
from tests.enforce.lab import PATIENCE, SERVER, World, isolated, play
from tests.kit import flows
from tests.protocols.xmpp import test_session as xmpp

from backchannel.enforce import ruleset
from backchannel.prove import library

EXAMPLES = Path(__file__).parents[2] / "examples"
OTHER_PORT = 27015
NO_FILES = "rules: [{deny: [aim, icq, msn, yahoo], capabilities: [file-transfer]}]"


def conversation(name, port=0, at=0, transport="tcp"):
    """The steps of a flow of an example: number *at* of those to *port*."""
    found = [
        flow
        for flow in flows(EXAMPLES / name)
        if flow.start.transport == transport and port in (0, flow.start.server.port)
    ]
    return found[at].steps


AIM = conversation("aim/aim_md5login_8im.pcap", 5190)
AIM_MESSAGES = conversation("aim/aim_md5login_8im.pcap", 5191)
AIM_OFFERS = conversation("aim/aim_oft.pcap", 5191)
OFT = conversation("aim/aim_oft.pcap", 5190, 2)
HTTP = [
    (0, b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    (1, b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000),
]


def sizes(steps):
    """Bytes of both sides."""
    return [sum(len(data) for side, data in steps if side == each) for each in (0, 1)]


def arrived(told):
    """Bytes of both sides that arrived."""
    return [len(data) for data in told.received]


def _noise(size, seed):
    """Bytes that look like ciphertext, always the same ones."""
    return random.Random(seed).randbytes(size)


def lose_first(world):
    """Lose the server's first data on its way to the guard; TCP sends it again later."""
    world.router.sh(
        "nft add table ip lose",
        "nft 'add chain ip lose in { type filter hook prerouting priority -400; }'",
        f"nft add rule ip lose in tcp sport {OTHER_PORT} 'ip length > 100' quota until 400 bytes "
        "drop",
    )


@pytest.mark.parametrize("version", [4, 6])
@isolated
def test_a_service_is_refused_on_any_port_and_all_else_passes(version):
    world = World()
    with guard(world, "rules: [{deny: [aim, icq]}]") as running:
        refused = play(world, AIM, 443, version=version)
        passed = play(world, HTTP, 80, version=version)
        assert running.told() == [("reset", "aim", "")]
    assert "Reset" in refused.failed
    assert sum(arrived(refused)) <= 60  # the greetings, and whose account it is
    assert arrived(passed) == sizes(HTTP)


@pytest.mark.parametrize("size", [0, 1])
@isolated
def test_messages_pass_while_file_transfers_are_refused(size):
    world = World()
    with guard(world, NO_FILES) as running:
        messages = play(world, AIM_MESSAGES, OTHER_PORT, size=size)
        transfer = play(world, OFT, OTHER_PORT, size=size)
        assert running.told() == [("reset", "aim", "file-transfer")]
    assert arrived(messages) == sizes(AIM_MESSAGES)
    assert "Reset" in transfer.failed
    assert len(transfer.received[1]) < 256  # less than the header: not one byte of the file


def by_bytes(world, data):
    """Send *data* byte by byte without waiting; return what arrives, or arrived before a reset."""
    with world.server.listen(4, SERVER[4], OTHER_PORT) as listener:
        near = world.client.connect(SERVER[4], OTHER_PORT)
        far, _ = listener.accept()
        got = b""
        with near, far, suppress(OSError):
            for at in range(len(data)):
                near.send(data[at : at + 1])
            while len(got) < len(data) and (more := far.recv(4096)):
                got += more
        return got


@isolated
def test_a_sender_of_single_bytes_goes_on_though_none_of_them_arrives():
    """It may have ten segments under way, and its message is longer: no byte of it passes, and what
    is allowed passes whole.
    """
    world = World()
    world.client.sh("sysctl -qw net.ipv4.tcp_early_retrans=0")  # no probes: it must be told
    sign_on = b"YMSG\x09\0\0\0\0\x0a\0\x57\0\0\0\0\0\0\0\0" + b"1\xc0\x80bob_b\xc0\x80"
    web = b"POST /upload HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello"
    with guard(world, "rules: [{deny: yahoo}]") as running:
        assert by_bytes(world, sign_on) == b""  # which its reset ends, not the time
        assert running.told() == [("reset", "yahoo", "")]
        assert by_bytes(world, web) == web
        assert running.status()["counters"]["packets sent to tell senders that theirs came"]


NOISE = random.Random(2)
BANNERS = (
    [(1, b"220 mail.example ESMTP\r\n"), (0, b"EHLO a\r\n"), (1, b"250 mail.example\r\n")],
    [(1, b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), (0, b"SSH-2.0-client\r\n")],
    [(0, bytes.fromhex("0000000804d2162f")), (1, b"S")],  # PostgreSQL asks for TLS
    [(1, b"\xff\xfd\x18\xff\xfd\x20"), (0, b"\xff\xfb\x18")],  # telnet
    [(0, b"PING\r\n"), (1, b"+PONG\r\n")],
    [(side, NOISE.randbytes(200)) for side in (0, 1) * 3],  # all of it is encrypted
    HTTP,
)


@isolated
def test_no_first_words_of_others_wait_though_they_are_short():
    """Many magics begin late in a payload, and so fit any that is short: that is no reason."""
    world = World()
    all_of_them = "rules: [{deny: [instant-messaging, peer-to-peer], best-effort: true}]"
    with guard(world, all_of_them) as running:
        for steps in BANNERS:
            assert arrived(play(world, steps, OTHER_PORT)) == sizes(steps), steps
        counters = running.status()["counters"]
        assert not [name for name in counters if "before their end" in name], counters


STRANGERS = (
    [(0, b"x" * 50), (1, b"x" * 50)],
    [(0, b"y" * 24), (1, b"\x82\x82"), (0, b"v" * 88)],
    [(0, b"kyylhjhfcjzk hij"), (1, b"xfkezxbckklz" * 4), (0, b"ehhaszfijaexl" * 9)],
    [(0, b"\xcc" * 61), (1, b"\xe5" * 6), (0, b"f" * 56), (1, b"\x90" * 13)],
)


@isolated
def test_nothing_waits_behind_first_bytes_that_turned_out_to_be_nobodys():
    """They are there, whatever the other side began with: no hole, though none of them is kept."""
    world = World()
    wary = "deny: [instant-messaging, peer-to-peer, proxy], best-effort: true, on-failure: closed"
    with guard(world, f"rules: [{{{wary}}}]") as running:
        for steps in STRANGERS:
            assert arrived(play(world, steps, OTHER_PORT)) == sizes(steps), steps
        counters = running.status()["counters"]
    assert "packets held until the bytes before them came" not in counters


@isolated
def test_an_offer_is_taken_out_and_the_connection_goes_on():
    world = World()
    with guard(world, NO_FILES.replace("]}]", "], refuse: decline}]")) as running:
        told = play(world, AIM_OFFERS, OTHER_PORT)
        declined = "declined", "aim", "file-transfer"
        assert declined in running.told(declined)
    assert not told.failed
    sent = [b"".join(data for side, data in AIM_OFFERS if side == each) for each in (0, 1)]
    assert arrived(told) == [len(each) for each in sent]
    changed = [
        at
        for side in (0, 1)
        for at in range(len(sent[side]))
        if sent[side][at] != told.received[side][at]
    ]
    assert 16 < len(changed) < 700
    assert b"\x09\x46\x13\x43\x4c\x7f\x11\xd1" in sent[0] + sent[1]  # the capability "send file"


@isolated
def test_what_was_announced_is_refused_before_its_first_packet():
    world = World()
    world.server.sh("ip addr add 10.61.0.11/32 dev s0")  # who offers, in the recorded conversation
    world.router.sh("ip route add 10.61.0.11/32 via 10.2.0.2")
    with guard(world, NO_FILES.replace("]}]", "], refuse: decline}]")) as running:
        play(world, conversation("aim/aim_oft.pcap", 5191, 1), OTHER_PORT)
        with world.server.listen(4, "10.61.0.11", 5190) as listener:
            listener.settimeout(0.3)
            with pytest.raises(ConnectionRefusedError):
                world.client.connect("10.61.0.11", 5190)
            with pytest.raises(TimeoutError):
                listener.accept()
        reset = "reset", "aim", "file-transfer"
        assert reset in running.told(reset)
        refusal = running.lines()[-1]
        assert refusal["packets"] == 1
        assert refusal["evidence"].startswith("announced by oscar in frame")


@isolated
def test_a_bytestream_of_xmpp_is_refused_before_its_first_packet():
    """The offer is taken out, and the host that is named for the file cannot be reached."""
    world = World()
    world.server.sh("ip addr add 10.7.0.7/32 dev s0")
    world.router.sh("ip route add 10.7.0.7/32 via 10.2.0.2")
    policy = "rules: [{deny: xmpp, capabilities: [file-transfer], refuse: decline}]"
    with guard(world, policy) as running:
        *roots, (side, asked) = xmpp.announcing()
        offer, end, rest = asked.partition(b"</iq>")
        told = play(world, [*roots, (side, offer + end), (side, rest)], OTHER_PORT)
        assert not told.failed
        with world.server.listen(4, "10.7.0.7", 5086), pytest.raises(ConnectionRefusedError):
            world.client.connect("10.7.0.7", 5086)
        declined = "declined", "xmpp", "file-transfer"
        reset = "reset", "xmpp", "file-transfer"
        assert set(running.told(declined, reset)) == {declined, reset}
        assert running.lines()[-1]["evidence"].startswith("announced by xmpp in frame")


@isolated
def test_bytes_out_of_order_wait_and_no_byte_of_a_file_passes():
    """The header is lost on its way to the guard, and sent again after the file's first bytes."""
    world = World()
    lose_first(world)
    with guard(world, NO_FILES) as running:
        with world.server.listen(4, SERVER[4], OTHER_PORT) as listener:
            near = world.client.connect(SERVER[4], OTHER_PORT)
            far, _ = listener.accept()
            far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            head, *rest = [data for side, data in OFT[:1] + OFT[2:] if side == 1]
            far.sendall(head)
            far.sendall(b"".join(rest))  # at once: long before TCP sends the header again
            with pytest.raises(ConnectionResetError):
                assert near.recv(4096) == b""
            near.close()
            far.close()
        assert running.told() == [("reset", "aim", "file-transfer")]
        counters = running.status()["counters"]
    assert counters["packets held until the bytes before them came"]
    assert counters["packets held, then dropped with their flow"]


@isolated
def test_disorder_of_allowed_traffic_is_passed_whole():
    world = World()
    lose_first(world)
    with guard(world, "rules: [{deny: icq}]"):
        told = play(world, AIM_MESSAGES, OTHER_PORT)
    assert arrived(told) == sizes(AIM_MESSAGES)


@isolated
def test_inside_a_socks_proxy():
    world = World()
    proxied = conversation("aim/aim_socks5.pcap", 1080, 1)
    with guard(world, "rules: [{deny: [aim, icq]}]") as running:
        told = play(world, proxied, OTHER_PORT)
        assert running.told()
        assert running.lines()[0]["stack"] == "socks5/oscar"
    assert "Reset" in told.failed
    assert sum(arrived(told)) < 80


@isolated
def test_a_connection_that_stood_before_the_guard_is_judged():
    world = World()
    with world.server.listen(4, SERVER[4], OTHER_PORT) as listener:
        near = world.client.connect(SERVER[4], OTHER_PORT)
        far, _ = listener.accept()
        ends = near, far
        for side, data in AIM_MESSAGES[:6]:
            ends[side].sendall(data)
            assert ends[1 - side].recv(4096)
        with guard(world, "rules: [{deny: aim}]") as running:
            with pytest.raises((ConnectionError, TimeoutError)):  # noqa: PT012 - the n-th step
                for side, data in AIM_MESSAGES[6:]:
                    ends[side].sendall(data)
                    if not ends[1 - side].recv(4096):
                        raise ConnectionError
            assert running.told()[0][:2] == ("reset", "aim")


def stood(world, policy, data, port=OTHER_PORT):
    """What arrives of *data* on a TCP connection that stands before the guard begins."""
    with world.server.listen(4, SERVER[4], port) as listener:
        near = world.client.connect(SERVER[4], port)
        far, _ = listener.accept()
        near.sendall(b"hello")
        assert far.recv(99) == b"hello"
        got = b""
        with guard(world, policy) as running, suppress(OSError):
            near.sendall(data)
            got = far.recv(4096)
        return got, running.actions()


@isolated
def test_a_download_that_stood_before_is_known_by_what_its_other_side_asks_next():
    """A block of BitTorrent has more packets than one side is given to say what it sends."""
    world = World()
    block, ask = _noise(1000, 1), b"\0\0\0\x0d\x06" + bytes(8) + b"\0\0\x40\0"
    with world.server.listen(4, SERVER[4], OTHER_PORT) as listener:
        near = world.client.connect(SERVER[4], OTHER_PORT)
        far, _ = listener.accept()
        far.sendall(block)
        assert near.recv(4096)
        with guard(world, "rules: [{deny: bittorrent}]") as running:
            for _ in range(14):
                far.sendall(block)
                assert near.recv(len(block), socket.MSG_WAITALL) == block
            near.sendall(ask)
            assert running.told()[0][:2] == ("reset", "bittorrent")


@isolated
def test_what_stood_before_and_does_not_say_what_it_is_begins_anew_where_the_policy_says_so():
    world = World()
    strict = "guard: {existing: reset}\nrules: [{allow: icq}, {deny: [aim, msn]}]"
    half = OFT[0][1][128:]
    assert stood(world, strict, half) == (b"", [("reset", "", "")])
    assert stood(world, strict.replace("reset", "judge"), half)[0] == half
    whole = next(data for side, data in AIM_MESSAGES[6:] if side == 0 and data[:2] == b"*\2")
    assert stood(world, strict, whole)[0] == b""  # AIM's or ICQ's: nobody can tell
    assert stood(world, "guard: {existing: reset}\nrules: [{deny: msn}]", whole)[0] == whole


@isolated
def test_a_tunnel_that_stood_before_is_refused_at_its_first_datagram():
    """Ciphertext alone says little; that it was there before, on IKE's port, is enough to end it
    where everything of the service is refused.
    """
    world = World()
    esp = [b"\x8f\x71\x8e\xe4" + bytes([0, 0, 0, n]) + _noise(128, n) for n in range(1, 5)]
    server = world.server.listen(4, SERVER[4], 4500, socket.SOCK_DGRAM)
    client = world.client.listen(4, "10.1.0.2", 4500, socket.SOCK_DGRAM)
    world.router.sh(
        "nft add table ip track; nft 'add chain ip track c { type filter hook forward "
        "priority 0; }'; nft add rule ip track c ct state new accept"
    )
    client.sendto(esp[0], (SERVER[4], 4500))
    assert server.recv(200) == esp[0]
    for policy, passes in (("", True), ("guard: {existing: reset}\n", False)):
        with guard(world, policy + "rules: [{deny: ipsec}]") as running:
            with suppress(OSError):  # ICMP
                client.sendto(esp[1], (SERVER[4], 4500))
            if passes:
                assert server.recv(200) == esp[1]
            else:
                assert running.told() == [("reset", "", "")]
                server.settimeout(0.3)
                with pytest.raises(TimeoutError):
                    server.recv(200)


@isolated
def test_a_datagram_service_is_told_by_icmp():
    world = World()
    first = conversation("icq/icq_v5_neticq_iserverd.pcap", transport="udp")[0][1]
    with guard(world, "rules: [{deny: icq}]") as running:
        with world.server.listen(4, SERVER[4], 4000, socket.SOCK_DGRAM) as far:
            far.settimeout(0.3)
            with world.client.inside():
                near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            near.settimeout(PATIENCE)
            near.connect((SERVER[4], 4000))
            near.send(first)
            with pytest.raises(ConnectionRefusedError):
                near.recv(100)
            with pytest.raises(TimeoutError):
                far.recv(1000)
        assert running.told()[0][:2] == ("reset", "icq")


(UPLOAD,) = library.shipped()["yahoo", "file-transfer"]


@pytest.mark.parametrize("port", [80, 8080])
@isolated
def test_of_a_request_in_pieces_nothing_passes_before_its_head_is_whole(port):
    """An upload by an absolute URI, as Yahoo's clients send it, to the server and to a proxy: its
    first line alone shows what it is, or that somebody else is asked, and is not refused yet.
    """
    world = World()
    upload = UPLOAD.flows[1].steps[0].data
    line, head = upload.index(b"\r\n") + 2, upload.index(b"\r\n\r\n") + 2
    pieces = upload[:line], upload[line : line + 40], upload[line + 40 : head], upload[head:]
    with (
        guard(world, "rules: [{deny: yahoo, capabilities: [file-transfer]}]") as running,
        world.server.listen(4, SERVER[4], port) as listener,
        world.client.connect(SERVER[4], port) as near,
        listener.accept()[0] as far,
    ):
        far.settimeout(PATIENCE)
        for piece in pieces:  # a segment each
            near.sendall(piece)
        with pytest.raises(ConnectionResetError):
            far.recv(999)
        assert running.told() == [("reset", "yahoo", "file-transfer")]


@pytest.mark.parametrize("mode", ["observe", "alert"])
@isolated
def test_the_milder_modes_tell_and_pass(mode):
    world = World()
    with guard(world, f"guard: {{mode: {mode}}}\n{NO_FILES}") as running:
        told = play(world, OFT, OTHER_PORT)
        done = {"observe": "observed", "alert": "alerted"}[mode]
        assert running.told() == [(done, "aim", "file-transfer")]
    assert arrived(told) == sizes(OFT)


@pytest.mark.parametrize("default", ["allow", "deny"])
@isolated
def test_who_only_observes_holds_no_packet_back_and_drops_none(default):
    """Not messages in pieces, not bytes out of order, and not what the default would refuse."""
    world = World()
    lose_first(world)
    policy = f"guard: {{mode: observe, on-failure: closed}}\ndefault: {default}\n{NO_FILES}"
    with guard(world, policy) as running:
        told = play(world, AIM_MESSAGES, OTHER_PORT)
        assert by_bytes(world, b"YMSG\x09\0\0\0") == b"YMSG\x09\0\0\0"
        web = play(world, HTTP, 80)
        transfer = play(world, OFT, OTHER_PORT, size=1)
        assert ("observed", "aim", "file-transfer") in running.told(
            ("observed", "aim", "file-transfer")
        )
        assert {action for action, _, _ in running.actions()} == {"observed"}
        counted = running.status()["counters"]
    for steps, seen in ((AIM_MESSAGES, told), (HTTP, web), (OFT, transfer)):
        assert arrived(seen) == sizes(steps)
    assert not [name for name in counted if "held" in name or "message" in name or "drop" in name]


@isolated
def test_no_rule_reaches_the_never_block_list_or_a_lifeline():
    world = World()
    lifeline = f"management: [{{from: 10.1.0.2, port: tcp/{OTHER_PORT}}}]\n"
    for extra in ("guard: {never-block: [10.2.0.2]}\n", lifeline):
        with guard(world, f"{extra}default: deny\nrules: [{{deny: aim}}]"):
            told = play(world, AIM, OTHER_PORT)
        assert arrived(told) == sizes(AIM)


@isolated
def test_what_no_rule_allows_is_denied_where_that_is_the_default():
    world = World()
    with guard(world, "default: deny\nrules: [{allow: aim}]") as running:
        allowed = play(world, AIM, OTHER_PORT)
        denied = play(world, [HTTP[0], *[(1, b"y" * 100)] * 20], 80)
        assert running.told() == [("reset", "", "")]
    assert arrived(allowed) == sizes(AIM)
    assert denied.failed


@isolated
def test_nothing_is_left_behind():
    world = World()
    with guard(world, NO_FILES, hooks=("forward", "input", "output")):
        before = world.router.sh(
            "nft list tables; iptables-save -t mangle; ip6tables-save -t mangle"
        )
        assert ruleset.TABLE in before
        assert ruleset.CHAIN in before
    after = world.router.sh("nft list tables; iptables-save -t mangle; ip6tables-save -t mangle")
    assert ruleset.TABLE not in after
    assert ruleset.CHAIN not in after


@isolated
def test_later_packets_of_a_decided_flow_never_come_to_us():
    world = World()
    bulk = [HTTP[0], *[(1, b"z" * 1000)] * 100]
    with guard(world, NO_FILES) as running:
        told = play(world, bulk, 80)
        status = running.status()
    assert arrived(told) == sizes(bulk)
    assert status["given_to_kernel"] == 1
    assert status["packets"] < 30
    assert sum(status["costs"].values()) == 1


ASKED = b"\x05\x01\x00\x01\n\x02\x00\x02\x00P"
SOCKS5 = [
    (0, b"\x05\x02\x00\x02"),
    (1, b"\x05\x00"),
    (0, ASKED),
    (1, b"\x05\x00" + ASKED[2:]),
]
SOCKS4 = [(0, b"\x04\x01\x00P\n\x02\x00\x02me\x00"), (1, b"\x00\x5a\x00P\n\x02\x00\x02")]


@pytest.mark.parametrize(("steps", "refused"), [(SOCKS5, [14, 2]), (SOCKS4, [11, 0])])
@pytest.mark.parametrize("denied", ["bittorrent", "socks"])
@isolated
def test_a_whole_greeting_does_not_wait_for_more(denied, steps, refused):
    """Its sender waits for an answer: holding it back would only delay every connection."""
    world = World()
    with guard(world, f"rules: [{{deny: {denied}}}]") as running:
        told = play(world, steps, 1080)
        assert arrived(told) == (refused if denied == "socks" else sizes(steps))
        assert (
            "messages passed before their end: it did not come in time"
            not in (running.status()["counters"])
        )
