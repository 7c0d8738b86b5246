"""A client and a host with a ruleset, each in its own network namespace, with real sockets.

`play` runs this file again inside new user and network namespaces, where it is root over nothing
but them. The host is 10.9.0.1 and fd00:9::1, the client 10.9.0.2 and fd00:9::2.
"""

import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

HOST, CLIENT = {4: "10.9.0.1", 6: "fd00:9::1"}, {4: "10.9.0.2", 6: "fd00:9::2"}
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
PATIENCE, FOR_OPENING = 0.5, 2.0
"""Seconds to wait for what may never come; between namespaces it takes microseconds to come."""


def need(*programs):
    """Skip, or fail in continuous integration, where a program is missing."""
    missing = [name for name in programs if not shutil.which(name)]
    if missing:
        tell = pytest.fail if os.environ.get("CI") else pytest.skip
        tell(f"needs {', '.join(missing)}; tools/setup installs it where it can")


def inside(command, text=None, timeout=60):
    """Run *command* in a network namespace of its own; skip where a user may not make one.

    Root needs no user namespace, and there the kernel takes rulesets of any size in one step.
    """
    need("unshare", "ip", command[0])
    wrapped = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
    tried = subprocess.run([*wrapped, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        tell = pytest.fail if os.environ.get("CI") else pytest.skip
        tell(f"needs user and network namespaces: {tried.stderr.strip()}")
    return subprocess.run(
        [*wrapped, *command],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


def play(steps, loads=()):
    """Return what each of *steps* gave; `load` runs *loads*, commands with their input.

    Steps: `["open", name, carrier, port, version, own port]` from the client, or `open-in` towards
    it; `["how", carrier, port, version]` by which error opening fails; `["say", name, side]`
    whether the other side hears it; `["load"]`; `["run", command...]`.
    """
    wanted = json.dumps({"steps": steps, "loads": loads})
    ran = inside([sys.executable, str(Path(__file__))], wanted)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


class _Lab:
    def __init__(self, loads):
        self._loads, self._flows, self._libc = loads, {}, ctypes.CDLL(None, use_errno=True)
        self._host = os.open("/proc/self/ns/net", os.O_RDONLY)
        assert self._libc.unshare(0x40000000) == 0  # CLONE_NEWNET
        self._client = os.open("/proc/self/ns/net", os.O_RDONLY)
        _sh("ip link set lo up")
        self._enter(self._host)
        _sh("ip link set lo up")
        _sh("ip link add host type veth peer name client")
        _sh(f"ip link set client netns /proc/{os.getpid()}/fd/{self._client}")
        for namespace, name, ours in ((self._host, "host", HOST), (self._client, "client", CLIENT)):
            self._enter(namespace)
            _sh(f"ip addr add {ours[4]}/24 dev {name}")
            _sh(f"ip addr add {ours[6]}/64 dev {name} nodad")
            _sh(f"ip link set {name} up")
        self._enter(self._host)

    def _enter(self, namespace):
        assert self._libc.setns(namespace, 0) == 0

    def _socket(self, namespace, family, kind):
        self._enter(namespace)
        made = socket.socket(FAMILIES[family], KINDS[kind])
        made.settimeout(FOR_OPENING)
        self._enter(self._host)
        return made

    def open(self, name, carrier, port, family=4, own_port=0):
        return self._open(name, carrier, (own_port, port), family, inwards=False) is None

    def open_in(self, name, carrier, port, family=4):
        return self._open(name, carrier, (0, port), family, inwards=True) is None

    def how(self, carrier, port, family=4):
        error = self._open("", carrier, (0, port), family, inwards=False)
        return error and type(error).__name__

    def _open(self, name, carrier, ports, family, *, inwards):
        own_port, port = ports
        opens, called = self._client, self._host
        if inwards:
            opens, called = called, opens
        addresses = CLIENT if inwards else HOST
        listener = self._socket(called, family, carrier)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((addresses[family], port))
        opener = self._socket(opens, family, carrier)
        if carrier == "tcp":
            listener.listen()
        opener.bind(("", own_port))
        try:
            opener.connect((addresses[family], port))
            if carrier == "tcp":
                answerer = listener.accept()[0]
            else:
                opener.send(b"hello")
                answerer = listener
                answerer.connect(answerer.recvfrom(9)[1])
                answerer.send(b"hello")
                opener.recv(9)
        except OSError as error:
            listener.close()
            return error
        for end in (opener, answerer):
            end.settimeout(PATIENCE)
        self._flows[name] = {"opener": opener, "answerer": answerer}
        return None

    def say(self, name, side):
        flow = self._flows[name]
        other = "answerer" if side == "opener" else "opener"
        try:
            flow[side].send(b"word")
            return flow[other].recv(9) == b"word"
        except OSError:
            return False

    def load(self):
        for command, text in self._loads:
            subprocess.run(command, input=text, text=True, check=True)

    def run(self, *command):
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _sh(command):
    subprocess.run(command.split(), check=True)


def _main():
    wanted = json.load(sys.stdin)
    lab = _Lab(wanted["loads"])
    told = [getattr(lab, step[0].replace("-", "_"))(*step[1:]) for step in wanted["steps"]]
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    _main()
