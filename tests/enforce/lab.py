"""Client, router and server in network namespaces of one process; a guard on the router.

    client 10.1.0.2 -- 10.1.0.1 router 10.2.0.1 -- 10.2.0.2 server     (fd00:1:: and fd00:2:: too)

A test with `@isolated` runs in a process of its own, with users, mounts and networks of its own;
whatever it leaves in a kernel goes with it. No root is needed where user namespaces are allowed.
"""

import ctypes
import functools
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from backchannel.model import Side

NEWNS, NEWUSER, NEWNET = 0x00020000, 0x10000000, 0x40000000
CLIENT, SERVER = {4: "10.1.0.2", 6: "fd00:1::2"}, {4: "10.2.0.2", 6: "fd00:2::2"}
TIMEOUT = float(os.environ.get("LAB_TIMEOUT", "240"))
PATIENCE = 30.0
"""Seconds that a test waits for what must come: on a busy machine another process is late. Only for
what must not come it waits less.
"""
DIE = "setpriv", "--pdeathsig", "KILL"
"""Before a command: the kernel kills it when its parent ends."""
_libc = ctypes.CDLL(None, use_errno=True)


def _call(code: int) -> None:
    if code:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends."""
    _libc.prctl(1, signal.SIGKILL, 0, 0, 0)


def _isolate(*, users: bool = True) -> None:
    user, group = os.getuid(), os.getgid()
    die_with_parent()
    if users:
        _call(_libc.unshare(NEWUSER | NEWNET | NEWNS))
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    else:
        _call(_libc.unshare(NEWNET | NEWNS))
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)


def _why_not() -> str:
    for program in ("ip", "nft", "iptables-restore", "unshare"):
        if subprocess.run(["which", program], capture_output=True, check=False).returncode:
            return f"{program} is not installed"
    probe = ["unshare", "--user", "--map-root-user", "--net", "--mount", "nft", "list", "tables"]
    done = subprocess.run(probe, capture_output=True, text=True, check=False)
    return f"no namespaces here: {done.stderr.strip()}" if done.returncode else ""


@functools.cache
def why_not() -> str:
    """Return why tests with namespaces cannot run; empty where they can."""
    return _why_not()


def isolated(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test in a child process with namespaces of its own."""

    @functools.wraps(test)
    def run(*args: object, **named: object) -> None:
        if why := why_not():
            if os.environ.get("CI"):
                pytest.fail(why)
            pytest.skip(why)
        with tempfile.TemporaryFile() as told:
            child = os.fork()
            if not child:
                _child(test, args, named, told.fileno())
            status = _wait(child)
            told.seek(0)
            if said := told.read().decode():
                pytest.fail(said, pytrace=False)
            assert status == 0, f"the isolated process ended with {status}"

    return run


def isolated_as_root(test: Callable[..., None]) -> Callable[..., None]:
    """As `isolated`, by root itself, who can become other users; skipped for others."""
    test.as_root = True  # type: ignore[attr-defined]
    reason = "needs root, who can become another user"
    return pytest.mark.skipif(os.geteuid() != 0, reason=reason)(isolated(test))


def _child(test: Callable[..., None], args: object, named: object, told: int) -> None:
    code = 1
    try:
        os.setsid()
        _isolate(users=not getattr(test, "as_root", False))
        test(*args, **named)  # type: ignore[misc]
        code = 0
    except BaseException:
        os.write(told, traceback.format_exc().encode())
    finally:
        sys.stdout.flush()
        os._exit(code)


def _wait(child: int) -> int:
    until = time.monotonic() + TIMEOUT
    while time.monotonic() < until:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -1


