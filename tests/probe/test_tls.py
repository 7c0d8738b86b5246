"""TLS of every age: whose certificate it is, and what is inside."""

import ssl
import subprocess

import pytest
from tests.probe.lab import Server, asked, spoken

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
