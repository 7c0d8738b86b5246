"""Real programs that talk through a guarded router: chat, file sharing, proxies."""

import contextlib
import re
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest
from tests.enforce.guarding import guard
from tests.enforce.lab import CLIENT, PATIENCE, SERVER, World, isolated, play
from tests.enforce.test_guard import arrived
from tests.live.receivers import certificate, server_context
from tests.live.world import needs
from tests.protocols.quic import build

MESSENGERS = "rules: [{deny: [aim, icq, msn, yahoo, kazaa, gnutella]}]"
HOST = "guarded.example"
PROSODY = f"""
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
NGIRCD = f"""
[Global]
Name = {HOST}
Info = lab
AdminEMail = nobody@{HOST}
Listen = {SERVER[4]}
Ports = 6667
ServerUID = 1
ServerGID = 1
[Options]
PAM = no
DNS = no
Ident = no
"""
TINYPROXY = f"""
Port 8888
Listen {SERVER[4]}
MaxClients 20
"""
PAGE = "what the proxy fetched"


def connect(world, port):
    """Connect to a server as soon as it is there."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return world.client.connect(SERVER[4], port)
        except ConnectionRefusedError:
            assert time.monotonic() < until
            time.sleep(0.1)


def wait(near, mark):
    """Read until *mark* came."""
    seen = b""
    while mark not in seen:
        piece = near.recv(4096)
        assert piece, seen
        seen += piece
    return seen


QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


# -- chat ------------------------------------------------------------------------------------------


@isolated
def test_xmpp_passes_a_guard_of_messengers():
    needs("prosody")
    world = World()
    Path("/run/prosody").mkdir()
    Path("/run/prosody.lua").write_text(PROSODY)
    world.server.start("prosody", "--config", "/run/prosody.lua", **QUIET)
    with guard(world, MESSENGERS) as running:
        (ann, _), (bob, name) = _sign_on(world), _sign_on(world)
        bob.sendall(b"<presence/>")
        ann.sendall(
            f'<message to="{name}" type="chat"><body>over a router</body></message>'.encode()
        )
        assert b"<body>over a router</body>" in wait(bob, b"</message>")
        assert running.status()["packets"]
    assert running.actions() == []


OFFER = (
    '<iq to="{}" type="set" id="offer"><si xmlns="http://jabber.org/protocol/si" id="s1"'
    ' profile="http://jabber.org/protocol/si/profile/file-transfer">'
    '<file xmlns="http://jabber.org/protocol/si/profile/file-transfer" name="a.txt" size="3"/>'
    "</si></iq>"
)


SAYS = '<message to="{}" type="chat"><body>{}</body></message>'


@contextlib.contextmanager
def chat(world, refuse):
    """A guard that refuses files of XMPP, two users behind it, and the name of the second one."""
    Path("/run/prosody").mkdir()
    Path("/run/prosody.lua").write_text(PROSODY)
    world.server.start("prosody", "--config", "/run/prosody.lua", **QUIET)
    policy = f"rules: [{{deny: xmpp, capabilities: [file-transfer], refuse: {refuse}}}]"
    with guard(world, policy) as running:
        (ann, _), (bob, name) = _sign_on(world), _sign_on(world)
        bob.sendall(b"<presence/>")
        ann.sendall(SAYS.format(name, "before").encode())
        wait(bob, b"before</body></message>")
        yield running, ann, bob, name


@isolated
def test_an_offer_in_xmpp_is_taken_out_and_messages_go_on():
    needs("prosody")
    with chat(World(), "decline") as (running, ann, bob, name):
        ann.sendall(OFFER.format(name).encode())
        assert running.told() == [("declined", "xmpp", "file-transfer")]
        ann.sendall(SAYS.format(name, "after").encode())
        assert b"<si" not in wait(bob, b"after</body></message>")


@isolated
def test_half_an_offer_in_xmpp_waits_and_ends_its_connection():
    needs("prosody")
    with chat(World(), "reset") as (running, ann, bob, name):
        offer = OFFER.format(name).encode()
        ann.sendall(offer[:90])
        time.sleep(0.2)
        ann.sendall(offer[90:])
        assert running.told() == [("reset", "xmpp", "file-transfer")]
        with pytest.raises(ConnectionResetError):
            wait(ann, b"never")
        bob.settimeout(0.5)
        with pytest.raises(TimeoutError):
            wait(bob, b"<si")


