"""Zoom's datagrams, made by hand after Princeton's plug-in for Wireshark and nDPI's captures."""

import struct

from backchannel.model import Side

C, S = Side.CLIENT, Side.SERVER
ID, COOKIE, MEETING = bytes(range(16, 32)), b"\0\x4f\x83\x78", bytes(range(64, 80))
CALL = b"0A1B2C3D-0000-4111-8222-333344445555"
ALICE, BOB = 0x01000400, 0x01000800
AUDIO, SCREEN, VIDEO = 1, 2, 3


def opening(number=ID, version=3, kind=1):
    head = struct.pack(">BH16sIIII", kind, version, number, 0, 2, 0x6F613F, 0x6F613F)
    return head + struct.pack(">I", 64) + bytes(range(64)) + b"\xff" * 4


def answer(number=ID, version=3, cookie=COOKIE):
    more = bytes.fromhex("004000400003e00300") if version == 3 else b""
    return struct.pack(">BH16s4sI8x", 2, version, number, cookie, 0x6F613F) + more


def ping(number, kind=3, cookie=COOKIE):
    return struct.pack(">BII4sB", kind, number, 0x5CFB002A + 100 * number, cookie, 0)


def served(inner, side, sequence=0, cookie=COOKIE):
    """What goes through a media server, in version 3."""
    return struct.pack(">BH4sB", 5, sequence, cookie, 0 if side is C else 4) + inner


def rtp(sequence, ssrc, payload=98, size=60):
    head = struct.pack(">BBHII", 0x90, payload, sequence & 0xFFFF, sequence * 960, ssrc)
    return head + b"\xbe\xde\0\1\x50\x64\0\x68" + bytes(size)


def _media(kind, fill, sequence):
    return (
        struct.pack(">B8sHI", kind, b"\x01\0\xfb\x90\x14\x11\x04\xff", sequence & 0xFFFF, 0x6F657D)
        + fill
    )


def audio(sequence, ssrc=ALICE + 2, **more):
    body = rtp(sequence, ssrc, **more)
    return _media(0x0F, struct.pack(">HH", 1, len(body)), sequence) + body


def video(sequence, ssrc=ALICE + 1, **more):
    return _media(0x10, b"\0\0\0\0\0\x02\x01\x0a\x10", sequence) + rtp(sequence, ssrc, **more)


def video_plain(sequence, ssrc=ALICE + 1, **more):
    """The other form, without the number of the picture."""
    return _media(0x10, bytes(5), sequence) + rtp(sequence, ssrc, **more)


def screen(sequence, ssrc=ALICE + 3, **more):
    return _media(0x1E, bytes(5), sequence) + rtp(sequence, ssrc, **more)


def screen_served(sequence, ssrc=ALICE + 3, **more):
    return struct.pack(">BHHH", 0x0D, 0x650A, sequence & 0xFFFF, 0) + screen(sequence, ssrc, **more)


def report(ssrc=ALICE + 2, kind=0x22):
    head = _media(kind, b"\0", 0)
    sender = struct.pack(">BBHIQIII", 0x80, 200, 6, ssrc, 0xE5982854_1206F976, 4472, 2, 55)
    return head + sender + struct.pack(">BBHII", 0x81, 202, 2, ssrc, 0)


def bind(use, user=ALICE, kind=0x0C, meeting=MEETING):
    channel = {AUDIO: 2, SCREEN: 3, VIDEO: 1}.get(use, 0)
    head = struct.pack(">BB16sIB", kind, 1, meeting, user + channel, use)
    return head + struct.pack(">II", 0, 1) + struct.pack(">I", 3) + b"rid" + bytes(8)


def reliable(inner, sequence=0):
    """A packet in the sequence that screens' flows have."""
    return struct.pack(">BHHH", 0x0D, 0x650A, sequence, 0) + inner


def direct(address, port, to=BOB, sender=ALICE, call=CALL):
    text = address.encode()
    head = struct.pack(">BBIIIIIHI", 0x1F, 2, to, sender, 0x5C9B637B, 7, 0x63, port, len(text))
    return head + text + struct.pack(">I", len(call)) + call + bytes(4)


def question(number=ID):
    return b"\0\1\0\x18" + number + b"\1\1\0\x14" + b"1234567890123456789\0"


def told(address, port, number=ID):
    return b"\0\2\0\x0c" + number + b"\1\3\0\x08\0\1" + struct.pack(">H4B", port, *address)


def both(kind, count, at=0, wrap=served):
    """Media of one kind, both ways."""
    return [
        (side, wrap(kind(at + n, ssrc), side, n))
        for n in range(count)
        for side, ssrc in ((C, ALICE + 2), (S, BOB + 2))
    ]


OPENED = [(C, opening()), (S, answer()), (S, ping(1)), (C, ping(1, 4))]
BOUND = [(C, served(bind(AUDIO), C)), (S, served(bind(AUDIO, kind=0x0D), S))]
TALK = [*OPENED, *BOUND, *both(audio, 8), (S, served(report(BOB + 2), S))]
SHOWN = [
    *OPENED,
    (C, served(reliable(bind(SCREEN)), C)),
    (S, served(reliable(bind(SCREEN, kind=0x0D)), S)),
    *((S, served(screen_served(n, BOB + 3), S, n)) for n in range(4)),
]
TRIED = [
    (C, direct("198.51.100.9", 46757)),
    (S, direct("192.168.7.8", 40000, ALICE, BOB)),
]
PEERS = [*TRIED, *both(audio, 6, wrap=lambda inner, *_: inner), (C, video(1)), (S, screen(9))]
