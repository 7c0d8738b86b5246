"""TLS around an exchange: to see whose certificate it is, and to say hellos inside.

At most version 1.2 is offered first: from 1.3 on the certificate is encrypted, and our decoders
read the handshake as anybody beside the wire does. Certificates are not verified: who is asked is
who answers, and what is learned is its name. Old ciphers are offered, too.
"""

import ssl
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from backchannel.model import Side
from backchannel.probe.exchange import Exchange, Step

TOR = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
    "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-AES256-SHA:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-SHA:"
    "AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA:AES256-SHA"
)
"""The ciphers that Tor's clients ask for (tor 0.4.8, src/lib/tls/ciphers.inc)."""
READ = 16 * 1024
QUIET = 0.3
_LEGACY = 0x4
"""OpenSSL's SSL_OP_LEGACY_SERVER_CONNECT, which Python names from 3.12 on."""


@dataclass(frozen=True)
class Tls:
    """How TLS is opened."""

    name: str
    """What it is called in reports."""
    highest: ssl.TLSVersion
    server: str = ""
    """The name that is asked for (SNI)."""
    alpn: tuple[str, ...] = ()
    ciphers: str = "ALL:@SECLEVEL=0"

    def context(self) -> ssl.SSLContext:
        """Return what Python's library needs."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
        made.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        made.maximum_version = self.highest
        made.options |= _LEGACY | ssl.OP_NO_TICKET
        made.set_ciphers(self.ciphers)
        if self.alpn:
            made.set_alpn_protocols(list(self.alpn))
        return made


class Carrier(Protocol):
    """What TLS is opened over."""

    exchange: Exchange

    async def say(self, data: bytes) -> None:
        """Send."""

    async def take(self, patience: float) -> bytes | None:
        """Receive; None for nothing, no bytes for the end."""


class Secure:
    """A talk inside TLS. What is said lies in `Exchange.inside`."""

    def __init__(
        self, outer: Carrier, link: ssl.SSLObject, into: ssl.MemoryBIO, out: ssl.MemoryBIO
    ) -> None:
        self.exchange = outer.exchange
        self._outer, self._link, self._in, self._out = outer, link, into, out

    async def shake(self, patience: float) -> bool:
        """Do the handshake; say whether it came to its end."""
        while True:
            try:
                self._link.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                if not (data := await self._outer.take(patience)):
                    return False
                self._in.write(data)
                continue
            except ssl.SSLError as error:
                await self._flush()
                self.exchange.detail = error.reason or "no TLS"
                return False
            await self._flush()
            return True

    async def say(self, data: bytes) -> None:
        """Send *data* whole."""
        self.exchange.inside.append(Step(Side.CLIENT, data, time.time_ns()))
        self._link.write(data)
        await self._flush()

    async def take(self, patience: float) -> bytes | None:
        """Take what comes next, as from the carrier."""
        while True:
            try:
                data = self._link.read(READ)
            except ssl.SSLWantReadError:
                if not (came := await self._outer.take(patience)):
                    return came
                self._in.write(came)
                continue
            except ssl.SSLError:
                return b""
            if data:
                self.exchange.inside.append(Step(Side.SERVER, data, time.time_ns()))
            return data

    async def hear(self, patience: float) -> bool:
        """Take what comes until it is quiet; say whether anything did."""
        heard = False
        while await self.take(QUIET if heard else patience):
            heard = True
        return heard

    async def _flush(self) -> None:
        if data := self._out.read():
            await self._outer.say(data)


async def secured(outer: Carrier, tls: Tls, patience: float) -> Secure | None:
    """Open TLS; return the talk inside, or None where it did not come about.

    Its keys are kept, so that the evidence can be decrypted.
    """
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    with tempfile.NamedTemporaryFile() as keys:
        context = tls.context()
        context.keylog_filename = keys.name
        link = context.wrap_bio(into, out, server_hostname=tls.server or None)
        inner = Secure(outer, link, into, out)
        done = await inner.shake(patience)
        outer.exchange.secrets = b"".join(
            line
            for line in Path(keys.name).read_bytes().splitlines(keepends=True)
            if line[:1] != b"#"
        )
    return inner if done else None