def _sign_on(world):
    """Connect without a name of one's own; return the connection and the name that was given."""
    near = connect(world, 5222)
    near.sendall(STREAM.encode())
    wait(near, b"</stream:features>")
    near.sendall(b'<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="ANONYMOUS"/>')
    wait(near, b"<success")
    near.sendall(STREAM.encode())
    wait(near, b"</stream:features>")
    near.sendall(b'<iq type="set" id="1"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></iq>')
    told = wait(near, b"</jid>").decode()
    return near, re.search(r"<jid>([^<]+)</jid>", told)[1]


@isolated
def test_irc_passes_and_a_file_by_dcc_does():
    needs("ngircd")
    world = World()
    Path("/run/ngircd.conf").write_text(NGIRCD)
    nobody = ("unshare", "--user", "--map-user=1", "--map-group=1")  # it refuses to be root
    world.server.start(*nobody, "ngircd", "-n", "-f", "/run/ngircd.conf", **QUIET)
    book = bytes(range(256)) * 400
    with guard(world, MESSENGERS) as running:
        ann, bob = connect(world, 6667), connect(world, 6667)
        for near, name in ((ann, b"ann"), (bob, b"bob")):
            near.sendall(b"NICK %b\r\nUSER %b 0 * :%b\r\n" % (name, name, name))
            wait(near, b" 001 ")
            near.sendall(b"JOIN #lab\r\n")
            wait(near, b" 366 ")
        ann.sendall(b"PRIVMSG #lab :over a router\r\n")
        assert b"over a router" in wait(bob, b"PRIVMSG #lab")
        with world.server.listen(4, SERVER[4], 5000) as offered:
            number = int.from_bytes(socket.inet_aton(SERVER[4]))
            ann.sendall(b"PRIVMSG bob :\1DCC SEND book %d 5000 %d\1\r\n" % (number, len(book)))
            assert b"DCC SEND book" in wait(bob, b"PRIVMSG bob")
            fetching = world.client.connect(SERVER[4], 5000)
            sending, _ = offered.accept()
            sending.sendall(book)
            sending.close()
            assert b"".join(iter(lambda: fetching.recv(65536), b"")) == book
    assert running.actions() == []


# -- names -----------------------------------------------------------------------------------------


every_policy = pytest.mark.parametrize(
    ("policy", "telegram"),
    [
        ("rules: [{deny: telegram, best-effort: true}]", False),
        ("rules: [{deny: [aim, ipsec]}]", True),
        ("default: deny\nrules: [{allow: telegram, best-effort: true}]", True),
        ("default: deny\nrules: [{allow: ipsec}]", False),
    ],
)


@every_policy
@isolated
def test_a_service_in_tls_is_refused_and_allowed_by_its_name(tmp_path, policy, telegram):
    world = World()
    path = certificate(tmp_path)
    context = server_context(path)

    def answer():
        while True:
            near, _ = listener.accept()
            with contextlib.suppress(OSError), context.wrap_socket(near, server_side=True) as far:
                for _ in range(40):
                    far.sendall(far.recv(100))

    def talk(name):
        mine = ssl.create_default_context(cafile=str(path))
        mine.check_hostname = False
        with (
            world.client.connect(SERVER[4], 443) as near,
            mine.wrap_socket(near, server_hostname=name) as far,
        ):
            for _ in range(40):
                far.sendall(b"a message")
                if far.recv(100) != b"a message":
                    return False
        return True

    def talks(name):
        try:
            return talk(name)
        except OSError:
            return False

    with world.server.listen(4, SERVER[4], 443) as listener:
        listener.settimeout(None)
        threading.Thread(target=answer, daemon=True).start()
        with guard(world, policy) as running:
            assert talks("web.telegram.org") is telegram
            assert talks("www.example.org") is ("default: deny" not in policy)
        told = {service for _, service, _ in running.actions()}
        assert told <= {"telegram", ""}
        assert ("telegram" in told) is not telegram


