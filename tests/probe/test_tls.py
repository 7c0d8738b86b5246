"""TLS of every age: whose certificate it is, and what is inside."""

import contextlib
import dataclasses
import ssl
import subprocess
import time

import pytest
from tests.probe.lab import QUICK, Server, asked, spoken

from backchannel.probe.result import State


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", key, "-out", cert, "-subj", "/CN=web.example.net"),
        ],
        check=True,
        capture_output=True,
    )
    return cert, key


def web(files, lowest, highest):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = lowest, highest

    def serve(link):
        try:
            with context.wrap_socket(link, server_side=True) as inner:
                inner.recv(4096)
                inner.sendall(b"HTTP/1.1 200 OK\r\nServer: inside/1\r\nContent-Length: 0\r\n\r\n")
        except ssl.SSLError:
            return

    return serve


def certificates(prober):
    return {
        name
        for verdict, _ in prober.hosts[0].results[0].understood()
        for seen in verdict.events
        if type(seen.event).__name__ == "TlsCertificate"
        for name in seen.event.names
    }


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_2])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_old_versions_show_their_certificate_and_what_is_inside(files, version):
    with Server(web(files, version, version), port=8448) as server:
        prober = asked(server.host, 8448)
    assert spoken(prober) == {("tls", False), ("http", True)}
    assert certificates(prober) == {"web.example.net"}


def test_who_wants_1_3_gets_it(files):
    newest = ssl.TLSVersion.TLSv1_3
    with Server(web(files, newest, newest), port=8448) as server:
        prober = asked(server.host, 8448)
    assert spoken(prober) == {("tls", False), ("http", True)}
    assert "tls-1.3" in {each.exchange.hello for each in prober.hosts[0].results[0].talked}


def test_an_answer_in_clear_is_no_tls():
    def serve(link):
        link.recv(4096)
        link.sendall(b"HTTP/1.1 400 Bad Request\r\nServer: plain/2\r\nContent-Length: 0\r\n\r\n")

    with Server(serve, port=8448) as server:
        prober = asked(server.host, 8448)
    assert ("http", False) in spoken(prober)
    assert "tls" not in {name for name, _ in spoken(prober)}
    assert prober.hosts[0].results[0].state is State.OPEN


LS = b":irc.example.net CAP * LS :multi-prefix tls\r\n"
STREAM = (
    b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' from='x.example' id='1' "
    b"xmlns:stream='http://etherx.jabber.org/streams' version='1.0'><stream:features>"
    b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>"
)


def chat(files, version=ssl.TLSVersion.TLSv1_2):
    """A server of IRC that TLS begins at (IRCv3, `tls`)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    context.minimum_version = version

    def serve(link):
        if not link.recv(100).startswith(b"CAP LS"):
            return
        link.sendall(LS)
        if link.recv(100) != b"STARTTLS\r\n":
            return
        link.sendall(b":irc.example.net 670 * :STARTTLS successful, proceed with TLS handshake\r\n")
        with (
            contextlib.suppress(ssl.SSLError),
            context.wrap_socket(link, server_side=True) as inner,
        ):
            said.append(inner.recv(100))
            inner.sendall(b":irc.example.net CAP * LS :sasl=PLAIN,EXTERNAL\r\n")
            said.append(inner.recv(100))

    said = []
    return serve, said


def test_tls_begins_on_a_connection_that_offers_it(files):
    serve, said = chat(files)
    with Server(serve, port=6667) as server:
        prober = asked(server.host, 6667)
    assert spoken(prober) == {("irc", False), ("irc", True)}
    assert certificates(prober) == {"web.example.net"}
    assert said == [b"CAP LS 302\r\n", b"QUIT :probe\r\n"]
    (inner,) = (v for v, inside in prober.hosts[0].results[0].understood() if inside)
    assert inner.events[0].event.methods == ("PLAIN", "EXTERNAL")


@pytest.mark.parametrize(
    "then",
    [
        b":irc.example.net 691 * :STARTTLS failed\r\n",
        b":irc.example.net 670 * :go on\r\n" + bytes(3000),
        b":irc.example.net 670 * :go on\r\n\x16\x03\x03\xff\xff" + bytes(3000),
        b"",
    ],
)
def test_who_offers_tls_and_gives_none_costs_no_answer_and_little_time(then):
    def serve(link):
        link.recv(100)
        link.sendall(LS)
        link.recv(100)
        link.sendall(then)
        time.sleep(3)

    began = time.monotonic()
    with Server(serve, port=6667) as server:
        prober = asked(server.host, 6667, limits=dataclasses.replace(QUICK, answer=0.3, longest=1))
    assert spoken(prober) == {("irc", False)}
    assert time.monotonic() - began < 4


def test_tls_that_is_offered_again_and_again_is_begun_once(files):
    def serve(link):
        while (said := link.recv(4096)) and len(heard) < 50:
            heard.append(said)
            link.sendall(STREAM if b"<stream" in said else b"<failure/>")

    heard = []
    with Server(serve, port=5222) as server:
        prober = asked(server.host, 5222)
    assert ("xmpp", False) in spoken(prober)
    assert sum(b"<starttls" in each for each in heard) == 1
