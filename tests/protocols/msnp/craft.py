"""MSNP made by hand."""

from tests import kit

from backchannel.model import Endpoint, Side
from backchannel.protocols import Start
from backchannel.protocols.msnp.session import Session

C, S = Side.CLIENT, Side.SERVER
ALICE, BOB, EVE = "alice@example.com", "bob@example.com", "eve@example.org"
START = Start("tcp", Endpoint("192.0.2.10", 40000), Endpoint("198.51.100.1", 1863))
MIDDLE = Start("tcp", Endpoint("192.0.2.10", 40000), Endpoint("198.51.100.1", 1863), begun=False)
GUID = "{1be99e6d-1c6e-4bea-8b3e-9c464006a774}"


def line(text):
    return text.encode() + b"\r\n"


def payload(head, body):
    """A command with its payload; *body* is text or bytes."""
    data = body if isinstance(body, bytes) else body.encode()
    return line(f"{head} {len(data)}") + data


def mime(content, body="", **headers):
    """A MIME message; *body* is text or bytes."""
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"MIME-Version: 1.0\r\nContent-Type: {content}\r\n{more}\r\n".encode()
    return head + (body if isinstance(body, bytes) else body.encode())


def sent(content, body="", **headers):
    """MSG from the client."""
    return payload("MSG 9 N", mime(content, body, **headers))


def got(content, body="", sender=BOB, nick="Bob%20B", **headers):
    """MSG from the server."""
    return payload(f"MSG {sender} {nick}", mime(content, body, **headers))


def p2p(packet, dest=BOB, **more):
    """A P2P packet as MSG from the client, with its footer."""
    return payload(
        "MSG 9 D", mime("application/x-msnmsgrp2p", packet + bytes(4), P2P_Dest=dest, **more)
    )


def p2p_got(packet, sender=BOB, dest=ALICE):
    """A P2P packet as MSG from the server."""
    body = mime("application/x-msnmsgrp2p", packet + bytes(4), P2P_Dest=dest)
    return payload(f"MSG {sender} Bob", body)


SWITCHBOARD = [
    (C, line(f"USR 1 {ALICE} 1835953129.20013021.2623242")),
    (S, line(f"USR 1 OK {ALICE} Alice%20W")),
    (C, line(f"CAL 2 {BOB}")),
    (S, line("CAL 2 RINGING 11752013")),
    (S, line(f"JOI {BOB} Bob%20B")),
]


def said(*steps, start=START):
    """What a session tells about *steps*."""
    return kit.decode(Session(start), steps)


def talk(*steps, start=START):
    """What a session tells about *steps* of a switchboard that Alice and Bob are on."""
    before = len(kit.decode(Session(start), SWITCHBOARD, ends=False))
    return said(*SWITCHBOARD, *steps, start=start)[before:]


def only(told, kind):
    (found,) = kit.events(told, kind)
    return found
