"""The P2P layer of one flow, whatever carries it: a switchboard, MSNP21's datagrams, or a direct
connection. Packets in, events and file effects out.

Holds half MSNSLP messages (`pieces`, 512 KiB at most), 64 calls, and where each file stands; file
bytes are handed on at once.
"""

from backchannel.effects import Expect
from backchannel.events import Malformed, PeerAddress
from backchannel.model import Capability
from backchannel.protocols import Output
from backchannel.protocols.bounded import remember
from backchannel.protocols.msn_p2p import slp, webcam, wire
from backchannel.protocols.msn_p2p.calls import Calls
from backchannel.protocols.msn_p2p.files import Plan
from backchannel.protocols.msn_p2p.pieces import Pieces
from backchannel.reader import WireError

MAX_STREAMS = 64


class Link:
    """One flow's P2P traffic in both directions."""

    def __init__(self, plans: tuple[Plan, ...] = ()) -> None:
        self.calls = Calls(plans)
        self.last: slp.Message | None = None
        """The last MSNSLP message: it names both ends, which a direct connection does not."""
        self._pieces = Pieces()
        self._sizes: dict[tuple[str, int], int] = {}
        """Version 2: size of the data that a session carries, from its first packet."""

    def packet(
        self, sender: str, recipient: str, body: bytes, footer: int = wire.FOOTER
    ) -> list[Output]:
        """Take one packet as *sender* sent it; a broken one is Malformed."""
        try:
            packet = wire.read(body, footer)
        except WireError as error:
            return [Malformed(reason=str(error))]
        return self.take(sender, recipient, packet)

    def take(self, sender: str, recipient: str, packet: wire.Packet) -> list[Output]:
        """Take a packet that was read already."""
        carries = packet.carries
        if carries in ("file", "object") and not self._of_camera(packet):
            return self._data(sender, recipient, packet, carries)
        if not carries:
            return []
        whole = self._pieces.add(sender, packet)
        if whole is None:
            return []
        if carries == "slp":
            return self.message(sender, whole)
        return _control(sender, recipient, whole)

    def _of_camera(self, packet: wire.Packet) -> bool:
        """Whether it belongs to a webcam: aMSN 0.98 and papyon flag its messages as objects."""
        if packet.session in self.calls.cameras:
            return True
        if not packet.first or packet.session in self.calls.files or not webcam.begins(packet.data):
            return False
        self.calls.camera(packet.session)
        return True

    def message(self, sender: str, data: bytes) -> list[Output]:
        """Take a whole MSNSLP message."""
        message = slp.read(data)
        if message is None:
            return [Malformed(reason="P2P session 0 carries no MSNSLP")]
        self.last = message
        return self.calls.take(message, sender)

    def end(self) -> list[Output]:
        """The flow is over."""
        return self.calls.end()

    def _data(self, sender: str, recipient: str, packet: wire.Packet, carries: str) -> list[Output]:
        use = Capability.FILE_TRANSFER if carries == "file" else Capability.IMAGE
        offset, size = self._place(sender, packet)
        if offset < 0:
            return []
        plan = Plan(packet.session, use, size=size, sender=sender, recipient=recipient)
        file = self.calls.file(plan)
        told: list[Output] = list(file.data(offset, packet.data, stale=packet.stale))
        return told

    def _place(self, sender: str, packet: wire.Packet) -> tuple[int, int]:
        """Return offset and total size of a data packet; offset -1 where nobody can know it."""
        if packet.version == 1:
            return packet.offset, packet.total
        key = sender, packet.session
        size = len(packet.data) + packet.remaining
        if packet.first:
            remember(self._sizes, key, size, MAX_STREAMS)
        known = self.calls.files.get(packet.session)
        total = self._sizes.get(key) or (known.plan.size if known else 0) or 0
        return total - size, total


def _control(sender: str, recipient: str, data: bytes) -> list[Output]:
    """A webcam session's messages tell where the video can be had."""
    use = Capability.VOICE_VIDEO
    told: list[Output] = []
    for place in webcam.places(data):
        address, port, transport = place.address, place.port, place.transport
        told.append(
            PeerAddress(
                use=use,
                account=sender,
                address=address,
                port=port,
                transport=transport,
                how="webcam",
            )
        )
        if port and transport == "tcp":
            told.append(_camera_at(address, port, (recipient, sender)))
    host, port = webcam.reflector(data)
    if host and port:
        told.append(_camera_at(host, port, (sender, recipient), both=True))
    return told


def _camera_at(address: str, port: int, accounts: tuple[str, str], *, both: bool = False) -> Expect:
    """A webcam connection to come: who calls first, or at a reflector, to which *both* go, who
    shows pictures.
    """
    return Expect(
        protocol="msn-webcam",
        purpose=Capability.VOICE_VIDEO,
        address=address,
        port=port,
        accounts=accounts,
        repeat=both,
    )
