"""What a handshake's header block tells: who joins, as what, and whom to try instead."""

from backchannel.model import Capability
from backchannel.protocols import Output
from backchannel.protocols.gnutella.events import Handshake
from backchannel.protocols.gnutella.handshake import Block, addresses, normal
from backchannel.protocols.gnutella.memory import Memory
from backchannel.protocols.gnutella.vendors import software

_TRY = (
    ("x-try-ultrapeers", "ultrapeer"),
    ("x-try-hubs", "hub"),
    ("x-try-dna-hubs", "hub"),
    ("x-try", ""),
    ("leaves", "leaf"),
    ("peers", ""),
)
_LISTENS = ("node", "x-node", "x-node-ipv6", "listen-ip", "x-listen-ip", "x-my-address")
_SEEN_AS = ("remote-ip", "x-remote-ip")


def tell(block: Block, network: str, memory: Memory) -> list[Output]:
    """Return the events of one header block."""
    agent = block.get("user-agent", "server")
    out: list[Output] = [
        Handshake(
            step="connect" if block.connect else "answer",
            version=block.version,
            network="gnutella2" if network == "gnutella2" else "gnutella",
            code=block.code,
            reason=block.reason[:256],
            role=_role(block, network),
            agent=agent,
            deflate="deflate" in block.get("content-encoding").lower(),
            tls=offers_tls(block),
            headers=block.headers,
        )
    ]
    servent = block.get("guid").lower()[:32]
    named = software(agent, servent)
    if named and memory.first(f"agent {agent} {servent} {block.connect}"):
        out.append(named)
    return out + _addresses(block, servent, memory)


def _role(block: Block, network: str) -> str:
    told = (block.get("x-hub") or block.get("x-ultrapeer")).lower()
    high = "hub" if network == "gnutella2" else "ultrapeer"
    return high if told == "true" else "leaf" if told else ""


def offers_tls(block: Block) -> bool:
    """Whether the block offers TLS (a first block) or agrees to it (a later one)."""
    if "tls" in block.get("upgrade").lower():
        return True
    return not block.connect and "upgrade" in block.get("connection").lower()


def _addresses(block: Block, servent: str, memory: Memory) -> list[Output]:
    out = memory.disclosed("handshake", addresses(block.get(*_LISTENS), 4), servent)
    if seen := normal(block.get(*_SEEN_AS).split(",")[0]):
        out += memory.disclosed("remote-ip", [(seen, 0)])
    if chat := addresses(block.get("chat"), 1):
        out += memory.disclosed("chat", chat, servent, use=Capability.MESSAGE)
    for name, role in _TRY:
        if hosts := block.get(name):
            out += memory.peers(addresses(hosts), role)
    return out
