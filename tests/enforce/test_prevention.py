"""A watch beside the wire that ends what a policy refuses: real sockets, a real kernel."""

import os
import signal
import socket
import struct
import subprocess
import threading
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from errno import ENOMEM
from itertools import chain, repeat, takewhile
from pathlib import Path

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Dot1Q, Ether
from tests.enforce.guarding import services, until
from tests.enforce.lab import PATIENCE, SERVER, Net, World, isolated, play
from tests.enforce.test_guard import NO_FILES, OFT, conversation
from tests.enforce.watching import watch
from tests.protocols.quic import build as quic

from backchannel.enforce import prevention
from backchannel.enforce.outlets import Routed, raw_sockets
from backchannel.live import config
from backchannel.policy.load import load

PORT, OTHER = 27015, 8080
ICQ = conversation("icq/icq_v5_neticq_iserverd.pcap", transport="udp")
ESTABLISHED, CLOSED = 1, 7
FILE = bytes(range(256)) * 32


class Talk:
    """A connection through the lab, with its two ends in our hands."""

    def __init__(self, world, port, version=4):
        self._stack = ExitStack()
        listener = self._stack.enter_context(world.server.listen(version, SERVER[version], port))
        self.near = self._stack.enter_context(world.client.connect(SERVER[version], port))
        self.far, _ = listener.accept()
        self._stack.enter_context(self.far)
        self.ends = self.near, self.far
        for end in self.ends:
            end.settimeout(PATIENCE)

    def say(self, steps, pause=0.0):
        """Play steps of a recording, each to its end."""
        for side, data in steps:
            time.sleep(pause)
            self.ends[side].sendall(data)
            size = len(data)
            while size:
                piece = self.ends[1 - side].recv(size)
                if not piece:
                    raise ConnectionError("ended")
                size -= len(piece)

    def cut(self):
        """Whether both ends come to have no connection any more, though neither closed it."""
        return until(lambda: self.states() == [CLOSED, CLOSED])

    def states(self):
        return [end.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] for end in self.ends]

    def drain(self):
        """Read what the far end still has to read."""
        self.far.settimeout(0.2)
        with suppress(TimeoutError):
            while self.far.recv(1 << 20):
                pass
        self.far.settimeout(PATIENCE)

    def lives(self):
        """Whether bytes still go both ways."""
        self.say([(0, b"still"), (1, b"there")])
        return self.states() == [ESTABLISHED, ESTABLISHED]

    def close(self):
        self._stack.close()


@contextmanager
def talk(world, port, version=4):
    made = Talk(world, port, version)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def pouring(end, other):
    """Let *end* send without pause, and *other* read; give what the other has read so far."""
    told, stop = [0], threading.Event()

    def send():
        try:
            while not stop.is_set():
                end.sendall(FILE)
        except OSError:
            pass

    def read():
        try:
            while not stop.is_set() and (piece := other.recv(65536)):
                told[0] += len(piece)
        except OSError:
            pass

    threads = [threading.Thread(target=each, daemon=True) for each in (send, read)]
    for each in threads:
        each.start()
    try:
        yield told
    finally:
        stop.set()
        for each in threads:
            each.join(5)


def transfer(refused):
    """Play a refused transfer until somebody ends it; fail if nobody does."""
    end = time.monotonic() + PATIENCE
    more = takewhile(lambda _: time.monotonic() < end, repeat((1, FILE)))
    with pytest.raises(ConnectionError):
        refused.say(chain(OFT, more), pause=0.001)


def more(arrived):
    """Whether bytes go on arriving."""
    before = arrived[0]
    return until(lambda: arrived[0] > before + 1_000_000)


@isolated
def test_a_refused_transfer_is_cut_at_both_ends_and_an_allowed_one_lives():
    world = World()
    with watch(world.router, "r1", NO_FILES) as watching, talk(world, OTHER) as allowed:
        allowed.say([(0, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), (1, b"HTTP/1.1 200 OK\r\n\r\n")])
        with pouring(allowed.far, allowed.near) as arrived:
            for version in (4, 6):
                with talk(world, PORT, version) as refused:
                    transfer(refused)
                    assert refused.cut()
                assert more(arrived)
        assert until(lambda: watching.matches() == [("reset", "aim", "file-transfer")] * 2)
        assert watching.stop()["TCP resets sent"] >= 4


