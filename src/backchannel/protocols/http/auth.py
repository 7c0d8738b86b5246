"""Credentials in HTTP headers, to the web server or to a proxy: Basic, Digest, NTLM.

    Basic      base64(user:password)                        RFC 7617: readable
    Digest     response and all that it was made from       RFC 7616: a hash, open to guessing
    NTLM       base64(NTLMSSP message 1, 2 or 3)            [MS-NLMP] §2.2.1: likewise
    Bearer     a token that whoever has it may use          RFC 6750
    Negotiate  SPNEGO, which may hold an NTLMSSP message    RFC 4559, RFC 4178

`Authentication` remembers the last NTLM challenge of its connection (NTLM authenticates
connections) and which credentials it has told already, at most SEEN of them.
"""

from binascii import Error as Base64Error
from binascii import a2b_base64
from typing import Literal
from urllib.parse import unquote_to_bytes

from backchannel.events import Credential, SignOn
from backchannel.protocols.http.fields import parameters
from backchannel.reader import Reader, WireError
from backchannel.text import decode

SEEN = 64
_MARK = b"NTLMSSP\0"
_UNICODE = 1
_OPAQUE = "negotiate"
"""The scheme whose credentials name nobody that could be read."""
_DIGEST_SALT = ("realm", "nonce", "uri", "nc", "cnonce", "qop", "algorithm")


class Offer:
    """What the headers of one request hold."""

    __slots__ = "credentials", "sign_on"

    def __init__(self) -> None:
        self.credentials: list[Credential] = []
        self.sign_on: SignOn | None = None
        """None also where NTLM only begins."""

    @property
    def user(self) -> str:
        """The user name in Basic, Digest or NTLM credentials; empty where there is none."""
        return self.credentials[0].account if self.credentials else ""


class Authentication:
    """Reads the credentials of one connection; each is told once."""

    def __init__(self) -> None:
        self._challenge = ""
        self._seen: set[int] = set()

    def challenged(self, values: tuple[str, ...]) -> None:
        """Take the challenges in an answer's WWW-Authenticate or Proxy-Authenticate headers."""
        for value in values:
            message = _ntlm(value)
            if message[:12] == _MARK + b"\2\0\0\0" and len(message) >= 32:
                self._challenge = message[24:32].hex()

    def read(self, values: tuple[str, ...], method: str) -> Offer:
        """Return what a request's (Proxy-)Authorization headers hold."""
        offer = Offer()
        for value in values:
            credential = _read(value, method, self._challenge)
            if credential is not None:
                offer.credentials.append(credential)
                if offer.sign_on is None:
                    offer.sign_on = SignOn(account=credential.account, method=credential.scheme)
            elif offer.sign_on is None:
                scheme = value.strip().partition(" ")[0].lower()
                if scheme == _OPAQUE and not _ntlm(value):
                    offer.sign_on = SignOn(account="", method=f"http-{scheme}")
        return offer

    def fresh(self, offer: Offer) -> list[Credential]:
        """Return the credentials of an offer that were not told yet."""
        told = {hash(credential): credential for credential in offer.credentials}
        fresh = [told[each] for each in told if each not in self._seen]
        if len(self._seen) > SEEN:
            self._seen.clear()
        self._seen.update(told)
        return fresh

    def offered(self, values: tuple[str, ...], method: str) -> list[Credential]:
        """Return what a request's (Proxy-)Authorization headers give away and was not told yet."""
        return self.fresh(self.read(values, method))


def _read(value: str, method: str, challenge: str) -> Credential | None:
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() == "basic":
        return basic(rest)
    if scheme.lower() == "bearer" and (token := rest.strip()):
        return Credential(account="", kind="token", scheme="http-bearer", secret=token)
    if scheme.lower() == "digest":
        return _digest(parameters(rest), method)
    try:
        return _message_3(_ntlm(value), challenge)
    except WireError:
        return None


def basic(token: str) -> Credential | None:
    """Return name and password of Basic credentials; None when they are not well formed."""
    name, colon, password = _base64(token).partition(b":")
    return _plain(decode(name), decode(password), "http-basic") if colon else None


def in_uri(user: str) -> Credential | None:
    """Return the credentials in a URI's `name:password`; None without a password."""
    name, _, password = (decode(unquote_to_bytes(part)) for part in user.partition(":"))
    return _plain(name, password, "url-userinfo") if password else None


def _plain(name: str, password: str, scheme: str) -> Credential:
    return Credential(account=name, kind="plain", scheme=scheme, secret=password)


def _digest(fields: dict[str, str], method: str) -> Credential | None:
    name = fields.get("username")
    if name is None and "username*" in fields:  # RFC 7616 §3.4: UTF-8''J%C3%A4s
        name = decode(unquote_to_bytes(fields["username*"].rpartition("'")[2]))
    if not fields.get("response") or name is None:
        return None
    salt = [
        f"method={method}",
        *(f'{key}="{fields[key]}"' for key in _DIGEST_SALT if key in fields),
    ]
    return Credential(
        account=name,
        kind="hash",
        scheme="http-digest",
        secret=fields["response"],
        salt=", ".join(salt),
    )


def _base64(text: str) -> bytes:
    """Return the decoded *text*; empty when it is not base64. Missing padding is forgiven."""
    text = text.strip().rstrip("=")
    try:
        return a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except (Base64Error, ValueError):
        return b""


def _ntlm(value: str) -> bytes:
    """Return the NTLMSSP message in an NTLM or Negotiate header, from its signature on."""
    scheme, _, token = value.strip().partition(" ")
    if scheme.lower() not in ("ntlm", "negotiate"):
        return b""
    data = _base64(token)
    at = data.find(_MARK)
    return data[at:] if at >= 0 else b""


def _message_3(message: bytes, challenge: str) -> Credential | None:
    """Return the responses in an AUTHENTICATE_MESSAGE ([MS-NLMP] §2.2.1.3)."""
    if message[:12] != _MARK + b"\3\0\0\0":
        return None
    reader = Reader(message, 12)
    lm, nt, domain, name, _host = (_payload(message, reader) for _ in range(5))
    reader.skip(8)  # session key
    wide = reader.u32le() & _UNICODE if len(reader) >= 4 else 0
    version: Literal["v1", "v2"] = "v2" if len(nt) > 24 else "v1"
    # v2: proof of 16 bytes and the blob it covers; v1: both responses, since with extended session
    # security the LM response holds the client's challenge.
    secret = f"{nt[:16].hex()}:{nt[16:].hex()}" if version == "v2" else f"{lm.hex()}:{nt.hex()}"
    if not nt.strip(b"\0") and not lm.strip(b"\0"):
        return None  # anonymous
    encoding = "utf-16-le" if wide else "latin-1"
    account = decode(name, encoding)
    if domain:
        account = f"{decode(domain, encoding)}\\{account}"
    return Credential(
        account=account, kind="hash", scheme=f"ntlm{version}", secret=secret, salt=challenge
    )


def _payload(message: bytes, reader: Reader) -> bytes:
    """Return the bytes that the next length-space-offset field points to."""
    size = reader.u16le()
    reader.skip(2)
    offset = reader.u32le()
    return Reader(message, offset).take(size) if size else b""
