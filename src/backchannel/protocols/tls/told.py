"""Hellos as they are told, whoever carried them: records over TCP, or QUIC."""

from backchannel.protocols.tls import wire
from backchannel.protocols.tls.events import TlsAnswer, TlsHello
from backchannel.protocols.tls.fingerprint import ja3, ja4


def tell_hello(hello: wire.ClientHello, carrier: str = "t") -> TlsHello:
    """Return what a client's hello tells. *carrier*: what JA4 calls TCP (`t`) or QUIC (`q`)."""
    return TlsHello(
        version=wire.version_name(hello.highest),
        name=hello.name,
        alpn=tuple(name.decode("latin-1") for name in hello.alpn),
        ech=hello.ech,
        ja3=ja3(hello),
        ja4=ja4(hello, carrier),
    )


def tell_answer(hello: wire.ServerHello) -> TlsAnswer:
    """Return what a server's hello tells."""
    version = wire.version_name(hello.version)
    return TlsAnswer(version=version, cipher=f"{hello.cipher:04x}", alpn=hello.alpn)
