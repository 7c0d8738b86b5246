"""ICQ Groupware, the version 3 that companies ran: what people tell of themselves.

An answer does not repeat whom it is about: the question, of the same number, does.

    home   street | city | state | country u16 | phone | fax | mobile | zip u32 | sex u8
           | age u16 | day u8 | month u8 | year since 1900 u8 | 0
    work   street | city | state | country u16 | company | position | department u32 | phone
           | fax | pager | zip u32
    notes  text; in an answer also two dates u32, and from where somebody was on line last

Sources: iserverd @74e8609 v3_proto proto_handler.cpp and make_packet.cpp; A. Shutko, "ICQ Corp
protocol description" 1.0.49, with a dump of each packet that a client sends.
"""

from collections.abc import Callable, Iterator

from backchannel.events import PeerAddress, Profile
from backchannel.model import Capability
from backchannel.protocols import Output
from backchannel.protocols.icq import profiles
from backchannel.protocols.icq.state import State
from backchannel.protocols.icq.wire import Packet
from backchannel.reader import Reader

_DATES = 8
"""Bytes of them in an answer's notes."""
_NO_ADDRESS = "0.0.0.0"  # noqa: S104 - what a packet says, not what is listened on


def _home(reader: Reader) -> profiles.Fields:
    fields = _place(reader, "") | _strings(reader, "phone", "fax", "mobile")
    fields["zip"] = _number(reader)
    fields["sex"], fields["age"] = profiles.sex(reader), profiles.age(reader)
    day, month, year = reader.u8(), reader.u8(), reader.u8()
    return fields | {"born": profiles.born(1900 + year if year else 0, month, day)}


def _work(reader: Reader) -> profiles.Fields:
    fields = _place(reader, "work ") | _strings(reader, "company", "position")
    reader.skip(4)
    fields |= _strings(reader, "work phone", "work fax", "work pager")
    return fields | {"work zip": _number(reader)}


def _place(reader: Reader, whose: str) -> profiles.Fields:
    fields = _strings(reader, f"{whose}street", f"{whose}city", f"{whose}state")
    reader.skip(2)
    return fields


def _strings(reader: Reader, *names: str) -> profiles.Fields:
    return {name: profiles.words(reader) for name in names}


def _number(reader: Reader) -> str:
    number = reader.u32le()
    return str(number) if number else ""


def _own(read: Callable[[Reader], profiles.Fields]) -> "Handler":
    def tell(_state: State, packet: Packet, reader: Reader) -> Iterator[Output]:
        yield from _profile(str(packet.uin), read(reader))

    return tell


def _asked(read: Callable[[Reader], profiles.Fields]) -> "Handler":
    def tell(state: State, packet: Packet, reader: Reader) -> Iterator[Output]:
        yield from _profile(state.asked.get(packet.sequence2, ""), read(reader))

    return tell


def _profile(account: str, fields: profiles.Fields) -> Iterator[Output]:
    if account and (text := profiles.told(fields)):
        yield Profile(account=account, text=text)


def notes(state: State, packet: Packet, reader: Reader) -> Iterator[Output]:
    """What somebody wrote, and where they were when they were on line last."""
    account, said = state.asked.get(packet.sequence2, ""), profiles.words(reader)
    if account and said:
        yield Profile(account=account, text=said)
    if account and len(reader) >= _DATES + 4:
        reader.skip(_DATES)
        if (address := reader.ipv4()) != _NO_ADDRESS:
            yield PeerAddress(
                use=Capability.MESSAGE, account=account, address=address, port=0, how="notes"
            )


Handler = Callable[[State, Packet, Reader], Iterator[Output]]
set_home, set_work = _own(_home), _own(_work)
set_home_page = _own(lambda reader: _strings(reader, "home page"))
set_work_page = _own(lambda reader: _strings(reader, "work page"))
set_notes = _own(lambda reader: _strings(reader, "about"))
home, work = _asked(_home), _asked(_work)
home_page = _asked(lambda reader: _strings(reader, "home page"))
work_page = _asked(lambda reader: _strings(reader, "work page"))
