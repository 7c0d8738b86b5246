"""P2P packets and MSNSLP messages made by hand, as the wiki and libpurple describe them."""

import struct
from base64 import b64encode
from hashlib import sha1

FILE_GUID = "{5D3E02AB-6190-11D3-BBBB-00C04F795683}"
OBJECT_GUID = "{A4268EEC-FEC5-49E5-95C3-F126696BDBF6}"
WEBCAM_GUID = "{4BD96FC0-AB17-4425-A14A-439185962DC8}"
GAME_GUID = "{6A13AF9C-5308-4F35-923A-67E8DDA40C2F}"
FILE_DATA, OBJECT_DATA = 0x01000030, 0x20


def v1(data=b"", *, session=0, identifier=5, offset=0, total=None, flags=0, ack=0, length=None):
    """A version 1 packet without footer."""
    total = len(data) if total is None else total
    length = len(data) if length is None else length
    return (
        struct.pack("<IIQQIIIIQ", session, identifier, offset, total, length, flags, 77, 0, ack)
        + data
    )


def v2(data=b"", *, session=0, identifier=9, tf=1, package=0, remaining=0, operation=0, tlvs=b""):
    """A version 2 packet without footer."""
    if not data:
        return struct.pack(">BBHI", 8 + len(tlvs), operation, 0, identifier) + tlvs
    extra = struct.pack(">BBQ", 1, 8, remaining) + b"\0\0" if remaining else b""
    body = struct.pack(">BBHI", 8 + len(extra), tf, package, session) + extra + data
    return struct.pack(">BBHI", 8 + len(tlvs), operation, len(body), identifier) + tlvs + body


def frame(packet):
    """A packet as a direct connection carries it."""
    return struct.pack("<I", len(packet)) + packet


def slp(start, sender, recipient, content, body, *, call="11111111-2222-3333-4444-555555555555"):
    """A MSNSLP message, closed by a NUL."""
    lines = [
        start,
        f"To: <msnmsgr:{recipient}>",
        f"From: <msnmsgr:{sender}>",
        "Via: MSNSLP/1.0/TLP ;branch={AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE}",
        "CSeq: 0",
        f"Call-ID: {{{call}}}",
        "Max-Forwards: 0",
        f"Content-Type: application/x-msnmsgr-{content}",
        f"Content-Length: {len(body) + 3}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body + "\r\n\0").encode()


def invite(sender, recipient, guid, session, context=b"", **more):
    body = (
        f"EUF-GUID: {guid}\r\nSessionID: {session}\r\nAppID: 2\r\n"
        f"Context: {b64encode(context).decode()}\r\n"
    )
    start = f"INVITE MSNMSGR:{recipient} MSNSLP/1.0"
    return slp(start, sender, recipient, "sessionreqbody", body, **more)


def answer(sender, recipient, session, status="200 OK", **more):
    body = f"SessionID: {session}\r\n"
    return slp(f"MSNSLP/1.0 {status}", sender, recipient, "sessionreqbody", body, **more)


def bye(sender, recipient, **more):
    return slp(
        f"BYE MSNMSGR:{recipient} MSNSLP/1.0", sender, recipient, "sessionclosebody", "", **more
    )


def direct(sender, recipient, body, start="MSNSLP/1.0 200 OK", content="transrespbody", **more):
    return slp(start, sender, recipient, content, body, **more)


def file_context(name, size, preview=b"", version=2):
    fixed = 574 if version == 2 else 637
    head = struct.pack("<IIQI", fixed, version, size, 0 if preview else 1)
    return (head + name.encode("utf-16-le").ljust(520, b"\0")).ljust(fixed, b"\xff") + preview


def msnobj(data, *, creator="bob@example.com", kind=3, location="TFR2C.tmp", friendly="AAA="):
    digest = b64encode(sha1(data).digest()).decode()
    return (
        f'<msnobj Creator="{creator}" Size="{len(data)}" Type="{kind}" Location="{location}" '
        f'Friendly="{friendly}" SHA1D="{digest}" SHA1C="xx="/>\0'
    ).encode()
