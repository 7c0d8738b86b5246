"""What AH protects is decoded: recorded conversations put into AH, as tshark reads them too."""

import ipaddress
import struct
import subprocess
from pathlib import Path
from shutil import which

import pytest
from scapy.all import PcapReader
from tests.flows.frames import pcap

from backchannel import scan
from backchannel.events import Message

CONVERSATION = Path(__file__).parents[3] / "examples/aim/aim_md5login_8im.pcap"
needs_tshark = pytest.mark.skipif(which("tshark") is None, reason="tshark is not installed")


def header(inside, spi, sequence):
    return struct.pack(">BBHII", inside, 4, 0, spi, sequence) + b"\x5a" * 12


def v4(source, target, protocol, body):
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0x4000, 64, protocol, 0)
    return head + source + target + body


def v6(source, target, protocol, body):
    ends = [b"\xfd" + bytes(11) + end for end in (source, target)]
    return struct.pack(">IHBB", 6 << 28, len(body), protocol, 64) + b"".join(ends) + body


def plain(packet, _):
    return packet


def plain_v6(packet, _):
    return v6(packet[12:16], packet[16:20], packet[9], packet[20:])


def transport(packet, number):
    return v4(packet[12:16], packet[16:20], 51, header(packet[9], 0x1001, number) + packet[20:])


def transport_v6(packet, number):
    return v6(packet[12:16], packet[16:20], 51, header(packet[9], 0x1001, number) + packet[20:])


def tunnel(packet, number):
    gates = [ipaddress.ip_address(gate).packed for gate in ("192.0.2.1", "198.51.100.1")]
    return v4(*gates, 51, header(4, 0x2002, number) + packet)


def put_into(mode, folder):
    """A capture of the conversation in AH."""
    frames = []
    with PcapReader(str(CONVERSATION)) as packets:
        for number, packet in enumerate(packets, 1):
            inside = mode(bytes(packet["IP"]), number)
            kind = b"\x08\0" if inside[0] >> 4 == 4 else b"\x86\xdd"
            frames.append((float(packet.time) % 10**6, bytes(12) + kind + inside))
    path = folder / f"{mode.__name__}.pcap"
    path.write_bytes(pcap(frames))
    return path


MODES = {transport: (plain, "ah"), transport_v6: (plain_v6, "ah"), tunnel: (plain, "ah/ipip")}


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.__name__)
def test_a_conversation_in_ah_is_told_as_without_it(mode, tmp_path):
    without, around = MODES[mode]
    wanted, run = scan(put_into(without, tmp_path)), scan(put_into(mode, tmp_path))
    events = [item.event for item in wanted if item.service == "aim"]
    seen = [item for item in run if item.service == "aim"]
    assert [item.event for item in seen] == events
    assert {item.flow.tunnel for item in seen} == {around}
    assert len(events) > 40
    rows = {row.service: row for row in run.document.services}
    assert rows["aim"].accounts == wanted.document.services[0].accounts
    assert rows["ipsec"].stack == "ah"


@needs_tshark
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.__name__)
def test_tshark_finds_the_same_messages(mode, tmp_path):
    """By the numbers of their frames."""
    path = put_into(mode, tmp_path)
    words = "-d tcp.port==5191,aim -Y ah&&aim_messaging -T fields -e frame.number"
    command = ["tshark", "-r", path, *words.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    theirs = {int(line) for line in done.stdout.split()}
    ours = [item.frame for item in scan(path) if isinstance(item.event, Message)]
    assert len(ours) == 16
    assert set(ours) <= theirs