class Net:
    """One network namespace."""

    def __init__(self) -> None:
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        _call(_libc.unshare(NEWNET))
        self.fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        _call(_libc.setns(home, NEWNET))
        os.close(home)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Within this block this thread's sockets and children are made here."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        _call(_libc.setns(self.fd, NEWNET))
        try:
            yield
        finally:
            _call(_libc.setns(home, NEWNET))
            os.close(home)

    def sh(self, *commands: str, keep: Sequence[int] = ()) -> str:
        """Run shell commands here, which may use the handles *keep*; return what the last said."""
        said = ""
        for command in commands:
            with self.inside():
                done = subprocess.run(
                    command,
                    shell=True,
                    capture_output=True,
                    text=True,
                    check=False,
                    pass_fds=(self.fd, *keep),
                )
            assert not done.returncode, f"{command}: {done.stderr}"
            said = done.stdout
        return said

    def start(self, *command: object, **options: Any) -> subprocess.Popen[Any]:
        """Start a command here; it is killed when this process ends."""
        with self.inside():
            return subprocess.Popen([*DIE, *map(str, command)], **options)

    def listen(self, version: int, address: str, port: int, kind: int = socket.SOCK_STREAM):
        """Return a bound socket, listening where it is a stream."""
        with self.inside():
            made = socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, kind)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        if kind == socket.SOCK_STREAM:
            made.listen(64)
        made.settimeout(PATIENCE)
        return made

    def connect(self, address: str, port: int, timeout: float = PATIENCE) -> socket.socket:
        """Return a TCP connection from here."""
        with self.inside():
            made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        made.settimeout(timeout)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.connect((address, port))
        return made


class World:
    """The three networks."""

    def __init__(self) -> None:
        self.client, self.router, self.server = Net(), Net(), Net()
        for end, name, number in ((self.client, "c0", 1), (self.server, "s0", 2)):
            with end.inside():
                subprocess.run(
                    [
                        "ip",
                        "link",
                        "add",
                        name,
                        "type",
                        "veth",
                        "peer",
                        "name",
                        f"r{number}",
                        "netns",
                        f"/proc/self/fd/{self.router.fd}",
                    ],
                    check=True,
                    pass_fds=(self.router.fd,),
                )
            end.sh(
                "ip link set lo up",
                f"sysctl -qw net.ipv6.conf.{name}.accept_dad=0",
                f"ip link set {name} up",
                f"ip addr add 10.{number}.0.2/24 dev {name}",
                f"ip addr add fd00:{number}::2/64 dev {name} nodad",
                f"ip route add default via 10.{number}.0.1",
            )
            self.router.sh(
                f"sysctl -qw net.ipv6.conf.r{number}.accept_dad=0",
                f"ip link set r{number} up",
                f"ip addr add 10.{number}.0.1/24 dev r{number}",
                f"ip addr add fd00:{number}::1/64 dev r{number} nodad",
            )
            end.sh(f"ip -6 route add default via fd00:{number}::1")
        self.router.sh(
            "ip link set lo up",
            "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1",
        )


class Played:
    """What came of a conversation that was played."""

    def __init__(self) -> None:
        self.sent, self.received = [0, 0], [b"", b""]
        self.failed = ""


def play(
    world: World,
    steps: Sequence[tuple[Side, bytes | int]],
    port: int,
    *,
    version: int = 4,
    size: int = 0,
    patience: float = PATIENCE,
    client: Callable[[World, str, int], socket.socket] | None = None,
    address: str = "",
) -> Played:
    """Play a TCP conversation through the router, step by step; stop where one does not arrive.

    *size*: bytes of each segment, 0 for whole steps. *client* makes the connection.
    """
    told = Played()
    address = address or SERVER[version]
    with world.server.listen(version, address, port) as listener:
        make = client or (lambda world, address, port: world.client.connect(address, port))
        try:
            near = make(world, address, port)
            far, _ = listener.accept()
        except OSError as error:
            told.failed = f"connect: {error}"
            return told
        with near, far:
            ends = near, far
            for end in ends:
                end.settimeout(patience)
            for side, data in steps:
                if isinstance(data, int):
                    continue
                try:
                    for at in range(0, len(data), size or len(data)):
                        ends[side].sendall(data[at : at + (size or len(data))])
                    told.sent[side] += len(data)
                    _receive(ends[1 - side], len(data), told, side)
                except OSError as error:
                    told.failed = f"{type(error).__name__} in a step of {len(data)} bytes"
                    return told
    return told


def _receive(end: socket.socket, size: int, told: Played, side: int) -> None:
    while size:
        piece = end.recv(min(size, 65536))
        if not piece:
            raise ConnectionError("ended")
        told.received[side] += piece
        size -= len(piece)
