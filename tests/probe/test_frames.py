"""Evidence is a capture that others read, too."""

import shutil
import ssl
import subprocess

import pytest
from tests.probe.lab import Server, asked

from backchannel.model import Endpoint, Side
from backchannel.pipeline import scan
from backchannel.probe.exchange import End, Exchange, Step
from backchannel.probe.frames import PIECE, header, packets

NOW = 1_800_000_000 * 10**9
needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="no tshark")


def exchange(transport="tcp", address="10.0.0.1", end=End.ANSWERED, answer=b"an answer"):
    ours = "fd00::2" if ":" in address else "10.0.0.2"
    made = Exchange(transport, Endpoint(ours, 40000), Endpoint(address, 4711), "x", NOW)
    made.ended, made.end = NOW + 10**9, end
    made.steps = [
        Step(Side.CLIENT, b"a question", NOW + 1000),
        Step(Side.SERVER, answer, NOW + 2000),
    ]
    return made


def tshark(tmp_path, exchanges, *fields, options=()):
    path = tmp_path / "evidence.pcapng"
    path.write_bytes(b"".join((header(), *packets(exchanges))))
    words = [word for field in fields for word in ("-e", field)]
    done = subprocess.run(
        ["tshark", "-n", "-r", path, *options, "-T", "fields", *words],
        capture_output=True,
        text=True,
        check=True,
    )
    return [tuple(line.split("\t")) for line in done.stdout.splitlines()]


@needs_tshark
@pytest.mark.parametrize("address", ["10.0.0.1", "fd00::1"])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_tshark_finds_checksums_right_and_bytes_whole(tmp_path, address, transport):
    long = bytes(range(256)) * 12 if transport == "tcp" else b"an answer of odd size"
    checks = (f"{transport}.checksum.status", "ip.checksum.status", f"{transport}.payload")
    options = ("-o", f"{transport}.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE")
    rows = tshark(tmp_path, [exchange(transport, address, answer=long)], *checks, options=options)
    assert {row[0] for row in rows} == {"1"}
    assert {row[1] for row in rows} <= {"1", ""}
    assert bytes.fromhex("".join(row[2] for row in rows)) == b"a question" + long
    if transport == "tcp":
        assert len(rows) == 3 + 2 + 2 * -(-len(long) // PIECE) + 3


@needs_tshark
def test_tshark_sees_no_trouble_in_connections_however_they_end(tmp_path):
    ends = End.ANSWERED, End.LEFT, End.RESET, End.REFUSED, End.SILENT
    made = [exchange(end=end) for end in ends]
    for at, each in enumerate(made):
        each.client = Endpoint("10.0.0.2", 41000 + at)
        each.hello = each.end.value
    fields = ("tcp.stream", "tcp.analysis.flags", "tcp.flags.reset", "frame.comment")
    rows = tshark(tmp_path, made, *fields)
    assert {row[1] for row in rows} == {""}
    reset = {row[0] for row in rows if row[2] in {"1", "True"}}
    names = {row[3].partition(":")[0] for row in rows if row[3] and row[0] in reset}
    assert names == {End.RESET.value, End.REFUSED.value}
    assert {row[3] for row in rows} >= {"answered: connection", "answered: sent"}


def test_our_own_scan_reads_it(tmp_path):
    path = tmp_path / "evidence.pcapng"
    path.write_bytes(b"".join((header(), *packets([exchange(), exchange("udp")]))))
    document = scan(path).document
    assert [entry.damage for entry in document.inputs] == [""]
    assert document.traffic.flows == 2
    assert document.unseen.keys() <= {"flows of unknown protocol"}


@needs_tshark
def test_tls_can_be_decrypted_with_the_keys_in_the_file(tmp_path):
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", key, "-out", cert, "-subj", "/CN=web.example.net"),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    def serve(link):
        with context.wrap_socket(link, server_side=True) as inner:
            inner.recv(4096)
            inner.sendall(b"HTTP/1.1 200 OK\r\nServer: inside/1\r\nContent-Length: 0\r\n\r\n")

    with Server(serve, port=8448) as server:
        prober = asked(server.host, server.port)
    fields = "http.server", "tls.handshake.certificate"
    rows = tshark(tmp_path, prober.exchanges, *fields, options=("-d", "tcp.port==8448,tls"))
    assert "inside/1" in {row[0] for row in rows}
    spoken = {
        (verdict.claim.protocol, inner)
        for verdict, inner in prober.hosts[0].results[0].understood()
    }
    assert {("tls", False), ("http", True)} <= spoken
