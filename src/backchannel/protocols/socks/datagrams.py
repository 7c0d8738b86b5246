"""The datagrams of a UDP ASSOCIATE: each with a header that says where it goes or comes from.

A target is one inner stream, channel `host:port`. Where the client names a host, answers come from
an address: they join the stream of the first named target with that port. Holds CHANNELS names, and
one datagram in pieces for each side (RFC 1928 §7), at most REASSEMBLY bytes.
"""

from backchannel.effects import Inner, InnerEnd, Open
from backchannel.events import Gap, Malformed, ProxyRequest
from backchannel.model import Side, Standing
from backchannel.protocols import Output
from backchannel.protocols.socks import wire
from backchannel.protocols.socks.contexts import Relay
from backchannel.reader import WireError

CHANNELS = 256
REASSEMBLY = 65536
_LAST = 0x80


class Datagrams:
    """Decodes a UDP flow. See `backchannel.protocols.Session`."""

    def __init__(self, relay: Relay) -> None:
        self.service = "socks"
        self.standing = Standing.CLAIMED
        self.done = False
        self._user = relay.user
        self._channels: dict[str, bool] = {}
        """Channel names, oldest first; True where the client named a host."""
        self._aliases: dict[str, str] = {}
        self._pieces: list[tuple[int, str, bytes] | None] = [None, None]
        """Of each side: number of the last piece, the channel, the bytes so far."""

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take one datagram of *side*."""
        try:
            fragment, host, port, payload = wire.read_datagram(data)
        except WireError as error:
            if self.standing is Standing.CLAIMED:
                self.standing = Standing.REFUTED
            return [Malformed(reason=str(error))]
        self.standing = Standing.PARSED
        out: list[Output] = []
        channel = self._channel(side, host, port, out)
        if fragment:
            whole = self._join(side, fragment, channel, payload, out)
        else:
            self._pieces[side], whole = None, payload
        if whole:
            out.append(Inner(side=side, data=whole, channel=channel))
        return out

    def gap(self, side: Side, size: int) -> list[Output]:
        """A datagram was cut short in the capture."""
        self._pieces[side] = None
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        return [InnerEnd(side=side, channel=name) for name in self._channels]

    def _channel(self, side: Side, host: str, port: int, out: list[Output]) -> str:
        """Return the stream that leads to *host*, opened if it is new."""
        name = f"{host.lower()}:{port}"
        name = self._aliases.get(name, name)
        if name in self._channels:
            return name
        if side is Side.SERVER and (named := self._named(port)):
            self._aliases[name] = named
            return named
        if len(self._channels) >= CHANNELS:
            oldest = next(iter(self._channels))
            del self._channels[oldest]
            self._aliases = {k: v for k, v in self._aliases.items() if v != oldest}
            out.append(InnerEnd(channel=oldest))
        self._channels[name] = any(char.isalpha() for char in host) and ":" not in host
        request = ProxyRequest(
            scheme="socks5", command="udp", host=host, port=port, user=self._user
        )
        place = Open(channel=name, host=host, port=port, transport="udp", label="socks5")
        out += [request, place]
        return name

    def _named(self, port: int) -> str | None:
        """Return the first stream to a named host with *port* from which no answer came yet."""
        taken = set(self._aliases.values())
        for name, by_name in self._channels.items():
            if by_name and name not in taken and name.endswith(f":{port}"):
                return name
        return None

    def _join(
        self, side: Side, fragment: int, channel: str, payload: bytes, out: list[Output]
    ) -> bytes:
        """Add a piece; return the whole datagram with the last one, else nothing."""
        number, held = fragment & ~_LAST, self._pieces[side]
        if number == 1:
            held = 0, channel, b""
        if held is None or held[:2] != (number - 1, channel) or len(held[2]) > REASSEMBLY:
            self._pieces[side] = None
            out.append(Malformed(reason="piece of a datagram out of order"))
            return b""
        whole = held[2] + payload
        if fragment & _LAST:
            self._pieces[side] = None
            return whole
        self._pieces[side] = number, channel, whole
        return b""
