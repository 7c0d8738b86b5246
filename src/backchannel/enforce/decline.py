"""Offers taken out of a connection that goes on: overwritten in place, length for length.

Nothing is added or removed, so sequence numbers, frames and counters of both ends stay in step; the
one who offers is not answered, and the one who was offered to hears nothing. Only a packet that
holds whole messages and a single offer is changed; for all others the caller must do more.

| protocol | the offer | becomes |
|---|---|---|
| OSCAR | ICBM SNAC of channel 2 (rendezvous) | SNAC 0x0001/0x0016 (no operation) |
| MSNP | MSG with an invitation or peer-to-peer body | MSG of a content type nobody shows |
| YMSG | packet of a file, webcam or voice service | keep-alive (0x8A), one empty value |
| IRC | line with a DCC offer | empty lines |
| XMPP | iq or message with an offer, an address of a file, a picture, or a call | white space |

Facts: libpurple `protocols/oscar`, `protocols/msn`, `protocols/yahoo`: headers, and what becomes of
SNACs, content types and services that are not known. RFC 1459 §2.3.1: empty messages are ignored.
RFC 6120 §4.6.1: so is white space between stanzas.
"""

import re
import struct
from collections.abc import Callable, Iterator

from backchannel.protocols.xmpp.xml import ends
from backchannel.reader import WireError

YMSG_OFFERS = frozenset({0x46, 0x4A, 0x4B, 0x4D, 0x4F, 0x50, 0xD2, 0xDC, 0xDD, 0xDE})
YMSG_KEEP_ALIVE = 0x8A
MSN_OFFERS = re.compile(
    rb"content-type:[ \t]*(?:text/x-msmsgsinvite|application/x-msnmsgrp2p)", re.IGNORECASE
)
MSN_NOTHING = b"MIME-Version: 1.0\r\nContent-Type: text/x-nothing\r\n\r\n"
XMPP_OFFERS = re.compile(
    rb"<(?:[\w.-]+:)?(?:si|jingle|open|data|query|session|x|slot|propose|file-sharing|media-sharing)"
    rb"\s[^<>]*xmlns\s*=\s*[\"'](?:"
    rb"http://jabber\.org/protocol/(?:si|ibb)|urn:xmpp:jingle(?:-message)?:\d"
    rb"|jabber:(?:iq|x):oob|http://www\.google\.com/session|urn:xmpp:http:upload(?::0)?"
    rb"|urn:xmpp:(?:sfs:0|sims:1|bob|avatar:data))[\"']|<BINVAL>"
)
_WHITE = b" \t\r\n"
_END = re.compile(rb"\r\n?|\n")
_MSG = re.compile(rb"MSG [^\r\n]{1,512} (\d{1,5})\r\n")
_LINE = re.compile(rb"[A-Z]{3}[^\r\n]{0,2048}\r\n")
_DCC = re.compile(
    rb" *(?:@[^ ]+ +)?(?::[^ ]+ +)?C?(?:PRIVMSG|NOTICE) +[^ ]+ +(?:[^ ]+ +)?:?"
    rb"\x01DCC [TS]?(?:SEND|CHAT)\b",
    re.IGNORECASE,
)
_PAYLOADS = frozenset({b"MSG", b"UUX", b"QRY", b"NOT", b"UBX", b"GCF", b"IPG", b"UUN", b"UBN"})

Part = tuple[int, int]
"""Begin and end of a message within the packet's data."""


def neutral(protocol: str, data: bytes) -> bytes | None:
    """Return *data* with its one offer overwritten; None where that cannot be done safely."""
    known = _PROTOCOLS.get(protocol)
    if known is None:
        return None
    split, offers, empty = known
    parts = list(split(data))
    if not parts or parts[-1][1] != len(data):
        return None  # it begins or ends within a message
    found = [part for part in parts if offers(data[part[0] : part[1]])]
    if len(found) != 1:
        return None
    begin, end = found[0]
    made = empty(data[begin:end])
    return data[:begin] + made + data[end:] if made is not None else None


# -- OSCAR: FLAP frames ----------------------------------------------------------------------------


