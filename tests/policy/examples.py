"""Policies for the tests of compilers, made without files, so that nothing else changes them."""

from ipaddress import IPv4Network, IPv6Network, ip_network

import msgspec

from backchannel.model import Capability
from backchannel.policy.model import (
    Hours,
    Lifeline,
    Line,
    Networks,
    Party,
    Ports,
    Rules,
    Use,
)
from backchannel.policy.uses import parse_ports

ANY = Party("any")


def party(label, *networks, interfaces=()):
    found = [ip_network(net) for net in networks]
    v4 = tuple(sorted(net for net in found if isinstance(net, IPv4Network)))
    v6 = tuple(sorted(net for net in found if isinstance(net, IPv6Network)))
    return Party(label, Networks(v4, v6, any=not found), interfaces)


def use(service, capability, *ports, **more):
    found = tuple(sorted(made for text in ports if (made := parse_ports(text))))
    dynamic = tuple(sorted(text.split("/")[0] for text in ports if text.endswith("/dynamic")))
    more = {"protocols": PROTOCOLS.get(service, ())} | more
    return Use(service, Capability(capability), found, dynamic, **more)


PROTOCOLS = {
    "icq": ("icq", "icq-peer", "oscar", "oft"),
    "aim": ("oscar", "oft", "odc", "toc"),
    "yahoo": ("ymsg",),
    "gnutella": ("gnutella",),
    "msn": ("msnp", "rdp"),
    "ipsec": ("ike", "esp", "ah"),
}


ICQ_NAMES = ("login.icq.com", "icq.mirabilis.com")
AIM_NAMES = ("login.oscar.aol.com", "*.oscar.aol.com")
YAHOO_NAMES = ("scs*.msg.yahoo.com", "cs*.msg.*.yahoo.com", "filetransfer.msg.yahoo.com")
ICQ_LOGIN = use("icq", "login", "udp/4000", "tcp/5190", names=ICQ_NAMES)
ICQ_MESSAGE = use(
    "icq",
    "message",
    "udp/4000",
    "tcp/5190",
    "tcp/3570",
    "tcp/1024-65535",
    changeable=True,
    direct=True,
    names=ICQ_NAMES,
)
ICQ_FILES = use(
    "icq", "file-transfer", "tcp/3574", "tcp/dynamic", changeable=True, direct=True, names=ICQ_NAMES
)
AIM_MESSAGE = use("aim", "message", "tcp/5190", changeable=True, names=AIM_NAMES)
AIM_IMAGE = use("aim", "image", "tcp/4443", direct=True, names=AIM_NAMES)
AIM_FILES = use("aim", "file-transfer", "tcp/5190", changeable=True, direct=True, names=AIM_NAMES)
YAHOO = use("yahoo", "message", "tcp/5050", "tcp/80", "tcp/443", changeable=True, names=YAHOO_NAMES)
GNUTELLA = use("gnutella", "file-sharing", "tcp/6346", changeable=True, direct=True)
GNUTELLA_SEARCH = use("gnutella", "search", "tcp/6346", "udp/6346", changeable=True)
DISCORD_VOICE = use("discord", "voice-video", "udp/50000-65535", names=("*.discord.media",))
MSN_ASSIST = use("msn", "remote-assistance", "tcp/3389", direct=True, names=("*.msgr.hotmail.com",))
TUNNEL = use("ipsec", "tunnel", "udp/500", "udp/4500", "esp", "ah", "tcp/4500")
KNOWN = (ICQ_LOGIN, ICQ_MESSAGE, ICQ_FILES, AIM_MESSAGE, AIM_IMAGE, AIM_FILES, YAHOO)
KNOWN += (GNUTELLA, GNUTELLA_SEARCH, DISCORD_VOICE, MSN_ASSIST, TUNNEL)

STAFF = party("staff", "10.0.0.0/8", "2001:db8:10::/48")
DESK = party("help-desk", "10.1.2.0/24", "2001:db8:10:2::/64")
VENDOR = party("vendor", "198.51.100.0/24")
GATES = party("gateways", "203.0.113.7", "2001:db8:feed::7")


