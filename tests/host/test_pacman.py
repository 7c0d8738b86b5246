"""pacman's database: one that pacman itself wrote, and some that nobody would."""

import gzip
import hashlib
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backchannel.host import pacman
from backchannel.host.packages import Packages
from backchannel.host.root import Budget, Root

HERE = Path(__file__).parent / "databases"
PROGRAM = "#!/bin/sh\necho aria2\n"


@pytest.fixture
def database(tree):
    tree.file("/var/lib/pacman/local/ALPM_DB_VERSION", "9\n")
    for name in ("desc", "files", "mtree"):
        tree.file(
            f"/var/lib/pacman/local/aria2-1:1.37-2/{name}", (HERE / f"pacman.{name}").read_bytes()
        )
    return tree


def test_the_programs_are_those_that_were_installed(root, database):
    (told,) = pacman.installed(root)
    assert (told.name, told.version) == ("pacman:aria2", "1:1.37-2")
    digest = hashlib.sha256(PROGRAM.encode()).hexdigest()
    assert told.programs == (("/usr/bin/aria2c", digest), ("/usr/bin/with a space", digest))
    listed = (HERE / "pacman.files").read_text().splitlines()
    assert {path[1:] for path, _ in told.programs} < set(listed)


def test_an_owner_agrees_with_the_content_that_was_brought(root, database):
    database.program("/usr/bin/aria2c", PROGRAM)
    told = Packages(root).owners(["/usr/bin/aria2c", "/usr/bin/aria2"])
    assert {path: owner.package for path, owner in told.items()} == {
        "/usr/bin/aria2c": "pacman:aria2"
    }
    assert told["/usr/bin/aria2c"].agrees(root.digests("/usr/bin/aria2c"))
    database.program("/usr/bin/aria2c", "another")
    assert not told["/usr/bin/aria2c"].agrees(root.digests("/usr/bin/aria2c"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("mtree", b""),
        ("mtree", b"no gzip"),
        ("mtree", (HERE / "pacman.mtree").read_bytes()[:-9]),
        ("mtree", gzip.compress(bytes(pacman.LARGEST + 1))),
        ("desc", b"%VERSION%\n1\n"),
    ],
)
def test_a_package_that_cannot_be_read_is_told(root, database, name, content):
    database.file(f"/var/lib/pacman/local/aria2-1:1.37-2/{name}", content)
    assert list(pacman.installed(root)) == [None]
    assert Packages(root).unread() == ["pacman"]


def test_what_is_usual_can_be_set_and_unset():
    tree = b"/set type=file mode=755\n./a\n./b mode=644\n/unset mode\n./c\n./d type=dir mode=755\n"
    assert list(pacman._programs(tree)) == [("/a", "")]


def test_what_nobody_asks_for_costs_nothing():
    """Else each file would cost what was ever set."""
    asked = b"/set type=file mode=755\n"
    other = b"".join(b"/set %x=\n" % number for number in range(60_000))
    began = time.process_time()
    told = list(pacman._programs(asked + other + b"./a\n" * 60_000))
    assert time.process_time() - began < 5
    assert told == [("/a", "")] * 60_000


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"/set mode=755\n./a\n", True),
        (b" /set mode=755\n ./a\n", True),
        (b"./a mode=755\n", True),
        (b"./a mode=755 type=dir\n", False),
        (b"/set mode=755\n./a mode=644\n", False),
        (b"/set mode=755\n/unset mode\n./a\n", False),
        (b"/set mode=755\n/set mode=644\n./a\n", False),
        (b"./a\n", False),
    ],
)
def test_what_may_be_run_is_found(line, found):
    told = list(pacman._programs(b"/set type=file mode=644\n" + line))
    assert told == ([("/a", "")] if found else [])


@given(st.binary(max_size=300))
def test_any_bytes_are_a_list(data):
    list(pacman._programs(b"/set type=file mode=755\n./" + data))


def test_what_is_packed_counts_as_it_is_unpacked(tree):
    for number in range(4):
        place = f"/var/lib/pacman/local/p{number}"
        tree.file(f"{place}/desc", f"%NAME%\np{number}\n")
        tree.file(f"{place}/mtree", gzip.compress(bytes(1_000_000)))
    root = Root(str(tree.folder), Budget(database=2_500_000))
    assert [told and told.name for told in pacman.installed(root)] == (
        ["pacman:p0", "pacman:p1", None, None]
    )
    root.close()


def test_programs_have_a_bound(root, database, monkeypatch):
    monkeypatch.setattr("backchannel.host.packages.PROGRAMS", 1)
    packages = Packages(root)
    assert (packages.listed, packages.unread()) == ({}, ["pacman"])
    monkeypatch.setattr(pacman, "PROGRAMS", 1)
    assert list(Packages(root).listed) == ["/usr/bin/aria2c"]
