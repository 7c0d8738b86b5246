"""XMPP (Jabber): streams of clients, servers and components, and the files beside them."""

from backchannel.protocols import Magic, Protocol

_FIRST = (
    *(b"<?xml ", b"<stream:stream", b"<flash:stream", b"\xef\xbb\xbf<?xml ", b"<stream "),
    # UTF-16, which is not allowed, and which servers take
    *(b"\xff\xfe<\0", b"\xfe\xff\0<", b"<\0?\0x\0", b"\0<\0?\0x", b"<\0s\0t\0", b"\0<\0s\0t"),
)
_ANY = (
    *(b"<iq ", b"<message ", b"<presence ", b"<presence/>", b"<presence>", b"<stream:"),
    *(b"</stream:stream", b"<auth ", b"<challenge ", b"<response ", b"<success ", b"<db:result "),
    *(b"<starttls ", b"<proceed ", b"<?xml version='1.0'?><stream:", b'<?xml version="1.0"?><stre'),
)

PROTOCOL = Protocol(
    name="xmpp",
    title="XMPP (Jabber)",
    service="xmpp",
    magic=(
        *(Magic(transport="tcp", pattern=word, first=True) for word in _FIRST),
        *(Magic(transport="tcp", pattern=word) for word in _ANY),
    ),
)
