"""Words of proposals, such as `aes256-sha256-modp2048`, and the names that IKE's registry has.

strongSwan writes `aes256-sha256-prfsha256-modp2048`, libreswan `aes_gcm256-sha2;dh19+modp2048`.
What is not known here is left out: a comparison then says nothing of it.
"""

import re
from typing import NamedTuple

_HASH = {
    "md5": "MD5",
    "sha": "SHA1",
    "sha1": "SHA1",
    "sha2": "SHA2_256",
    "sha256": "SHA2_256",
    "sha2_256": "SHA2_256",
    "sha384": "SHA2_384",
    "sha2_384": "SHA2_384",
    "sha512": "SHA2_512",
    "sha2_512": "SHA2_512",
}
_GROUPS = {
    **{f"modp{bits}": f"MODP_{bits}" for bits in (768, 1024, 1536, 2048, 3072, 4096, 6144, 8192)},
    **{f"ecp{bits}": f"ECP_{bits}" for bits in (192, 224, 256, 384, 521)},
    **{f"ecp{bits}bp": f"BRAINPOOL_P{bits}R1" for bits in (224, 256, 384, 512)},
    **{f"mlkem{bits}": f"ML_KEM_{bits}" for bits in (512, 768, 1024)},
    "modp1024s160": "MODP_1024_160",
    "modp2048s224": "MODP_2048_224",
    "modp2048s256": "MODP_2048_256",
    "curve25519": "CURVE25519",
    "x25519": "CURVE25519",
    "curve448": "CURVE448",
    "x448": "CURVE448",
}
_NUMBERS = {
    "1": "modp768",
    "2": "modp1024",
    "5": "modp1536",
    "14": "modp2048",
    "15": "modp3072",
    "16": "modp4096",
    "17": "modp6144",
    "18": "modp8192",
    "19": "ecp256",
    "20": "ecp384",
    "21": "ecp521",
    "22": "modp1024s160",
    "23": "modp2048s224",
    "24": "modp2048s256",
    "31": "x25519",
    "32": "x448",
}
_AES = re.compile(r"aes(?:_cbc)?(128|192|256)?$")
_CTR = re.compile(r"aes_?(?:ctr)?(128|192|256)?ctr$|aes_ctr(128|192|256)?$")
_GCM = re.compile(
    r"aes_?(?:gcm)?(128|192|256)?_?(gcm|ccm)(8|12|16|64|96|128)?$|aes_(gcm|ccm)(?:_[abc])?_?(128|192|256)?$"
)
_OCTETS = {"64": "8", "96": "12", "128": "16", "": "16", None: "16"}
_OTHER = {
    "3des": "3DES_CBC",
    "des": "DES_CBC",
    "chacha20poly1305": "CHACHA20_POLY1305",
    "chacha20_poly1305": "CHACHA20_POLY1305",
    "null": "NULL",
    "cast128": "CAST_CBC",
}


class Transform(NamedTuple):
    """One algorithm: its kind, and its name with key length, as a report of proposals has it."""

    kind: str
    name: str
    bits: int = 0
    """0 where any length will do."""


def transforms(proposal: str) -> frozenset[Transform]:
    """Return the algorithms of one proposal; what is not known is left out."""
    found = set[Transform]()
    for word in re.split(r"[-+;]", proposal.lower()):
        found |= _word(word)
    return frozenset(found)


def _word(word: str) -> set[Transform]:
    if word.startswith("prf") and word[3:].lstrip("_") in _HASH:
        return {Transform("prf", _HASH[word[3:].lstrip("_")])}
    if word in _HASH:
        return {Transform("integrity", _HASH[word])}
    if word.startswith("dh") and word[2:] in _NUMBERS:
        word = _NUMBERS[word[2:]]
    if word in _GROUPS:
        return {Transform("group", _GROUPS[word])}
    if word in _OTHER:
        return {Transform("encryption", _OTHER[word])}
    if match := _AES.match(word):
        return {Transform("encryption", "AES_CBC", int(match[1] or 0))}
    if match := _CTR.match(word):
        return {Transform("encryption", "AES_CTR", int(match[1] or match[2] or 0))}
    if match := _GCM.match(word):
        mode, size = (match[2] or match[4]).upper(), match[3]
        return {
            Transform(
                "encryption",
                f"AES_{mode}_{_OCTETS.get(size, size)}",
                int(match[1] or match[5] or 0),
            )
        }
    return set()


def hash_of(name: str) -> str:
    """Return the hash in a name of the registry: `HMAC_SHA2_256_128` is of `SHA2_256`."""
    for known in ("SHA2_256", "SHA2_384", "SHA2_512", "SHA1", "MD5"):
        if known in name:
            return known
    return name
