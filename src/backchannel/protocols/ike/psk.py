"""The hash that aggressive mode gives away to whoever listens: RFC 2409 §5.4.

    SKEYID = prf(pre-shared key, Ni | Nr)
    HASH_R = prf(SKEYID, g^xr | g^xi | CKY-R | CKY-I | SAi | IDir)

All but the key is in the first two messages, in clear, so guesses can be tested offline. The known
cracking tools take the nine values in hexadecimal with colons between them:

    g_xr:g_xi:cky_r:cky_i:sai_b:idir_b:ni_b:nr_b:hash_r
"""

import hmac

from backchannel.events import Credential

_ALGORITHMS = {16: "md5", 20: "sha1", 32: "sha256", 48: "sha384", 64: "sha512"}


class Parts:
    """What the first two messages of one exchange hold of it."""

    __slots__ = ("g_xi", "g_xr", "hash_r", "idir", "ni", "nr", "sai")

    def __init__(self) -> None:
        self.g_xr = self.g_xi = self.sai = self.idir = self.ni = self.nr = self.hash_r = b""

    def complete(self) -> bool:
        """Whether all of it was seen."""
        return all(getattr(self, name) for name in self.__slots__)

    def credential(self, account: str, cky_i: bytes, cky_r: bytes) -> Credential:
        """Return it as a credential: *secret* is HASH_R, *salt* all that is hashed with the key.

        Joined with a colon they are what the cracking tools take.
        """
        parts = (self.g_xr, self.g_xi, cky_r, cky_i, self.sai, self.idir, self.ni, self.nr)
        return Credential(
            account=account,
            kind="hash",
            scheme="ikev1-psk",
            secret=self.hash_r.hex(),
            salt=":".join(part.hex() for part in parts),
        )


def guess_is_right(credential: Credential, guess: bytes) -> bool:
    """Say whether *guess* is the pre-shared key behind an `ikev1-psk` credential."""
    parts = [bytes.fromhex(part) for part in credential.salt.split(":")]
    hash_r = bytes.fromhex(credential.secret)
    algorithm = _ALGORITHMS.get(len(hash_r))
    if algorithm is None or len(parts) != 8:
        return False
    g_xr, g_xi, cky_r, cky_i, sai, idir, ni, nr = parts
    skeyid = hmac.digest(guess, ni + nr, algorithm)
    found = hmac.digest(skeyid, g_xr + g_xi + cky_r + cky_i + sai + idir, algorithm)
    return hmac.compare_digest(found, hash_r)
