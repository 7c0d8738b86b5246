"""One RDP connection, as far as it is in clear. Bytes in, events out.

In clear are the request with its cookie, the choice of protection, and where that is RDP's own,
what client and server say of themselves; the logon too where the server wants no encryption. Then
there is nothing left to read, and the session is done. Held: one packet a side.
"""

from backchannel.decoder import Decoder
from backchannel.events import Credential, Gap, Malformed, PeerAddress, SignOn, Software
from backchannel.model import LATER, MORE, Capability, Claim, More, Side, Standing
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.rdp import wire
from backchannel.protocols.rdp.events import DesktopSecurity, RemoteDesktop
from backchannel.protocols.t120 import mcs, tpkt
from backchannel.protocols.t120.tpkt import Packets, Unit
from backchannel.reader import Reader, WireError

_REFUTED, _CLAIMED, _PARSED = Standing
_CLIENT, _SERVER = Side
_PLAIN = frozenset({"rdp", ""})
_LIMIT = 1 << 17
"""Bytes of the plain beginning that are read."""
_ANSWER = "X.224 confirm with RDP's negotiation"


def recognise(peek: Peek) -> Claim | More | None:
    """Claim by cookie or negotiation, of either side, or by RDP's mark in the connection."""
    if not peek.client or not (peek.server or peek.begun):
        data = peek.client or peek.server
        if _confirmed(tpkt.units(data)[0]):
            return Claim("rdp", evidence=_ANSWER, flipped=bool(peek.client))
    found, fits = tpkt.units(peek.client)
    if not found:
        start = b"\x03\x00"[: len(peek.client)] == peek.client[:2]
        return MORE if fits and start and len(peek.client) < 512 else None
    if found[0].code != tpkt.REQUEST:
        return None
    if wire.read_request(found[0].body).marked:
        return Claim("rdp", evidence="X.224 request with RDP's cookie or negotiation")
    answers, _ = tpkt.units(peek.server)
    if _confirmed(answers):
        return Claim("rdp", evidence=_ANSWER)
    if found[0].body or (answers and answers[0].code != tpkt.CONFIRM):
        return None
    if peek.start.service:
        return Claim("rdp", evidence="X.224 connection request, announced")
    answer = _connecting(found[1:], fits)
    if answer is MORE and tpkt.is_whole(peek.client):
        return LATER  # now it is the server's turn, and what comes behind it shows itself
    return answer


def _confirmed(units: list[Unit]) -> bool:
    """Whether a side opens with a confirm that only RDP's servers send."""
    if not units or units[0].code != tpkt.CONFIRM:
        return False
    return wire.read_confirm(units[0].body) is not None


def _connecting(units: list[Unit], fits: bool) -> Claim | More | None:
    if not units:
        return MORE if fits else None
    try:
        desktop = mcs.read_connect(units[0].body).desktop
    except WireError:
        return None
    return None if desktop is None else Claim("rdp", evidence="T.125 connection of a desktop")


