"""A whole watch: what a user sees of it, and what happens when something goes wrong."""

import fcntl
import json
import os
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from tests.flows.frames import A, B, ethernet, ip, pcap, udp
from tests.live.world import EXAMPLES, PATIENCE, ROOT, Watch, needs

from backchannel.capture import sources

AIM, ICQ = EXAMPLES / "aim/aim_presence.pcap", EXAMPLES / "icq/icq_v5_neticq_iserverd.pcap"
IRC = EXAMPLES / "irc/irc_irssi_ngircd_dcc.pcap"


def command(*arguments):
    return [sys.executable, "-c", "from backchannel.cli import main; main()", *map(str, arguments)]


def children(process, module=b"backchannel.live.worker"):
    """Return the pids of the parsers of a watch, or of what else it started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().split(b"\0")
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if module in line and parent == process.pid:
            found.append(int(folder.name))
    return found


def test_lines_in_a_pipe(world, tmp_path):
    watch = Watch(world, tmp_path)
    world.replay(AIM)
    watch.until(lambda: "guesses offline" in watch.out())
    assert watch.stop() == 0
    lines = watch.out().splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  [a-z]+ +\S", line) for line in lines)
    assert "  service   AIM over oscar  10.61.0." in watch.out()
    assert "alicerec can be tested against guesses offline" in watch.out()


def test_json_lines_and_the_exit_code_of_a_finding(world, tmp_path):
    watch = Watch(world, tmp_path, "--json-lines", "--fail-on", "high")
    world.replay(AIM)
    assert watch.stop(signal.SIGINT) == 1
    rows = [json.loads(line) for line in watch.out().splitlines()]
    assert {row["kind"] for row in rows} == {"notice", "service", "finding"}
    (service,) = (row for row in rows if row["kind"] == "service")
    assert (service["service"], service["stack"]) == ("aim", "oscar")
    ids = [row["id"] for row in rows if row["kind"] == "finding"]
    assert len(set(ids)) == len(ids) > 3


def test_every_output_is_written_at_the_end(world, tmp_path):
    names = {"events": "e", "eve": "v", "findings": "f", "flows": "p", "report": "r.html"}
    options = [part for name, file in names.items() for part in (f"--{name}", tmp_path / file)]
    watch = Watch(world, tmp_path, "-q", *options)
    world.replay(AIM)
    assert watch.stop() == 0
    assert watch.out() == ""
    assert len((tmp_path / "e").read_text().splitlines()) == 68
    eve = [json.loads(line) for line in (tmp_path / "v").read_text().splitlines()]
    alerts = [each["backchannel"]["id"] for each in eve if each["event_type"] == "alert"]
    found = [
        json.loads(line)["finding"]["id"] for line in (tmp_path / "f").read_text().splitlines()
    ]
    assert alerts == found
    assert len(eve) == 68 + len(alerts)
    assert json.loads((tmp_path / "f").read_text().splitlines()[0])["finding"]["service"] == "aim"
    assert "alicerec" in (tmp_path / "r.html").read_text()
    assert (tmp_path / "p").read_bytes()[:4] == b"PAR1"
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".part"]
    assert not any((tmp_path / name).stat().st_mode & 0o007 for name in names.values())


def shown(terminal, text):
    """Read a terminal until *text* is on it."""
    seen = b""
    while text not in seen:
        seen += os.read(terminal, 4096)


@pytest.mark.parametrize("terminal", [False, True])
def test_it_ends_in_order_when_nobody_reads_it_any_more(world, tmp_path, terminal):
    """Neither a pipe whose reader leaves nor a terminal that is closed costs what was seen."""
    ours, theirs = os.openpty() if terminal else os.pipe()
    streams = {"stdout": theirs, **({"stdin": theirs} if terminal else {})}
    options = "--events", tmp_path / "events", "--report", tmp_path / "report.html"
    watch = Watch(world, tmp_path, *options, **streams)
    os.close(theirs)
    if terminal:
        shown(ours, b"nothing found yet")
    watch.signal(signal.SIGSTOP)  # so that all of it is there when the reader is found to be gone
    world.replay(AIM)
    os.close(ours)
    watch.signal(signal.SIGCONT)
    assert watch.process.wait(PATIENCE) in (0, 2)
    assert len((tmp_path / "events").read_text().splitlines()) == 68
    assert "alicerec" in (tmp_path / "report.html").read_text()


def test_a_terminal_that_takes_nothing_holds_up_nobody(world, tmp_path):
    """As after Ctrl-S, or where the SSH connection is dead: all goes on, and it can be ended."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 60, 200, 0, 0))
    events = tmp_path / "events"
    watch = Watch(world, tmp_path, "--events", events, stdin=theirs, stdout=theirs)
    os.close(theirs)
    shown(ours, b"nothing found yet")
    for capture, service in ((AIM, '"aim"'), (ICQ, '"icq"'), (IRC, '"irc"')):
        time.sleep(3)  # screens that nobody takes
        world.replay(capture)
        watch.until(lambda: service in events.read_text())  # noqa: B023
    assert watch.stop() in (0, 2)
    os.close(ours)


