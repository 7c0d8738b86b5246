"""Flows and their owners as a person reads them."""

import msgspec
from rich.console import Console
from tests.host.test_join import BEGAN, HERE, LAST, flow, held, program

from backchannel.catalogue import index
from backchannel.host.join import join
from backchannel.host.ledger import Ledger
from backchannel.host.show_flows import render


def shown(**told):
    row = msgspec.structs.replace(program(1), **told)
    joined = join([flow()], Ledger([BEGAN, HERE, row, held(1, 1), LAST]), "r")
    console = Console(width=400, record=True, color_system=None)
    with console.capture() as captured:
        console.print(render(joined, index.load()))
    return captured.get()


def test_a_program_is_told_with_its_package_and_user():
    assert "/usr/bin/curl, deb:curl, a, process 1 (connected)" in shown(package="deb:curl")


def test_a_file_that_is_not_its_packages_is_told_as_that():
    told = shown(package="deb:curl", content="altered")
    assert "/usr/bin/curl, not what deb:curl brought, a" in told


def test_whose_path_is_its_own_word_is_said():
    assert "/usr/bin/curl, a, files and users of its own" in shown(apart=("files", "users"))
    assert "a, in docker 0123" in shown(apart=("files",), container="docker 0123")


def test_names_from_outside_are_escaped():
    assert "\x1b" not in shown(path="/x\x1b[2J", user="\x1b", container="\x1b")
