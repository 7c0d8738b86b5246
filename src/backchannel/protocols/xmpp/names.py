"""Namespaces, and addresses (`node@domain/resource`, RFC 7622)."""

import re
from base64 import b64decode
from binascii import Error
from ipaddress import ip_address

from backchannel.patterns import later
from backchannel.reader import WireError

MAX_JID = 512
"""Characters of an address that are kept: 3071 are allowed, and nobody has so many."""
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
SASL2 = "urn:xmpp:sasl:2"
BIND2, FAST = "urn:xmpp:bind:0", "urn:xmpp:fast:0"
TLS = "urn:ietf:params:xml:ns:xmpp-tls"
BIND = "urn:ietf:params:xml:ns:xmpp-bind"
RESUMPTION = "urn:xmpp:sm:"
"""Stream management (XEP-0198), whatever its version."""
COMPRESS = ("http://jabber.org/protocol/compress", "http://jabber.org/features/compress")
AUTH = "jabber:iq:auth"
REGISTER, REGISTERING = "jabber:iq:register", "http://jabber.org/features/iq-register"
ROSTER = "jabber:iq:roster"
VERSION = "jabber:iq:version"
LAST = "jabber:iq:last"
OOB_QUERY, OOB = "jabber:iq:oob", "jabber:x:oob"
SHARING, MEDIA_SHARING = "urn:xmpp:sfs:0", "urn:xmpp:sims:1"
DATA_FORM = "jabber:x:data"
DISCO = "http://jabber.org/protocol/disco#info"
CAPS = "http://jabber.org/protocol/caps"
VCARD = "vcard-temp"
NICK = "http://jabber.org/protocol/nick"
MUC = "http://jabber.org/protocol/muc"
MUC_USER = "http://jabber.org/protocol/muc#user"
CONFERENCE = "jabber:x:conference"
PUBSUB = "http://jabber.org/protocol/pubsub"
EVENT = f"{PUBSUB}#event"
PRIVATE, STORAGE, BOOKMARKS = "jabber:iq:private", "storage:bookmarks", "urn:xmpp:bookmarks:1"
AVATAR, BITS = "urn:xmpp:avatar:data", "urn:xmpp:bob"
CHAT_STATES = "http://jabber.org/protocol/chatstates"
EVENTS = "jabber:x:event"
DELAYS = ("urn:xmpp:delay", "jabber:x:delay")
FORWARD = "urn:xmpp:forward:0"
BLOCKING = "urn:xmpp:blocking"
DIALBACK = "jabber:server:dialback"
CLIENT, SERVER = "jabber:client", "jabber:server"
SI = "http://jabber.org/protocol/si"
SI_FILE = "http://jabber.org/protocol/si/profile/file-transfer"
IBB = "http://jabber.org/protocol/ibb"
BYTESTREAMS = "http://jabber.org/protocol/bytestreams"
JINGLE = "urn:xmpp:jingle:1"
UPLOADS = ("urn:xmpp:http:upload:0", "urn:xmpp:http:upload")

_HOST = later(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?", re.IGNORECASE)


def bare(jid: str) -> str:
    """Return an address without its resource, in lower case: an account, a room or a domain."""
    return jid[:MAX_JID].partition("/")[0].lower()


def resource(jid: str) -> str:
    """Return what stands behind the slash; in a room, somebody's nickname."""
    return jid[:MAX_JID].partition("/")[2]


def domain(jid: str) -> str:
    """Return the domain of an address."""
    account = bare(jid)
    return account.partition("@")[2] or account


def is_account(jid: str) -> bool:
    """Say whether an address is somebody's, and not that of a server."""
    return "@" in bare(jid)


def address(text: str) -> str:
    """Return an IP address in its usual form, or a host name; empty for anything else."""
    text = text.strip().strip("[]")[:253]
    try:
        return str(ip_address(text.partition("%")[0]))
    except ValueError:
        return text.lower() if _HOST.fullmatch(text) else ""


def number(text: str, most: int) -> int:
    """Return a decimal number; 0 for anything else, and for more than *most*."""
    text = text.strip()
    value = int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else 0
    return value if value <= most else 0


def base64(text: str) -> bytes:
    """Return what base64 with white space in it stands for. Raises WireError."""
    try:
        return b64decode("".join(text.split()), validate=True)
    except (Error, ValueError) as error:
        raise WireError("text that is no base64") from error