@every_policy
@isolated
def test_a_service_in_quic_is_refused_and_allowed_by_its_name(policy, telegram):
    """Nobody here speaks QUIC: the guard sees what two that do would send each other."""
    world = World()
    hellos = build.greeting(), build.greeting(b"www.example.org")
    asks = [build.initial(build.crypto(hello)) for hello in hellos]

    def talks(port, ask):
        """Say whether a hello and what follows it reach the server, and its answers the client."""
        with (
            world.client.listen(4, CLIENT[4], port, socket.SOCK_DGRAM) as near,
            world.server.listen(4, SERVER[4], port, socket.SOCK_DGRAM) as far,
        ):
            near.settimeout(2)
            far.settimeout(2)
            try:
                for sent, back in ((ask, build.ANSWER), *[(build.SHORT, build.SHORT)] * 20):
                    near.sendto(sent, (SERVER[4], port))
                    far.sendto(back, far.recvfrom(2000)[1])
                    near.recv(2000)
            except OSError:
                return False
        return True

    with guard(world, policy) as running:
        assert talks(443, asks[0]) is telegram
        assert talks(8443, asks[1]) is ("default: deny" not in policy)
        told = {service for _, service, _ in running.actions()}
        assert told <= {"telegram", ""}
        assert ("telegram" in told) is not telegram


# -- proxies ---------------------------------------------------------------------------------------


def fetch(world, *options):
    """Fetch a page, only by a proxy; return what came and curl's exit code."""
    with world.client.inside():
        done = subprocess.run(
            ["curl", "-s", "-m", str(PATIENCE), *options, f"http://{SERVER[4]}:8000/"],
            capture_output=True,
            text=True,
            check=False,
        )
    return done.stdout, done.returncode


def proxies(world):
    """Start a web server and both proxies; wait for them."""
    Path("/run/web").mkdir()
    Path("/run/web/index.html").write_text(PAGE)
    Path("/run/tinyproxy.conf").write_text(TINYPROXY)
    world.server.start("microsocks", "-i", SERVER[4], "-p", "1081", **QUIET)
    world.server.start("tinyproxy", "-d", "-c", "/run/tinyproxy.conf", **QUIET)
    world.server.start(
        *("python3", "-m", "http.server", "--bind", SERVER[4], "-d", "/run/web", "8000"), **QUIET
    )
    for port in (1081, 8888, 8000):
        connect(world, port).close()


WAYS = {
    "socks": ("--socks5", f"{SERVER[4]}:1081"),
    "http-proxy": ("-x", f"http://{SERVER[4]}:8888"),
    "tunnel": ("-p", "-x", f"http://{SERVER[4]}:8888"),
}
BOTH = {"socks", "http-proxy", "tunnel"}


@pytest.mark.parametrize(
    ("denied", "blocked"),
    [
        ("aim", set()),
        ("socks", {"socks"}),
        ("http-proxy", {"http-proxy", "tunnel"}),
        ("[socks, http-proxy]", BOTH),
    ],
)
@isolated
def test_real_proxies(denied, blocked):
    needs("microsocks", "tinyproxy", "curl")
    world = World()
    proxies(world)
    with guard(world, f"rules: [{{deny: {denied}}}]") as running:
        for way, options in WAYS.items():
            text, code = fetch(world, *options)
            assert (text, code == 0) == (("", False) if way in blocked else (PAGE, True)), way
        assert fetch(world) == (PAGE, 0)
    told = {service for _, service, _ in running.actions()}
    assert told == {way for way in blocked if way != "tunnel"}


@pytest.mark.parametrize("size", [0, 17])
@isolated
def test_nothing_of_a_refused_answer_passes_where_its_head_comes_in_pieces(size):
    """As tinyproxy sends it: its first line alone. A request is as likely of a plain server's."""
    world = World()
    asked = b"GET http://10.2.0.2/a.zip HTTP/1.1\r\nHost: 10.2.0.2\r\n\r\n"
    answer = b"HTTP/1.0 200 OK\r\nVia: 1.1 a (tinyproxy/1.11.1)\r\nContent-Length: 4\r\n\r\nbody"
    with guard(world, "rules: [{deny: http-proxy}]"):
        assert arrived(play(world, [(0, asked), (1, answer)], 8888, size=size)) == [len(asked), 0]
    with guard(world, "rules: [{deny: socks}]") as running:
        told = play(world, [(0, asked), (1, answer)], 8888, size=size)
        assert arrived(told) == [len(asked), len(answer)]
        assert running.actions() == []