def test_a_full_disk_under_its_lines_is_said_and_does_not_end_it(world, tmp_path):
    with Path("/dev/full").open("wb") as full:
        watch = Watch(world, tmp_path, "--events", tmp_path / "events", stdout=full)
    world.replay(AIM)
    watch.says("standard output: No space left on device; lines are lost")
    world.replay(ICQ)
    watch.stop()
    assert "icq" in (tmp_path / "events").read_text()


def test_it_stops_by_itself(world, tmp_path):
    watch = Watch(world, tmp_path, "--duration", "1s")
    assert watch.process.wait(timeout=PATIENCE) == 0


def test_evidence_is_the_conversation_of_the_finding(world, tmp_path):
    ring, folder = tmp_path / "ring", tmp_path / "evidence"
    watch = Watch(world, tmp_path, "-q", "--ring", ring, "--evidence", folder)
    world.replay(ICQ, AIM)
    assert watch.stop() == 0
    guess, *_ = sorted(folder.glob("*-password-guessable.pcap"))
    (source,) = sources([str(guess)])
    packets = [bytes(data) for chunk in source.chunks() for _, _, data, _ in chunk]
    hosts = {data[26:30] for data in packets} | {data[30:34] for data in packets}
    assert len(hosts) == 2
    (whole,) = sources([str(AIM)])
    everything = [bytes(data) for chunk in whole.chunks() for _, _, data, _ in chunk]
    ends = {packets[0][34:36], packets[0][36:38]}
    wanted = [d for d in everything if d[23] == 6 and {d[34:36], d[36:38]} == ends]
    assert packets == wanted
    assert len(list(ring.glob("vb-*.pcap"))) == 1


def test_a_recorder_that_is_killed_is_replaced(world, tmp_path):
    ring, folder = tmp_path / "ring", tmp_path / "evidence"
    watch = Watch(world, tmp_path, "--ring", ring, "--evidence", folder)
    world.replay(ICQ)
    watch.until(lambda: list(ring.glob("vb-*.pcap")))
    (pid,) = children(watch.process, b"backchannel.live.recorder")
    os.kill(pid, signal.SIGKILL)
    watch.says("the recorder died and was replaced")
    world.replay(AIM)
    watch.until(lambda: "AIM over oscar" in watch.out())
    assert watch.stop() == 0
    assert list(folder.glob("*-password-guessable.pcap"))
    (whole,) = sources([str(AIM)])
    wanted = [bytes(data) for chunk in whole.chunks() for _, _, data, _ in chunk]
    recorded = [
        bytes(data)
        for source in sources([str(path) for path in sorted(ring.glob("*.pcap"))])
        for chunk in source.chunks()
        for _, _, data, _ in chunk
    ]
    assert recorded[-len(wanted) :] == wanted


def test_a_recorder_that_dies_again_and_again_is_given_up_with_its_ring(world, tmp_path):
    watch = Watch(world, tmp_path, "--ring", tmp_path / "ring")
    both = world.run("cat", "/proc/net/packet").stdout.count("\n")
    recorder = b"backchannel.live.recorder"
    for _ in range(5):
        watch.until(lambda: children(watch.process, recorder))
        (pid,) = children(watch.process, recorder)
        os.kill(pid, signal.SIGKILL)
        watch.until(lambda pid=pid: pid not in children(watch.process, recorder))
    watch.says("the recorder died again; no evidence is kept from now on")
    watch.until(lambda: world.run("cat", "/proc/net/packet").stdout.count("\n") == both - 1)
    world.replay(AIM)
    watch.until(lambda: "AIM over oscar" in watch.out())
    assert watch.stop() == 0


