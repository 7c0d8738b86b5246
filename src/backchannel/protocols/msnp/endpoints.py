"""What clients send each other through the notification server: UUN/UBN and UUM/UBM.

UUN n account type length / UBN account type length
    3   MSNSLP about a direct connection (MSNP16 and later)
    2, 11, 12   calls: SIP, since 2009 as <sip e="base64" ..><msg>..</msg></sip>
UUM n account network type length / UBM account network account network type length
    a MIME message to or from another network (Yahoo), or to somebody offline
"""

import re

from backchannel.effects import Expect
from backchannel.events import Offer, OfferAnswer, PeerAddress
from backchannel.model import Capability, Side
from backchannel.patterns import later
from backchannel.protocols import Output
from backchannel.protocols.msn_p2p import slp
from backchannel.protocols.msn_p2p.applications import unpack
from backchannel.protocols.msnp import mime
from backchannel.protocols.msnp.names import account, address, number
from backchannel.protocols.msnp.state import Parties, State
from backchannel.protocols.msnp.wire import Command
from backchannel.text import decode

MAX_PLACES = 32
_TUNNELED = later(rb"<msg>([A-Za-z0-9+/=\s]{8,262144})</msg>")
_SIP = later(r"(?:([A-Z]{3,10}) sips?:\S{1,400} SIP/2\.0|SIP/2\.0 (\d{3}) ?(.{0,80}))\r?\n")
_CALL = later(r"^(?:Call-ID|i):[ \t]*(\S{1,200})", re.IGNORECASE | re.MULTILINE)
_SEQUENCE = later(r"^CSeq:[ \t]*\d{1,10}[ \t]+([A-Z]{3,10})", re.IGNORECASE | re.MULTILINE)
_CONNECTION = later(r"^c=IN IP[46] (\S{3,45})", re.MULTILINE)
_MEDIA = later(r"^m=(audio|video) (\d{1,5}) ", re.MULTILINE)
_CANDIDATE = later(
    r"^a=candidate:.{0,200}?\b(UDP|TCP)\S{0,8} \S{1,16} (\S{3,45}) (\d{1,5})\b",
    re.MULTILINE | re.IGNORECASE,
)


def notification(state: State, side: Side, command: Command) -> list[Output]:
    """`UUN` and `UBN`."""
    data = command.payload
    if not data:
        return []
    other = account(command.word(1 if side is Side.CLIENT else 0))
    sender, recipient = (state.account, other) if side is Side.CLIENT else (other, state.account)
    if slp.starts(data):
        return state.link.message(sender, data)
    if b"<sip" in data[:64] and (found := _TUNNELED.search(data)):
        data = unpack(found[1].decode("latin-1"))
    return call(Parties(sender, recipient), decode(data))


def call(parties: Parties, text: str) -> list[Output]:
    """Read SIP: who calls whom, with what answer, and where the media may flow."""
    start = _SIP.match(text)
    if not start:
        return []
    call_id = found[1] if (found := _CALL.search(text)) else ""
    asked = found[1].upper() if (found := _SEQUENCE.search(text)) else ""
    media = list(dict.fromkeys(kind for kind, _ in _MEDIA.findall(text)))
    use = Capability.VOICE_VIDEO
    sender, recipient = parties.sender, parties.recipient
    told: list[Output] = []
    if start[1] == "INVITE":
        detail = "call: " + ", ".join(media) if media else "call"
        told.append(Offer(use=use, sender=sender, recipient=recipient, id=call_id, detail=detail))
    elif start[2] and asked == "INVITE" and start[2] >= "200":
        accepted = start[2] == "200"
        told.append(
            OfferAnswer(
                use=use,
                sender=sender,
                recipient=recipient,
                id=call_id,
                accepted=accepted,
                reason="" if accepted else f"{start[2]} {start[3] or ''}".strip(),
            )
        )
    return told + _media_places(parties, text)


def _media_places(parties: Parties, text: str) -> list[Output]:
    use = Capability.VOICE_VIDEO
    told: list[Output] = []
    for host, port, udp in _places(text):
        told.append(
            PeerAddress(
                use=use,
                account=parties.sender,
                address=host,
                port=port,
                transport="udp" if udp else "tcp",
                how="call",
            )
        )
        if udp and port:
            told.append(
                Expect(
                    protocol="rtp",
                    purpose=use,
                    address=host,
                    port=port,
                    transport="udp",
                    accounts=(parties.sender, parties.recipient),
                    repeat=True,
                )
            )
    return told


def _places(text: str) -> list[tuple[str, int, bool]]:
    """Return (address, port, is UDP) of media lines and ICE candidates."""
    found = [
        (address(host), number(port, 0xFFFF), kind.upper() == "UDP")
        for kind, host, port in _CANDIDATE.findall(text)
    ]
    hosts = [address(host) for host in _CONNECTION.findall(text)]
    ports = [number(port, 0xFFFF) for _, port in _MEDIA.findall(text)]
    found += [(host, port, True) for host in hosts for port in ports]
    return [place for place in dict.fromkeys(found) if place[0]][:MAX_PLACES]


def unified(state: State, side: Side, command: Command) -> tuple[Parties, mime.Message] | None:
    """Return the message of `UUM` and `UBM`, and who it is from and to."""
    if not command.payload:
        return None
    if side is Side.CLIENT:
        parties = Parties(state.account, account(command.word(1)))
    else:
        parties = Parties(account(command.word(0)), account(command.word(2)) or state.account)
    return parties, mime.read(command.payload)
