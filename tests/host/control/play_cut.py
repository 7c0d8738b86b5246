"""Programs that are cut off the network, in network, mount and process namespaces of their own.

usage: play_cut.py FOLDER       writes told.json into FOLDER. Needs root, and a kernel with version
2 of control groups; it makes a group there, and takes it away.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

from tests.host.control.play import COMMAND, HERE, program, start, until

from backchannel.host.control import cut, trust

US, THEM = "10.97.0.1", "10.97.0.2"
POLICY = """\
version: 1
mode: deny
rules:
  - {{name: no-talk, action: cut, paths: ["{here}/cut"]}}
"""
SERVER = """
import socket, threading
def serve(port, answer):
    server = socket.create_server(("0.0.0.0", port))
    while True:
        peer, _ = server.accept()
        held.append(peer)
        if answer:
            peer.recv(999)
            peer.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\nhello")
            peer.close()
held = []
threading.Thread(target=serve, args=(81, False)).start()
udp = socket.socket(type=socket.SOCK_DGRAM)
udp.bind(("0.0.0.0", 82))
print("here", flush=True)
threading.Thread(target=serve, args=(80, True)).start()
while True:
    data, whence = udp.recvfrom(99)
    udp.sendto(data, whence)
"""


def run(*words):
    subprocess.run(words, check=True)


def fetch(name, port=80, host=THEM):
    """Fetch a page by a program; say with which code it ended."""
    words = [HERE / name, "-s", "--max-time", "5", f"http://{host}:{port}/"]
    return subprocess.run(words, capture_output=True, check=False).returncode


def main(folder):
    run("mount", "-t", "cgroup2", "none", "/sys/fs/cgroup")
    HERE.mkdir(exist_ok=True)
    run("mount", "-t", "tmpfs", "none", HERE)
    for name in ("cut", "other"):
        program(name, Path("/usr/bin/curl").read_bytes())
    server = subprocess.Popen(
        ["unshare", "--net", sys.executable, "-c", f"input(); exec({SERVER!r})"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    ours = Path("/proc/self/ns/net").readlink()
    until(lambda: Path(f"/proc/{server.pid}/ns/net").readlink() != ours)
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "us", "type", "veth", "peer", "name", "them", "netns", str(server.pid))
    run("ip", "address", "add", f"{US}/24", "dev", "us")
    run("ip", "link", "set", "us", "up")
    inside = ["nsenter", "-t", str(server.pid), "--net", "ip"]
    run(*inside, "address", "add", f"{THEM}/24", "dev", "them")
    run(*inside, "link", "set", "them", "up")
    server.stdin.write(b"\n")
    server.stdin.flush()
    assert server.stdout.readline() == b"here\n"
    here = socket.create_server(("127.0.0.1", 8097))
    threading.Thread(target=answer, args=(here,), daemon=True).start()

    told = {"before": fetch("cut")}
    (folder / "policy.yaml").write_text(POLICY.format(here=HERE))
    trust.write(folder / "store", trust.Store())
    words = [HERE / "cut", "-s", "--max-time", "50", f"http://{THEM}:81/"]
    running = subprocess.Popen(words)
    until(lambda: f"{THEM}:81".encode() in connections())
    home = cut.origin(running.pid)

    control = start(folder)
    told["was running"] = running.wait(30)
    told["cut"], told["other"] = fetch("cut"), fetch("other")
    told["itself"] = fetch("cut", 8097, "127.0.0.1")
    told["home"], told["mine"] = home, cut.origin(os.getpid())
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    told["log"] = [[each["action"], each["reason"], each["rule"]] for each in log]
    waits = subprocess.Popen([HERE / "cut", "-s", "--max-time", "60", "telnet://127.0.0.1:8097"],
                             stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)  # fmt: skip
    until(lambda: cut.GROUP in cut.origin(waits.pid))
    second = subprocess.run(
        [*COMMAND, "host", "control", folder / "policy.yaml", "--trust", folder / "store",
         "--on", HERE],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    told["second"] = [second.returncode, second.stderr]
    control.send_signal(signal.SIGTERM)
    told["code"] = control.wait(30)
    told["put back"] = cut.origin(waits.pid)
    told["group"] = (cut.MOUNT / cut.GROUP).exists()
    told["rules"] = tables()
    told["after"] = fetch("cut")

    control = start(folder)
    told["again"] = fetch("cut")
    control.kill()
    control.wait()
    until(lambda: not tables() and not (cut.MOUNT / cut.GROUP).exists())
    told["after the kill"] = fetch("cut")
    waits.kill()
    server.kill()
    (folder / "told.json").write_text(json.dumps(told))


def answer(server):
    while True:
        peer, _ = server.accept()
        if peer.recv(999):
            peer.sendall(b"HTTP/1.0 200 OK\r\n\r\nhello")
        peer.close()


def connections():
    ran = subprocess.run(["ss", "-tn"], capture_output=True, check=True)
    return ran.stdout


def tables():
    ran = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True)
    return ran.stdout.strip()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
