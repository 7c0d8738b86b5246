"""Builds TPKT, X.224, T.125 and T.124 for tests, after their standards."""


def tpkt(unit):
    return b"\x03\x00" + (len(unit) + 4).to_bytes(2, "big") + unit


def x224(code, parameters=b"", *, number=0):
    """A connection request (e0) or confirm (d0)."""
    fields = bytes([code, 0, 0]) + number.to_bytes(2, "big") + b"\0" + parameters
    return tpkt(bytes([len(fields)]) + fields)


def data(body):
    return tpkt(b"\x02\xf0\x80" + body)


def ber(tag, value):
    size = len(value)
    length = bytes([size]) if size < 0x80 else b"\x82" + size.to_bytes(2, "big")
    return tag + length + value


def parameters(*numbers):
    """One set of domain parameters (T.125 §7): eight integers."""
    fields = b""
    for number in numbers:
        raw = number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")
        fields += ber(b"\x02", raw)
    return ber(b"\x30", fields)


TARGET = parameters(34, 2, 0, 1, 0, 1, 65535, 2)
LEAST = parameters(1, 1, 1, 1, 0, 1, 1056, 2)
MOST = parameters(65535, 64535, 65535, 1, 0, 1, 65535, 2)


def connect_initial(user_data):
    body = ber(b"\x04", b"\1") + ber(b"\x04", b"\1") + ber(b"\x01", b"\xff")
    return data(ber(b"\x7f\x65", body + TARGET + LEAST + MOST + ber(b"\x04", user_data)))


def connect_response(user_data):
    body = ber(b"\x0a", b"\0") + ber(b"\x02", b"\0") + TARGET + ber(b"\x04", user_data)
    return data(ber(b"\x7f\x66", body))


def counted(value):
    """A PER length determinant and its bytes."""
    size = len(value)
    return (bytes([size]) if size < 0x80 else (0x8000 | size).to_bytes(2, "big")) + value


def conference(message):
    """T.124's key and a connection message."""
    return b"\x00\x05\x00\x14\x7c\x00\x01" + counted(message)


def create(user_data=b""):
    """conferenceCreateRequest with the name `1` and user data under a key of four bytes."""
    return conference(b"\x00\x08\x00\x10\x00\x01\xc0\x00" + user_data)


def sent(channel, body, *, kind=0x64, user=7):
    """A send data request (64) or indication (68)."""
    head = bytes([kind]) + user.to_bytes(2, "big") + channel.to_bytes(2, "big") + b"\x70"
    return data(head + counted(body))


def desktop(blocks, mark=b"Duca"):
    return create(mark + counted(blocks))
