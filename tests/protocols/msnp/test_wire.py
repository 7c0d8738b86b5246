"""MSNP with bytes missing, too many, or of something else."""

from tests import kit
from tests.protocols.msnp.craft import MIDDLE, START, C, S, got, line, said, sent, talk

from backchannel.events import Gap, Malformed, Message
from backchannel.model import Standing
from backchannel.protocols.msnp.session import Session


def texts(told):
    return [message.text for message in kit.events(told, Message)]


def test_a_hole_inside_a_payload_costs_that_message_alone():
    whole = got("text/plain", "one" * 30)
    told = talk((S, whole[:40]), (S, 50), (S, whole[90:] + got("text/plain", "two")))
    assert texts(told) == ["two"]
    assert kit.events(told, Gap) == [Gap(size=50)]
    assert not kit.events(told, Malformed)


def test_after_a_hole_the_next_sound_command_is_found():
    tail = b"ext of a message that lost its head\r\nNLN XXX nonsense\r\n"
    told = talk((S, b"NLN AW"), (S, 400), (S, tail + got("text/plain", "found") + line("QNG 5")))
    assert texts(told) == ["found"]
    assert not kit.events(told, Malformed)


def test_a_session_joined_amid_a_payload():
    told = said(
        (S, b"half a message\r\n"),
        (S, got("text/plain", "first")),
        (C, b"yz" + sent("text/plain", "second")),
        start=MIDDLE,
    )
    assert texts(told) == ["first", "second"]


def test_lost_framing_is_said_once_then_silence_until_a_gap():
    told = talk((S, b"HTTP/1.1 200 OK\r\n"), (S, got("text/plain", "unheard")))
    assert len(kit.events(told, Malformed)) == 1
    assert not texts(told)
    told = talk((S, b"?? \r\n"), (S, 9), (S, got("text/plain", "heard")))
    assert texts(told) == ["heard"]


def test_what_is_no_msnp_takes_the_claim_back():
    session = Session(START)
    session.feed(C, line("VER 1 MSNP8 CVR0"))
    session.feed(S, b"500 what?\r\nbye\r\n")
    assert session.standing is Standing.REFUTED


def test_an_empty_payload_takes_nothing_from_what_follows():
    told = talk((S, line("UBX bob@example.com 0") + got("text/plain", "after")))
    assert texts(told) == ["after"]


def test_an_oversized_payload_is_passed_over():
    huge = line(f"GCF 0 {300_000}") + b"x" * 300_000
    told = talk((S, huge[:1000]), (S, huge[1000:] + got("text/plain", "after")))
    assert texts(told) == ["after"]
    assert len(kit.events(told, Malformed)) == 1
    told = talk((S, line("GCF 0 999999999999") + got("text/plain", "after")))
    assert not texts(told)
    assert len(kit.events(told, Malformed)) == 1
