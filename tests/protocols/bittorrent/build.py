"""Bytes of peers made by hand from BEP 3, 6, 9, 10, 11, 52 and 55."""

import hashlib
import struct

from backchannel.protocols import bencode

HASH = hashlib.sha1(b"a torrent", usedforsecurity=False).digest()
ONE, OTHER = b"-LT2110-abcdefghijkl", b"-TR3000-mnopqrstuvwx"
RESERVED = bytes.fromhex("0000000000100005")


def hello(peer=ONE, found=HASH, reserved=RESERVED):
    return b"\x13BitTorrent protocol" + reserved + found + peer


def message(kind, body=b""):
    return struct.pack(">IB", 1 + len(body), kind) + body


def numbers(*values):
    return struct.pack(f">{len(values)}I", *values)


def request(piece, begin=0, size=1 << 14):
    return message(6, numbers(piece, begin, size))


def block(piece, begin, data):
    return message(7, numbers(piece, begin) + data)


def have(piece):
    return message(4, numbers(piece))


def extended(number, said, rest=b""):
    return message(20, bytes([number]) + bencode.write(said) + rest)


def extensions(**said):
    names = {b"ut_metadata": 2, b"ut_pex": 1, b"ut_holepunch": 4, b"lt_donthave": 7}
    return extended(0, {b"m": names, **{key.encode(): value for key, value in said.items()}})


def info(content, piece_size=1 << 14, **more):
    """The info dictionary of one file, or, with *files*, of several."""
    pieces = [content[at : at + piece_size] for at in range(0, len(content), piece_size)]
    digests = [hashlib.sha1(piece, usedforsecurity=False).digest() for piece in pieces]
    values = {b"name": b"book", b"piece length": piece_size, b"pieces": b"".join(digests)}
    if "files" not in more:
        values[b"length"] = len(content)
    return bencode.write(values | {key.encode(): value for key, value in more.items()})


def metadata(info, number=2):
    """The messages that bring an info dictionary."""
    parts = [info[at : at + (1 << 14)] for at in range(0, len(info), 1 << 14)]
    return b"".join(
        extended(number, {b"msg_type": 1, b"piece": at, b"total_size": len(info)}, part)
        for at, part in enumerate(parts)
    )


def digest(info):
    return hashlib.sha1(info, usedforsecurity=False).digest()
