"""Obfuscated datagrams, opened with what was told in clear: the node id, user hash or key of who
gets them. Bytes in, bytes out, or None where no key fits.

    key    MD5 of: node id | random;  or key u32 of the receiver | random;
           or user hash | sender's address | 5b | random

Kad's datagrams hold two keys in front of their body: the receiver's, and the sender's, with which
answers are sealed. So one datagram that was opened opens those that come back.
"""

from ipaddress import AddressValueError, IPv4Address

from backchannel.model import Side
from backchannel.protocols import Start
from backchannel.protocols.edonkey.rc4 import DATAGRAM, IN_DATAGRAM, Rc4
from backchannel.protocols.edonkey.talk import Receiver

KEYS, TRIES = 8, 64
"""Keys of one receiver, and datagrams in a row that none of them opens, after which no more are
tried.
"""
HEAD, KAD_KEYS = 8, 8
"""Bytes in front of a body, padding aside, and those that Kad adds."""
_PADDING, _NOT_KAD = 16, 1


class Keys:
    """What opens the datagrams of one flow, for each side that gets them."""

    def __init__(self) -> None:
        self._secrets: dict[Side, list[bytes]] = {side: [] for side in Side}
        self._failed = dict.fromkeys(Side, 0)

    def add(self, receiver: Side, secret: bytes) -> None:
        """Learn what the random part is put behind to make a key."""
        known = self._secrets[receiver]
        if secret and any(secret) and secret not in known:
            known.insert(0, secret)
            del known[KEYS:]
            self._failed[receiver] = 0

    def open(self, receiver: Side, data: bytes) -> bytes | None:
        """Return a datagram's body with its first byte in front, as it would be unsealed."""
        if self._failed[receiver] >= TRIES or len(data) <= HEAD:
            return None
        for secret in self._secrets[receiver]:
            plain = unseal(data, secret)
            if plain is not None:
                self._failed[receiver] = 0
                return plain if data[0] & _NOT_KAD else self._read(receiver, plain)
        self._failed[receiver] += 1
        return None

    def _read(self, receiver: Side, plain: bytes) -> bytes:
        """Take the keys off that Kad has in front."""
        self.add(receiver, plain[:4])
        self.add(receiver.other, plain[4:8])
        return plain[KAD_KEYS:]


def unseal(data: bytes, secret: bytes) -> bytes | None:
    """Return what is behind the padding; None where *secret* does not make the key."""
    cipher = Rc4(secret + data[1:3])
    if cipher.update(data[3:7]) != DATAGRAM:
        return None
    plain = cipher.update(data[7:])
    return plain[1 + plain[0] % _PADDING :]


def of_user(user: bytes, sender: str) -> bytes:
    """Return what makes the keys of a client's datagrams to who has the hash *user*."""
    try:
        return user + IPv4Address(sender).packed + IN_DATAGRAM
    except AddressValueError:
        return b""


def keys_for(start: Start) -> Keys:
    """Return the keys of a flow, as far as its announcement tells any.

    Which end was announced is not told, so its keys are tried both ways.
    """
    keys = Keys()
    for known in (start.context, *start.others):
        if isinstance(known, Receiver):
            for receiver, sender in ((Side.SERVER, start.client), (Side.CLIENT, start.server)):
                keys.add(receiver, known.node)
                if known.user:
                    keys.add(receiver, of_user(known.user, sender.address))
    return keys
