"""Messages of MSNSLP and of webcam control, put together from P2P packets. Bounded.

Version 1 says with each packet where it belongs; version 2 says only how much is still to come.
"""

from backchannel.protocols.msn_p2p.wire import Packet

MAX_MESSAGE = 65536
MAX_MESSAGES = 8


class Pieces:
    """Half messages of one flow, at most MAX_MESSAGES, each at most MAX_MESSAGE bytes."""

    def __init__(self) -> None:
        self._half: dict[tuple[str, int, int], dict[int, bytes]] = {}
        self._totals: dict[tuple[str, int, int], int] = {}

    def add(self, sender: str, packet: Packet) -> bytes | None:
        """Take a packet; return the message that it completes."""
        size = len(packet.data)
        if packet.version == 1:
            key = sender, packet.session, packet.identifier
            offset, total = packet.offset, packet.total
        else:
            key = sender, packet.session, -1
            if packet.first:
                self._drop(key)
                self._totals[key] = size + packet.remaining
            total = self._totals.get(key, 0)
            offset = total - packet.remaining - size
        if not 0 < total <= MAX_MESSAGE or offset < 0:
            self._drop(key)
            return None
        if size == total:
            self._drop(key)
            return packet.data
        return self._gather(key, offset, total, packet.data)

    def _gather(
        self, key: tuple[str, int, int], offset: int, total: int, data: bytes
    ) -> bytes | None:
        held = self._half.setdefault(key, {})
        self._totals[key] = total
        if len(data) > len(held.get(offset, b"")):
            held[offset] = data
        at, parts = 0, []
        while (part := held.get(at)) is not None:
            parts.append(part)
            at += len(part)
        if at < total:
            self._bound(key, held)
            return None
        self._drop(key)
        return b"".join(parts)[:total]

    def _bound(self, key: tuple[str, int, int], held: dict[int, bytes]) -> None:
        if sum(map(len, held.values())) > MAX_MESSAGE or len(held) > 1024:
            self._drop(key)
        while len(self._half) > MAX_MESSAGES:
            self._drop(next(iter(self._half)))

    def _drop(self, key: tuple[str, int, int]) -> None:
        self._half.pop(key, None)
        self._totals.pop(key, None)