def test_a_full_disk_costs_the_oldest_recordings_and_not_the_watch(world, tmp_path):
    """/mnt is two megabytes, the capture one, and the ring may have ten."""
    watch = Watch(world, tmp_path, "--plain", "--ring", "/mnt/ring", "--ring-size", "10MB")
    for _ in range(6):
        world.replay(EXAMPLES / "bittorrent/libtorrent_tcp_plain.pcap", pps=2000)
    world.replay(AIM)
    watch.until(lambda: "AIM over oscar" in watch.out())
    assert watch.stop() == 0
    told = "cat /mnt/ring/*.pcap | wc -c; cat /mnt/ring/*.pcap | grep -ac alicerec"
    size, names = map(int, world.run("sh", "-c", told).stdout.split())
    assert 200_000 < size < 2 << 20
    assert names > 0


# -- signals ---------------------------------------------------------------------------------------


def test_a_reload_reads_rules_again_and_loses_no_flow(world, tmp_path):
    config, rules = tmp_path / "w.toml", tmp_path / "rules"
    config.write_text("[findings]\nrules = []\n")
    rules.mkdir()
    (rules / "my-own.yaml").write_text(
        (ROOT / "src/backchannel/detect/rules/cleartext-messages.yaml")
        .read_text()
        .replace("cleartext-messages", "my-own")
        .replace("Messages are sent in the clear", "Mine")
    )
    watch = Watch(world, tmp_path, "--config", config, "--json-lines")
    half = tmp_path / "half.pcap"
    needs("tcpdump")
    subprocess.run(["tcpdump", "-r", AIM, "-w", half, "-c", "100"], check=True, capture_output=True)
    world.replay(half)
    watch.until(lambda: '"kind":"finding"' in watch.out())

    config.write_text("[findings]\nrule = 1\n")
    watch.signal(signal.SIGHUP)
    watch.says("not reloaded, the old configuration stays:")
    watch.says(f"{config}:2: [findings] has no setting rule; did you mean rules?")

    config.write_text(f'[capture]\nworkers = 2\n[findings]\nrules = ["{rules}"]\n')
    watch.signal(signal.SIGHUP)
    watch.says("reloaded: ")
    watch.says("[capture] workers: changed; that takes effect at the next start")
    world.python(REST, AIM, "100")
    watch.until(lambda: '"rule":"my-own"' in watch.out())
    assert watch.stop() == 0
    rows = [json.loads(line) for line in watch.out().splitlines()]
    told = [row["finding"]["rule"] for row in rows if row["kind"] == "finding"]
    assert told.count("password-guessable") == len(set(_accounts(rows, "password-guessable")))


def test_a_reload_opens_other_files_addresses_and_filters(world, tmp_path):
    needs("tcpdump")
    config, first, second = tmp_path / "w.toml", tmp_path / "first", tmp_path / "second"
    ring, folder = tmp_path / "ring", tmp_path / "evidence"
    start = f'[output]\nevents = "{first}"\n[evidence]\nring = "{ring}"\n'
    config.write_text(start)
    watch = Watch(world, tmp_path, "-q", "--config", config)
    half = tmp_path / "half.pcap"
    subprocess.run(["tcpdump", "-r", AIM, "-w", half, "-c", "100"], check=True, capture_output=True)
    world.replay(half)
    watch.until(lambda: len(first.read_text().splitlines()) > 10)
    before = packets_in(ring)

    config.write_text(f'[metrics]\nlisten = "127.0.0.1:9999"\n[output]\nevents = "{tmp_path}/x/"\n')
    (tmp_path / "x").mkdir()
    watch.signal(signal.SIGHUP)
    watch.says("not reloaded, the old configuration stays:")

    text = start.replace(str(first), str(second)) + f'folder = "{folder}"\n'
    text += '[metrics]\nlisten = "127.0.0.1:9999"\n[capture]\nfilter = "tcp"\nsnaplen = 9000\n'
    config.write_text(text)
    watch.signal(signal.SIGHUP)
    watch.says("reloaded: ")
    watch.says("[capture] snaplen: changed; that takes effect at the next start")
    world.replay(ICQ)  # UDP, which the filter keeps out
    world.python(REST, AIM, "100")
    watch.until(lambda: second.exists() and len(second.read_text().splitlines()) > 10)
    assert (
        "backchannel_packets_total" in world.python(FETCH, "http://127.0.0.1:9999/metrics").stdout
    )
    assert watch.stop() == 0
    rows = [json.loads(line) for file in (first, second) for line in file.read_text().splitlines()]
    assert {row["protocol"] for row in rows} == {"oscar"}
    assert len(rows) == 68  # of both files together: no flow was lost
    assert packets_in(ring) == packets_of(AIM) > before
    assert list(folder.glob("*.pcap"))


