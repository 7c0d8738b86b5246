"""eDonkey on the wire: frames over TCP, datagrams over UDP, and what is packed in either.

    TCP   protocol u8 | length u32 | kind u8 | body           length counts kind and body
    UDP   protocol u8 | kind u8 | body

    protocol   e3 eDonkey, c5 eMule's extensions, d4 an eMule or eDonkey body packed by zlib,
               e4 Kad, e5 Kad packed

All integers are little-endian; addresses stand in network order except in Kad, which turns them.
Nothing here remembers anything. Described in eMule's `opcodes.h` and in Kulbak and Bickson, "The
eMule Protocol Specification" (2005).
"""

from backchannel.reader import Reader

EDONKEY, EMULE, PACKED, KAD, KAD_PACKED = 0xE3, 0xC5, 0xD4, 0xE4, 0xE5
STREAMED = frozenset({EDONKEY, EMULE, PACKED})
HEADER = 6
"""Bytes up to and with the kind."""
HASH = 16
LONGEST = 10_000_000
"""What a frame may say it is long; eMule refuses more than 2,000,000 bytes."""
"""Bytes that a packed body may unfold to."""
LOW_ID = 0x0100_0000
"""Client ids below are numbers that a server gave to who cannot be reached; others are addresses.
"""
BLANK = bytes(HASH)

# Kinds of the stream, eDonkey: with a server, then between clients.
LOGIN, REJECT, GET_SERVERS, OFFER_FILES, SEARCH = 0x01, 0x05, 0x14, 0x15, 0x16
DISCONNECT, GET_SOURCES, SEARCH_USER, CALLBACK, MORE_RESULTS = 0x18, 0x19, 0x1A, 0x1C, 0x21
GET_SOURCES_SEALED = 0x23
SERVERS, RESULTS, STATUS, CALLED_BACK, CALLBACK_FAILED = 0x32, 0x33, 0x34, 0x35, 0x36
SERVER_MESSAGE, ID_CHANGE, SERVER_IDENT, SOURCES, USERS = 0x38, 0x40, 0x41, 0x42, 0x43
SOURCES_SEALED = 0x44
HELLO, PART, ASK_PARTS, NO_FILE, END_OF_DOWNLOAD, ASK_SHARED = 0x01, 0x46, 0x47, 0x48, 0x49, 0x4A
SHARED, HELLO_ANSWER, NEW_ID, MESSAGE, SET_FILE, FILE_STATUS = 0x4B, 0x4C, 0x4D, 0x4E, 0x4F, 0x50
ASK_HASHES, HASHES, ASK_SLOT, SLOT, CANCEL, NO_MORE_PARTS = 0x51, 0x52, 0x54, 0x55, 0x56, 0x57
ASK_NAME, NAME, CHANGE_SLOT, QUEUE_RANK, ASK_FOLDERS = 0x58, 0x59, 0x5B, 0x5C, 0x5D
ASK_FOLDER, FOLDERS, FOLDER, NOT_SHARED = 0x5E, 0x5F, 0x60, 0x61
TO_SERVER = frozenset({0x05, 0x14, 0x15, 0x16, 0x18, 0x19, 0x1A, 0x1B, 0x1C, 0x1D, 0x1E, 0x1F,
                       0x21, 0x23})  # fmt: skip
FROM_SERVER = frozenset({0x05, *range(0x32, 0x37), 0x38, 0x39, 0x3A, 0x3B, *range(0x40, 0x45)})
BETWEEN_CLIENTS = frozenset(range(0x46, 0x62)) - {0x53, 0x5A}
EDONKEY_KINDS = {0x01} | TO_SERVER | FROM_SERVER | BETWEEN_CLIENTS

# Kinds of the stream, eMule.
INFO, INFO_ANSWER, PACKED_PART, QUEUE_RANKING, COMMENT = 0x01, 0x02, 0x40, 0x60, 0x61
ASK_SOURCES, GIVE_SOURCES, ASK_SOURCES_2, GIVE_SOURCES_2 = 0x81, 0x82, 0x83, 0x84
PUBLIC_KEY, SIGNATURE, IDENTIFY, ASK_PREVIEW, PREVIEW = 0x85, 0x86, 0x87, 0x90, 0x91
MULTI, MULTI_ANSWER, PUBLIC_IP, CALL_BACK = 0x92, 0x93, 0x98, 0x99
PACKED_PART_64, PART_64, ASK_PARTS_64, MULTI_SIZED = 0xA1, 0xA2, 0xA3, 0xA4
ASK_CAPTCHA, MULTI_SIZED_2, MULTI_ANSWER_2, HASHES_2 = 0xA5, 0xA9, 0xAA, 0xAC
EMULE_KINDS = frozenset({0x01, 0x02, 0x40, 0x60, 0x61, *range(0x81, 0x88), *range(0x90, 0xAD)})
PARTS = {(EDONKEY, PART): 24, (EMULE, PART_64): 32, (EMULE, PACKED_PART): 24,
         (EMULE, PACKED_PART_64): 28}  # fmt: skip
"""Frames whose body is a piece of a file, and the bytes before the piece."""
PLAIN_PARTS = frozenset({(EDONKEY, PART), (EMULE, PART_64)})
PLAIN_HEAD = 32
"""Bytes in which these say where the piece belongs; the shorter form has 24."""


def known(protocol: int, kind: int) -> bool:
    """Whether a frame of a stream may be of that kind."""
    if protocol == EDONKEY:
        return kind in EDONKEY_KINDS
    if protocol == EMULE:
        return kind in EMULE_KINDS
    return protocol == PACKED and (kind in EDONKEY_KINDS or kind in EMULE_KINDS)


def length_at(data: bytes | bytearray, at: int = 0) -> int:
    """Return what the frame header at *at* says of the bytes behind its first five."""
    return int.from_bytes(data[at + 1 : at + 5], "little")


def hash_of(reader: Reader) -> str:
    """Take a hash: of a file, a part or a user."""
    return reader.take(HASH).hex()


def address_of(client_id: int) -> str:
    """Return the address that a client id is; empty for a low one."""
    if client_id < LOW_ID:
        return ""
    return ".".join(map(str, client_id.to_bytes(4, "little")))


def turned(reader: Reader) -> str:
    """Take an address whose bytes stand the other way round, as in Kad."""
    return ".".join(map(str, reader.take(4)[::-1]))


def text16(reader: Reader) -> bytes:
    """Take text behind its length of 16 bits."""
    return reader.take(reader.u16le())
