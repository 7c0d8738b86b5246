"""Who brought a file: as dpkg itself says, on made trees and on this machine."""

import shutil
import subprocess
import tracemalloc

import pytest
from tests.host.tree import ELF

from backchannel.host.packages import Current, Packages
from backchannel.host.root import NAMES, Root


def test_the_owner_of_a_file_with_version_and_checksum(root, tree):
    tree.program("/usr/bin/amuled", ELF)
    tree.deb("amule-daemon", "/usr/bin/amuled", version="1:2.3.3-3")
    told = Packages(root).owners(["/usr/bin/amuled", "/usr/bin/other"])
    assert list(told) == ["/usr/bin/amuled"]
    assert told["/usr/bin/amuled"][:2] == ("deb:amule-daemon", "1:2.3.3-3")
    assert told["/usr/bin/amuled"].digest == root.digests("/usr/bin/amuled").md5


def test_a_file_list_from_before_usr_was_merged(root, tree):
    tree.program("/usr/sbin/danted")
    tree.deb("dante-server:amd64", "/usr/sbin/danted", listed=("/sbin/danted",))
    told = Packages(root).owners(["/usr/sbin/danted"])
    assert told["/usr/sbin/danted"].package == "deb:dante-server"
    assert told["/usr/sbin/danted"].digest


def test_diverted_files_belong_to_whom_dpkg_says(root, tree):
    """`ours` diverted the file of `theirs`, and put its own in that place."""
    tree.program("/usr/bin/tool", b"ours")
    tree.deb("ours", "/usr/bin/tool")
    tree.program("/usr/bin/tool.distrib", b"theirs")
    tree.deb("theirs", "/usr/bin/tool.distrib", listed=("/usr/bin/tool",))
    tree.file("/var/lib/dpkg/diversions", "/usr/bin/tool\n/usr/bin/tool.distrib\nours\n")
    told = Packages(root).owners(["/usr/bin/tool", "/usr/bin/tool.distrib"])
    assert {path: owner.package for path, owner in told.items()} == {
        "/usr/bin/tool": "deb:ours",
        "/usr/bin/tool.distrib": "deb:theirs",
    }


def test_only_programs_of_installed_packages_are_listed(root, tree):
    for path in ("/usr/bin/tor", "/etc/init.d/tor", "/usr/share/doc/tor"):
        tree.program(path)
    tree.deb("tor", "/usr/bin/tor", "/etc/init.d/tor", "/usr/share/doc/tor")
    tree.program("/usr/bin/irssi")
    tree.deb("irssi", "/usr/bin/irssi", status="deinstall ok config-files")
    packages = Packages(root)
    names = frozenset({"tor", "irssi"})
    asked = ("deb:tor", "deb:irssi", "flatpak:tor", "deb:none")
    assert packages.files(asked, names) == ["/usr/bin/tor"]


def test_the_database_is_asked_as_it_is_now(root, tree):
    tree.program("/usr/bin/tool", b"1")
    tree.deb("tool", "/usr/bin/tool", listed=("/bin/tool",))
    current = Current(root)
    first = current.owner("/usr/bin/tool")
    assert (first.package, first.digest) == ("deb:tool", root.digests("/usr/bin/tool").md5)
    assert first == Packages(root).owners(["/usr/bin/tool"])["/usr/bin/tool"]
    assert current.owner("/usr/bin/none") is None
    tree.program("/usr/bin/tool.real", b"2")
    tree.deb("tool", "/usr/bin/tool.real", listed=("/bin/tool",))
    tree.deb("wrap", "/usr/bin/tool")
    tree.file("/var/lib/dpkg/diversions", "/usr/bin/tool\n/usr/bin/tool.real\nwrap\n")
    assert current.owner("/usr/bin/tool").package == "deb:wrap"
    tree.file("/lib/apk/db/installed", "P:own\nV:1\nF:opt\nR:own\n")
    assert current.owner("/opt/own").package == "apk:own"


def test_alpines_database_is_read(root, tree):
    tree.file(
        "/lib/apk/db/installed",
        "C:Q1x\nP:tor\nV:0.4.8-r0\nF:usr/bin\nR:tor\nZ:Q1x\nF:etc\nR:torrc\n\n"
        "P:busybox\nV:1\nF:bin\nR:busybox\n\n",
    )
    told = Packages(root).owners(["/usr/bin/tor", "/bin/busybox", "/etc/none"])
    assert told["/usr/bin/tor"] == ("apk:tor", "0.4.8-r0", "")
    assert told["/bin/busybox"].package == "apk:busybox"


def test_databases_that_are_not_read_are_told(root, tree):
    assert Packages(root).unread() == []
    tree.file("/var/lib/rpm/rpmdb.sqlite")
    assert Packages(root).unread() == ["rpm"]


@pytest.mark.parametrize("junk", [b"\xff\xfe\0", b"Package: x\nStatus: \n" * 3, b"\n" * 99])
def test_a_damaged_database_knows_nothing(root, tree, junk):
    tree.file("/var/lib/dpkg/status", junk)
    tree.file("/var/lib/dpkg/diversions", junk)
    tree.file("/var/lib/dpkg/info/x.list", junk)
    tree.file("/lib/apk/db/installed", junk)
    assert Packages(root).owners(["/usr/bin/x"]) == {}


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="no dpkg here to ask")
def test_this_machines_owners_are_those_that_dpkg_names():
    paths = ["/usr/bin/dpkg", "/usr/bin/env", "/usr/bin/perl", "/usr/bin/cat"]
    root = Root("/")
    paths = [path for path in paths if root.real(path) == path]
    told = Packages(root).owners(paths)
    for path in paths:
        ran = subprocess.run(["dpkg", "-S", path], capture_output=True, text=True, check=False)
        lines = (
            ran.stdout
            or subprocess.run(
                ["dpkg", "-S", path.removeprefix("/usr")],
                capture_output=True,
                text=True,
                check=False,
            ).stdout
        )
        assert told[path].package.removeprefix("deb:") == lines.split(":")[0]
        assert told[path].digest in (root.digests(path).md5, "")


def test_a_list_of_a_million_files_is_not_all_kept(root, tree):
    """That of a hostile image: 64 MB of short lines took 1.6 GB."""
    tree.program("/usr/bin/tor")
    tree.deb("tor", "/usr/bin/tor")
    tree.file(
        "/var/lib/dpkg/info/big.list", b"".join(b"%d\n" % number for number in range(1 << 19))
    )
    tracemalloc.start()
    found = Packages(root).owners(["/usr/bin/tor"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found["/usr/bin/tor"].package == "deb:tor"
    assert peak < 16 << 20


def test_a_machine_with_very_many_packages_has_all_of_them(root, tree):
    """Five thousand packages have more than twenty thousand files there: a large desktop."""
    tree.program("/usr/bin/tor")
    info = tree.folder / "var/lib/dpkg/info"
    info.mkdir(parents=True)
    for number in range(NAMES + 1):
        (info / f"p{number}.list").touch()
    tree.deb("tor", "/usr/bin/tor")
    assert len(Packages(root)._lists) == NAMES + 2
