"""Files, pictures and direct connections that YMSG arranges and HTTP or a peer then carries.

    FILETRANSFER        4 sender | 5 recipient | 20 URL at Yahoo | 27 name | 28 size
    P2PFILEXFER         49 = FILEXFER: 13 = 1 with 20 URL at the sender's own computer;
                        13 = 2 asks to see shared files, 9 stops that, 3 asks for the way through
                        the server instead, 6 with a URL hands out a shared file
    FILETRANS_15 (dc)   265 id | 222 = 1 offer, 2 withdraw, 3 accept, 4 decline | 27 names, 28 sizes
    FILETRANS_INFO (dd) 265 id | 249 = 1 URL at the sender, 2 at the recipient, 3 relay | 250 where
    FILETRANS_ACC (de)  the same from the recipient | 251 relay token
    PEERTOPEER (4f)     12 base 64 of an IPv4 address as a decimal number, low byte first

Sources: libpurple 2.10.9 yahoo_filexfer.c and libymsg.c; libyahoo2; digsby peerfiletransfer.py;
GYachI packet_handler.c (what 13 means in FILEXFER); Escargot misc.py (which fields go with it).
"""

import re
from base64 import b64decode
from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import unquote_plus, urlsplit

from backchannel.effects import Expect
from backchannel.events import Anomaly, Credential, Offer, OfferAnswer, PeerAddress
from backchannel.model import Capability, Side
from backchannel.protocols import Output
from backchannel.protocols.bounded import remember
from backchannel.protocols.opener import opener
from backchannel.protocols.ymsg import cookies, tables
from backchannel.protocols.ymsg.markup import words
from backchannel.protocols.ymsg.messaging import environment
from backchannel.protocols.ymsg.state import (
    MOST_OFFERS,
    Announced,
    Body,
    Named,
    Offered,
    State,
    number,
)
from backchannel.protocols.ymsg.tables import Service

PEER_PORT = 5101
"""Where Yahoo Messenger listens for its peers."""
WEBCAM_PORT = 5100
_FILE, _SHARING = Capability.FILE_TRANSFER, Capability.FILE_SHARING
_ARCHIVE = re.compile(
    r"[\\/]Archive[\\/](?:Messages|Conferences|Mobile Messages)[\\/]", re.IGNORECASE
)
"""Where the program keeps its logs: Profiles, account, Archive, Messages, contact, a file a day."""
_OWN_SERVER, _RECIPIENTS_SERVER, _RELAY = 1, 2, 3


def archive_hint(path: str) -> Iterator[Output]:
    """Tell when a path on somebody's disk leads into Yahoo Messenger's message archive."""
    if _ARCHIVE.search(path):
        yield Anomaly(kind="message-archive", detail=path[:256])


def address_of(host: str) -> str:
    """Return *host* if it is an address, else nothing."""
    try:
        return str(ip_address(host.strip("[]")))
    except ValueError:
        return ""


def split_url(url: str) -> tuple[str, int, str]:
    """Return (host, port, target) of an HTTP URL; an empty host if it is not a URL."""
    try:
        parts = urlsplit(url[:2048] if "://" in url else f"http://{url[:2048]}")
        host, port = parts.hostname or "", parts.port or 80
    except ValueError:
        return "", 0, ""
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return host, port, target


def _name_in(url: str) -> str:
    return unquote_plus(url.split("?", 1)[0].rpartition("/")[2])


def _expect(state: State, body: Body, url: str, what: Announced) -> Iterator[Output]:
    """Announce the HTTP flow to *url*: of our client, where it is told of it."""
    host, port, target = split_url(url)
    if not host or not port:
        return
    yield Expect(
        protocol="yahoo-http",
        purpose=what.use,
        address=host,
        port=port,
        source=_opener(state, body, host),
        accounts=tuple(name for name in (what.sender, what.recipient) if name),
        context=Announced(
            path="" if what.token else target,
            token=what.token,
            sender=what.sender,
            recipient=what.recipient,
            name=what.name,
            size=what.size,
            id=what.id,
            use=what.use,
        ),
        repeat=True,  # HEAD, GET and resumed downloads are flows of their own
    )


def _opener(state: State, body: Body, host: str) -> str:
    """Return from where *host* will be connected to; empty where our client itself names it."""
    return opener(state.start, host) if body.side is Side.SERVER else ""


