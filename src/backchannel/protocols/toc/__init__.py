"""TOC: the text protocol that AOL opened to other AIM clients (TiK, TAC, early Gaim)."""

from backchannel.protocols import Magic, Protocol

_HEAD = b"\x2a\x02\0\0\0\0"
_MASK = b"\xff\xff\0\0\0\0"

PROTOCOL = Protocol(
    name="toc",
    title="TOC (AIM)",
    service="aim",
    magic=(
        Magic("tcp", b"FLAPON\r\n\r\n"),
        # The client's sign-on frame, for where FLAPON was not captured: a name and nothing more.
        Magic("tcp", b"\x2a\x01\0\0\0\0\0\0\0\1\0\1\0", b"\xff\xff\0\0\xff\0" + b"\xff" * 7),
        # FLAP data frames with a command of the client or of the server.
        *(
            Magic("tcp", _HEAD + word, _MASK + b"\xff" * len(word))
            for word in (b"toc_", b"toc2_", b"SIGN_ON:TOC", b"IM_IN", b"UPDATE_BUDDY", b"CHAT_IN")
        ),
    ),
)
