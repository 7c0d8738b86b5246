"""A real server that no rule speaks of: two people chat over XMPP through a guarded router."""

import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.enforce.guarding import guard, services
from tests.enforce.lab import SERVER, World, isolated

PROSODY = shutil.which("prosody", path="/usr/bin:/usr/sbin")
HOST = "guarded.example"
CONFIG = f"""
run_as_root = true
daemonize = false
pidfile = "/run/prosody.pid"
data_path = "/run/prosody"
modules_disabled = {{ "s2s"; "tls"; "http" }}
modules_enabled = {{ "saslauth"; "ping" }}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "anonymous"
interfaces = {{ "*" }}
VirtualHost "{HOST}"
"""
STREAM = (
    '<stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams" '
    f'version="1.0" to="{HOST}">'
)


@pytest.fixture(scope="module", autouse=True)
def _catalogue():
    services()


@pytest.mark.skipif(PROSODY is None, reason="prosody is not installed")
@isolated
def test_xmpp_passes_a_guard_of_messengers():
    world = World()
    Path("/run/prosody").mkdir()
    Path("/run/prosody.lua").write_text(CONFIG)
    with world.server.inside():
        server = subprocess.Popen(
            [PROSODY, "--config", "/run/prosody.lua"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    with guard(world, "rules: [{deny: [aim, icq, msn, yahoo, kazaa, gnutella]}]") as running:
        (ann, _), (bob, name) = _sign_on(world), _sign_on(world)
        bob.sendall(b"<presence/>")
        ann.sendall(
            f'<message to="{name}" type="chat"><body>over a router</body></message>'.encode()
        )
        assert b"<body>over a router</body>" in _until(bob, b"</message>")
        assert running.actions() == []
        assert running.status()["packets"] > 10
    server.send_signal(signal.SIGKILL)
    server.wait()


def _sign_on(world):
    """Connect without a name of one's own; return the connection and the name that was given."""
    until = time.monotonic() + 20
    while True:
        try:
            near = world.client.connect(SERVER[4], 5222)
            break
        except ConnectionRefusedError:
            assert time.monotonic() < until
            time.sleep(0.2)
    near.sendall(STREAM.encode())
    _until(near, b"</stream:features>")
    near.sendall(b'<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="ANONYMOUS"/>')
    _until(near, b"<success")
    near.sendall(STREAM.encode())
    _until(near, b"</stream:features>")
    near.sendall(b'<iq type="set" id="1"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></iq>')
    told = _until(near, b"</jid>").decode()
    return near, re.search(r"<jid>([^<]+)</jid>", told)[1]


def _until(near, mark):
    near.settimeout(10)
    seen = b""
    while mark not in seen:
        piece = near.recv(4096)
        assert piece, seen
        seen += piece
    return seen