@isolated
def test_a_transfer_that_pours_is_cut_too_and_so_is_one_joined_midstream():
    world = World()
    with talk(world, PORT) as stood:
        with pouring(stood.near, stood.far) as arrived:  # so that numbers are large
            assert more(arrived)
        stood.drain()
        with watch(world.router, "r1", NO_FILES) as watching, talk(world, OTHER) as fast:
            with suppress(ConnectionError):  # it may be cut before the last piece has arrived
                stood.say(OFT[:2])
            assert stood.cut()
            with suppress(ConnectionError):
                fast.say(OFT[:1])
            with pouring(fast.far, fast.near):
                assert fast.cut()
            assert until(lambda: watching.matches() == [("reset", "aim", "file-transfer")] * 2)


@isolated
def test_who_is_spared_is_left_alone_and_the_milder_modes_send_nothing():
    world = World()
    world.server.sh("ip addr add 10.2.0.3/24 dev s0", "ip addr add 10.2.0.4/24 dev s0")
    world.server.sh("ip addr add 10.2.0.5/24 dev s0")
    policy = (
        f"management: [{{from: 10.1.0.2, port: tcp/{OTHER}}}]\n"
        "guard: {never-block: [10.2.0.3]}\n"
        "groups: {o: [10.2.0.4], a: [10.2.0.5]}\n"
        "rules:\n"
        "- {deny: [aim], capabilities: [file-transfer], to: [o], mode: observe}\n"
        "- {deny: [aim], capabilities: [file-transfer], to: [a], mode: alert}\n"
        "- {deny: [aim], capabilities: [file-transfer]}\n"
    )
    places = [("10.2.0.2", OTHER), ("10.2.0.3", PORT), ("10.2.0.4", PORT), ("10.2.0.5", PORT)]
    with watch(world.router, "r1", policy) as watching:
        for address, port in places:
            told = play(world, OFT, port, address=address)
            assert not told.failed
        names = ["spared", "spared", "observed", "alerted"]
        wanted = [(name, "aim", "file-transfer") for name in names]
        assert until(lambda: watching.matches() == wanted)
        assert watching.stop() == {}


@isolated
def test_forged_packets_do_not_make_us_reset_an_innocent_connection():
    world = World()
    with watch(world.router, "r1", NO_FILES) as watching, talk(world, OTHER) as innocent:
        assert innocent.lives()
        ends = {"src": "10.1.0.2", "dst": "10.2.0.2"}
        ports = {"sport": innocent.near.getsockname()[1], "dport": OTHER}
        head = OFT[0][1]
        with world.client.inside(), closing(Routed(*raw_sockets())) as forger:
            for number in (1_000_000, 3_000_000_000):
                syn = IP(**ends) / TCP(**ports, seq=number, flags="S")
                data = IP(**ends) / TCP(**ports, seq=number + 1, ack=7, flags="PA") / head
                for packet in (syn, data):
                    assert not forger.send(bytes(packet))
                for _ in range(30):
                    assert innocent.lives()
        assert until(lambda: ("reset", "aim", "file-transfer") in watching.matches())
        counted = watching.stop()
        assert innocent.lives()
        assert counted["TCP resets sent"] >= 2


@isolated
def test_datagrams_are_answered_with_icmp_to_both_ends():
    world = World()
    (hello, *_) = (step for step in ICQ if step[0] == 0)
    with watch(world.router, "r1", "rules: [{deny: [icq]}]") as watching:
        for version in (4, 6):
            with world.server.listen(version, SERVER[version], 4000, socket.SOCK_DGRAM) as far:
                near = datagrams(world, SERVER[version], 4000)
                with near:
                    near.send(hello[1])
                    _, client = far.recvfrom(2048)
                    far.connect(client)
                    with pytest.raises(ConnectionRefusedError):
                        near.recv(1)
                    far.send(b"an answer")
                    with pytest.raises(ConnectionRefusedError):
                        far.recv(1)
        assert until(lambda: watching.matches() == [("reset", "icq", "")] * 2)
        assert watching.stop()["ICMP messages sent"] >= 4