FETCH = """
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1]).read().decode())
"""
REST = """
import sys, socket
from backchannel.capture import sources
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind(("va", 0))
frames = [bytes(d) for s in sources([sys.argv[1]]) for c in s.chunks() for _, _, d, _ in c]
for frame in frames[int(sys.argv[2]):]:
    out.send(frame)
"""


def _accounts(rows, rule):
    found = (row["finding"] for row in rows if row["kind"] == "finding")
    return [each["accounts"][0] for each in found if each["rule"] == rule]


# -- what goes wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["vb", "va"])  # itself, or what it is joined to, as by a cable
def test_an_interface_that_goes_down_and_comes_up_is_survived(world, tmp_path, end):
    watch = Watch(world, tmp_path)
    world.run("ip", "link", "set", end, "down")
    watch.says("interface vb is down")
    world.run("ip", "link", "set", end, "up")
    watch.says("interface vb is up again")
    world.replay(AIM)
    watch.until(lambda: "AIM over oscar" in watch.out())
    assert watch.stop() == 0


def test_an_interface_that_was_removed_is_opened_again(world, tmp_path):
    watch = Watch(world, tmp_path)
    world.run("ip", "link", "del", "vb")
    watch.says("interface vb is down")
    world.run("ip", "link", "add", "va", "type", "veth", "peer", "name", "vb")
    world.run("ip", "link", "set", "va", "up")
    world.run("ip", "link", "set", "vb", "up")
    watch.says("interface vb is up again")
    world.replay(AIM)
    watch.until(lambda: "AIM over oscar" in watch.out())
    assert watch.stop() == 0


def test_the_recording_goes_on_when_its_interface_is_back(world, tmp_path):
    ring, folder = tmp_path / "ring", tmp_path / "evidence"
    watch = Watch(world, tmp_path, "-q", "--ring", ring, "--evidence", folder)
    world.run("ip", "link", "set", "vb", "down")
    watch.says("interface vb is down")
    world.run("ip", "link", "set", "vb", "up")
    watch.says("interface vb is up again")
    world.replay(ICQ)
    watch.until(lambda: packets_in(ring) == packets_of(ICQ))
    world.run("ip", "link", "del", "vb")
    watch.until(lambda: watch.told().count("interface vb is down") == 2)
    world.run("ip", "link", "add", "va", "type", "veth", "peer", "name", "vb")
    world.run("ip", "link", "set", "va", "up")
    world.run("ip", "link", "set", "vb", "up")
    watch.says("interface vb is recorded again")
    watch.until(lambda: watch.told().count("interface vb is up again") == 2)
    world.replay(AIM)
    assert watch.stop() == 0
    assert packets_in(ring) == packets_of(ICQ) + packets_of(AIM)
    assert list(folder.glob("*-password-guessable.pcap"))


def test_processes_that_are_replaced_while_their_interface_is_gone_read_it_again(world, tmp_path):
    ring = tmp_path / "ring"
    watch = Watch(world, tmp_path, "--ring", ring)
    world.run("ip", "link", "del", "vb")
    watch.says("interface vb is down")
    for module in (b"backchannel.live.worker", b"backchannel.live.recorder"):
        (pid,) = children(watch.process, module)
        os.kill(pid, signal.SIGKILL)
    watch.says("died (signal 9)")
    watch.says("the recorder died and was replaced")
    world.run("ip", "link", "add", "va", "type", "veth", "peer", "name", "vb")
    world.run("ip", "link", "set", "va", "up")
    world.run("ip", "link", "set", "vb", "up")
    watch.says("interface vb is up again")
    watch.says("interface vb is recorded again")
    world.replay(AIM)
    watch.until(lambda: "AIM over oscar" in watch.out())
    assert watch.stop() == 0
    assert packets_in(ring) == packets_of(AIM)


