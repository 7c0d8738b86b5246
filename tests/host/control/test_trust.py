"""The trust store: learnt from a package database, written whole, and read with its errors."""

import pytest
from tests.host.tree import ELF

from backchannel.errors import InputError
from backchannel.host.control import trust
from backchannel.host.root import Budget, Root


def learn(root, *also):
    heard = []
    found = trust.learn(root, also, lambda done, total: heard.append((done, total)))
    assert heard[-1:] == [(len(heard), len(heard))][: len(heard)]
    return {entry.path: entry for entry in found.entries}, found.altered


def test_programs_that_are_as_their_packages_brought_them(root, tree):
    tree.program("/usr/bin/amuled")
    tree.file("/usr/share/doc/x", "no program")
    tree.deb("amule-daemon", "/usr/bin/amuled", "/usr/share/doc/x", version="2")
    tree.program("/usr/bin/bad", ELF)
    tree.deb("bad", "/usr/bin/bad")
    tree.program("/usr/bin/bad", ELF + b"changed")
    tree.program("/opt/a/own")
    entries, altered = learn(root)
    assert list(entries) == ["/usr/bin/amuled"]
    assert (entries["/usr/bin/amuled"].package, entries["/usr/bin/amuled"].version) == (
        "deb:amule-daemon", "2",
    )  # fmt: skip
    assert entries["/usr/bin/amuled"].sha256 == root.digests("/usr/bin/amuled").sha256
    assert altered == ["/usr/bin/bad"]
    assert learn(root, "/opt")[0]["/opt/a/own"].package == ""


def test_a_program_by_the_path_that_it_really_has(root, tree):
    tree.program("/usr/bin/sh")
    tree.link("/bin", "usr/bin")
    tree.deb("dash", "/usr/bin/sh", listed=("/bin/sh",))
    assert list(learn(root)[0]) == ["/usr/bin/sh"]


def test_a_diverted_program_is_found_where_it_is(root, tree):
    tree.program("/usr/bin/tool.real", b"theirs")
    tree.deb("theirs", "/usr/bin/tool.real", listed=("/usr/bin/tool",))
    tree.program("/usr/bin/tool", b"ours")
    tree.deb("ours", "/usr/bin/tool")
    tree.file("/var/lib/dpkg/diversions", "/usr/bin/tool\n/usr/bin/tool.real\nours\n")
    entries, altered = learn(root)
    assert {path: entry.package for path, entry in entries.items()} == {
        "/usr/bin/tool": "deb:ours", "/usr/bin/tool.real": "deb:theirs",
    }  # fmt: skip
    assert altered == []


def test_what_is_learnt_has_an_end_and_what_is_beyond_is_counted(tree):
    for number in range(4):
        tree.program(f"/usr/bin/p{number}", ELF + bytes([number]) * 5000)
    tree.deb("many", *(f"/usr/bin/p{number}" for number in range(4)))
    budget = Budget(hashed=11_000)
    root = Root(str(tree.folder), budget)
    assert sorted(learn(root)[0]) == ["/usr/bin/p0", "/usr/bin/p1"]
    assert budget.refused == 2
    root.close()


def test_a_store_is_written_and_read(tmp_path):
    path = tmp_path / "new/store"
    store = trust.Store([trust.Entry(path="/b", sha256="1"), trust.Entry(path="/a", sha256="2")])
    trust.write(path, store)
    assert list(trust.read(path).by_path) == ["/a", "/b"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["store"]
    again = path.read_bytes()
    trust.write(path, trust.read(path))
    assert path.read_bytes() == again


def test_what_is_trusted_at_a_path_takes_the_place_of_what_was():
    store = trust.Store([trust.Entry(path="/a", sha256="old")])
    store.add(trust.Entry(path="/a", sha256="new"))
    assert (set(store.by_sha256), len(store)) == ({"new"}, 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "is no trust store"),
        (b"{}x\n", "is no trust store"),
        (b'{"trust":9}\n', "version 9"),
        (b'{"trust":1}\n{"path":"/a"}\n', "line 2"),
        (b'{"trust":1}\n\xff\n', "line 2"),
    ],
)
def test_what_is_no_store_is_said(tmp_path, text, said):
    path = tmp_path / "s"
    path.write_bytes(text)
    with pytest.raises(InputError, match=said):
        trust.read(path)
