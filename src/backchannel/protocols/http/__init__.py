"""HTTP/1.x: plain web traffic, and the layer below every protocol that rides on HTTP."""

from backchannel.protocols import Magic, Protocol

_METHODS = (b"GET ", b"POST ", b"HEAD ", b"PUT ", b"OPTIONS ", b"DELETE ", b"PATCH ")

PROTOCOL = Protocol(
    name="http",
    title="HTTP/1.x",
    service="http",
    context=True,
    magic=(
        *(Magic(transport="tcp", pattern=method) for method in _METHODS),
        Magic(transport="tcp", pattern=b"HTTP/1."),
    ),
)
