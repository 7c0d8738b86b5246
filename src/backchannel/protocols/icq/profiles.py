"""What people tell of themselves in ICQ's META, block by block. OSCAR's family 0x15 took some over.

    general       nickname | first, last name | three mail addresses | city | state | phone | fax
                  | street | mobile | zip
    work          city | state | phone | fax | street | zip | country u16 | company | department
                  | position | occupation u16 | page
    more          age u16 | sex u8 | page | year of birth | month u8 | day u8 | three languages u8
    interests     how many u8, then category u16 and words of each
    affiliations  the same of what is past, and again of groups
    mail          how many u8, then u8 and address of each
    page          whether there is one u8, then category u16 and words of it

and what they look for in the white pages (the last of the four words since 99b only):

    first, last name | nickname | mail address | youngest, oldest u16 | sex u8 | language u8 | city
    | state | country u16 | company | department | position | occupation u8
    | past, interests, groups, page: category u16 and words of each | whether online u8

Until ICQ 99a a zip is u32 and a year u8 that counts from 1900; since 99b a string and u16.
Sources: iserverd @74e8609 v5_proto make_meta.cpp and meta_user.cpp (both forms); licq 0.85
icqd-udp.cpp and icqpacket.cpp; climm @f5a97dec oscar_oldicq.c; A. Shutko's "OSCAR (ICQ v7/v8/v9)
documentation" (15/02 and 15/03, with a dump of each).
"""

from backchannel import text
from backchannel.protocols.icq.wire import string
from backchannel.reader import Reader, WireError

Fields = dict[str, str]
_SEXES = {1: "female", 2: "male"}
_MOST_WORDS = 16
_OLD_ENDING = 6
"""Bytes behind the page of `more` where a year of birth is one byte."""


def told(fields: Fields) -> str:
    """Return those that say something as one text."""
    return ", ".join(f"{name}: {value}" for name, value in fields.items() if value)


def _read(reader: Reader, *names: str) -> Fields:
    return {name: words(reader) for name in names}


def words(reader: Reader) -> str:
    """Read a string."""
    return text.decode(string(reader), "utf-8", "cp1252")


def keywords(reader: Reader) -> str:
    """Read a string behind the number of a category."""
    reader.skip(2)
    return words(reader)


def age(reader: Reader) -> str:
    """Read years, of which 0 and the highest number say nothing."""
    years = reader.u16le()
    return str(years) if 0 < years < 0xFFFF else ""


def ages(reader: Reader) -> str:
    """Read from which age to which."""
    youngest, oldest = reader.u16le(), reader.u16le()
    return f"{youngest} to {oldest}" if oldest else ""


def sex(reader: Reader) -> str:
    """Read a byte."""
    return _SEXES.get(reader.u8(), "")


def born(year: int, month: int, day: int) -> str:
    """Return a day as text; none where there is no year."""
    return f"{year}-{month:02}-{day:02}" if year else ""


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
        return words(reader)
    value = reader.u32le()
    return str(value) if value else ""


def more(reader: Reader) -> Fields:
    """Read the block."""
    years, gender = age(reader), sex(reader)
    page, year = words(reader), 0
    if len(reader) >= _OLD_ENDING:
        old = len(reader) == _OLD_ENDING
        year = reader.u8() if old else reader.u16le()
        year += 1900 if old and year else 0
    month, day = (reader.u8(), reader.u8()) if year else (0, 0)
    return {"home page": page, "age": years, "sex": gender, "born": born(year, month, day)}


def mail(reader: Reader) -> Fields:
    """Read the block."""
    found: list[str] = []
    for _ in range(min(reader.u8(), _MOST_WORDS)):
        reader.skip(1)
        found.append(words(reader))
    return {"email": ", ".join(filter(None, found))}


def page(reader: Reader) -> Fields:
    """Read the block."""
    return {"home page words": keywords(reader)} if reader.u8() else {}


def interests(reader: Reader) -> Fields:
    """Read the block."""
    return {"interests": _listed(reader)}


def affiliations(reader: Reader) -> Fields:
    """Read the block."""
    return {"past": _listed(reader), "groups": _listed(reader)}


def _listed(reader: Reader) -> str:
    found = [keywords(reader) for _ in range(min(reader.u8(), _MOST_WORDS))]
    return "; ".join(filter(None, found))


def white_pages(reader: Reader) -> Fields:
    """Read what is looked for, as far as it goes."""
    fields = _read(reader, "first name", "last name", "nickname", "email")
    try:
        fields["age"] = ages(reader)
        fields["sex"] = sex(reader)
        reader.skip(1)
        fields |= _read(reader, "city", "state")
        reader.skip(2)
        fields |= _read(reader, "company", "department", "position")
        reader.skip(1)
        for name in ("past", "interests", "groups", "home page words"):
            fields[name] = keywords(reader)
    except WireError:
        pass
    return fields
