"""How sure it is that a file is a program of the catalogue."""

import pytest

from backchannel.catalogue.load import load
from backchannel.host.known import Known
from backchannel.model import Confidence

KNOWN = Known(load())


def told(name, package, *, intact=False):
    found = KNOWN.matches(name, package, intact=intact)
    return {(match.service, match.confidence) for match in found}


def test_a_package_with_the_checksum_is_proof_and_without_it_the_name_is_all():
    assert told("amuled", "deb:amule-daemon", intact=True) == {("edonkey", Confidence.SIGNATURE)}
    assert told("amuled", "deb:amule-daemon") == {("edonkey", Confidence.NAME)}


def test_a_name_alone_is_a_hint():
    assert told("amuled", "") == {("edonkey", Confidence.NAME)}
    assert told("nothing-of-ours", "") == set()


@pytest.mark.parametrize(
    ("name", "package"),
    [("slack", "deb:slackware-tools"), ("tor", "deb:not-tor"), ("tor", "snap:vector"),
     ("tor", "apk:busybox"), ("torify", "deb:tor")],
)  # fmt: skip
def test_what_another_package_calls_so_is_something_else(name, package):
    assert told(name, package, intact=True) == set()


def test_sandboxes_are_known_by_their_names():
    expected = {("signal", Confidence.EXPECTED)}
    assert told("electron", "flatpak:org.signal.Signal") == expected
    assert told("skypeforlinux", "flatpak:com.skype.Client") == {("skype", Confidence.EXPECTED)}


@pytest.mark.parametrize("system", ["apk", "rpm", "pacman"])
def test_others_have_debians_names(system):
    assert ("tor", Confidence.EXPECTED) in told("tor", f"{system}:tor", intact=None)
    assert ("tor", Confidence.EXPECTED) in told("tor", f"{system}:tor", intact=True)
    assert ("tor", Confidence.NAME) in told("tor", f"{system}:tor", intact=False)


def test_one_program_may_speak_several_services():
    assert {service for service, _ in told("pidgin", "deb:pidgin", intact=True)} >= {"aim", "xmpp"}
