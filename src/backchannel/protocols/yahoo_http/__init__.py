"""The HTTP sides of Yahoo Messenger: logins, file transfers, and YMSG itself behind a proxy."""

from backchannel.protocols import Magic, Protocol

_PATHS = (
    b"GET /config/",
    b"POST /config/",
    b"POST /notify",
    b"GET /relay?",
    b"HEAD /relay?",
    b"POST /relay?",
    b"GET /Messenger.",
    b"HEAD /Messenger.",
    b"POST /Messenger.",
    b"GET /yab/",
    b"POST /yab/",
    b"GET /capacity",
    b"GET /ycontent/",
)
_HOSTS = (
    b"GET http://msg.edit.yahoo.",
    b"GET http://login.yahoo.",
    b"POST http://login.yahoo.",
    b"GET http://address.yahoo.",
    b"POST http://address.yahoo.",
    b"GET http://vcs1.msg.yahoo.",
    b"GET http://vcs2.msg.yahoo.",
    b"GET http://insider.msg.yahoo.",
    b"POST http://filetransfer.msg.yahoo.",
    b"POST http://http.pager.yahoo.",
    b"POST http://http.messenger.yahoo.",
)

PROTOCOL = Protocol(
    name="yahoo-http",
    title="Yahoo Messenger over HTTP",
    service="yahoo",
    magic=tuple(Magic("tcp", pattern) for pattern in (*_PATHS, *_HOSTS)),
)