def _flaps(data: bytes) -> Iterator[Part]:
    at = 0
    while len(data) - at >= 6 and data[at] == 0x2A:
        end = at + 6 + int.from_bytes(data[at + 4 : at + 6])
        if end > len(data):
            return
        yield at, end
        at = end


def _is_rendezvous(frame: bytes) -> bool:
    if len(frame) < 26 or frame[1] != 2:
        return False
    return frame[6:10] in (b"\0\4\0\6", b"\0\4\0\7") and frame[24:26] == b"\0\2"


def _no_operation(frame: bytes) -> bytes:
    return frame[:6] + b"\0\1\0\x16" + frame[10:16] + bytes(len(frame) - 16)


# -- MSNP: lines, some with a payload --------------------------------------------------------------


def _commands(data: bytes) -> Iterator[Part]:
    at = 0
    while found := _LINE.match(data, at):
        end = found.end()
        line = found[0]
        if line[:3] in _PAYLOADS:
            size = line.rsplit(b" ", 1)[-1].strip()
            if not size.isdigit() or len(size) > 5:
                return
            end += int(size)
        if end > len(data):
            return
        yield at, end
        at = end


def _is_invitation(command: bytes) -> bool:
    found = _MSG.match(command)
    return found is not None and MSN_OFFERS.search(command, found.end()) is not None


def _nothing(command: bytes) -> bytes | None:
    found = _MSG.match(command)
    room = len(command) - found.end() if found else 0
    if found is None or room < len(MSN_NOTHING):
        return None
    return found[0] + MSN_NOTHING + b" " * (room - len(MSN_NOTHING))


# -- YMSG: packets ---------------------------------------------------------------------------------


def _packets(data: bytes) -> Iterator[Part]:
    at = 0
    while data[at : at + 4] == b"YMSG" and len(data) - at >= 20:
        end = at + 20 + int.from_bytes(data[at + 8 : at + 10])
        if end > len(data):
            return
        yield at, end
        at = end


def _is_transfer(packet: bytes) -> bool:
    return int.from_bytes(packet[10:12]) in YMSG_OFFERS


def _keep_alive(packet: bytes) -> bytes | None:
    room = len(packet) - 20
    if 0 < room < 5:
        return None
    body = b"0\xc0\x80" + b" " * (room - 5) + b"\xc0\x80" if room else b""
    return packet[:10] + struct.pack(">H", YMSG_KEEP_ALIVE) + packet[12:20] + body


# -- IRC: lines ------------------------------------------------------------------------------------


def _lines(data: bytes) -> Iterator[Part]:
    at = 0
    while found := _END.search(data, at):
        yield at, found.end()
        at = found.end()


def _is_dcc(line: bytes) -> bool:
    return _DCC.match(line) is not None


def _empty_lines(line: bytes) -> bytes:
    return b"\n" * (len(line) % 2) + b"\r\n" * (len(line) // 2)


# -- XMPP: stanzas ---------------------------------------------------------------------------------


def _stanzas(data: bytes) -> Iterator[Part]:
    """Yield whole stanzas, each with the white space behind it."""
    if not data.startswith(b"<"):
        return
    begin = 0
    try:
        for end in ends(data):
            at = end
            while data[at : at + 1] in _WHITE and at < len(data):
                at += 1
            yield begin, at
            begin = at
    except WireError:
        return


def _is_sent_file(stanza: bytes) -> bool:
    return XMPP_OFFERS.search(stanza) is not None


def _white(stanza: bytes) -> bytes:
    return b" " * len(stanza)


_PROTOCOLS: dict[
    str,
    tuple[
        Callable[[bytes], Iterator[Part]], Callable[[bytes], bool], Callable[[bytes], bytes | None]
    ],
] = {
    "oscar": (_flaps, _is_rendezvous, _no_operation),
    "msnp": (_commands, _is_invitation, _nothing),
    "ymsg": (_packets, _is_transfer, _keep_alive),
    "irc": (_lines, _is_dcc, _empty_lines),
    "xmpp": (_stanzas, _is_sent_file, _white),
}
