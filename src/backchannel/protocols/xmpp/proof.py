"""Whether a password fits what a login showed: one function a scheme (see `login` for the salts).

Each raises ValueError where secret and salt cannot be what the scheme says.
"""

import hashlib
import hmac
from base64 import b64decode

from backchannel.events import Credential
from backchannel.patterns import later

MAX_ITERATIONS = 20_000
"""Servers ask for 4096 to 10000; more is not worth a guess."""
_FIELD = later(r'([a-z-]{1,32})=(?:"([^"]{0,1024})"|([^,"]{0,1024}))')
_SCRAM = later(r",s=([A-Za-z0-9+/=]{1,512}),i=([0-9]{1,7})(?:,|\Z)")
_DIGESTS = {
    "sasl-scram-sha-1": "sha1",
    "sasl-scram-sha-256": "sha256",
    "sasl-scram-sha-512": "sha512",
}
SCRAM = tuple(f"{scheme}{binding}" for scheme in _DIGESTS for binding in ("", "-plus"))


def digest_md5(seen: Credential, guess: str) -> bool:
    """RFC 2831 §2.1.2.1, without a security layer."""
    fields = {name: quoted or plain for name, quoted, plain in _FIELD.findall(seen.salt)}
    if fields.get("qop", "auth") != "auth" or not fields.get("nonce"):
        raise ValueError(seen.scheme)
    secret = f"{fields.get('username', '')}:{fields.get('realm', '')}:{guess}"
    told = f":{fields['nonce']}:{fields.get('cnonce', '')}"
    if "authzid" in fields:
        told += f":{fields['authzid']}"
    key = hashlib.md5(hashlib.md5(_bytes(secret)).digest() + _bytes(told)).hexdigest()
    asked = hashlib.md5(_bytes(f"AUTHENTICATE:{fields.get('digest-uri', '')}")).hexdigest()
    parts = (fields.get(name, "") for name in ("nonce", "nc", "cnonce"))
    made = hashlib.md5(_bytes(":".join((key, *parts, "auth", asked)))).hexdigest()
    return _same(made, seen.secret)


def cram_md5(seen: Credential, guess: str) -> bool:
    """RFC 2195."""
    return _same(hmac.digest(_bytes(guess), _bytes(seen.salt), "md5").hex(), seen.secret)


def stream_digest(seen: Credential, guess: str) -> bool:
    """SHA-1 of the stream's id and the secret (XEP-0078 §3.2, XEP-0114 §3)."""
    return _same(hashlib.sha1(_bytes(seen.salt + guess)).hexdigest(), seen.secret)


def scram(seen: Credential, guess: str) -> bool:
    """RFC 5802 §3: the proof is the client's key, hidden by a signature that its hash makes."""
    name = _DIGESTS[seen.scheme.removesuffix("-plus")]
    found = _SCRAM.search(seen.salt)
    proof = bytes.fromhex(seen.secret)
    if found is None or not 0 < int(found[2]) <= MAX_ITERATIONS:
        raise ValueError(seen.scheme)
    if len(proof) != hashlib.new(name).digest_size:
        raise ValueError(seen.scheme)
    salted = hashlib.pbkdf2_hmac(name, _bytes(guess), b64decode(found[1]), int(found[2]))
    key = hmac.digest(salted, b"Client Key", name)
    stored = hashlib.new(name, key).digest()
    signature = hmac.digest(stored, _bytes(seen.salt), name)
    return hmac.compare_digest(bytes(a ^ b for a, b in zip(key, signature, strict=True)), proof)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _same(made: str, secret: str) -> bool:
    return hmac.compare_digest(made.encode(), secret.lower().encode("utf-8", "replace"))