def packets_of(*paths):
    return sum(len(chunk) for path in paths for s in sources([str(path)]) for chunk in s.chunks())


def packets_in(ring):
    """Packets recorded, without those that the kernel itself sends into a new interface."""
    count = 0
    for path in ring.glob("*.pcap"):
        if path.stat().st_size > 24:
            for source in sources([str(path)]):
                count += sum(
                    bytes(d)[12:14] == b"\x08\x00" for c in source.chunks() for _, _, d, _ in c
                )
    return count


def test_all_interfaces_together_tell_the_same(world, tmp_path):
    """What the test sends is seen on its way out of one end and into the other."""
    ring, events = tmp_path / "ring", tmp_path / "e"
    options = ("-q", "--events", events, "--ring", ring, "--evidence", tmp_path / "evidence")
    watch = Watch(world, tmp_path, *options, interface="any")
    world.replay(AIM)
    assert watch.stop() == 0
    assert len(events.read_text().splitlines()) == 68
    needs("tcpdump")
    (record,) = ring.glob("any-*.pcap")
    read = ["tcpdump", "-nr", record, "tcp"]
    told = subprocess.run(read, capture_output=True, text=True, check=True).stdout
    assert "vb" in told or "ifindex" in told or len(told.splitlines()) > 100
    assert list((tmp_path / "evidence").glob("*-password-guessable.pcap"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("-i", "vb"), "any is all of them: give it alone"),
        (("--promiscuous",), "any cannot be promiscuous: name the interfaces"),
        (("--filter", "vlan 5"), "no VLAN support"),
    ],
)
def test_what_does_not_go_with_all_interfaces_is_said(world, options, said):
    needs("tcpdump")
    told = world.run(*command("watch", "-i", "any", *options), check=False)
    assert told.returncode == 2
    assert said in told.stderr


def test_a_parser_that_dies_is_replaced(world, tmp_path):
    watch = Watch(world, tmp_path)
    (pid,) = children(watch.process)
    os.kill(pid, signal.SIGKILL)
    watch.says("parser 0 died (signal 9); its flows are lost")
    watch.until(lambda: len(children(watch.process)) == 1)
    world.replay(AIM)
    watch.until(lambda: "AIM over oscar" in watch.out())
    assert watch.stop() == 0


def dropped(world):
    """Packets that the kernel dropped, by the metrics."""
    told = world.python(
        "import urllib.request as r; print(r.urlopen('http://127.0.0.1:9469/metrics').read().decode())"
    ).stdout
    (drops,) = re.findall(
        r'^backchannel_kernel_drops_total\{interface="vb"\} (\d+)', told, re.MULTILINE
    )
    return int(drops)


DROPPED = r'packets dropped by the kernel</td><td class="n">([\d,]+)<'


def test_a_parser_that_hangs_is_replaced_and_what_was_dropped_meanwhile_is_counted(world, tmp_path):
    config = tmp_path / "w.toml"
    config.write_text('[capture]\nring = "2MiB"\n')
    report = tmp_path / "r.html"
    options = ("--config", config, "--metrics", "127.0.0.1:9469", "--report", report)
    watch = Watch(world, tmp_path, *options)
    (pid,) = children(watch.process)
    os.kill(pid, signal.SIGSTOP)
    for _ in range(10):
        world.replay(EXAMPLES / "bittorrent/libtorrent_tcp_plain.pcap")  # a megabyte each
    watch.says("parser 0 hangs: nothing for 15 seconds")
    watch.says("parser 0 died (signal 9); its flows are lost")
    watch.until(lambda: children(watch.process) not in ([], [pid]))
    watch.until(lambda: world.replay(AIM) or "AIM over oscar" in watch.out())  # when it is ready
    drops = dropped(world)
    assert drops > 500
    assert watch.stop() == 0
    (told,) = re.findall(DROPPED, report.read_text())
    assert int(told.replace(",", "")) >= drops