def _pair(state: State, body: Body) -> tuple[str, str]:
    """Return (sender, recipient) of a packet, from either side."""
    if body.side is Side.CLIENT:
        return body.account(1, 4, 0) or state.account, body.account(5)
    return body.account(4, 1), body.account(5) or state.account


# -- the older ways ----------------------------------------------------------------------------


def through_server(state: State, body: Body) -> Iterator[Output]:
    """FILETRANSFER: a file waits at Yahoo's server, or the upload was taken."""
    sender, recipient = _pair(state, body)
    url = body.text(20)
    if body.side is Side.SERVER and url and sender.lower() == state.account.lower():
        sender, recipient = recipient, sender  # Escargot names the recipient in 4
    if not url and 27 not in body:
        return
    name = body.text(27) or _name_in(url)
    size = body.number(28)
    identifier = split_url(url)[2] if url else ""
    yield Offer(
        use=_FILE,
        sender=sender,
        recipient=recipient,
        id=identifier,
        name=name,
        size=size,
        detail=split_url(url)[0],
    )
    if url:
        yield from _expect(
            state,
            body,
            url,
            Announced(
                sender=sender,
                recipient=recipient,
                name=name,
                size=size or None,
                id=identifier,
            ),
        )


def direct(state: State, body: Body) -> Iterator[Output]:
    """P2PFILEXFER: a file or a folder offered from computer to computer, or an IMVironment."""
    what = body.text(49).upper()
    sender, recipient = _pair(state, body)
    if what == "IMVIRONMENT" and body.text(63) not in {"", ";0"}:
        yield environment(body, sender, recipient)
    if what != "FILEXFER":
        return
    url, kind = body.text(20), body.number(13)
    if url:
        yield from _served(state, body, sender, recipient, url)
    elif kind == 9:
        yield OfferAnswer(
            use=_SHARING, sender=sender, recipient=recipient, accepted=False, reason="stopped"
        )
    elif kind == 3 or (kind == 2 and 27 in body):
        reason = "asks for the way through the server" if kind == 3 else "declined"
        yield OfferAnswer(
            use=_FILE, sender=sender, recipient=recipient, accepted=False, reason=reason
        )
    else:
        yield Offer(use=_SHARING, sender=sender, recipient=recipient, detail="browse")


def _served(state: State, body: Body, sender: str, recipient: str, url: str) -> Iterator[Output]:
    use = _SHARING if body.number(13) == 6 else _FILE
    host, port, target = split_url(url)
    name = body.text(27) or body.text(53).replace("\\", "/").rpartition("/")[2] or _name_in(url)
    size = body.number(28)
    yield Offer(
        use=use,
        sender=sender,
        recipient=recipient,
        id=target,
        name=name,
        size=size,
        detail=body.text(53),
    )
    yield from archive_hint(body.text(53) or url)
    if address := address_of(host):
        yield PeerAddress(use=use, account=sender, address=address, port=port, how="file-offer")
    announced = Announced(
        sender=sender, recipient=recipient, name=name, size=size or None, id=target, use=use
    )
    yield from _expect(state, body, url, announced)


def peer(state: State, body: Body) -> Iterator[Output]:
    """PEERTOPEER: where somebody can be reached directly."""
    sender, recipient = _pair(state, body)
    if not (address := _packed_address(body.raw(12))):
        return
    yield PeerAddress(
        use=Capability.MESSAGE,
        account=sender,
        address=address,
        port=PEER_PORT,
        how="peer-to-peer",
    )
    yield Expect(
        protocol="ymsg",
        purpose=Capability.MESSAGE,
        address=address,
        port=PEER_PORT,
        source=_opener(state, body, address),
        accounts=tuple(name for name in (sender, recipient) if name),
    )


def _packed_address(value: bytes) -> str:
    try:
        packed = number(b64decode(value[:64], validate=True).rstrip(b"\0")) & 0xFFFFFFFF
    except ValueError:
        return ""
    return ".".join(str(byte) for byte in packed.to_bytes(4, "little")) if packed else ""


