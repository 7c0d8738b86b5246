"""A small run made by hand, with an attacker's names in it, for the tests of what is shown."""

import hashlib

from backchannel.detect.model import Evidence, Finding
from backchannel.engine.observation import FlowInfo, Observation
from backchannel.events import (
    Anomaly,
    Contact,
    Contacts,
    Credential,
    Malformed,
    Message,
    PeerAddress,
    SignOn,
    Transfer,
)
from backchannel.model import Capability, Confidence, Endpoint, Side
from backchannel.privacy import Disclosure
from backchannel.report.document import Input, Traffic, Tunnel
from backchannel.report.summary import Summary

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202egnp.exe"
SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
FLOW = FlowInfo(
    7, "tcp", Endpoint("10.0.0.5", 41000), Endpoint("64.12.1.1", 443), 6, (12,), "", True
)
EVENTS = [
    SignOn(account="alice", method="md5-challenge", client="AIM", version="5.9"),
    Credential(account="alice", kind="plain", scheme="socks5-userpass", secret="tea4two!"),
    Contacts(owner="alice", entries=(Contact(account="bob"), Contact(account=HOSTILE))),
    Message(sender="alice", recipient="bob", text="see you at noon", size=15),
    PeerAddress(
        use=Capability.FILE_TRANSFER, account="alice", address="192.168.1.9", port=5190, how="offer"
    ),
    Transfer(
        use=Capability.FILE_TRANSFER,
        sender="alice",
        recipient=HOSTILE,
        name=HOSTILE,
        size=10,
        seen=10,
        complete=True,
        sha256="ab" * 32,
        media="application/x-dosexec",
    ),
    Anomaly(kind="oversized-game-request"),
    Malformed(reason="short"),
]


def observation(event, number=0):
    return Observation(
        START + number * SECOND,
        number + 1,
        FLOW,
        "oscar",
        "oscar",
        "aim",
        Confidence.PARSED,
        Side.CLIENT,
        event,
        None,
        "alice",
    )


def document(disclosure=None):
    summary = Summary(disclosure or Disclosure())
    for number, event in enumerate(EVENTS):
        summary.add(observation(event, number))
    return summary.document(
        tool="backchannel 0",
        inputs=[
            Input(path="a.pcap", packets=9, bytes=900, first_frame=1),
            Input(path=HOSTILE, packets=0, bytes=0, first_frame=10, damage="at byte 9: cut short"),
        ],
        traffic=Traffic(
            packets=9,
            bytes=900,
            flows=1,
            first_seen="2023-11-14T22:13:20.000000Z",
            last_seen="2023-11-14T22:13:28.000000Z",
        ),
        counters={"unknown link type 147": 2, "nothing": 0},
    )


def finding(name="a", **changes):
    """One finding about the sample's first service."""
    given = {
        "id": hashlib.sha256(name.encode()).hexdigest()[:16],
        "rule": "cleartext-messages",
        "title": "Messages are sent in the clear",
        "category": "cleartext",
        "severity": "medium",
        "confidence": "parsed",
        "service": "aim",
        "capability": "message",
        "hosts": ("10.0.0.5", "64.12.1.1"),
        "accounts": ("alice", HOSTILE),
        "summary": f"aim: messages of {name} pass in clear",
        "count": 3,
        "first_seen": "2023-11-14T22:13:20.000000Z",
        "last_seen": "2023-11-14T22:13:28.000000Z",
        "evidence": (
            Evidence(
                frame=4,
                path="a.pcap",
                path_frame=4,
                sha256="",
                time="2023-11-14T22:13:23.000000Z",
                flow=7,
                community_id=FLOW.community_id,
                client="10.0.0.5:41000",
                server="64.12.1.1:443",
                transport="tcp",
                stack="oscar",
                excerpt="15 characters",
            ),
        ),
        "rationale": "Whoever sees the traffic reads the messages.",
        "false_positives": "Messages of the service itself.",
        "disproof": "The same flow elsewhere is encrypted.",
        "countermeasure": "Refuse the capability `message` of this service.",
        "attack": ("T1040",),
        "references": ("A paper, April 2002",),
    }
    return Finding(**{**given, **changes})


def tunnel(**changes):
    """Return a target of a proxy, with AIM inside."""
    given = {
        "service": "socks",
        "stack": "socks",
        "scheme": "socks5",
        "commands": ("connect",),
        "client": "10.0.0.5",
        "proxy": "192.0.2.1:1080",
        "accounts": ("alice",),
        "host": "login.oscar.aol.com",
        "port": 5190,
        "names": (),
        "asked": 1,
        "granted": 1,
        "refused": 0,
        "answers": {"succeeded": 1},
        "inside": ("socks5/oscar",),
        "services": ("aim",),
        "bytes": 1234,
        "first_seen": "2023-11-14T22:13:20.000000Z",
        "last_seen": "2023-11-14T22:13:28.000000Z",
        "frame": 4,
    }
    return Tunnel(**{**given, **changes})