@isolated
def test_who_asks_for_a_refused_name_in_quic_is_answered_with_icmp():
    world = World()
    policy = "rules: [{deny: telegram, best-effort: true}]"
    with watch(world.router, "r1", policy) as watching:
        for name, refused in ((b"www.example.org", False), (b"web.telegram.org", True)):
            with (
                world.server.listen(4, SERVER[4], 443, socket.SOCK_DGRAM) as far,
                datagrams(world, SERVER[4], 443) as near,
            ):
                near.send(quic.initial(quic.crypto(quic.greeting(name))))
                _, client = far.recvfrom(2048)
                if refused:
                    with pytest.raises(ConnectionRefusedError):
                        near.recv(1)
                else:
                    far.sendto(quic.SHORT, client)
                    assert near.recv(2048) == quic.SHORT
        assert until(lambda: watching.matches() == [("reset", "telegram", "")])


def datagrams(world, address, port):
    with world.client.inside():
        made = socket.socket(
            socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM
        )
    made.connect((address, port))
    made.settimeout(PATIENCE)
    return made


class Hub:
    """Client, server and a monitoring port on one wire: what anybody sends, everybody gets."""

    def __init__(self):
        self.wire, self.client, self.server, self.monitor = Net(), Net(), Net(), Net()
        self.wire.sh("ip link add hub type bridge ageing_time 0", "ip link set hub up")
        for end, name in ((self.client, "c0"), (self.server, "s0"), (self.monitor, "m0")):
            end.sh("ip link set lo up")
            with end.inside():
                subprocess.run(
                    f"ip link add {name} type veth peer name {name}p netns /proc/self/fd/"
                    f"{self.wire.fd}",
                    shell=True,
                    check=True,
                    pass_fds=(self.wire.fd,),
                )
            end.sh(f"sysctl -qw net.ipv6.conf.{name}.accept_dad=0", f"ip link set {name} up")
            self.wire.sh(f"ip link set {name}p master hub up")
        for end, name, last in ((self.client, "c0", 1), (self.server, "s0", 2)):
            end.sh(
                f"ip addr add 10.2.0.{last}/24 dev {name}",
                f"ip addr add fd00:2::{last}/64 dev {name} nodad",
            )
        self.client.sh("ip route add 10.9.0.0/24 via 10.2.0.2")


@isolated
def test_a_monitoring_port_without_an_address_cuts_by_frames():
    hub = Hub()
    options = ("--promiscuous", "--prevent-via", "m0")
    with watch(hub.monitor, "m0", NO_FILES, *options) as watching, talk(hub, OTHER) as allowed:
        for version in (4, 6):
            with talk(hub, PORT, version) as refused:
                transfer(refused)
                assert refused.cut()
            assert allowed.lives()
        counted = watching.stop()
    assert counted["TCP resets sent"] >= 4
    assert not [what for what in counted if "not sent" in what]


@isolated
def test_answers_into_a_vlan_have_its_tag_and_the_addresses_of_its_wire():
    """The kernel here need not know VLANs: both ends are played frame by frame."""
    hub = Hub()
    client, server = "02:00:00:00:00:01", "02:00:00:00:00:02"
    tag = Dot1Q(vlan=5, prio=3)
    there = Ether(src=client, dst=server) / tag / IP(src="10.5.0.1", dst="10.5.0.2")
    back = Ether(src=server, dst=client) / tag / IP(src="10.5.0.2", dst="10.5.0.1")
    head = OFT[0][1]
    frames = [
        there / TCP(sport=1, dport=2, seq=99, flags="S"),
        back / TCP(sport=2, dport=1, seq=499, ack=100, flags="SA"),
        there / TCP(sport=1, dport=2, seq=100, ack=500, flags="A"),
        back / TCP(sport=2, dport=1, seq=500, ack=100, flags="PA") / head,
    ]
    with watch(hub.monitor, "m0", NO_FILES, "--promiscuous", "--prevent-via", "m0") as watching:
        with hub.client.inside():
            wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        wire.bind(("c0", 3))
        wire.settimeout(PATIENCE)
        wire.setsockopt(
            263, 8, 1
        )  # PACKET_AUXDATA: the kernel takes tags out, and tells them there
        for frame in frames:
            wire.send(bytes(frame))
        found = {}
        while len(found) < 2:
            data, told, _, _ = wire.recvmsg(4096, 256)
            seen = Ether(data)
            if TCP in seen and seen[TCP].flags.R:
                found[seen.dst] = seen, *struct.unpack_from("HH", told[0][2], 16)
        wire.close()
        watching.stop()
    own = hub.monitor.sh("ip -br link show m0").split()[2]
    for mac, port, number in ((client, 1, 500 + len(head)), (server, 2, 100)):
        seen, label, kind = found[mac]
        assert seen.src == own
        assert (label, kind) == (3 << 13 | 5, 0x8100)
        assert (seen[TCP].dport, seen[TCP].seq) == (port, number)


