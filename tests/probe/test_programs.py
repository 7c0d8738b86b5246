"""Real programs: what they are is known, because we started them."""

import contextlib
import dataclasses
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from tests.probe.lab import INDEX, QUICK, asked, fresh_host, spoken

from backchannel.model import Endpoint
from backchannel.probe import findings
from backchannel.probe.plan import Work
from backchannel.probe.port import Wishes
from backchannel.probe.ports import Expected, Port
from backchannel.probe.result import State
from backchannel.probe.targets import Chosen
from backchannel.probe.untold import untold

PATIENT = dataclasses.replace(QUICK, patience=10, answer=10, longest=15)
BRISK = dataclasses.replace(QUICK, answer=0.2)
NO_WORK = Work((), Chosen(()))
CI = os.environ.get("CI") == "true"


def program(name, *places):
    """Return where a program is; without it the test is skipped, in CI it fails."""
    found = shutil.which(name) or next((each for each in places if Path(each).exists()), None)
    if found is None:
        if CI:
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    return found


@contextlib.contextmanager
def running(*words, ready, cwd):
    """Run a program until the test is over; *ready* says when it can be asked."""
    log = cwd / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            list(map(str, words)), cwd=cwd, stdout=out, stderr=out, start_new_session=True
        )
    try:
        until = time.monotonic() + 15
        while not ready():
            assert process.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < until, log.read_text(errors="replace")
            time.sleep(0.02)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(1)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)


def listens(host, port, table="tcp"):
    """Whether somebody listens there, by the kernel's table: nothing is sent."""
    place = socket.inet_aton(host)[::-1].hex().upper() + f":{port:04X}"
    rows = Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    states = {"tcp": "0A", "udp": "07"}
    return any(row.split()[1] == place and row.split()[3] == states[table] for row in rows)


def told(prober):
    """Return every event's fields by its name, and every program named."""
    events = [
        seen.event
        for host in prober.hosts
        for result in host.results
        for verdict, _ in result.understood()
        for seen in verdict.events
    ]
    return {type(each).__name__: each for each in events}


def certificate(folder):
    """Return the files of a key and a certificate for chat.example.net."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", key, "-out", cert, "-subj", "/CN=chat.example.net"),
        ],
        check=True,
        capture_output=True,
    )
    return key, cert


def test_ngircd(tmp_path):
    host = fresh_host()
    (tmp_path / "conf").write_text(
        f"[Global]\nName = irc.example.net\nInfo = x\nListen = {host}\nPorts = 6667\n"
        "[Options]\nIdent = no\nDNS = no\nPAM = no\n"
    )
    words = program("ngircd", "/usr/sbin/ngircd"), "-n", "-f", tmp_path / "conf"
    with running(*words, ready=lambda: listens(host, 6667), cwd=tmp_path):
        prober = asked(host, 6667, limits=PATIENT)
    assert spoken(prober) == {("irc", False)}
    assert told(prober)["LoginOffer"].realm == "irc.example.net"


def test_microsocks_is_open_and_with_a_login_it_is_not(tmp_path):
    host, target = fresh_host(), Endpoint("127.0.0.1", 9)
    with socket.create_server((fresh_host(), 0)) as there:
        target = Endpoint(*there.getsockname())
        words = program("microsocks"), "-i", host, "-p"
        with running(*words, 1080, ready=lambda: listens(host, 1080), cwd=tmp_path):
            open_one = asked(host, 1080, through=target, limits=PATIENT)
        login = ("-u", "bob", "-P", "secret")
        with running(*words, 1081, *login, ready=lambda: listens(host, 1081), cwd=tmp_path):
            closed = asked(host, 1081, through=target, limits=PATIENT)
    assert spoken(open_one) == spoken(closed) == {("socks", False)}
    assert told(open_one)["ProxyAnswer"].scheme.startswith("socks")
    answers = [
        seen.event
        for prober in (open_one, closed)
        for verdict, _ in prober.hosts[0].results[0].understood()
        for seen in verdict.events
        if type(seen.event).__name__ == "ProxyAnswer"
    ]
    assert [each.asked_host for each in answers if each.accepted] == [target.address]


def test_dante(tmp_path):
    host = fresh_host()
    (tmp_path / "conf").write_text(
        f"logoutput: stderr\ninternal: {host} port = 1080\nexternal: 127.0.0.1\n"
        "socksmethod: none\nclientmethod: none\nuser.unprivileged: nobody\n"
        "client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }\n"
        "socks block { from: 0.0.0.0/0 to: 0.0.0.0/0 }\n"
    )
    words = program("danted", "/usr/sbin/danted"), "-f", tmp_path / "conf"
    with running(*words, ready=lambda: listens(host, 1080), cwd=tmp_path):
        prober = asked(host, 1080, limits=PATIENT)
    assert spoken(prober) == {("socks", False)}
    assert not told(prober)["ProxyAnswer"].accepted


def test_tinyproxy(tmp_path):
    host = fresh_host()
    (tmp_path / "conf").write_text(f"Port 8080\nListen {host}\nTimeout 10\nAllow 127.0.0.0/8\n")
    words = program("tinyproxy"), "-d", "-c", tmp_path / "conf"
    with (
        socket.create_server((fresh_host(), 0)) as there,
        running(*words, ready=lambda: listens(host, 8080), cwd=tmp_path),
    ):
        prober = asked(host, 8080, through=Endpoint(*there.getsockname()))
    assert spoken(prober) == {("http", False), ("http-proxy", False)}
    assert told(prober)["ProxyAnswer"].accepted
    assert told(prober)["Software"].name == "tinyproxy"


def test_a_web_server_is_no_proxy(tmp_path):
    """Transmission's answers a request for another host with a redirection of its own."""
    host = fresh_host()
    daemon = program("transmission-daemon")
    words = (
        *(daemon, "-f", "-g", tmp_path / "g", "-P", 51413, "--no-portmap", "-i", host),
        *("-p", 9091, "-r", host, "--no-auth", "--utp", "--no-dht", "--no-lpd"),
    )
    ready = lambda: listens(host, 9091) and listens(host, 51413, "udp")  # noqa: E731
    with running(*words, ready=ready, cwd=tmp_path):
        prober = asked(host, 9091, 51413, Port("udp", 51413), limits=BRISK)
    assert spoken(prober) == {("http", False), ("bittorrent-utp", False)}
    states = [each.state for each in prober.hosts[0].results]
    assert states[0] is State.OPEN
    assert states[1] in {State.MUTE, State.OTHER}  # it answers some hellos with noise: encryption
    assert states[2] is State.OPEN


