"""What people tell of themselves in ICQ's META, block by block. OSCAR's family 0x15 took some over.

    general       nickname | first, last name | three mail addresses | city | state | phone | fax
                  | street | mobile | zip
    work          city | state | phone | fax | street | zip | country u16 | company | department
                  | position | occupation u16 | page
    more          age u16 | sex u8 | page | year of birth | month u8 | day u8 | three languages u8
    interests     how many u8, then category u16 and words of each
    affiliations  the same of what is past, and again of groups

Until ICQ 99a a zip is u32 and a year u8 that counts from 1900; since 99b a string and u16.
Sources: iserverd @74e8609 v5_proto make_meta.cpp and meta_user.cpp (both forms); licq 0.85
icqd-udp.cpp and icqpacket.cpp; climm @f5a97dec oscar_oldicq.c.
"""

from backchannel import text
from backchannel.protocols.icq.wire import string
from backchannel.reader import Reader

Fields = dict[str, str]
_SEXES = {1: "female", 2: "male"}
_MOST_WORDS = 16
_OLD_ENDING = 6
"""Bytes behind the page of `more` where a year of birth is one byte."""


def told(fields: Fields) -> str:
    """Return those that say something as one text."""
    return ", ".join(f"{name}: {value}" for name, value in fields.items() if value)


def _read(reader: Reader, *names: str) -> Fields:
    return {name: _words(reader) for name in names}


def _words(reader: Reader) -> str:
    return text.decode(string(reader), "utf-8", "cp1252")


def general(reader: Reader) -> Fields:
    """Read what stands behind names and first address of the block."""
    fields = _read(
        reader, "second email", "old email", "city", "state", "phone", "fax", "street", "mobile"
    )
    return fields | {"zip": _zip(reader)}


def work(reader: Reader) -> Fields:
    """Read the block."""
    fields = _read(reader, "work city", "work state", "work phone", "work fax", "work street")
    fields["work zip"] = _zip(reader)
    reader.skip(2)
    fields |= _read(reader, "company", "department", "position")
    reader.skip(2)
    return fields | _read(reader, "work page")


def _zip(reader: Reader) -> str:
    """Read a string, which is at least its closing NUL, or else a number."""
    size = int.from_bytes(reader.peek(2), "little")
    held = reader.peek(2 + size)
    if size and len(held) == 2 + size and held[-1] == 0:
        return _words(reader)
    value = reader.u32le()
    return str(value) if value else ""


def more(reader: Reader) -> Fields:
    """Read the block."""
    age, sex = reader.u16le(), _SEXES.get(reader.u8(), "")
    page, year = _words(reader), 0
    if len(reader) >= _OLD_ENDING:
        old = len(reader) == _OLD_ENDING
        year = reader.u8() if old else reader.u16le()
        year += 1900 if old and year else 0
    month, day = (reader.u8(), reader.u8()) if year else (0, 0)
    return {
        "home page": page,
        "age": str(age) if 0 < age < 0xFFFF else "",
        "sex": sex,
        "born": f"{year}-{month:02}-{day:02}" if year else "",
    }


def interests(reader: Reader) -> Fields:
    """Read the block."""
    return {"interests": _listed(reader)}


def affiliations(reader: Reader) -> Fields:
    """Read the block."""
    return {"past": _listed(reader), "groups": _listed(reader)}


def _listed(reader: Reader) -> str:
    found: list[str] = []
    for _ in range(min(reader.u8(), _MOST_WORDS)):
        reader.skip(2)
        found.append(_words(reader))
    return "; ".join(filter(None, found))
