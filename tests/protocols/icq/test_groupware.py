"""ICQ Groupware, as A. Shutko's "ICQ Corp proto description" 1.0.49 shows its packets."""

import struct

from tests.protocols.icq.test_session import c, s, said, server3

from backchannel.events import PeerAddress, Profile
from backchannel.protocols.icq.names import Server

ME = "6218895"
HEAD = b"\x0c\0\r\0\x8f\xe4^\0\0\0\0\0"
HOME = (
    b"\r\0Jambul 12-29\0\x0b\0Khabarovsk\0\3\0FE\0\7\0\6\0phone\0\4\0fax\0\4\0sot\0"
    b"\xa4\t\1\0\1\x1b\0\x0e\3O\0"
)
WORK = (
    b"\x13\0Tihookeanskaya 136\0\x0b\0Khabarovsk\0\3\0FE\0\7\0\6\0KhSTU\0\n\0sys admin\0"
    b"\1\0\0\0\x0b\0WORK_PHONE\0\t\0WORK_FAX\0\x0b\0WORK_PAGER\0\xc6\t\1\0"
)
HOME_TEXT = (
    "street: Jambul 12-29, city: Khabarovsk, state: FE, phone: phone, fax: fax, mobile: sot, "
    "zip: 68004, sex: female, age: 27, born: 1979-03-14"
)
WORK_TEXT = (
    "work street: Tihookeanskaya 136, work city: Khabarovsk, work state: FE, company: KhSTU, "
    "position: sys admin, work phone: WORK_PHONE, work fax: WORK_FAX, work pager: WORK_PAGER, "
    "work zip: 68038"
)


def own(command, body):
    return c(struct.pack("<HH", 3, command) + HEAD + body)


def test_what_a_client_sets():
    """Commands 0582, 058c, 0578 (its phones as in 05e6), 05be and 0596."""
    told = said(
        own(0x0582, HOME),
        own(0x058C, b"\x17\0http://my.homepage.ru/\0"),
        own(0x0578, WORK),
        own(0x05BE, b"\x15\0http://www.khstu.ru/\0"),
        own(0x0596, b"\4\0new\0"),
    )
    assert told == [
        Profile(account=ME, text=text)
        for text in (
            HOME_TEXT,
            "home page: http://my.homepage.ru/",
            WORK_TEXT,
            "work page: http://www.khstu.ru/",
            "about: new",
        )
    ]


def test_what_a_server_answers():
    """iserverd v3_proto make_packet.cpp has the same fields; a year is u8 with a zero behind it."""
    told = said(
        own(0x05FA, struct.pack("<I", 7863273)),
        s(server3(Server.HOME_INFO, HOME, 4, sequence2=13)),
        s(server3(Server.WORK_INFO, WORK, 5, sequence2=13)),
        s(server3(Server.HOME_PAGE, b"\7\0http:/\0", 6, sequence2=13)),
        s(server3(Server.WORK_PAGE, b"\1\0\0", 7, sequence2=13)),
        s(server3(Server.HOME_INFO, HOME, 8, sequence2=99)),
    )
    assert told == [
        Profile(account="7863273", text=text)
        for text in (HOME_TEXT, WORK_TEXT, "home page: http:/")
    ]


def test_notes_tell_where_somebody_was():
    """Commands 05aa and 0352."""
    notes = b"\x1f\0Banzai... This is new notes...\0\xa3\xfbL\t\xea\xfbL\t\x7f\0\0\1"
    told = said(
        own(0x05AA, struct.pack("<I", 7863273)), s(server3(Server.NOTES, notes, 4, sequence2=13))
    )
    assert told[0] == Profile(account="7863273", text="Banzai... This is new notes...")
    assert isinstance(told[1], PeerAddress)
    assert (told[1].account, told[1].address, told[1].how) == ("7863273", "127.0.0.1", "notes")
    assert said(s(server3(Server.NOTES, notes, 4, sequence2=13))) == []