def webcam(state: State, body: Body) -> Iterator[Output]:
    """WEBCAM: the server hands out a key (61) and names a webcam server (102)."""
    if body.side is not Side.SERVER or not (key := body.text(61)):
        return
    account = body.account(5, 1) or state.account
    yield Credential(account=account, kind="token", scheme="yahoo-webcam-key", secret=key)
    yield cookies.webcam_tie(key, account)
    if host := body.text(102)[:256]:
        yield Expect(
            protocol="yahoo-webcam",
            purpose=Capability.VOICE_VIDEO,
            address=host,
            port=WEBCAM_PORT,
            source=state.start.client.address,
            accounts=(account,) if account else (),
        )


# -- version 15 and up -------------------------------------------------------------------------


def offer_15(state: State, body: Body) -> Iterator[Output]:
    """FILETRANS_15: files are offered, or the offer is accepted, declined or withdrawn."""
    sender, recipient = _pair(state, body)
    identifier, kind = body.text(265)[:128], body.number(222)
    if 27 in body and kind in {0, 1}:
        yield from _offered_15(state, body, sender, recipient, identifier)
    elif kind in {2, 3, 4}:
        reason = {2: "withdrawn", 4: "declined"}.get(kind, "")
        yield OfferAnswer(
            use=_FILE,
            sender=sender,
            recipient=recipient,
            id=identifier,
            accepted=kind == 3,
            reason=reason,
        )


def _offered_15(
    state: State, body: Body, sender: str, recipient: str, identifier: str
) -> Iterator[Output]:
    names = [words(value)[:512] for key, value in body.fields if key == 27][:256]
    sizes = [number(value) for key, value in body.fields if key == 28]
    sizes += [0] * (len(names) - len(sizes))
    files = tuple(Named(name, size) for name, size in zip(names, sizes, strict=False))
    remember(state.offers, identifier, Offered(sender, recipient, files), MOST_OFFERS)
    for file in files:
        yield Offer(
            use=_FILE,
            sender=sender,
            recipient=recipient,
            id=identifier,
            name=file.name,
            size=file.size,
            count=len(files),
        )


def way_15(state: State, body: Body) -> Iterator[Output]:
    """FILETRANS_INFO_15, FILETRANS_ACC_15: where the bytes of an offered file will be."""
    here, there = _pair(state, body)
    identifier, name = body.text(265)[:128], body.text(27)
    offered = state.offers.get(identifier)
    if body.number(66) == -1 or body.packet.status == tables.FAILED:
        yield OfferAnswer(
            use=_FILE,
            sender=here,
            recipient=there,
            id=identifier,
            accepted=False,
            reason="cancelled",
        )
        return
    from_sender = body.packet.service == Service.FILETRANS_INFO_15
    sender, recipient = (here, there) if from_sender else (there, here)
    if offered:
        sender, recipient = offered.sender, offered.recipient
    size = next((file.size for file in offered.files if file.name == name), 0) if offered else 0
    announced = Announced(
        token=body.text(251),
        sender=sender,
        recipient=recipient,
        name=name,
        size=size or None,
        id=identifier,
    )
    yield from _way(state, body, announced, here)


def _way(state: State, body: Body, announced: Announced, server: str) -> Iterator[Output]:
    kind, where = body.number(249), body.text(250)
    if not where:
        return
    host, port, _ = split_url(where)
    if kind in {_OWN_SERVER, _RECIPIENTS_SERVER} and (address := address_of(host)):
        yield PeerAddress(use=_FILE, account=server, address=address, port=port, how="file-offer")
    yield from _expect(state, body, where, announced)


# -- pictures ----------------------------------------------------------------------------------


def picture(state: State, body: Body) -> Iterator[Output]:
    """PICTURE: a display picture is asked for, or its URL given."""
    sender, recipient = _pair(state, body)
    url = body.text(20)
    if body.number(13) != 2 or not url:
        return
    use, target = Capability.IMAGE, split_url(url)[2]
    name = _name_in(url)
    yield Offer(use=use, sender=sender, recipient=recipient, id=target, name=name, detail=url)
    if body.side is Side.SERVER:
        announced = Announced(sender=sender, recipient=recipient, name=name, id=target, use=use)
        yield from _expect(state, body, url, announced)


def photo(state: State, body: Body) -> Iterator[Output]:
    """PHOTO_SHARING, PHOTO_PREVIEW: a photo shown in the message window (GYachI's notes)."""
    sender, recipient = _pair(state, body)
    if name := body.text(246):
        yield Offer(
            use=Capability.IMAGE,
            sender=sender,
            recipient=recipient,
            id=body.text(245),
            name=name,
        )