def test_coturn(tmp_path):
    host = fresh_host()
    words = (
        *(program("turnserver"), "-n", "-L", host, "-p", 3478, "--no-dtls", "--no-tls"),
        *("--lt-cred-mech", "-u", "a:b", "-r", "example.org", "--log-file", "stdout", "--no-cli"),
        *("--pidfile", tmp_path / "pid", "--userdb", tmp_path / "db"),
    )
    ready = lambda: listens(host, 3478) and listens(host, 3478, "udp")  # noqa: E731
    with running(*words, ready=ready, cwd=tmp_path):
        prober = asked(host, 3478, Port("udp", 3478), limits=PATIENT)
    assert spoken(prober) == {("stun", False)}
    assert {each.state for each in prober.hosts[0].results} == {State.OPEN}
    assert told(prober)["Software"].name == "Coturn"
    assert told(prober)["LoginOffer"].realm == "example.org"


def relayed(host):
    """Return the ports of a relay's allocations, as the kernel has them."""
    at = socket.inet_aton(host)[::-1].hex().upper()
    rows = Path("/proc/net/udp").read_text().splitlines()[1:]
    places = [row.split()[1].split(":") for row in rows]
    return {int(port, 16) for address, port in places if address == at} - {3478, 3479}


def test_an_open_relay_is_a_finding_and_its_ports_are_given_back(tmp_path):
    host = fresh_host()
    words = (
        *(program("turnserver"), "-n", "-L", host, "-p", 3478, "--no-dtls", "--no-tls"),
        *("--no-auth", "-r", "example.org", "--log-file", "stdout", "--no-cli"),
        *("--allow-loopback-peers", "--pidfile", tmp_path / "pid", "--userdb", tmp_path / "db"),
    )
    ready = lambda: listens(host, 3478) and listens(host, 3478, "udp")  # noqa: E731
    with running(*words, ready=ready, cwd=tmp_path):
        prober = asked(host, Port("udp", 3478), 3478)
        until = time.monotonic() + 5
        while relayed(host) and time.monotonic() < until:
            time.sleep(0.1)
        assert relayed(host) == set()
    states = [
        seen.event.state
        for result in prober.hosts[0].results
        for talked in result.talked
        for seen in talked.verdict.events
        if type(seen.event).__name__ == "TurnAllocation"
    ]
    assert states.count("granted") == 2
    document = findings.read(prober.exchanges, (), INDEX, None)
    assert {each.rule for each in document.findings} == {"open-relay"}


