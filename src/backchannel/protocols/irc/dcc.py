"""DCC: offers of direct connections, inside CTCP.

    DCC SEND file address port size          DCC CHAT chat address port
    DCC SEND file address 0 size token       the recipient is to listen (passive, or reverse, DCC),
    DCC SEND file address port size token    and answers with where; else it is as without a token
    DCC RESUME | ACCEPT file port position [token]      DCC REJECT SEND | CHAT file

TSEND does without acknowledgements; SSEND and SCHAT are inside TLS. An address is a number, or
written with dots or colons. Sources: ircdocs DCC; mIRC's help on DCC; irssi, WeeChat and HexChat.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, ip_address

import msgspec

from backchannel.effects import Expect
from backchannel.events import Anomaly, Offer, OfferAnswer, PeerAddress
from backchannel.model import Capability
from backchannel.patterns import later
from backchannel.protocols import Output
from backchannel.protocols.irc.context import DccOffer
from backchannel.protocols.irc.state import NAME, OFFERS, Place, State
from backchannel.protocols.irc.wire import fold

LONGEST_NAME = 256
MAX_SIZE = 1 << 62
NETWORKLESS = 0xFFFFFF
"""Numbers up to here are no addresses, but stand for none, as 0, 1 and 199 do."""
IRSSI_NONE = 0x01010101
"""What irssi writes where the recipient is to listen."""
SENDS = {"SEND": False, "TSEND": False, "SSEND": True}
"""Kinds of offers of files; whether they are inside TLS."""
CHATS = {"CHAT": False, "SCHAT": True}
FILE, CHAT = Capability.FILE_TRANSFER, Capability.MESSAGE
_WORDS = later(r'"([^"]*)"|(\S+)')
_LEADING = later(r"[+-]?[0-9]{1,40}")
_FOLDERS = later(r"(?:^|[/\\])\.\.(?:[/\\]|$)|^[A-Za-z]:[/\\]|^[/\\]")


def dcc(state: State, sender: str, recipient: str, text: str) -> Iterator[Output]:
    """Say what the words behind `DCC` mean."""
    words = [quoted or word for quoted, word in _WORDS.findall(text)][:40]
    kind = words[0].upper() if words else ""
    if kind in SENDS or kind in CHATS:
        yield from _offer(state, sender, recipient, kind, words[1:])
    elif kind in ("RESUME", "ACCEPT"):
        yield from _resume(state, sender, recipient, kind, words[1:])
    elif kind == "REJECT":
        yield from _reject(state, sender, recipient, words[1:])


def _offer(
    state: State, sender: str, recipient: str, kind: str, words: list[str]
) -> Iterator[Output]:
    """SEND and CHAT with their variants; names may have blanks, and so do not count words."""
    use = FILE if kind in SENDS else CHAT
    read = _read(words, sized=use is FILE)
    if read is None:
        detail = f"DCC {kind} that names no address and port"
        yield Anomaly(kind="dcc-without-address", detail=detail)
        return
    name, told, size, token = read
    key = token or str(told.port)
    if len(name) > LONGEST_NAME:
        yield Anomaly(kind="oversized-dcc-name", detail=f"{len(name)} characters")
        name = name[:LONGEST_NAME]
    offer = DccOffer(
        kind="send" if use is FILE else "chat",
        sender=sender[:NAME],
        recipient=recipient[:NAME],
        name=name if use is FILE else "",
        size=size,
        id=key,
        passive=not told.port,
        secure=SENDS.get(kind, False) or CHATS.get(kind, False),
    )
    known = (fold(offer.recipient), offer.id) in state.offers
    if token and told.port and (known or state.midway):
        yield from _answered(state, offer, told)
        return
    _remember(state, offer, told)
    if use is FILE and _FOLDERS.search(name):
        yield Anomaly(kind="path-in-file-name", detail=name)
    yield Offer(
        use=use,
        sender=offer.sender,
        recipient=offer.recipient,
        id=key,
        name=offer.name,
        size=size or 0,
        detail=f"DCC {kind}" + (", passive" if offer.passive else ""),
    )
    yield from _listening(state, offer.sender, told, offer)


def _read(words: list[str], *, sized: bool) -> tuple[str, Place, int | None, str] | None:
    """Return name, place, size and token; None where there is no address with a port.

    The name is what stands before the first address that a port, and of a file a size, follow.
    Where no reading is without a fault, the one of programs that do not mind counts.
    """
    for at in range(1, len(words) - 1):
        address, port = _address(words[at]), _number(words[at + 1], 0xFFFF)
        rest = words[at + 2 :]
        if address is None or port is None or len(rest) > (2 if sized else 1):
            continue
        if port and not address:
            continue
        if not all(_number(word, MAX_SIZE) is not None for word in rest):
            continue
        size = _number(rest[0], MAX_SIZE) if sized and rest else None
        token = rest[-1] if len(rest) == (2 if sized else 1) else ""
        return " ".join(words[:at]), Place(address, port), size, token[:20]
    return _read_loosely(words, sized=sized)


def _read_loosely(words: list[str], *, sized: bool) -> tuple[str, Place, int | None, str] | None:
    """The same as irssi 1.4 and WeeChat 3.8 do it: what follows the digits of a number, and words
    behind all, are passed over, and too large numbers overflow.
    """
    for at in range(1, len(words) - 1):
        address = _address(words[at]) or _overflown(words[at])
        port = _digits(words[at + 1]) & 0xFFFF
        if address and port:
            size = _number(words[at + 2], MAX_SIZE) if sized and len(words) > at + 2 else None
            return " ".join(words[:at]), Place(address, port), size, ""
    return None


def _answered(state: State, answer: DccOffer, told: Place) -> Iterator[Output]:
    """The recipient of a passive offer repeats it, and says where it listens."""
    known = state.offers.get((fold(answer.recipient), answer.id))
    turned = msgspec.structs.replace(
        answer, sender=answer.recipient, recipient=answer.sender, passive=True
    )
    offer = known[0] if known is not None else turned
    use = FILE if offer.kind == "send" else CHAT
    yield OfferAnswer(
        use=use, sender=offer.recipient, recipient=offer.sender, id=offer.id, accepted=True
    )
    yield from _listening(state, offer.recipient, told, offer)


def _listening(state: State, account: str, told: Place, offer: DccOffer) -> Iterator[Output]:
    use = FILE if offer.kind == "send" else CHAT
    if told.address:
        yield PeerAddress(
            use=use, account=account, address=told.address, port=told.port, how="dcc-offer"
        )
    if told.port:
        yield from _expect(state, account, told, offer)


def _expect(state: State, account: str, told: Place, offer: DccOffer) -> Iterator[Output]:
    """Announce the connection: at the address told, and where our own client is captured behind
    address translation, at its own. Where somebody else listens it is our client that comes, so
    that nobody can announce away what others in its network open.
    """
    places = {told.address} - {""}
    source = state.address if state.nick else ""
    if state.mine(account):
        places.add(state.address)
        source = ""
    for address in sorted(places):
        same = (":" in address) == (":" in source)  # a client may talk over IPv6, and send over 4
        yield Expect(
            protocol="irc-dcc",
            purpose=FILE if offer.kind == "send" else CHAT,
            address=address,
            port=told.port,
            source=source if same else "",
            accounts=(offer.sender, offer.recipient),
            context=offer,
        )


def _resume(
    state: State, sender: str, recipient: str, kind: str, words: list[str]
) -> Iterator[Output]:
    """RESUME asks for the rest of a file, ACCEPT grants it."""
    if len(words) < 3:
        return
    token = words.pop() if len(words) > 3 and words[-3].isdigit() else ""
    port, position = _number(words[-2], 0xFFFF), _number(words[-1], MAX_SIZE)
    if port is None or position is None:
        return
    offerer = recipient if kind == "RESUME" else sender
    known = state.offers.get((fold(offerer), token or str(port)))
    if known is None:
        return
    offer, place = msgspec.structs.replace(known[0], at=position), known[1]
    _remember(state, offer, place)
    if kind == "RESUME":
        yield OfferAnswer(
            use=FILE,
            sender=offer.recipient,
            recipient=offer.sender,
            id=offer.id,
            accepted=True,
            reason=f"from byte {position}",
        )
    elif place.port:
        yield from _expect(state, offer.sender, place, offer)


def _reject(state: State, sender: str, recipient: str, words: list[str]) -> Iterator[Output]:
    """The recipient does not want it."""
    if not words:
        return
    kind = words[0].upper()
    name = " ".join(words[1:])[:LONGEST_NAME]
    same = [
        offer
        for offer, _ in state.offers.values()
        if fold(offer.sender) == fold(recipient) and offer.name in (name, "")
    ]
    yield OfferAnswer(
        use=FILE if kind in SENDS else CHAT,
        sender=sender[:NAME],
        recipient=recipient[:NAME],
        id=same[-1].id if same else "",
        accepted=False,
    )


def _remember(state: State, offer: DccOffer, place: Place) -> None:
    state.offers[fold(offer.sender), offer.id] = offer, place
    if len(state.offers) > OFFERS:
        state.offers.popitem(last=False)


def _address(word: str) -> str | None:
    """Return an address as text, '' for a number that stands for none; None for anything else."""
    try:
        if word.isascii() and word.isdigit() and len(word) <= 10:
            number = int(word)
            none = number <= NETWORKLESS or number == IRSSI_NONE
            return "" if none else str(IPv4Address(number))
        return str(ip_address(word))
    except ValueError:
        return None


def _overflown(word: str) -> str:
    """Return an address by the last 32 bits of a number; '' for none, and what stands for none."""
    number = _digits(word) & 0xFFFFFFFF
    return str(IPv4Address(number)) if number > NETWORKLESS else ""


def _digits(word: str) -> int:
    """Return the number that a word begins with; 0 where there is none."""
    found = _LEADING.match(word)
    return int(found[0]) if found else 0


def _number(word: str, most: int) -> int | None:
    if not (word.isascii() and word.isdigit() and len(word) <= 20):
        return None
    value = int(word)
    return value if value <= most else None
