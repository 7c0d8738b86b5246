"""A replay is faithful: our scan sees in it what it saw in the recording."""

import json
import struct
import subprocess
import sys
from collections import defaultdict
from ipaddress import ip_address
from pathlib import Path

import msgspec
import pytest
from tests.prove.labs import need_labs

from backchannel.pipeline import Scan
from backchannel.prove import recording
from backchannel.prove.conversation import pack

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
CAPTURES = {
    "aim": ["aim/aim_oft.pcap", "aim/aim_odc.pcap", "aim/aim_oft_rvproxy.pcap"],
    "icq": ["icq/icq_oft.pcap", "icq/icq_v5_neticq_iserverd.pcap"],
    "msn": ["msn/msn_msnp9_libpurple243.pcap", "msn/msn_msnp8_msnftp_bitlbee.pcap"],
    "msn-gateway": ["msn/msn_msnp15_httpgateway.pcap"],
    "yahoo": ["yahoo/ymsg9_libpurple200.pcap"],
    "gnutella": ["gnutella/gtkg_handshake_query_download.pcap"],
    "kazaa": ["fasttrack/ft_enc39.pcap"],
    "ipsec": ["ipsec/natt_public_side.pcap"],
}
REWRITTEN = ("aim", "icq", "yahoo")
"""Whose announced addresses have room for the lab's, and are not encrypted."""


def own_packets(capture, conversation, out):
    """Write what the capture holds of this conversation's flows, up to where it ends."""
    called = [
        frozenset(((conversation.inside, None), (conversation.hosts[flow.host], None)))
        | {(conversation.inside if flow.inbound else conversation.hosts[flow.host], flow.port)}
        for flow in conversation.flows
    ]
    data, at, number = capture.read_bytes(), 24, 0
    kept, mine, left = [data[:24]], {}, list(called)
    while at + 16 <= len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        frame = data[at + 16 : at + 16 + size]
        number += 1
        hosts = str(ip_address(frame[26:30])), str(ip_address(frame[30:34]))
        ports = struct.unpack_from(">HH", frame, 14 + (frame[14] & 15) * 4)
        key = frozenset(zip(hosts, ports, strict=True))
        if key not in mine:  # a flow that begins: one of the conversation's?
            begins = frozenset(((hosts[0], None), (hosts[1], None))) | {(hosts[1], ports[1])}
            mine[key] = begins in left
            if mine[key]:
                left.remove(begins)
        if frame[12:14] == b"\x08\x00" and mine[key] and number <= conversation.until:
            kept.append(data[at : at + 16 + size])
        at += 16 + size
    assert not left
    out.write_bytes(b"".join(kept))
    return out


def story(capture, names):
    """What each flow of a service tells, in order, with its addresses as *names* calls them."""
    told = defaultdict(list)
    for seen in Scan(capture, settings=recording._ONE_IDLE):
        if seen.service:
            flow = seen.flow
            client, server = (names.get(end.address, "") for end in (flow.client, flow.server))
            text = msgspec.json.encode(seen.event).decode()
            for address, name in names.items():
                text = text.replace(f'"{address}"', f'"{name}"').replace(f"{address}:", f"{name}:")
            text = text.replace(f"{client}:{flow.client.port}", f"{client}:client")
            key = flow.serial, flow.transport, client, server, flow.server.port
            told[key].append((seen.protocol, int(seen.side), text))
    return [(*key[1:], events) for key, events in sorted(told.items())]


def played(conversations, folder, where):
    for number, each in enumerate(conversations):
        (folder / f"{number:02}.conversation").write_bytes(pack(each))
    script = ROOT / "tests/prove/inlab.py"
    done = subprocess.run(
        [sys.executable, script, where, folder],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("name", "where"),
    [(name, "recorded") for name in CAPTURES] + [(name, "lab") for name in REWRITTEN],
)
def test_a_replay_tells_what_the_recording_told(name, where, tmp_path):
    need_labs()
    cut = [
        (EXAMPLES / path, each)
        for path in CAPTURES[name]
        for each in recording.cut(EXAMPLES / path)
    ]
    assert cut
    for inside in {each.inside for _, each in cut}:  # a host of one may be outside of another
        mine = [(capture, each) for capture, each in cut if each.inside == inside]
        folder = tmp_path / inside
        folder.mkdir()
        replays = played([each for _, each in mine], folder, where)
        for number, ((capture, each), replay) in enumerate(zip(mine, replays, strict=True)):
            compare(capture, each, replay, folder / f"{number:02}.pcap")


def compare(capture, each, replay, recorded):
    what = f"{capture.name} {each.service} {each.capability} {each.way}"
    assert replay["ending"] is None, what
    assert replay["passed"] == each.told, what
    hosts, places = [each.inside, *each.hosts], replay["places"]
    back = dict(zip([places["inside"], *places["hosts"]], hosts, strict=True))
    then = story(
        own_packets(capture, each, recorded.with_name("original.pcap")), {h: h for h in hosts}
    )
    assert then, what
    assert story(recorded, back) == then, what
