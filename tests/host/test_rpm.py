"""RPM's database: one that rpm itself wrote, and some that nobody would."""

import gzip
import os
import random
import shutil
import sqlite3
import struct
import tempfile
import time
import tracemalloc
from pathlib import Path

import pytest

from backchannel.catalogue.load import load
from backchannel.host import inventory, packages, rpm
from backchannel.host.control import trust
from backchannel.host.packages import Current, Packages
from backchannel.host.root import LEAST, Budget, Root

HERE = Path(__file__).parent / "databases"
DATABASE = gzip.decompress((HERE / "rpmdb.sqlite.gz").read_bytes())


ENDLESS = """
CREATE VIEW Packages AS WITH RECURSIVE n(hnum, blob) AS
    (SELECT 1, x'00' UNION ALL SELECT hnum + 1, blob FROM n) SELECT hnum, blob FROM n
"""
COMPUTED = """
CREATE TABLE Packages (hnum INTEGER, blob AS (hex(zeroblob(99999999))));
INSERT INTO Packages (hnum) VALUES (1)
"""
ODD = """
CREATE TABLE Packages (hnum INTEGER, blob BLOB);
INSERT INTO Packages VALUES (1, 'text'), (2, NULL), (3, x''), (4, x'ffffffffffffffff'), (5, 7)
"""


@pytest.fixture
def place(tree):
    tree.file("/var/lib/rpm/rpmdb.sqlite", DATABASE)
    return tree.folder / "var/lib/rpm/rpmdb.sqlite"


def dumped():
    """Return the programs as `rpm -qa --dump` tells of them: mode and digest by path."""
    rows = (line.split() for line in (HERE / "rpm.dump").read_text().splitlines())
    return {row[0]: row[3] for row in rows if row[4] == "0100755"}


def test_the_programs_are_those_that_rpm_tells_of(root, place):
    found = list(rpm.installed(root))
    assert {(each.name, each.version) for each in found} == {
        ("rpm:aria2", "1:1.37-2"), ("rpm:old", "0:2-2"),
    }  # fmt: skip
    assert {path: digest for each in found for path, digest in each.programs} == dumped()
    assert {len(digest) for digest in dumped().values()} == {32, 64}  # MD5 and SHA-256


def test_an_owner_agrees_with_the_content_that_was_brought(root, tree, place):
    tree.program("/usr/bin/aria2c", "#!/bin/sh\necho aria2\n")
    tree.program("/usr/bin/oldc", "#!/bin/sh\necho altered\n")
    found = Packages(root)
    told = found.owners(["/usr/bin/aria2c", "/usr/bin/oldc", "/usr/bin/x"])
    assert {path: owner.package for path, owner in told.items()} == {
        "/usr/bin/aria2c": "rpm:aria2", "/usr/bin/oldc": "rpm:old",
    }  # fmt: skip
    agreed = {path: owner.agrees(root.digests(path)) for path, owner in told.items()}
    assert agreed == {"/usr/bin/aria2c": True, "/usr/bin/oldc": False}
    assert found.unread() == []


def test_its_programs_are_found_and_learnt(root, tree, place):
    tree.link("/bin", "usr/bin")
    tree.program("/usr/bin/aria2c", "#!/bin/sh\necho aria2\n")
    tree.program("/usr/bin/oldc", "#!/bin/sh\necho altered\n")
    taken = inventory.take(load(), str(tree.folder), only=["bittorrent"])
    (told,) = taken.programs
    assert (told.path, told.package, told.content) == ("/usr/bin/aria2c", "rpm:aria2", "intact")
    assert {each.confidence for each in told.services} == {"expected"}
    assert (taken.findings, taken.unseen) == ((), {})
    learned = trust.learn(root, ())
    assert [(each.path, each.package) for each in learned.entries] == [
        ("/usr/bin/aria2c", "rpm:aria2")
    ]
    assert learned.altered == ["/usr/bin/oldc"]
    tree.program("/usr/bin/aria2c", "#!/bin/sh\necho something else\n")
    taken = inventory.take(load(), str(tree.folder), only=["bittorrent"])
    assert [each.id for each in taken.findings] == ["program-altered"]
    assert {each.confidence for each in taken.programs[0].services} == {"name"}


def test_it_is_read_again_when_it_changed(root, tree, place):
    current = Current(root)
    assert current.owner("/usr/bin/aria2c").package == "rpm:aria2"
    with sqlite3.connect(place) as database:
        database.execute("DELETE FROM Packages")
    database.close()
    os.utime(place, (1, 1))
    assert current.owner("/usr/bin/aria2c") is None


def test_one_that_takes_long_to_read_is_not_read_at_each_question(root, place, monkeypatch):
    monkeypatch.setattr(packages, "SLOW", 0)
    monkeypatch.setattr(packages, "RESTS", 1e6)
    current = Current(root)
    assert current.owner("/usr/bin/aria2c")
    place.unlink()
    assert current.owner("/usr/bin/aria2c")


def test_what_waits_in_the_log_of_writes_is_read(root, place):
    """As while rpm works; and nothing is written beside it."""
    with sqlite3.connect(place) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA wal_autocheckpoint = 0")
        database.execute("DELETE FROM Packages WHERE hnum = 1")
        database.commit()
        assert place.with_name("rpmdb.sqlite-wal").stat().st_size
        shutil.copytree(place.parent, place.parents[1] / "kept")
    database.close()
    shutil.rmtree(place.parent)
    (place.parents[1] / "kept").rename(place.parent)
    before = {each.name: each.read_bytes() for each in place.parent.iterdir()}
    assert len(list(rpm.installed(root))) == 1
    assert {each.name: each.read_bytes() for each in place.parent.iterdir()} == before