@isolated
def test_who_sends_is_confined_and_started_again_and_rules_are_read_again():
    world = World()
    with watch(world.router, "r1", "rules: [{deny: [gnutella]}]") as watching:
        (pid,) = children(watching.process.pid, b"backchannel.enforce.sender")
        status = Path(f"/proc/{pid}/status")
        assert until(lambda: "Seccomp:\t2" in status.read_text())
        assert "CapEff:\t0000000000000000" in status.read_text()
        with talk(world, PORT) as stood:
            stood.say(OFT)  # allowed by these rules
            watching.policy("rules: [{deny: nobody-knows}]")
            watching.process.send_signal(signal.SIGHUP)
            assert until(lambda: "not reloaded, the old configuration stays" in watching.said())
            watching.policy(NO_FILES)
            watching.process.send_signal(signal.SIGHUP)
            assert until(lambda: "reloaded: " in watching.said())
            os.kill(pid, signal.SIGKILL)
            assert until(lambda: "resets died and is restarted" in watching.said())
            assert until(lambda: children(watching.process.pid, b"backchannel.enforce.sender"))
            with pouring(stood.far, stood.near):
                assert stood.cut()
        assert watching.stop()["sending processes that died"] == 1


@isolated
def test_who_sends_is_started_again_later_and_later_where_it_dies_again():
    world = World()
    with watch(world.router, "r1", NO_FILES) as watching:
        for times in (1, 2, 3):
            assert until(lambda: children(watching.process.pid, b"backchannel.enforce.sender"))
            (pid,) = children(watching.process.pid, b"backchannel.enforce.sender")
            os.kill(pid, signal.SIGKILL)
            assert until(lambda times=times: watching.said().count("resets died") == times)
        said = watching.said()
        assert "died again, and starts in 1 second; nothing is sent until then" in said
        assert "died again, and starts in 2 seconds; nothing is sent until then" in said
        assert not children(watching.process.pid, b"backchannel.enforce.sender")
        watching.process.send_signal(signal.SIGHUP)  # orders for nobody
        assert until(lambda: "reloaded: " in watching.said())
        assert until(lambda: children(watching.process.pid, b"backchannel.enforce.sender"))
        with talk(world, PORT) as refused:
            transfer(refused)
            assert refused.cut()
        assert watching.stop()["sending processes that died"] == 3


@isolated
def test_a_sender_that_cannot_be_started_again_ends_no_watch(monkeypatch):
    world, path, notices = World(), Path("/run/policy.yaml"), []
    path.write_text(f"policy: 1\n{NO_FILES}")

    def fail(*_, **__):
        raise OSError(ENOMEM, "Cannot allocate memory")

    def read(path):
        return load(path, services()), services()

    settings = config.Prevent(policy=path)
    with world.router.inside():
        made = prevention.Prevention(settings, read, notices.append)
    made._process.kill()
    made._process.wait()
    with monkeypatch.context() as patched:
        patched.setattr(prevention.process, "start", fail)
        made.look()
    assert notices == [
        "the process that sends resets died and is restarted; nothing is sent until then",
        "the process that sends resets cannot be started: Cannot allocate memory",
    ]
    made.reload(config.Config(prevent=settings))
    made.look()  # not before its time
    assert len(notices) == 2
    made._due = 0
    made.look()
    assert made._process.poll() is None
    made.close()


@isolated
def test_what_the_kernel_will_not_send_is_said_at_once():
    world = World()
    rule = "tcp flags & rst == rst drop"
    table = f"table inet filter {{ chain o {{ type filter hook output priority 0; {rule}; }}; }}"
    world.router.sh(f"nft '{table}'")
    told = "what the policy refuses may go on: packets not sent: the kernel would not: "
    with watch(world.router, "r1", NO_FILES) as watching:
        for _ in range(2):
            assert not play(world, OFT, PORT).failed
            assert until(lambda: told in watching.said())
        assert watching.said().count(told) == 1
        assert "TCP resets sent" not in watching.stop()


def children(parent, name):
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if name in (folder / "cmdline").read_bytes().split(b"\0"):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == parent:
                    found.append(int(folder.name))
    return found
