"""A host with a proxy, a client and a web server, all real, in a network namespace of its own.

usage: play.py FOLDER        FOLDER gets capture.pcap, record.jsonl and told.json

The web server answers when the record has the client's socket, so that nothing depends on time;
one connection is made while the recorder is stopped, and so must be missed.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

COMMAND = [sys.executable, "-c", "from backchannel.cli import main; main()"]
PATIENCE = 60


def until(test):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := test():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come in time")


def held(record, port):
    """Say whether the record has a socket that leads to *port* from a known process."""
    return any(
        told["kind"] == "held" and told["remote_port"] == port and told["programs"]
        for told in ours(record)
    )


def ours(record):
    """Yield the lines of this network: root records all others of the machine, too."""
    network = str(Path("/proc/self/ns/net").readlink())
    for line in record.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):
            told = json.loads(line)
            if told.get("network") == network:
                yield told


def serve(server, record):
    while True:
        try:
            peer, _ = server.accept()
        except OSError:
            return
        peer.recv(4096)
        until(lambda: held(record, 1080) and held(record, server.getsockname()[1]))
        peer.sendall(b"HTTP/1.0 200 OK\r\n\r\nhello\n")
        peer.close()


def main(folder):
    record, capture = folder / "record.jsonl", folder / "capture.pcap"
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    recorder = subprocess.Popen(
        [*COMMAND, "host", "record", record, "--here"], stderr=subprocess.PIPE, text=True
    )
    assert "recording into" in recorder.stderr.readline()
    dump = ["tcpdump", "-i", "lo", "-U", "--immediate-mode", "-w", capture, "tcp"]
    dump = subprocess.Popen(dump, stderr=subprocess.PIPE, text=True)
    while "listening on" not in dump.stderr.readline():
        pass
    proxy = subprocess.Popen(["microsocks", "-i", "127.0.0.1"])
    server = socket.create_server(("127.0.0.1", 8080))
    threading.Thread(target=serve, args=(server, record), daemon=True).start()
    until(lambda: any(told.get("local_port") == 1080 for told in ours(record)))
    curl = ["curl", "-s", "--socks5", "127.0.0.1:1080", "http://127.0.0.1:8080/"]
    client = subprocess.Popen(curl, stdout=subprocess.PIPE)
    assert client.communicate()[0] == b"hello\n"

    recorder.send_signal(signal.SIGSTOP)
    short = socket.create_connection(("127.0.0.1", 1080))
    short.sendall(b"\5\1\0")
    short.recv(10)
    port = short.getsockname()[1]
    short.close()
    until(lambda: f":{port:04X} ".encode() not in held_lines())
    recorder.send_signal(signal.SIGCONT)

    until(lambda: any(told["kind"] == "missed" for told in ours(record)))
    until(lambda: capture.read_bytes().count(port.to_bytes(2, "big")) >= 8)  # all its packets
    dump.terminate()
    dump.communicate()
    recorder.terminate()
    recorder.communicate()
    (folder / "told.json").write_text(
        json.dumps({"curl": client.pid, "proxy": proxy.pid, "server": os.getpid(), "short": port})
    )
    proxy.kill()
    proxy.wait()


def held_lines():
    """Return the kernel's table of connections but those that nobody holds."""
    lines = Path("/proc/net/tcp").read_bytes().splitlines()
    return b"\n".join(line for line in lines if line.split()[3] != b"06")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
