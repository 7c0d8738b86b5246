"""How a guess is tested against a captured login: one function a scheme.

What *secret* and *salt* hold is written with each protocol's credentials (docs/protocols). Every
function raises ValueError where they cannot be what the scheme says.
"""

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Callable
from functools import partial

import msgspec

from backchannel.detect import oldhashes
from backchannel.events import Credential
from backchannel.protocols.ike import psk
from backchannel.protocols.oscar import passwords as oscar
from backchannel.protocols.xmpp import proof as xmpp
from backchannel.protocols.ymsg import crypt as yahoo

Test = Callable[[Credential, str], bool]


class Scheme(msgspec.Struct, frozen=True):
    """A way to test guesses, and what one costs in comparison with one MD5."""

    test: Test
    cost: int = 1


def _md5(*parts: str) -> str:
    return hashlib.md5("".join(parts).encode()).hexdigest()


def _same(found: str, secret: str) -> bool:
    return hmac.compare_digest(found.encode(), secret.lower().encode("utf-8", "replace"))


def _oscar(seen: Credential, guess: str) -> bool:
    return _same(oscar.response(seen.scheme, seen.salt, guess), seen.secret)


def _msn(seen: Credential, guess: str) -> bool:
    return _same(_md5(seen.salt, guess), seen.secret)


def _yahoo(seen: Credential, guess: str) -> bool:
    return yahoo.verify(seen.account, seen.salt, seen.secret, guess)


def _yahoo_crypt(seen: Credential, guess: str) -> bool:
    crypted = oldhashes.md5crypt(guess, yahoo.SALT)
    return yahoo.verify(seen.account, seen.salt, seen.secret, crypted)


def _yahoo_web(seen: Credential, guess: str) -> bool:
    """The sign-on page's script: MD5 over the password's MD5 in hexadecimal, and the challenge."""
    return _same(_md5(_md5(guess), seen.salt), seen.secret)


def _crypt(seen: Credential, guess: str) -> bool:
    _, _, salt, _ = seen.secret.split("$")
    return hmac.compare_digest(
        oldhashes.md5crypt(guess, salt).encode(), seen.secret.encode("utf-8", "replace")
    )


def _psk(seen: Credential, guess: str) -> bool:
    return psk.guess_is_right(seen, guess.encode())


def _chap(seen: Credential, guess: str) -> bool:
    return _same(
        hmac.digest(guess.encode(), bytes.fromhex(seen.salt), "md5").hex(),
        seen.secret,
    )


_FIELD = re.compile(r'(\w{1,32})=(?:"([^"]{0,1024})"|([^",\s]{0,1024}))')
_DIGESTS = {"md5": "md5", "sha-256": "sha256", "sha-512-256": "sha512_256"}


def _digest(seen: Credential, guess: str) -> bool:
    """RFC 7616 §3.4; without `qop` as in RFC 2069."""
    fields = {name: quoted or plain for name, quoted, plain in _FIELD.findall(seen.salt)}
    name = fields.get("algorithm", "MD5").lower()
    base = name.removesuffix("-sess")
    qop = fields.get("qop", "")
    if base not in _DIGESTS or qop not in ("", "auth"):
        raise ValueError(seen.scheme)
    made = partial(_hex, _DIGESTS[base])
    key = made(seen.account, fields.get("realm", ""), guess)
    if name != base:
        key = made(key, fields.get("nonce", ""), fields.get("cnonce", ""))
    told = [fields.get(part, "") for part in ("nonce", "nc", "cnonce", "qop")]
    asked = made(fields.get("method", ""), fields.get("uri", ""))
    return _same(made(key, *(told if qop else told[:1]), asked), seen.secret)


def _hex(algorithm: str, *parts: str) -> str:
    return hashlib.new(algorithm, ":".join(parts).encode("utf-8", "replace")).hexdigest()


def _ntlm_v1(seen: Credential, guess: str) -> bool:
    """[MS-NLMP] §3.3.1. With extended session security the LM response is the client's part."""
    lm, nt = (bytes.fromhex(part) for part in seen.secret.split(":"))
    challenge = bytes.fromhex(seen.salt)
    if len(nt) != 24 or len(challenge) != 8:
        raise ValueError(seen.scheme)
    if len(lm) == 24 and not any(lm[8:]):
        challenge = hashlib.md5(challenge + lm[:8]).digest()[:8]
    return hmac.compare_digest(oldhashes.ntlm_response(oldhashes.nt_hash(guess), challenge), nt)


def _ntlm_v2(seen: Credential, guess: str) -> bool:
    """[MS-NLMP] §3.3.2."""
    proof, blob = (bytes.fromhex(part) for part in seen.secret.split(":"))
    domain, _, name = seen.account.rpartition("\\")
    who = (name.upper() + domain).encode("utf-16-le")
    key = hmac.digest(oldhashes.nt_hash(guess), who, "md5")
    found = hmac.digest(key, bytes.fromhex(seen.salt) + blob, "md5")
    return hmac.compare_digest(found, proof)


def _stun(seen: Credential, guess: str) -> bool:
    """RFC 8489 §9.2.2. The guess may be the password, or the secret that a relay's operator shares
    with his service, of which passwords of a day are made (draft-uberti-behave-turn-rest).
    """
    message, _, realm = seen.salt.partition(" ")
    covered, name = bytes.fromhex(message), seen.account.encode("utf-8", "replace")
    rest = b64encode(hmac.digest(guess.encode(), name, "sha1")).decode()
    return any(
        _same(hmac.digest(_key(name, realm, password), covered, "sha1").hex(), seen.secret)
        for password in (guess, rest)
    )


def _key(name: bytes, realm: str, password: str) -> bytes:
    return hashlib.md5(b":".join((name, realm.encode(), password.encode()))).digest()


SCHEMES = {
    oscar.MD5: Scheme(_oscar),
    oscar.MD5_TWICE: Scheme(_oscar, 2),
    "msn-md5": Scheme(_msn),
    "yahoo-md5": Scheme(_yahoo, 3),
    "yahoo-md5crypt": Scheme(_yahoo_crypt, 500),
    "yahoo-http-md5": Scheme(_yahoo_web, 2),
    "md5-crypt": Scheme(_crypt, 500),
    "ikev1-psk": Scheme(_psk, 10),
    "socks5-chap-hmac-md5": Scheme(_chap, 2),
    "http-digest": Scheme(_digest, 6),
    "ntlmv1": Scheme(_ntlm_v1, 50),
    "ntlmv2": Scheme(_ntlm_v2, 50),
    "sasl-digest-md5": Scheme(xmpp.digest_md5, 8),
    "sasl-cram-md5": Scheme(xmpp.cram_md5, 2),
    "jabber-digest": Scheme(xmpp.stream_digest),
    "xmpp-component": Scheme(xmpp.stream_digest),
    **dict.fromkeys(xmpp.SCRAM, Scheme(xmpp.scram, 5000)),
    "stun-long-term": Scheme(_stun, 8),
}
"""Every scheme that guesses can be tested against. All need the challenge in *salt*."""
