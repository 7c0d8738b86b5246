"""RTF as ICQ's programs wrote it. What means what is in Microsoft's specification 1.9.1."""

import pytest

from backchannel.protocols.oscar.markup import readable
from backchannel.protocols.oscar.rtf import from_rtf

HEAD = r"{\rtf1\ansi\ansicpg1252\deff0"


def test_a_message():
    rtf = (
        r"{\rtf1\ansi\ansicpg1251{\fonttbl{\f0\fnil Arial;}}{\colortbl;\red0;}"
        r"{\*\generator x;}\pard\f0\fs16 \'cf\'f0\'e8\'e2\'e5\'f2\par two \{2\} \u8364? end}"
    )
    assert from_rtf(rtf) == "Привет\ntwo {2} € end"
    assert readable(rtf, escaped=False) == ("Привет\ntwo {2} € end", rtf)


def test_a_real_message_is_a_picture():
    """Of A. Shutko's "OSCAR (ICQ v7/v8/v9) documentation", 04/07 channel 2; what the picture stands
    for is in licq @f271d550 icq/src/rtf.ll.
    """
    rtf = (
        r"{\rtf1\ansi\ansicpg1251\deff0\deflang1049{\fonttbl{\f0\fnil\fcharset204{\*\fname MS Sans "
        "Serif;}MS Shell Dlg;}}\r\n{\\colortbl ;\\red0\\green0\\blue0;}\r\n"
        "\\viewkind4\\uc1\\pard\\cf1\\f0\\fs20<##icqimage0008>\\par\r\n}\r\n"
    )
    assert from_rtf(rtf) == ";-)"
    assert from_rtf(HEAD + "<##icqimage0010> <##icqimage00ff>}") == "*STOP* <##icqimage00ff>"


@pytest.mark.parametrize(
    ("charset", "written", "text"),
    [
        (204, r"\'cf\'f0\'e8\'e2\'e5\'f2", "Привет"),
        (161, r"\'e3\'e5\'e9\'e1", "γεια"),
        (238, r"\'e8\'e1st", "část"),
        (177, r"\'f9\'ec\'e5\'ed", "שלום"),
        (128, r"\'93\'fa\'96\'7b", "日本"),
        (128, r"\'93\'fa\'96\{", "日本"),
        (128, r"\'83X", "ス"),
        (134, r"\'c4\'e3\'ba\'c3", "你好"),
        (0, r"gr\'fc\'dfe", "grüße"),
    ],
)
def test_a_font_says_what_its_bytes_mean(charset, written, text):
    """As libpurple 2.10.9 novell/nmrtf.c and licq's rtf.ll have it, and Python's codecs."""
    fonts = rf"{{\fonttbl{{\f0\fnil\fcharset0 Arial;}}{{\f1\fnil\fcharset{charset} Arial;}}}}"
    rtf = HEAD + fonts + rf"\f0 \'e9 \f1 {written}\f0  \'e9\par}}"
    assert from_rtf(rtf) == f"é {text} é"
    assert from_rtf(HEAD + fonts + rf"\'e9{{\f1 {written}}}\'e9{{\f1 {written}\plain\'e9}}}}") == (
        f"é{text}é{text}é"
    )
    whole = HEAD.replace("deff0", "deff1") + fonts + written + "}"
    assert from_rtf(whole) == text


def test_the_document_says_it_where_a_font_does_not():
    fonts = r"{\fonttbl{\f0\fnil\fcharset0 A;}{\f1 B;}{\f2\fcharset99 C;}}"
    rtf = r"{\rtf1\ansi\ansicpg1251" + fonts + r"\f0\'cf\f1\'cf\f2\'cf\f3\'cf}"
    assert from_rtf(rtf) == "ПППП"
    assert from_rtf(r"{\rtf1\ansicpg99999 \'cf}") == "Ï"


def test_unicode_and_what_stands_in_for_it():
    assert from_rtf(HEAD + r"\u8364?\u8364\'80\u8364Ex}") == "€€€x"
    assert from_rtf(HEAD + r"\uc2\u26085\'93\'fa\u26412??!{\uc0\u8364?}\u26085ab}") == "日本!€?日"
    assert from_rtf(HEAD + r"\uc9 \u8364 ?{x}\u8364 ?\par y}") == "€x€\ny"
    assert from_rtf(HEAD + r"\u-10179?\u-8704?}") == "\U0001f600"
    assert from_rtf(HEAD + r"\u-10179?x\u-8704?}") == "\ufffdx\ufffd"


def test_marks_that_have_words():
    assert from_rtf(HEAD + r"don\rquote t \ldblquote a\~b\rdblquote\tab c\emdash d}") == (
        "don’t “a b”\tc—d"
    )
    assert from_rtf(HEAD + "one\\\r\ntwo\r\nthree}") == "one\ntwothree"


def test_anything_ends():
    assert from_rtf("}}}" + HEAD + "a") == "a"
    assert from_rtf("{" * 50_000 + r"\f1" * 50_000) == ""