@pytest.mark.parametrize(
    "schema",
    [
        "CREATE TABLE Packages (hnum INTEGER, blob BLOB)",
        "CREATE TABLE other (x)",
        ENDLESS,
        COMPUTED,
        ODD,
    ],
)
def test_a_database_that_rpm_would_not_write_ends_and_is_told(tree, root, schema):
    place = tree.folder / "var/lib/rpm/rpmdb.sqlite"
    place.parent.mkdir(parents=True)
    with sqlite3.connect(place) as database:
        database.executescript(schema)
    database.close()
    found = list(rpm.installed(root))
    assert set(found) <= {None}
    assert bool(found) == (schema != "CREATE TABLE Packages (hnum INTEGER, blob BLOB)")


def test_damaged_databases_break_nothing(root, place):
    dice = random.Random(5)
    for _ in range(60):
        data = bytearray(DATABASE)
        for _ in range(dice.randrange(1, 200)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        place.write_bytes(data[: dice.choice((len(data), dice.randrange(len(data))))])
        list(rpm.installed(root))


def test_damaged_headers_break_nothing():
    with sqlite3.connect(":memory:") as database:
        database.deserialize(DATABASE[:18] + b"\1\1" + DATABASE[20:])  # without a log
        headers = [row[0] for row in database.execute("SELECT blob FROM Packages")]
    database.close()
    dice = random.Random(5)
    for _ in range(3000):
        data = bytearray(dice.choice(headers))
        for _ in range(dice.randrange(1, 9)):
            data[dice.randrange(min(len(data), 2000))] = dice.randrange(256)
        rpm._package(bytes(data))
        rpm._package(bytes(data[: dice.randrange(len(data))]))


def made(*rows):
    """Return a header of these tags: number, kind, count and value."""
    told, data = b"", b""
    for tag, kind, count, value in rows:
        told += struct.pack(">IIII", tag, kind, len(data), count)
        data += value
    return struct.pack(">II", len(rows), len(data)) + told + data


def packed(count, folder):
    """Return a header of so many programs in one folder."""
    return made(
        *((tag, 6, 1, b"1\0") for tag in (rpm._NAME, rpm._VERSION, rpm._RELEASE)),
        (rpm._MODES, 3, count, b"\x81\xed" * count),
        (rpm._INDEXES, 4, count, bytes(4 * count)),
        (rpm._FILES, 8, count, b"a\0" * count),
        (rpm._FOLDERS, 8, 1, folder + b"\0"),
    )


def test_paths_have_a_bound_together(tree, root, place, monkeypatch):
    """A folder is written once for all its files: half a megabyte would become gigabytes."""
    assert rpm._package(packed(2, b"/usr/bin/")).programs == (("/usr/bin/a", ""),) * 2
    tracemalloc.start()
    assert rpm._package(packed(3000, b"/" * 30_000)) is None
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 3 * rpm.PATHS
    assert Packages(root).listed
    monkeypatch.setattr(packages, "PATHS", 5)
    found = Packages(root)
    assert (found.listed, found.unread()) == ({}, ["rpm"])


def test_tags_have_a_bound():
    count = rpm.TAGS + 1
    rows = b"".join(struct.pack(">IIII", number, 6, 0, 1) for number in range(count))
    assert rpm._package(struct.pack(">II", count, 2) + rows + b"1\0") is None


SLOW = """
CREATE TABLE t (a BLOB);
INSERT INTO t SELECT zeroblob(1000000) FROM pragma_function_list LIMIT 20;
CREATE VIEW Packages AS SELECT v.a AS blob FROM t v, t w, t x, t y, t z
    WHERE v.a <= w.a AND w.a <= x.a AND x.a <= y.a AND y.a < z.a
"""


def test_a_database_whose_steps_are_long_has_an_end(tree, root, monkeypatch):
    monkeypatch.setattr(rpm, "SECONDS", 0.2)
    place = tree.folder / "var/lib/rpm/rpmdb.sqlite"
    place.parent.mkdir(parents=True)
    with sqlite3.connect(place) as database:
        database.executescript(SLOW)
    database.close()
    began = time.monotonic()
    assert list(rpm.installed(root)) == [None]
    assert time.monotonic() - began < 20


MANY = """
CREATE TABLE t (a BLOB);
INSERT INTO t SELECT x'' FROM pragma_function_list LIMIT 100;
CREATE VIEW Packages AS SELECT x.a AS blob FROM t x, t y, t z
"""


def test_packages_without_content_count_too(tree, root):
    place = tree.folder / "var/lib/rpm/rpmdb.sqlite"
    place.parent.mkdir(parents=True)
    with sqlite3.connect(place) as database:
        database.executescript(MANY)
    database.close()
    assert len(list(rpm.installed(root))) <= rpm.LARGEST / LEAST + 1


def test_without_room_for_a_copy_it_cannot_be_read(root, place, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    assert list(rpm.installed(root)) == [None]


def test_older_kinds_of_databases_and_too_large_ones_are_told(tree, root, place):
    small = Root(str(tree.folder), Budget(database=100_000))
    assert (list(rpm.installed(small)), small._budget.refused) == ([None], 1)
    small.close()
    place.rename(place.with_name("Packages"))
    assert list(rpm.installed(root)) == [None]
    assert Packages(root).unread() == ["rpm"]


def test_a_link_out_of_the_tree_is_not_followed(tree, root, tmp_path):
    (tmp_path / "outside").write_bytes(DATABASE)
    tree.link("/var/lib/rpm/rpmdb.sqlite", tmp_path / "outside")
    assert list(rpm.installed(root)) == [None]
