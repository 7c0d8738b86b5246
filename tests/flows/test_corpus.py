"""Real captures: read without a crash, told the same by both cores, and agreed with by tshark."""

import csv
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from tests import kit
from tests.flows.frames import CORES, EVERYTHING, play

from backchannel.capture import Damage, sources
from backchannel.errors import InputError
from backchannel.flows.delivery import DATA, GAP

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").rglob("*.pcap*"))
CORPUS = sorted(path for path in kit.CORPUS.rglob("*") if path.suffix[:5] in {".pcap", ".cap"})
needs_tshark = pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is not installed")


def test_there_are_examples():
    assert len(EXAMPLES) > 30


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_streams_are_those_that_the_test_kit_reads(path):
    """The kit's reader shares no code with ours."""
    told = play("compiled", path.read_bytes())
    rows = {row.serial: row for row in told.rows}
    ours: dict[tuple[str, str, str], list[list[bytes | int]]] = {}
    for serial, (_, side, kind, _, _, what) in zip(told.serials, told.deliveries, strict=True):
        if kind in (DATA, GAP):
            row = rows[serial]
            key = row.transport, str(row.client), str(row.server)
            _glue(ours.setdefault(key, [[], []])[side], what)
    theirs: dict[tuple[str, str, str], list[list[bytes | int]]] = {}
    for flow in kit.flows(path):
        key = flow.start.transport, str(flow.start.client), str(flow.start.server)
        for side, what in flow.steps:
            _glue(theirs.setdefault(key, [[], []])[side], what)
    known = {key for key in ours if key[0] != "ip" or key in theirs}
    assert {key: ours[key] for key in known} == theirs


def _glue(stream, what):
    if isinstance(what, bytes) and stream and isinstance(stream[-1], bytes):
        stream[-1] += what
    else:
        stream.append(what)


@needs_tshark
@pytest.mark.parametrize("path", EXAMPLES[::4], ids=lambda path: path.stem)
def test_tshark_counts_the_same_packets_and_bytes(path):
    fields = ["ip.src", "ip.dst", "tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport"]
    wanted = [part for name in [*fields, "ip.len", "tcp.len"] for part in ("-e", name)]
    command = ["tshark", "-r", str(path), "-T", "fields", "-E", "separator=,", *wanted]
    options = ["-E", "occurrence=l", "-o", "tcp.desegment_tcp_streams:false", "-Y", "not icmp"]
    run = subprocess.run(command + options, capture_output=True, text=True, check=True)
    theirs = Counter()
    for row in csv.reader(run.stdout.splitlines()):
        source, target, *ports, size, payload = row
        sport, dport = ports[:2] if ports[0] else ports[2:]
        if sport:
            key = frozenset({(source, sport), (target, dport)})
            theirs[key] += 1
            theirs[key, "bytes"] += int(size)
            theirs[key, "payload"] += int(payload or 0)
    ours = Counter()
    columns = play("compiled", path.read_bytes(), []).columns
    for at in range(len(columns["serial"])):
        ends = [
            (columns[f"{who}_address"][at], str(columns[f"{who}_port"][at]))
            for who in ("client", "server")
        ]
        if ":" in ends[0][0] or columns["transport"][at] == "ip":
            continue
        key = frozenset(ends)
        for who in ("client", "server"):
            ours[key] += columns[f"{who}_packets"][at]
            ours[key, "bytes"] += columns[f"{who}_bytes"][at]
            if columns["transport"][at] == "tcp":
                ours[key, "payload"] += columns[f"{who}_payload_bytes"][at]
    assert {key: n for key, n in ours.items() if n} == {key: n for key, n in theirs.items() if n}


@pytest.mark.skipif(not CORPUS, reason=f"no captures at {kit.CORPUS}")
def test_every_capture_is_read_to_its_last_good_packet():
    """None crashes either core, and both tell the same; damage is named with its place."""
    read = damaged = 0
    for path in CORPUS:
        try:
            (source,) = sources([str(path)])
        except InputError:
            continue
        damage = None
        try:
            packets = sum(len(chunk) for chunk in source.chunks())
        except Damage as error:
            damage = error
        head = path.read_bytes()
        told = [play(which, head, EVERYTHING) for which in CORES]
        assert told[0] == told[1], path
        if damage is None:
            assert told[0].totals["packets"] == packets == source.packets
        else:
            damaged += 1
            assert 0 < damage.offset <= path.stat().st_size
            assert damage.reason
        read += 1
    assert read > 100
    assert damaged < read / 10
