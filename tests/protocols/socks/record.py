"""Records SOCKS and HTTP proxies at work: real servers, on the loopback of a namespace of its own.

    unshare -rn python3 tests/protocols/socks/record.py TARGET-FOLDER

Needs curl, tcpdump, danted (dante-server), microsocks and tinyproxy in PATH. The clients of BIND,
UDP ASSOCIATE and early data are the few lines below, since no common program does these; what they
meet is dante.
"""

import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

OUT = Path(sys.argv[1])
DANTE = """
logoutput: {folder}/log
internal: 127.0.0.1 port = 1080
external: 127.0.0.1
socksmethod: none
clientmethod: none
user.privileged: root
user.unprivileged: nobody
client pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}
socks pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 command: bind connect udpassociate bindreply udpreply }}
"""
TINY = """
Port 8888
Listen 127.0.0.1
Timeout 60
MaxClients 20
BasicAuth alice wonder
"""


class Page(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        size = int(self.headers.get("Content-Length") or 0)
        body = b"page " + self.path.encode() + b" " + self.rfile.read(size) + b"\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name is the base class's

    def log_message(self, *_):
        pass


def echo_udp():
    place = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    place.bind(("127.0.0.1", 5300))
    while True:
        data, source = place.recvfrom(2048)
        place.sendto(b"echo " + data, source)


@contextmanager
def running(*command):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.7)
    yield process
    process.terminate()
    process.wait()


@contextmanager
def recorded(name):
    with running("tcpdump", "-i", "lo", "-U", "-w", str(OUT / name), "tcp or udp"):
        yield
        time.sleep(0.7)


def curl(*arguments):
    subprocess.run(["curl", "-sS", "-m", "5", *arguments], check=False, stdout=subprocess.DEVNULL)


def greeted():
    link = socket.create_connection(("127.0.0.1", 1080))
    link.sendall(b"\5\1\0")
    assert link.recv(2) == b"\5\0"
    return link


def place_of(reply):
    return socket.inet_ntoa(reply[4:8]), int.from_bytes(reply[8:10], "big")


def bind():
    with greeted() as link:
        link.sendall(b"\5\2\0\1" + socket.inet_aton("127.0.0.1") + (8000).to_bytes(2, "big"))
        place = place_of(link.recv(10))
        with socket.create_connection(place) as peer:
            print("bind", link.recv(10).hex())
            peer.sendall(b"GET /inbound HTTP/1.1\r\nHost: inbound\r\n\r\n")
            assert link.recv(100)
            link.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            assert peer.recv(100)


def associate():
    with greeted() as link, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        link.sendall(b"\5\3\0\1" + bytes(6))
        relay = place_of(link.recv(10))
        for text in (b"one", b"two"):
            head = b"\0\0\0\1" + socket.inet_aton("127.0.0.1") + (5300).to_bytes(2, "big")
            udp.sendto(head + text, relay)
            print("udp", udp.recv(100))


def early(version):
    with socket.create_connection(("127.0.0.1", 1080)) as link:
        place = (8000).to_bytes(2, "big")
        get = b"GET /early HTTP/1.0\r\nHost: early\r\n\r\n"
        if version == 4:
            link.sendall(b"\4\1" + place + b"\0\0\0\1me\0localhost\0" + get)
        else:
            link.sendall(b"\5\1\0" + b"\5\1\0\3\x09localhost" + place + get)
        while link.recv(4096):
            pass


def main():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    server = ThreadingHTTPServer(("127.0.0.1", 8000), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    threading.Thread(target=echo_udp, daemon=True).start()
    url = "http://localhost:8000/page"
    folder = tempfile.mkdtemp()
    settings = Path(folder, "danted.conf")
    settings.write_text(DANTE.format(folder=folder))
    with running("danted", "-f", str(settings)):
        with recorded("dante-connect.pcap"):
            for kind in ("socks4", "socks4a", "socks5", "socks5h"):
                curl("-x", f"{kind}://127.0.0.1:1080", url)
            curl("-x", "socks5h://127.0.0.1:1080", "http://localhost:8001/refused")
            curl("-x", "socks4://127.0.0.1:1080", "http://localhost:8001/refused")
        with recorded("dante-bind.pcap"):
            bind()
        with recorded("dante-udp.pcap"):
            associate()
        with recorded("dante-early.pcap"):
            early(4)
            early(5)
    with (
        running("microsocks", "-i", "127.0.0.1", "-p", "1080", "-u", "bob", "-P", "s3cret"),
        recorded("microsocks-login.pcap"),
    ):
        curl("-x", "socks5h://bob:s3cret@127.0.0.1:1080", url)
        curl("-x", "socks5h://bob:wrong@127.0.0.1:1080", url)
        curl("-x", "socks5h://127.0.0.1:1080", url)
        curl("-x", "socks4://127.0.0.1:1080", url)
    settings = Path(folder, "tinyproxy.conf")
    settings.write_text(TINY)
    with (
        running("tinyproxy", "-d", "-c", str(settings)),
        recorded("tinyproxy.pcap"),
    ):
        proxy = ("-x", "http://127.0.0.1:8888")
        user = ("-U", "alice:wonder")
        curl(*proxy, *user, url, url + "2")
        curl(*proxy, *user, "-d", "posted=1", url)
        curl(*proxy, *user, "-p", url)
        curl(*proxy, url)
        curl(*proxy, "-p", url)
        curl(*proxy, *user, "-p", "http://localhost:8001/refused")
        curl(*proxy, *user, "ftp://user:pass@localhost:2121/file")


if __name__ == "__main__":
    main()