def test_parsers_that_die_again_and_again_end_the_watch(world, tmp_path):
    watch = Watch(world, tmp_path, "--events", tmp_path / "events")
    world.replay(AIM)
    watch.until(lambda: "AIM over oscar" in watch.out())
    for number in range(1, 6):
        watch.until(lambda: children(watch.process))
        os.kill(children(watch.process)[0], signal.SIGKILL)
        watch.until(lambda number=number: watch.told().count("died (signal 9)") >= number)
    assert watch.process.wait(timeout=PATIENCE) == 3, watch.told()
    assert "5 parsers died within a minute: the watch ends" in watch.told()
    assert "Traceback" not in watch.told()
    assert len((tmp_path / "events").read_text().splitlines()) == 68


def test_a_watch_that_was_stopped_goes_on_where_it_was(world, tmp_path):
    """The parser is not looked after meanwhile; it waits with what it has to say."""
    watch = Watch(world, tmp_path, "-q", "--events", tmp_path / "events")
    watch.signal(signal.SIGSTOP)
    world.replay(AIM)
    time.sleep(3)
    watch.signal(signal.SIGCONT)
    assert watch.stop() == 0
    assert len((tmp_path / "events").read_text().splitlines()) == 68
    assert "hangs" not in watch.told()


def initiation(number):
    """The first message of an IKE SA, each on a flow of its own."""
    spi = (0x1122334455667788 + number).to_bytes(8, "big")
    body = bytes.fromhex(
        "0000002800000024010100030300000c0100000c800e010003000008030000020000000804000002"
    )
    head = spi + bytes(8) + bytes([33, 0x20, 34, 0x08]) + bytes(4)
    message = head + (28 + len(body)).to_bytes(4, "big") + body
    return ethernet(ip(A, B, 17, udp((10_000 + number, 500), message)))


def test_packets_are_read_while_nobody_has_time_for_what_they_tell(world, tmp_path):
    """What is told fills the connection at once, and what comes then would fill the ring twice."""
    config, events = tmp_path / "w.toml", tmp_path / "events"
    config.write_text('[capture]\nring = "8MiB"\n')
    options = ("--config", config, "--metrics", "127.0.0.1:9469", "--events", events)
    watch = Watch(world, tmp_path, "-q", *options)
    watch.signal(signal.SIGSTOP)
    talk = tmp_path / "talk.pcap"
    talk.write_bytes(pcap((number / 1e4, initiation(number)) for number in range(2000)))
    world.replay(talk, *[EXAMPLES / "bittorrent/libtorrent_tcp_plain.pcap"] * 16, pps=1000)
    watch.signal(signal.SIGCONT)
    watch.until(lambda: len(events.read_text().splitlines()) >= 2 * 2000)
    # of 7,500; who waits for the other half loses 2,700, who has no processor for seconds some
    assert dropped(world) < 1500
    assert watch.stop() == 0


def test_parsers_end_when_the_watch_is_killed(world, tmp_path):
    watch = Watch(world, tmp_path, "--ring", tmp_path / "ring")
    pids = children(watch.process)
    assert pids
    watch.process.kill()
    watch.process.wait()
    watch.until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


def test_a_full_disk_costs_lines_and_not_the_watch(world, tmp_path):
    """/mnt is two megabytes."""
    watch = Watch(world, tmp_path, "--plain", "--events", "/mnt/events", "--findings", "/mnt/found")
    world.run("dd", "if=/dev/zero", "of=/mnt/ballast", "bs=1M", "count=8", check=False)
    world.replay(AIM)
    watch.says("/mnt/events: No space left on device; lines wait, and may be lost")
    watch.until(lambda: "AIM over oscar" in watch.out())
    world.run("rm", "/mnt/ballast")
    world.replay(ICQ)
    watch.says("/mnt/events: written again;")
    assert watch.stop() == 0
    told = world.run("cat", "/mnt/events").stdout
    assert told.endswith("\n")
    rows = [json.loads(line) for line in told.splitlines()]
    assert {row["protocol"] for row in rows} == {"oscar", "icq"}
    assert sum(row["protocol"] == "oscar" for row in rows) == 68