def line(name, action, *uses, ours=ANY, theirs=ANY, **more):
    more.setdefault("place", "policy.yaml:1")
    return Line(name=name, action=action, uses=uses, ours=ours, theirs=theirs, **more)


def rules(*lines, default="allow", **more):
    placed = tuple(
        msgspec.structs.replace(each, place=f"policy.yaml:{10 + 5 * number}")
        for number, each in enumerate(lines)
    )
    more = {"name": "example", "today": "2026-11-27", "known": KNOWN, "digest": "0" * 64} | more
    return Rules(path="policy.yaml", lines=placed, default=default, **more)


LIFELINE = Lifeline(
    "policy.yaml:6", DESK, party("firewall", "10.0.0.1", "2001:db8:10::1"), Ports("tcp", 22, 22)
)

OFFICE = rules(
    line("see-remote-control", "alert", MSN_ASSIST, ours=STAFF, best_effort=True),
    line(
        "no-files-except-1",
        "allow",
        AIM_FILES,
        ours=DESK,
        exempts="no-files",
        owner="help desk",
        reason="sends fixes to customers",
        expires="2027-01-31",
        best_effort=True,
    ),
    line("icq", "allow", ICQ_LOGIN, ICQ_MESSAGE, ours=STAFF),
    line("assist", "allow", MSN_ASSIST, ours=DESK, theirs=VENDOR, direction="in"),
    line("no-files", "deny", ICQ_FILES, AIM_FILES, AIM_IMAGE, ours=STAFF, best_effort=True),
    line("no-sharing", "deny", GNUTELLA, GNUTELLA_SEARCH, best_effort=True, refuse="drop"),
    line("no-yahoo", "deny", YAHOO, ours=STAFF, direction="out", best_effort=True),
    line(
        "no-voice-at-work",
        "deny",
        DISCORD_VOICE,
        ours=STAFF,
        hours=Hours(("mon", "tue", "wed", "thu", "fri"), 8 * 60, 18 * 60),
        best_effort=True,
    ),
    name="office: everybody's messages, nobody's files",
)
"""Most of the language, under a default of `allow`."""

CLOSED = rules(
    line("tunnels", "allow", TUNNEL, ours=STAFF, theirs=GATES),
    line("icq-login", "allow", ICQ_LOGIN, ours=DESK, direction="out"),
    line("no-sharing", "deny", GNUTELLA, ours=party("guests", "192.168.9.0/24")),
    line("no-aim", "deny", AIM_MESSAGE, ours=STAFF, best_effort=True),
    default="deny",
    lifelines=(LIFELINE,),
    name="closed",
)
"""A default of `deny`, with IPsec, IPv6 and a lifeline."""

ZONES = rules(
    line(
        "lan-to-wan",
        "deny",
        GNUTELLA_SEARCH,
        ours=party("lan", interfaces=("eth1", "eth2.7")),
        theirs=party("wan", "0.0.0.0/1", interfaces=("ppp0",)),
        best_effort=True,
    ),
    line(
        "no-aim-at-night",
        "deny",
        AIM_MESSAGE,
        AIM_IMAGE,
        AIM_FILES,
        theirs=VENDOR,
        hours=Hours(("fri", "sat"), 22 * 60, 6 * 60),
        best_effort=True,
    ),
    name="zones",
)
"""Interfaces, and hours that go past midnight."""

NAMES = rules(
    line(
        "no-aim-except-1",
        "allow",
        AIM_MESSAGE,
        AIM_IMAGE,
        AIM_FILES,
        ours=DESK,
        exempts="no-aim",
        owner="help desk",
        reason="answers customers",
        expires="2027-01-31",
    ),
    line("no-aim", "deny", AIM_MESSAGE, AIM_IMAGE, AIM_FILES, ours=STAFF, best_effort=True),
    line("no-yahoo", "deny", YAHOO, direction="out", best_effort=True),
    line("no-discord", "deny", DISCORD_VOICE, ours=VENDOR, best_effort=True),
    line(
        "no-tunnels", "deny", TUNNEL, ours=STAFF, direction="out", refuse="drop", best_effort=True
    ),
    name="names",
)
"""Whole services, for filters of names and of content."""

EXAMPLES = {"office": OFFICE, "closed": CLOSED, "zones": ZONES, "names": NAMES}
