"""What is in ICQ's directory, and new accounts, as real packets have it.

A. Shutko's "OSCAR (ICQ v7/v8/v9) documentation" shows one packet of each kind, and says what stands
where in it; here is what follows the subtype of each.
"""

import pytest
from tests.protocols.oscar.craft import Talk, events, tlv
from tests.protocols.oscar.test_icq import ADA, answers, ask, le16, lnts

from backchannel.events import Credential, Profile, SearchHit, SignOnAnswer

SET = [
    (  # 15/02, 07d0/03f3: work
        0x03F3,
        (
            b"\x06\x00WCity\x00\x04\x00Sta\x00\x11\x00+7 (4212) WPHONE\x00\x0f\x00+7 (4212) WFAX"
            b"\x00\x0c\x00WORKADDRESS\x00\x06\x0011111\x00\x07\x00\x09\x00WCompany\x00\x0c\x00WD"
            b"epartment\x00\x0a\x00WPosition\x00\x07\x00\x18\x00http://work.website.org\x00"
        ),
        (
            "work city: WCity, work state: Sta, work phone: +7 (4212) WPHONE, work fax: +7 "
            "(4212) WFAX, work street: WORKADDRESS, work zip: 11111, company: WCompany, "
            "department: WDepartment, position: WPosition, work page: http://work.website.org"
        ),
    ),
    (  # 15/02, 07d0/03fd: more
        0x03FD,
        b"\x17\x00\x02\x18\x00http://home.website.org\x00\xbb\x07\x03\x0e&\x0c\x0d",
        "home page: http://home.website.org, age: 23, sex: male, born: 1979-03-14",
    ),
    (  # 15/02, 07d0/040b: the first two of six addresses
        0x040B,
        b"\x02\x01\x15\x00email2@gigabitze.org\x00\x00\x15\x00email3@gigabitze.org\x00",
        "email: email2@gigabitze.org, email3@gigabitze.org",
    ),
    (  # 15/02, 07d0/0410: interests
        0x0410,
        (
            b"\x04d\x00\x10\x00Crafts,keyword1\x00g\x00\x14\x00Autographs,keyword2\x00k\x00\x12"
            b"\x00keyword3,Nintendo\x00o\x00\x10\x00keyword4,Travel\x00"
        ),
        "interests: Crafts,keyword1; Autographs,keyword2; keyword3,Nintendo; keyword4,Travel",
    ),
    (  # 15/02, 07d0/041a: affiliations
        0x041A,
        (
            b"\x03.\x01\x0a\x00pkeyword1\x00,\x01\x0a\x00pkeyword2\x00-\x01\x0a\x00pkeyword3\x00"
            b"\x03\xc9\x00\x0a\x00gkeyword1\x00\xc8\x00\x0a\x00gkeyword2\x00\xcc\x00\x0a\x00gkey"
            b"word3\x00"
        ),
        "past: pkeyword1; pkeyword2; pkeyword3, groups: gkeyword1; gkeyword2; gkeyword3",
    ),
    (  # 15/02, 07d0/0442: page
        0x0442,
        b"\x01\x8a\x03\x17\x00Hpage description text\x00",
        "home page words: Hpage description text",
    ),
    (  # 15/02, 07d0/0c3a: everything, by ICQ Lite; without what others have shown
        0x0C3A,
        (
            b"^\x01\x15\x00\x12\x00primary@email.org\x00\x01^\x01\x17\x00\x14\x00secondary@email"
            b".org\x00\x00\x80\x02\x14\x00\x12\x00+7 (4212) 2222222\x00\xc6\x02\x14\x00\x12\x00+"
            b"7 (4212) 4444444\x00\xa4\x01\x02\x00\x07\x00 \x03\x08\x00\x06\x00OCity\x00*\x03"
            b"\x06\x00\x04\x00Ost\x00b\x02\x0e\x00\x0c\x00HomeAddress\x00l\x02\x04\x00g+\x00\x00"
            b"\x13\x02\x1c\x00\x00\x00\x18\x00http://home.webpage.url\x00|\x01\x01\x00\x02:\x02"
            b"\x06\x00\xbb\x07\x03\x00\x0e\x00\x94\x02\x0e\x00\x0c\x00WorkAddress\x00\xa8\x02"
            b"\x06\x00\x04\x00WSt\x00\x9e\x02\x08\x00\x06\x00WCity\x00\xda\x02\x1a\x00\x18\x00ht"
            b"tp://work.webpage.url\x00\xbc\x02\x04\x00\xceV\x00\x00\xea\x01\x12\x00d\x00\x0e"
            b"\x00interest_key1\x00\xea\x01\x12\x00g\x00\x0e\x00interest_key2\x00"
        ),
        (
            "email: primary@email.org; secondary@email.org, fax: +7 (4212) 2222222, work "
            "phone: +7 (4212) 4444444, from city: OCity, from state: Ost, street: "
            "HomeAddress, zip: 11111, home page: http://home.webpage.url, sex: male, born: "
            "1979-03-14, work street: WorkAddress, work state: WSt, work city: WCity, work "
            "page: http://work.webpage.url, work zip: 22222, interests: interest_key1; "
            "interest_key2"
        ),
    ),
]


