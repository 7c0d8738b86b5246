"""ICQ's personal web server, where somebody tries to get out of its folder, or to crash it."""

from backchannel.protocols import Magic, Protocol

_LONGEST_PAGE = 16
"""Characters of a page's name in front of `.html/...` that are looked for."""
_BEFORE, _AFTER = b"GET /", b".html/..."

PROTOCOL = Protocol(
    name="icq-web",
    title="ICQ personal web server",
    service="icq",
    magic=(
        *(
            Magic(
                "tcp",
                _BEFORE + bytes(size) + _AFTER,
                b"\xff" * len(_BEFORE) + bytes(size) + b"\xff" * len(_AFTER),
            )
            for size in range(_LONGEST_PAGE + 1)
        ),
        Magic("tcp", b"GET .html/..."),
        Magic("tcp", b"GET /..."),
        Magic("tcp", b"GET ...."),
        Magic("tcp", b"GET /guestbook.cgi?name="),
        Magic("tcp", b"GET /cgi-bin/guestbook.cgi?name="),
        Magic("tcp", b"GET /??????????"),
    ),
)
