"""The list of a shared folder, as the get-file service sends it.

AIM 5 and later: "Lst1" and TLVs, an entry from 0101 (modified) to 0909, with 0303 size, 0404 name,
0900 flags. Before: lines of text, with size and name in columns that the OFT header tells.
Sources: joscar rvproto/getfile; libpurple peer.h (lnameoffset, lsizeoffset).
"""

from backchannel.events import SharedFile
from backchannel.protocols.oft.wire import Header
from backchannel.protocols.oscar import wire
from backchannel.reader import Reader, WireError
from backchannel.text import decode

MARK = b"Lst1"
MODIFIED, SIZE, NAME, FLAGS, END = 0x0101, 0x0303, 0x0404, 0x0900, 0x0909
FOLDER = 1
ENTRIES = 10_000
"""Most files of one list that are told."""


def read(data: bytes, header: Header) -> tuple[SharedFile, ...]:
    """Return the entries of a list; of a broken one those before the break."""
    if data.startswith(MARK):
        return tuple(_from_tlvs(Reader(data, len(MARK))))
    lines = data.splitlines()[:ENTRIES]
    return tuple(filter(None, (_from_line(line, header) for line in lines)))


def _from_tlvs(reader: Reader) -> list[SharedFile]:
    found, entry = list[SharedFile](), dict[int, bytes]()
    try:
        while reader and len(found) < ENTRIES:
            tag, value = reader.u16(), wire.text16(reader)
            if tag == END or (tag == MODIFIED and MODIFIED in entry):
                found += _entry(entry)
                entry = {}
            entry[tag] = value
    except WireError:
        pass
    return found + _entry(entry)


def _entry(values: dict[int, bytes]) -> list[SharedFile]:
    if NAME not in values:
        return []
    folder = int.from_bytes(values.get(FLAGS, b"")[:4]) & FOLDER
    return [
        SharedFile(
            name=_name(values[NAME]),
            size=int.from_bytes(values.get(SIZE, b"")[:8]),
            detail="folder" if folder else "",
        )
    ]


def _from_line(line: bytes, header: Header) -> SharedFile | None:
    size_at, name_at = header.size_column or 17, header.name_column or 28
    size, name = line[size_at:name_at].strip(), _name(line[name_at:])
    if not name or not size.isdigit():
        return None
    return SharedFile(name=name, size=int(size[:15]))


def _name(data: bytes) -> str:
    text = decode(data, "utf-8", "cp1252").strip("\0\r\n ")
    return text.replace("\x01", "/").replace("\\", "/")
