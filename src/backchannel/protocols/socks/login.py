"""The login between a SOCKS5 server's choice of method and the request.

User and password are readable (RFC 1929). CHAP with HMAC-MD5 is open to guessing: the response is
keyed with the password, over the challenge (draft-ietf-aft-socks-chap). GSSAPI tokens are opaque
(RFC 1961); only their order is followed.
"""

from typing import Literal

from backchannel.events import Credential, SignOn
from backchannel.model import Side
from backchannel.protocols import Output
from backchannel.protocols.socks import wire
from backchannel.text import decode

FOLLOWED = frozenset({wire.GSSAPI, wire.USERPASS, wire.CHAP})
_ABORT, _PROTECTION = 0xFF, 2
_STATUS, _USER, _CHALLENGE, _RESPONSE, _ALGORITHM = 0, 2, 3, 4, 0x11
_HMAC_MD5 = 0x85

Buffers = tuple[bytearray, bytearray]


class Login:
    """One login by *method*."""

    def __init__(self, method: int) -> None:
        self.method = method
        self.user = ""
        self.accepted: bool | None = None
        """What the server said; None so far nothing."""
        self.skipped = False
        """True when the server's word was not captured and the client went on."""
        self._told = False
        self._challenge = b""
        self._algorithm = b""

    def take(
        self, buffers: Buffers, order: tuple[Side, Side], out: list[Output], *, blind: bool
    ) -> bool:
        """Take one message of either side if it is there; return whether it was.

        *order*: which side's bytes came first. *blind*: a side that shows nothing is not waited
        for. Raises WireError.
        """
        if self.method == wire.USERPASS:
            return self._userpass(buffers, out, blind=blind)
        for side in order:
            if not (buffer := buffers[side]):
                continue
            if self.method == wire.GSSAPI:
                size = self._gssapi(side, buffer)
            else:
                size = self._chap(side, buffer, out)
            del buffer[:size]
            if size:
                return True
        self.skipped = blind and not buffers[Side.SERVER] and bool(buffers[Side.CLIENT])
        return self.skipped

    def _userpass(self, buffers: Buffers, out: list[Output], *, blind: bool) -> bool:
        client, server = buffers
        if not self._told:
            self._told = blind and not client and bool(server)
            if (found := wire.read_userpass(client)) is None:
                return self._told
            (self.user, password), size = found
            del client[:size]
            self._told = True
            out.append(SignOn(account=self.user, method="socks5-userpass"))
            out.append(_credential(self.user, "plain", "socks5-userpass", password))
            return True
        # RFC 1929 says 01; servers exist that answer with SOCKS's own 05.
        if (answer := wire.read_pair(server, b"\1\5")) is not None:
            del server[: answer[1]]
            self.accepted = answer[0] == 0
            return True
        self.skipped = blind and not server and bool(client)
        return self.skipped

    def _gssapi(self, side: Side, buffer: bytearray) -> int:
        """RFC 1961 §3-§4: the server's message on protection is the last."""
        if (found := wire.read_gssapi(buffer)) is None:
            return 0
        if side is Side.SERVER and found[0] in (_ABORT, _PROTECTION):
            self.accepted = found[0] == _PROTECTION
        return found[1]

    def _chap(self, side: Side, buffer: bytearray, out: list[Output]) -> int:
        if (found := wire.read_chap(buffer)) is None:
            return 0
        fields, size = found
        if side is Side.SERVER:
            self._challenge = fields.get(_CHALLENGE, self._challenge)
            self._algorithm = fields.get(_ALGORITHM, self._algorithm)
            if _STATUS in fields:
                self.accepted = not any(fields[_STATUS])
            return size
        if _USER in fields:
            self.user = decode(fields[_USER])
            out.append(SignOn(account=self.user, method="socks5-chap"))
        if _RESPONSE in fields:
            known = self._algorithm in (b"", bytes((_HMAC_MD5,)))
            scheme = "socks5-chap-hmac-md5" if known else "socks5-chap"
            response, challenge = fields[_RESPONSE].hex(), self._challenge.hex()
            out.append(_credential(self.user, "hash", scheme, response, challenge))
        return size


def _credential(
    user: str, kind: Literal["plain", "hash"], scheme: str, secret: str, salt: str = ""
) -> Credential:
    return Credential(account=user, kind=kind, scheme=scheme, secret=secret, salt=salt)
