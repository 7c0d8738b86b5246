"""Cuts the package's conversations from the recordings: one a service and capability.

usage: conversations.py [--check]    with --check nothing is written, and a difference is an error
"""

import sys
from collections import Counter
from pathlib import Path

import msgspec

from backchannel import protocols
from backchannel.catalogue.load import load
from backchannel.catalogue.model import Service
from backchannel.policy.model import Use
from backchannel.policy.uses import uses
from backchannel.prove import library, recording
from backchannel.prove.conversation import Conversation, Flow, pack, unpack

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "src/backchannel/prove" / library.FOLDER
SOURCES = (
    "examples/aim",
    "examples/bittorrent",
    "examples/icq",
    "examples/irc",
    "examples/msn",
    "examples/yahoo",
    "examples/gnutella",
    "examples/edonkey",
    "examples/soulseek",
    "examples/fasttrack",
    "examples/ipsec",
    "examples/openvpn",
    "examples/direct_connect",
    "examples/stun",
    "examples/telegram",
    "examples/tor",
    "examples/wireguard",
    "examples/xmpp",
    "tests/protocols/socks/captures",
    "tests/protocols/http_proxy/captures",
)
BORROWED = frozenset({53, 80, 443})
"""Ports of other services, which a service takes where its own is closed."""
LARGEST = 3 << 20
"""Bytes that all conversations together may take in the package."""


def main() -> int:
    """Write or check the conversations; return the exit code."""
    check = "--check" in sys.argv[1:]
    captures = sorted(path for source in SOURCES for path in (ROOT / source).glob("*.pcap"))
    services = load(protocols=protocols.load())
    best = {}
    for rank, each in recording.ranked(*captures):
        able = {ability.capability for ability in services[each.service].capabilities}
        if each.capability not in able:
            continue
        usual = standard(each, services[each.service])
        name = library.file_name(usual)
        if name not in best or rank < best[name][0]:
            best[name] = rank, usual
    found = {name: usual for name, (_, usual) in best.items()}
    FOLDER.mkdir(exist_ok=True)
    stale = [path for path in FOLDER.iterdir() if path.name not in found]
    for name, conversation in found.items():
        path = FOLDER / name
        if not path.exists() or kept(path) != conversation:
            stale.append(path)
            if not check:
                path.write_bytes(pack(conversation))
    for path in stale:
        if path.name not in found and not check:
            path.unlink()
        print(f"{'stale' if check else 'written'}: {path.relative_to(ROOT)}")
    size = sum(path.stat().st_size for path in FOLDER.iterdir())
    print(f"{len(found)} conversations, {size} bytes")
    return 1 if (check and stale) or size > LARGEST else 0


def kept(path: Path) -> Conversation | None:
    """Return what the file holds; None where it holds no conversation of this version."""
    try:
        return unpack(path.read_bytes())
    except ValueError:
        return None


def standard(conversation: Conversation, service: Service) -> Conversation:
    """Return it on the ports that the catalogue names where the recording's servers had others."""
    known = {
        transport: {use.capability: _ports(use, transport) for use in uses(service)}
        for transport in ("tcp", "udp")
    }
    dynamic = {use.capability for use in uses(service) if use.dynamic}

    def moved(flow: Flow) -> Flow:
        if flow.transport == "udp" and flow.port < 1024:  # IKE comes from its own port
            return msgspec.structs.replace(flow, source=flow.port)
        there = known.get(flow.transport, {})
        common = Counter(port for ports in there.values() for port in ports)
        usual = sorted(common, key=lambda port: (port in BORROWED, -common[port], port))
        own = there.get(conversation.capability, [])
        told = any(step.told for step in flow.steps)
        announced = flow.announced or flow.transport == "udp"  # ICE's checks announce calls
        wanted = own if told and flow.announced and own else usual
        picks = told and announced and conversation.capability in dynamic
        if flow.port in wanted or not wanted or picks:
            return flow
        return msgspec.structs.replace(flow, port=wanted[0])

    flows = tuple(map(moved, conversation.flows))
    said = next(flow for flow in flows if any(step.told for step in flow.steps))
    direct = conversation.way.startswith("direct")
    way = conversation.way if direct else f"{said.transport}/{said.port}"
    return msgspec.structs.replace(conversation, flows=flows, way=way)


def _ports(use: Use, transport: str) -> list[int]:
    """Return where a service listens by default; what it picks by itself is no default."""
    return [
        each.low for each in use.ports if each.carrier == transport and each.high - each.low < 100
    ]


if __name__ == "__main__":
    sys.exit(main())