@pytest.mark.parametrize(("subtype", "body", "text"), SET)
def test_all_that_a_client_sets_in_the_directory(subtype, body, text):
    assert ask(subtype, body) == [Profile(account=ADA, text=text)]


def test_what_a_client_sets_may_be_cut_in_places():
    assert ask(0x0C3A, le16(0x023A) + le16(2) + le16(1979) + le16(0x0154) + le16(0)) == []
    body = le16(0x023A) + le16(2) + le16(1979) + le16(0x0154) + le16(6) + lnts(b"ada")
    assert ask(0x0C3A, body) == [Profile(account=ADA, nickname="ada", text="")]


def test_a_search_in_the_white_pages():
    """15/02, 07d0/0533 and, in TLVs, 07d0/055f."""
    body = (
        b"\x0a\x00FirstName\x00\x09\x00LastName\x00\x09\x00NickName\x00\x0f\x00Email@email.r"
        b"u\x00\x12\x00\x16\x00\x02&\x05\x00City\x00\x03\x00St\x00\x07\x00\x08\x00Company"
        b"\x00\x0b\x00Department\x00\x09\x00position\x00\x01.\x01\x0c\x00college_key\x00h"
        b"\x00\x1d\x00computers_key,computers_key2\x00\xcd\x00\x0e\x00Fan clubs key\x00\xd5"
        b"\x0a\x0d\x00amiga_hp_key\x00\x01"
    )
    (told,) = ask(0x0533, body)
    assert told.text == (
        "first name: FirstName, last name: LastName, nickname: NickName, email: Email@email.ru, "
        "age: 18 to 22, sex: male, city: City, state: St, company: Company, "
        "department: Department, position: position, past: college_key, "
        "interests: computers_key,computers_key2, groups: Fan clubs key, "
        "home page words: amiga_hp_key"
    )
    body = (
        b"h\x01\x04\x00\x1e\x00'\x00|\x01\x01\x00\x02\x86\x01\x02\x00&\x00\xa4\x01\x02\x00"
        b"\x07\x00\xcc\x01\x02\x00\x03\x00\xd6\x01\x10\x00-\x01\x0c\x00PastKeyword\x00\xea"
        b"\x01\x11\x00d\x00\x0d\x00Architecture\x00\xfe\x01\x0f\x00\xca\x00\x0b\x00OrgKeywor"
        b"d\x00\x12\x02\x04\x00+\x0b\x00\x000\x02\x01\x00\x01"
    )
    (told,) = ask(0x055F, body)
    assert told.text == (
        "age: 30 to 39, sex: male, past: PastKeyword, interests: Architecture, groups: OrgKeyword"
    )


def test_a_new_account():
    """17/04 and 17/05."""
    form = (
        b"\x00\x00\x00\x00(\x00\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00<8\x00\x00<8\x00\x00"
        b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x09\x00password"
        b"\x00<8\x00\x00\x00\x00\xd1\x01"
    )
    made = (
        b"0\x00\x00\x00\x00\x00-\x00\x03\x00\x9f\x04\x00\x00\x0a\x0a\x0a\x08\x00\x00\x00\x04"
        b"\x96|\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x90"
        b"\x96\x98\x00\x96|\x00\x00"
    )
    talk = Talk("")
    assert talk.c(0x17, 4, tlv(1, form)) == [
        Credential(account="", kind="plain", scheme="icq-registration", secret="password")
    ]
    assert events(talk.s(0x17, 5, tlv(1, made)), SignOnAnswer) == [
        SignOnAnswer(account="10000016", accepted=True, reason="registered")
    ]


def test_somebody_at_random():
    """15/03, 07da/0366."""
    assert answers(0x0366, b"\x90\xe4^\0\0") == [SearchHit(owner="6218896")]
    assert answers(0x0366, bytes(5)) == []


def test_who_has_no_page():
    """userinfo.cap of PwICQ (2001): ICQ's own server ends the block there."""
    assert answers(0x010E, b"\0\0") == []