def prosody(folder, host, more=""):
    """Write a configuration for chat.example.net; return the words that start the program."""
    key, cert = certificate(folder)
    (folder / "prosody.cfg.lua").write_text(
        f'run_as_root = true\npidfile = "{folder}/pid"\ndata_path = "{folder}"\n'
        f'modules_enabled = {{ "tls", "saslauth" }}\ninterfaces = {{ "{host}" }}\n'
        f"c2s_ports = {{ 5222 }}\nc2s_direct_tls_ports = {{ 5223 }}\ns2s_ports = {{ }}\n"
        f'log = {{ debug = "{folder}/debug" }}\n{more}\n'
        f'c2s_direct_tls_ssl = {{ key = "{key}", certificate = "{cert}" }}\n'
        f'ssl = {{ key = "{key}", certificate = "{cert}" }}\nVirtualHost "chat.example.net"\n'
    )
    return program("prosody"), "--config", folder / "prosody.cfg.lua", "-F"


def offers(prober):
    """Return how one may log in: (inside TLS, methods, what TLS is in clear)."""
    return {
        (inner, seen.event.methods, seen.event.tls)
        for result in prober.hosts[0].results
        for verdict, inner in result.understood()
        for seen in verdict.events
        if type(seen.event).__name__ == "LoginOffer"
    }


def test_prosody_and_what_is_inside_its_tls(tmp_path):
    """Called by its domain it says how one logs in, behind STARTTLS (RFC 6120 §5)."""
    host = fresh_host()
    ready = lambda: listens(host, 5222) and listens(host, 5223)  # noqa: E731
    with running(*prosody(tmp_path, host), ready=ready, cwd=tmp_path):
        prober = asked(host, 5222, 5223, limits=PATIENT)
        by_name = asked(host, 5222, name="chat.example.net", limits=PATIENT)
    assert spoken(prober) == {("xmpp", False), ("tls", False), ("xmpp", True)}
    assert offers(prober) == set()
    wanted = "XMPP servers tell how one logs in only to who calls them by their domain"
    assert any(wanted in each for each in untold(prober, NO_WORK, Wishes(), INDEX))
    assert spoken(by_name) == {("xmpp", False), ("xmpp", True)}
    assert told(by_name)["TlsCertificate"].names == ("chat.example.net",)
    assert {(inner, tls) for inner, _, tls in offers(by_name)} == {(False, "required"), (True, "")}
    (methods,) = (each for inner, each, _ in offers(by_name) if inner)
    assert {"PLAIN", "SCRAM-SHA-1"} <= set(methods)
    assert not any(wanted in each for each in untold(by_name, NO_WORK, Wishes(), INDEX))
    assert findings.read(by_name.exchanges, (), INDEX, None).findings == ()


def test_a_server_that_takes_passwords_in_the_clear_is_a_finding(tmp_path):
    host = fresh_host()
    loose = "c2s_require_encryption = false\nallow_unencrypted_plain_auth = true"
    words = prosody(tmp_path, host, loose)
    with running(*words, ready=lambda: listens(host, 5222), cwd=tmp_path):
        prober = asked(host, 5222, name="chat.example.net", limits=PATIENT)
    assert "PLAIN" in {each for inner, found, _ in offers(prober) for each in found if not inner}
    document = findings.read(prober.exchanges, (), INDEX, None)
    assert {each.rule for each in document.findings} == {"login-in-the-clear"}


def test_tor(tmp_path):
    host = fresh_host()
    (tmp_path / "torrc").write_text(
        f"DataDirectory {tmp_path}/data\nORPort {host}:9001 IPv4Only\nSocksPort {host}:9050\n"
        "AssumeReachable 1\nPublishServerDescriptor 0\nExitRelay 0\nAddress 127.0.0.1\n"
        "DirAuthority a orport=1 no-v2 127.0.0.1:2 ABCDEF0123456789ABCDEF0123456789ABCDEF01\n"
    )
    words = program("tor", "/usr/sbin/tor"), "-f", tmp_path / "torrc"
    ready = lambda: listens(host, 9001) and listens(host, 9050)  # noqa: E731
    with running(*words, ready=ready, cwd=tmp_path):
        prober = asked(host, 9001, 9050, limits=PATIENT)
    assert spoken(prober) == {("tls", False), ("tor", False), ("socks", False)}
    assert told(prober)["TorLink"].proof == "certificate"


def test_openvpn(tmp_path):
    host = fresh_host()
    key, cert = certificate(tmp_path)
    daemon = program("openvpn", "/usr/sbin/openvpn")
    common = (
        *(
            "--proto",
            "udp",
            "--dev",
            "null",
            "--tls-server",
            "--local",
            host,
            "--port",
            1194,
            "--dh",
            "none",
        ),
        *("--ca", cert, "--cert", cert, "--key", key, "--verb", "3"),
    )
    with running(daemon, *common, ready=lambda: listens(host, 1194, "udp"), cwd=tmp_path):
        prober = asked(
            host, Port("udp", 1194), expected=Expected(("openvpn",), ("openvpn",)), limits=PATIENT
        )
    assert spoken(prober) == {("openvpn", False)}
