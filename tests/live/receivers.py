"""Receivers of alerts for tests: each a real server on loopback, or a socket that only listens."""

import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.live.world import PATIENCE, needs

from backchannel.detect.model import Evidence, Finding
from backchannel.live.alert import alert


def finding(number=1, severity="high"):
    place = Evidence(
        frame=7,
        path="live",
        path_frame=7,
        sha256="",
        time="2026-01-02T03:04:05.000000Z",
        flow=1,
        community_id="1:x",
        client="10.0.0.1:1000",
        server="10.0.0.2:5190",
        transport="tcp",
        stack="oscar",
        excerpt="sign-on",
    )
    return Finding(
        id=f"{number:016x}",
        rule="password-plain",
        title="A password",
        category="credential-exposure",
        severity=severity,
        confidence="parsed",
        service="aim",
        capability="login",
        hosts=("10.0.0.1",),
        accounts=("jo",),
        summary=f"finding {number}: a “password” \\ of jo\x1b[2J",
        count=1,
        first_seen="2026-01-02T03:04:05.000000Z",
        last_seen="2026-01-02T03:04:05.000000Z",
        evidence=(place,),
        rationale="why",
        false_positives="none",
        disproof="how",
        countermeasure="what",
        attack=(),
        references=(),
    )


def made(number=1, severity="high"):
    return alert(finding(number, severity), "sensor", repeated=False)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Listener:
    """Takes TCP (or TLS) connections and keeps every byte."""

    def __init__(self, port=0, tls=None):
        self.data, self.connections, self._tls = b"", [], tls
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port = self._socket.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._socket.accept()
                if self._tls:
                    connection = self._tls.wrap_socket(connection, server_side=True)
            except ssl.SSLError:
                continue
            except OSError:
                return
            reading = threading.Thread(target=self._read, args=(connection,), daemon=True)
            self.connections.append((connection, reading))
            reading.start()

    def _read(self, connection):
        while True:
            try:
                more = connection.recv(65536)
            except OSError:
                return
            if not more:
                return
            self.data += more

    def messages(self):
        """Return the messages of RFC 6587 §3.4.1 octet counting."""
        data, out = self.data, []
        while data:
            size, _, rest = data.partition(b" ")
            if len(rest) < int(size):
                break
            out.append(rest[: int(size)].decode())
            data = rest[int(size) :]
        return out

    def hang_up(self):
        for connection, reading in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            reading.join()  # TLS may write yet, and its number goes to the next connection
            connection.close()
        self.connections.clear()

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)  # who waits in accept would take one more
        self._accepting.join()
        self._socket.close()
        self.hang_up()


class Web:
    """A web server that answers as told and keeps what was posted."""

    def __init__(self, answers=(), port=0, tls=None):
        web, self.posts, answers = self, [], list(answers)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = answers.pop(0) if answers else 204
                web.posts.append((self.path, dict(self.headers), body, status))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_):
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def nats_server(*options, port=None):
    """Run nats-server; yield its port."""
    needs("nats-server")
    port = port or free_port()
    program = shutil.which("nats-server") or "/usr/sbin/nats-server"
    command = [program, "-a", "127.0.0.1", "-p", str(port), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def wait_for_port(port):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError


class Subscriber:
    """A NATS client of the test's own: keeps (subject, headers, body)."""

    def __init__(self, port, subject=">", login='{"headers":true,"verbose":false}'):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._file = self._socket.makefile("rb")
        assert self._file.readline().startswith(b"INFO")
        self._socket.sendall(f"CONNECT {login}\r\nSUB {subject} 1\r\nPING\r\n".encode())
        assert self._file.readline() == b"PONG\r\n"

    def next(self):
        while (line := self._file.readline()) == b"PING\r\n":
            self._socket.sendall(b"PONG\r\n")
        verb, subject, *_, head, size = line.split()
        assert verb == b"HMSG"
        data = self._file.read(int(size) + 2)[:-2]
        return subject.decode(), data[: int(head)].decode(), data[int(head) :]

    def close(self):
        self._file.close()
        self._socket.close()


def certificate(folder, name="127.0.0.1"):
    """Write a certificate for *name* that signs itself; return its file, with the key in it."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    names = [x509.IPAddress(ip_address(name))]
    now = datetime.now(tz=UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    pem = serialization.Encoding.PEM
    path.write_bytes(built.public_bytes(pem) + key.private_bytes(pem, form, plain))
    return path


def server_context(path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def eventually(condition, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
