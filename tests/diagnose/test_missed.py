"""Captures that miss something themselves: one direction, the beginning, the end, a part of all.

Recorded sessions are altered for it. A tunnel that is well gives no alarm, however it was captured,
and a cause is still found where what is left shows it.
"""

import random

import pytest
from tests.diagnose.altered import datagrams, later, write
from tests.diagnose.test_recorded import FINE, SAID, said, side

from backchannel.diagnose.doctor import diagnose
from backchannel.diagnose.reading import read

SECOND = 1_000_000_000


def outbound(packets):
    gateway = packets[0].target.address
    return [each for each in packets if each.source.address != gateway]


def inbound(packets):
    gateway = packets[0].target.address
    return [each for each in packets if each.source.address == gateway]


def beginning(packets):
    return packets[: len(packets) // 2]


def end(packets):
    return packets[len(packets) // 2 :]


def whole(packets):
    return packets


def in_part(packets):
    """Without a fifth of all."""
    rng = random.Random(5)
    return [each for each in packets if rng.random() >= 0.2]


def doctor(tmp_path, name, near, far=None):
    paths = {}
    for which, alter in (("near", near), ("far", far)):
        if alter is not None:
            packets = alter(datagrams(f"{name}.{which}.pcap"))
            paths[which] = read([str(write(tmp_path / f"{which}.pcap", packets))])
    return diagnose(paths["near"], paths.get("far"))


def alarms(told):
    return [
        (each.weight, each.certainty, each.id)
        for gateways in told.gateways
        for each in gateways.conclusions
        if each.weight != "note"
    ]


HEALTHY = sorted(name for name, found in SAID.items() if found == (FINE, FINE))
ALTERED = outbound, inbound, beginning, end, in_part
by_name = pytest.mark.parametrize("name", HEALTHY)


def test_there_are_healthy_ones():
    assert {"works", "rekeys", "v1-rekeys", "two-clients", "forwarded"} <= set(HEALTHY)


@by_name
@pytest.mark.parametrize("alter", ALTERED[:-1], ids=lambda each: each.__name__)
def test_one_capture_of_a_tunnel_that_is_well_gives_no_alarm(tmp_path, name, alter):
    assert alarms(doctor(tmp_path, name, alter)) == []


@by_name
@pytest.mark.parametrize("which", ["near", "far"])
@pytest.mark.parametrize("alter", ALTERED, ids=lambda each: each.__name__)
def test_two_captures_of_which_one_missed_something_give_no_alarm(tmp_path, name, alter, which):
    how = (alter, whole) if which == "near" else (whole, alter)
    assert alarms(doctor(tmp_path, name, *how)) == []


CAUSES = [
    ("port-4500-blocked", end, "likely blocked-4500"),
    ("port-4500-blocked", outbound, "likely blocked-4500"),
    ("answers-4500-dropped", end, "likely blocked-4500"),
    ("answers-4500-dropped", outbound, "likely blocked-4500"),
    ("v1-port-4500-blocked", end, "likely blocked-4500"),
]


@pytest.mark.parametrize(("name", "alter", "cause"), CAUSES)
def test_the_cause_is_named_by_what_comes_again(tmp_path, name, alter, cause):
    """Though the first exchange is not in the capture: the second one names the other's SPI."""
    assert said(doctor(tmp_path, name, alter))[0] == cause


BOTH = [
    ("port-4500-blocked", outbound, whole, "likely blocked-4500"),
    ("answers-4500-dropped", outbound, whole, "certain answers-lost"),
    ("answers-4500-dropped", whole, outbound, "likely blocked-4500"),
    ("answers-500-dropped", whole, outbound, "likely arrived-unanswered"),
    ("esp-dropped", outbound, whole, "likely esp-dropped"),
    ("esp-lossy", outbound, whole, "certain esp-lost"),
    ("peer-dead", whole, outbound, "likely peer-dead"),
    ("too-large", outbound, whole, "certain esp-too-large"),
    ("too-large", whole, in_part, "likely esp-lost"),
]


@pytest.mark.parametrize(("name", "near", "far", "cause"), BOTH)
def test_the_cause_is_found_where_one_capture_has_one_direction(tmp_path, name, near, far, cause):
    assert said(doctor(tmp_path, name, near, far))[0] == cause


def test_that_one_direction_is_missing_is_said_with_the_end_and_the_frames_of_the_other_place(
    tmp_path,
):
    (found,) = doctor(tmp_path, "works", outbound, whole).gateways[0].conclusions
    assert (found.certainty, found.id, found.weight) == (
        "certain",
        "one-direction-captured",
        "note",
    )
    assert found.because[0].text.startswith("nothing of 10.2.0.2 is in the near capture")
    assert (found.because[0].of, found.because[0].frames) == ("far", (2, 4))


def test_how_much_a_capture_missed_is_said(tmp_path):
    told = doctor(tmp_path, "esp-lossy", in_part, whole)
    found = next(each for each in told.gateways[0].conclusions if each.id == "capture-incomplete")
    assert (found.certainty, found.weight) == ("certain", "note")
    missed = set(datagrams("esp-lossy.near.pcap")) - set(in_part(datagrams("esp-lossy.near.pcap")))
    mine = [each for each in missed if each.source.address == "10.1.0.2"]
    arrived = {each.data for each in datagrams("esp-lossy.far.pcap")}
    number = sum(each.data in arrived for each in mine if each.data != b"\xff")
    assert f"{number} packets were sent from the place of the near capture" in found.because[0].text


def test_another_clock_does_not_change_that(tmp_path):
    def much_later(packets):
        return later(outbound(packets), 40_000 * SECOND)

    assert alarms(doctor(tmp_path, "works", whole, much_later)) == []


def test_who_was_authenticated_by_an_answer_that_is_lost_does_not_stand():
    """The far side alone: its answer passes there, and the question comes again and again."""
    told = diagnose(side("answers-4500-dropped", "far"))
    assert alarms(told) == [("problem", "likely", "answers-lost")]


def test_traffic_of_one_direction_that_outlives_the_other_capture_is_not_lost(tmp_path):
    """Logs are sent on when the far capture was over."""
    near, far = datagrams("works.near.pcap"), datagrams("works.far.pcap")
    sent = next(each for each in reversed(near) if each.esp and each.source.address == "10.1.0.2")
    number = int.from_bytes(sent.data[4:8])
    for at in range(1, 40):
        data = sent.data[:4] + (number + at).to_bytes(4) + sent.data[8:]
        near.append(sent._replace(time=near[-1].time + SECOND // 2, data=data))
    here = read([str(write(tmp_path / "near.pcap", near))])
    there = read([str(write(tmp_path / "far.pcap", far))])
    assert alarms(diagnose(here, there)) == []