def test_without_the_right_it_says_how_to_get_it():
    needs("unshare")
    ran = subprocess.run(
        ["unshare", "-Ur", *command("watch", "-i", "lo")],  # root of nothing but itself
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    if "unshare failed" in ran.stderr:
        pytest.skip("no user namespace can be made here")
    assert ran.returncode == 4
    assert "CAP_NET_RAW" in ran.stderr
    assert "sudo backchannel watch -i lo" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["watch"], "no interface given: name one or more, as in `backchannel watch eth0`"),
        (["watch", "none0"], "no interface none0 here; there are: "),
        (["watch", "-i", "none0"], "no interface none0 here; there are: "),
        (
            ["watch", "-i", "lo", "--filter", "udp prot 3"],
            "--filter: capture filter 'udp prot 3': ",
        ),
        (["watch", "-i", "lo", "--workers", "0"], "--workers: expected a number >= 1"),
        (["watch", "-i", "lo", "--evidence", "x"], "--evidence: evidence is cut from the ring"),
        (
            ["watch", "-i", "lo", "--ring", "x", "--evidence", "./x"],
            "--evidence: what is in the ring goes in time: name another folder",
        ),
        (["watch", "-i", "lo", "--duration", "soon"], "--duration soon: not a time"),
        (["watch", "-i", "lo", "--metrics", "x"], "--metrics: 'x' is not host:port"),
        (["watch", "-i", "lo", "--events", "a", "--eve", "a"], "events and eve both go to a"),
        (["watch", "-i", "lo", "--config", "/none.toml"], "/none.toml: No such file"),
        (["check-config", "/none.toml"], "/none.toml: No such file"),
    ],
)
def test_what_cannot_be_is_refused_with_2(arguments, told, tmp_path):
    if "--filter" in arguments:
        needs("tcpdump")
    ran = subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=PATIENCE,
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert told in ran.stderr
    assert "Traceback" not in ran.stderr


def test_suppressions_that_hide_nothing_are_told(world, tmp_path):
    accepted, config = tmp_path / "accepted.yaml", tmp_path / "w.toml"
    accepted.write_text("suppressions: [{rule: old-port, reason: mistyped, until: 2999-01-01}]")
    config.write_text(f'[findings]\nsuppress = "{accepted}"\n')
    told = f"{accepted}: there is no rule 'old-port': mistyped"
    checked = world.run(*command("check-config", config))
    assert f"note: {told}" in checked.stdout
    watch = Watch(world, tmp_path, "--config", config)
    watch.says(told)
    accepted.write_text("suppressions: [{rule: odd-port, reason: over, until: 2020-01-01}]")
    watch.process.send_signal(signal.SIGHUP)
    watch.says(f"{accepted}: expired on 2020-01-01: over")
    watch.stop()


def test_a_good_configuration_is_said_to_be_good(tmp_path):
    path = tmp_path / "w.toml"
    path.write_text('[capture]\ninterfaces = ["none0"]\n')
    ran = subprocess.run(
        command("check-config", path), capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert ran.returncode == 0
    assert f"{path}: good. Interfaces: none0; alerts to: nobody" in ran.stdout
    assert "note: this machine has no interface none0" in ran.stdout


def test_reports_of_periods_and_alerts_over_kill_9(world, tmp_path):
    """The receiver is away, the watch is killed, and after a restart everything comes."""
    config, spool = tmp_path / "w.toml", tmp_path / "spool"
    config.write_text(
        f'[alerts]\nspool = "{spool}"\n[[alerts.webhook]]\nname = "hook"\n'
        'url = "http://127.0.0.1:8099/"\nleast = "high"\n'
        f'[output]\nreport = "{tmp_path}/r.html"\nreport_every = "10s"\n'
    )
    first = Watch(world, tmp_path, "--json-lines", "--config", config)
    world.replay(AIM)
    first.says("hook cannot be reached: Connection refused; alerts wait")
    first.until(lambda: list(tmp_path.glob("r-2*.html")))
    first.process.kill()
    first.process.wait()
    rows = [json.loads(line) for line in first.out().splitlines()]
    high = {row["id"] for row in rows if row.get("finding", {}).get("severity") == "high"}
    assert high
    server = world.start(sys.executable, "-c", SERVER, stdout=subprocess.PIPE)
    assert server.stdout.readline() == "ready\n"
    folder = tmp_path / "again"
    folder.mkdir()
    second = Watch(world, folder, "-q", "--config", config)
    came = {server.stdout.readline().strip() for _ in high}
    assert came == high
    assert second.stop() == 0


SERVER = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        print(self.headers["Idempotency-Key"], flush=True)
        self.send_response(204)
        self.end_headers()
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", 8099), Handler)
print("ready", flush=True)
server.serve_forever()
"""