class Session(Decoder):
    """One connection to a remote desktop."""

    def __init__(self, start: Start) -> None:
        self.service = start.service or "rdp"
        self.standing = _CLAIMED
        self.done = False
        self._use = start.purpose
        self._accounts = start.accounts
        self._sides = Packets(), Packets()
        self._user = ""
        self._octets = 0
        self._cipher = -1
        """Number of RDP's own cipher; -1 until the server has chosen."""
        self._marked = False

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        out: list[Output] = []
        if self.done:
            return out
        data = data[: _LIMIT - self._octets]
        self._octets += len(data)
        packets = self._sides[side]
        try:
            packets.add(data)
            while (unit := packets.take()) is not None:
                self._unit(side, unit, out)
        except WireError as error:
            # Behind the connection come other framings, which are no fault.
            if self._cipher < 0 and not self.done:
                out.append(Malformed(reason=str(error)))
            self.done = True
        self.done = self.done or self._octets >= _LIMIT
        return out

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen."""
        self._sides[side].gap()
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:  # noqa: ARG002 - the contract's shape
        """Nothing is held."""
        return []

    def _unit(self, side: Side, unit: Unit, out: list[Output]) -> None:
        if self.done:
            return
        if unit.code == tpkt.REQUEST and side is _CLIENT:
            self._request(wire.read_request(unit.body), out)
        elif unit.code == tpkt.CONFIRM and side is _SERVER:
            self._confirm(unit.body, out)
        elif unit.code == tpkt.DATA:
            self._data(side, unit.body, out)

    def _request(self, request: wire.Request, out: list[Output]) -> None:
        self._marked = request.marked
        if request.name:
            self._user = request.name
            out.append(SignOn(account=request.name, method="rdp-cookie"))
        if request.place:
            use = Capability.REMOTE_ASSISTANCE
            address, port = request.place
            out.append(
                PeerAddress(use=use, account="", address=address, port=port, how="routing-token")
            )
        if request.offered:
            out.append(self._security(request.offered))

    def _confirm(self, parameters: bytes, out: list[Output]) -> None:
        chosen = wire.read_confirm(parameters)
        if self._marked or chosen is not None:
            self.standing = _PARSED
        if chosen is not None:
            out.append(self._security((), chosen[0], chosen[1]))
            self.done = chosen[0] not in _PLAIN

    def _security(
        self, offered: tuple[str, ...] = (), chosen: str = "", detail: str = ""
    ) -> DesktopSecurity:
        return DesktopSecurity(
            use=self._use, accounts=self._accounts, offered=offered, chosen=chosen, detail=detail
        )

    def _data(self, side: Side, body: bytes, out: list[Output]) -> None:
        """A broken body costs one message."""
        try:
            if body[:2] in (mcs.INITIAL, mcs.RESPONSE):
                self._connect(mcs.read_connect(body), out)
            elif side is _CLIENT and (sent := mcs.read_sent(body)) is not None:
                self._logon(sent[1], out)
        except WireError as error:
            out.append(Malformed(reason=str(error)))

    def _connect(self, connect: mcs.Connect, out: list[Output]) -> None:
        if (data := connect.desktop) is None:
            if self.standing is _CLAIMED:
                self.standing, self.done = _REFUTED, True
            return
        self.standing = _PARSED
        found = dict(wire.blocks(data))
        if connect.initial:
            out += self._client(found)
        elif (security := found.get(wire.SERVER_SECURITY)) is not None:
            self._cipher = security.u32le()
            out.append(self._security((), wire.cipher(self._cipher)))
            self.done = self._cipher != 0

    def _client(self, found: dict[int, Reader]) -> list[Output]:
        core = found.get(wire.CORE)
        if core is None:
            return []
        minor, major = core.u16le(), core.u16le()
        width, height = core.u16le(), core.u16le()
        core.skip(4)  # colour depth, access sequence
        keyboard, build = core.u32le(), core.u32le()
        client = core.take(32).decode("utf-16-le", "replace").split("\0")[0]
        network = found.get(wire.NETWORK)
        return [
            RemoteDesktop(
                use=self._use,
                accounts=self._accounts,
                client=client,
                build=build,
                version=f"{major}.{minor}",
                screen=f"{width}x{height}",
                keyboard=f"{keyboard:#010x}",
                channels=wire.channels(network) if network is not None else (),
            ),
            Software(name="RDP client", version=f"build {build}", account=self._user),
        ]

    def _logon(self, data: bytes, out: list[Output]) -> None:
        """Without encryption the client's logon is there to read."""
        logon = wire.read_logon(data) if self._cipher == 0 else None
        if logon is None:
            return
        account = f"{logon.domain}\\{logon.user}" if logon.domain else logon.user
        out.append(SignOn(account=account, method="plain"))
        if logon.password:
            out.append(
                Credential(account=account, kind="plain", scheme="rdp-logon", secret=logon.password)
            )
        self.done = True
