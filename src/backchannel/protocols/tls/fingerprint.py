"""Fingerprints of TLS clients: JA3 and JA4.

JA3 (Salesforce, archived): MD5 over version, ciphers, extensions, groups and point formats in the
order sent. JA4 (FoxIO, `technical_details/JA4.md`; the client fingerprint alone is BSD-licensed):
readable counts, then hashes of the sorted ciphers and of the sorted extensions with the signature
algorithms. Both leave GREASE out.
"""

import hashlib
from collections.abc import Iterable

from backchannel.protocols.tls.wire import ClientHello, grease

_VERSIONS = {0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2"}
_SNI, _ALPN = 0, 16
_NOTHING = "000000000000"


def ja3(hello: ClientHello) -> str:
    """Return the JA3 hash."""
    lists = (hello.ciphers, hello.extensions, hello.groups, hello.points)
    parts = ["-".join(str(value) for value in values if not grease(value)) for values in lists]
    return hashlib.md5(",".join([str(hello.version), *parts]).encode()).hexdigest()


def ja4(hello: ClientHello, carrier: str = "t") -> str:
    """Return the JA4 fingerprint of a hello over TCP, or with *carrier* `q` over QUIC."""
    ciphers = _hex(hello.ciphers)
    extensions = _hex(hello.extensions)
    kept = sorted(_hex(value for value in hello.extensions if value not in (_SNI, _ALPN)))
    signatures = _hex(hello.signatures)
    tail = ",".join(kept) + ("_" + ",".join(signatures) if signatures else "")
    return (
        f"{carrier}{_VERSIONS.get(hello.highest, '00')}{'d' if _SNI in hello.extensions else 'i'}"
        f"{min(len(ciphers), 99):02}{min(len(extensions), 99):02}{_first_alpn(hello.alpn)}"
        f"_{_digest(','.join(sorted(ciphers)))}_{_digest(tail if kept else '')}"
    )


def _hex(values: Iterable[int]) -> list[str]:
    return [f"{value:04x}" for value in values if not grease(value)]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12] if text else _NOTHING


def _first_alpn(alpn: tuple[bytes, ...]) -> str:
    first = alpn[0] if alpn else b""
    if not first:
        return "00"
    ends = bytes((first[0], first[-1]))
    return ends.decode() if ends.isalnum() else first.hex()[0] + first.hex()[-1]
