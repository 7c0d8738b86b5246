"""The protocols that the doctor's engine knows: scan's own, with a word for each packet of ESP.

The sessions are those of `protocols.ike` and `protocols.esp`: what a datagram is, they decide.
"""

from collections.abc import Callable
from typing import Literal, cast

from backchannel.contract import Magic, Peek, Protocol, Session, Start
from backchannel.diagnose.events import Alive, EspPacket
from backchannel.diagnose.icmp import refusal
from backchannel.model import Claim, More, Side, Standing
from backchannel.protocols import Output, load
from backchannel.protocols.ike.datagram import Kind, classify
from backchannel.reader import u32_at

ESP_HEADER = 8
ICMP, ICMP6 = 1, 58
_ESP, _KEEPALIVE = Kind.ESP, Kind.KEEPALIVE


class _Tapped(Protocol, frozen=True, kw_only=True):
    """One of scan's protocols whose session also tells of each packet."""

    @property
    def session(self) -> Callable[[Start], Session]:
        real = load()[self.name].session
        return lambda start: cast("Session", Tap(real(start), start))


class Tap:
    """A session of IKE or ESP, and what passes it."""

    def __init__(self, session: Session, start: Start) -> None:
        self._session, self._carrier = session, start.transport

    @property
    def service(self) -> str:
        """As the session says."""
        return self._session.service

    @property
    def standing(self) -> Standing:
        """As the session says."""
        return self._session.standing

    @property
    def done(self) -> bool:
        """As the session says."""
        return self._session.done

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take one datagram, or bytes of a stream: ESP within that is only counted."""
        told = self._session.feed(side, data)
        if self._carrier == "tcp" or self._session.standing is Standing.REFUTED:
            return told
        carrier: Literal["ip", "udp"] = "ip"
        if self._carrier == "udp":
            kind, offset, _ = classify(data, True)
            if kind is _KEEPALIVE:
                return [*told, Alive()]
            if kind is not _ESP:
                return told
            data, carrier = data[offset:], "udp"
        if len(data) >= ESP_HEADER:
            packet = EspPacket(
                spi=data[:4].hex(), sequence=u32_at(data, 4), octets=len(data), carrier=carrier
            )
            told = [*told, packet]
        return told

    def gap(self, side: Side, size: int) -> list[Output]:
        """As the session says."""
        return self._session.gap(side, size)

    def end(self, side: Side) -> list[Output]:
        """As the session says."""
        return self._session.end(side)


class Refusals:
    """A session of ICMP: errors about IKE and ESP."""

    service, standing, done = "ipsec", Standing.PARSED, False

    def __init__(self, start: Start) -> None:
        self._number = start.number

    def feed(self, side: Side, data: bytes) -> list[Output]:  # noqa: ARG002 - the quoted packet tells
        """Take one message."""
        told = refusal(self._number, data)
        return [] if told is None else [told]

    def gap(self, side: Side, size: int) -> list[Output]:  # noqa: ARG002 - packets are whole
        """Nothing is missing within a packet."""
        return []

    def end(self, side: Side) -> list[Output]:  # noqa: ARG002 - nothing is kept
        """Nothing was kept."""
        return []


class _Icmp(Protocol, frozen=True, kw_only=True):
    @property
    def recognise(self) -> Callable[[Peek], Claim | More | None]:
        return lambda _: Claim("icmp", evidence="an error of ICMP")

    @property
    def session(self) -> Callable[[Start], Session]:
        return Refusals


def protocols() -> dict[str, Protocol]:
    """Return the protocols by name, in the order in which the core numbers them."""
    known = load()
    tapped: dict[str, Protocol] = {}
    for name in ("esp", "ike"):
        real = known[name]
        tapped[name] = _Tapped(
            name=real.name,
            title=real.title,
            service=real.service,
            magic=real.magic,
            ports=real.ports,
        )
    tapped["icmp"] = _Icmp(
        name="icmp",
        title="ICMP errors",
        service="ipsec",
        magic=(
            Magic("ip", pattern=b"\3", number=ICMP),
            Magic("ip", pattern=b"\1", number=ICMP6),
            Magic("ip", pattern=b"\2", number=ICMP6),
        ),
    )
    return dict(sorted(tapped.items()))
