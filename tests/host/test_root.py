"""A tree of files that nobody need trust."""

import os
import stat

import pytest

from backchannel.host.root import LEAST, TEXT, Budget, Root, plain


def test_a_link_never_leads_out_of_the_tree(tree, root, tmp_path):
    (tmp_path / "secret").write_text("ours")
    tree.file("/secret", "theirs")
    tree.link("/absolute", "/secret")
    tree.link("/upward", "../../../secret")
    tree.link("/etc/above", "../../../../secret")
    for name in ("/absolute", "/upward", "/etc/above"):
        assert root.read(name) == b"theirs"
        assert root.real(name) == "/secret"
    assert root.read("/../secret") == b"theirs"


def test_links_without_end_lead_nowhere(root, tree):
    tree.link("/round", "round")
    assert (root.read("/round"), root.real("/round"), root.status("/round")) == (b"", "", None)


def test_what_is_no_plain_file_is_nothing_and_stops_nobody(root, tree):
    os.mkfifo(tree.folder / "pipe")
    assert root.read("/pipe") == b""
    assert root.digests("/pipe") is None
    assert root.read("/etc") == b""
    assert root.names("/etc/passwd") == []
    assert root.read("/none\0such") == b""


def test_a_device_is_not_even_opened(root, tree, monkeypatch):
    """Some begin to work when they are: a machine's watchdog, a tape."""
    tree.link("/etc/conf", "/dev/tape")
    (tree.folder / "dev").mkdir()
    made = tree.folder / "dev/tape"
    try:
        os.mknod(made, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        os.mkfifo(made)
    opened, real = [], os.open

    def watched(*words, **more):
        opened.append(words)
        return real(*words, **more)

    monkeypatch.setattr(os, "open", watched)
    assert (root.read("/etc/conf"), root.digests("/dev/tape")) == (b"", None)
    assert opened == []


def test_names_that_are_no_text_are_told_as_text():
    assert plain("/a/\udcff\u00e9") == "/a/\\xff\u00e9"


def test_a_walk_has_an_end(root, tree, monkeypatch):
    monkeypatch.setattr("backchannel.host.root.FILES", 3)
    for number in range(9):
        tree.file(f"/opt/{number}")
    assert len(list(root.walk("/opt", 1))) == 3


def test_what_is_too_long_for_settings_is_none(root, tree):
    tree.file("/long", b"x" * (TEXT + 1))
    assert root.read("/long") == b""
    assert len(root.read("/long", TEXT + 1)) == TEXT + 1


def test_digests_are_those_of_the_content(root, tree):
    tree.file("/abc", "abc")
    made = root.digests("/abc")
    assert made.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert (made.md5, made.size, made.head) == ("900150983cd24fb0d6963f7d28e17f72", 3, b"abc")


def test_a_walk_stays_near_and_follows_no_link_to_a_folder(root, tree):
    tree.file("/opt/one/two/three/deep")
    tree.file("/opt/one/near")
    tree.link("/opt/loop", "/opt")
    assert list(root.walk("/opt", 1)) == ["/opt/loop", "/opt/one/near"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_rights_would_have_shown_is_counted(root, tree):
    tree.file("/etc/secret", "x", 0o000)
    assert (root.read("/etc/secret"), root.denied) == (b"", 1)


def test_no_such_tree_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        Root(str(tmp_path / "none"))


@pytest.mark.parametrize("what", ["settings", "database", "hash", "names"])
def test_what_a_look_costs_has_an_end(tree, what):
    """However many files there are: each may be the largest that is read."""
    for number in range(9):
        tree.file(f"/opt/{number}", b"x" * LEAST)
    budget = Budget()
    budget.left[what] = {"names": 27}.get(what, 3 * LEAST)
    root = Root(str(tree.folder), budget)
    look = {
        "settings": lambda number: root.text(f"/opt/{number}"),
        "database": lambda number: root.read(f"/opt/{number}", TEXT + 1),
        "hash": lambda number: root.digests(f"/opt/{number}"),
        "names": lambda _: root.names("/opt"),
    }[what]
    assert [bool(look(number)) for number in range(9)] == [True] * 3 + [False] * 6
    assert budget.refused == 6
    root.close()


def test_small_files_are_work_too(tree):
    tree.file("/small", "x")
    budget = Budget()
    budget.left["settings"] = 2 * LEAST
    root = Root(str(tree.folder), budget)
    assert [root.text("/small") for _ in range(3)] == ["x", "x", ""]
    root.close()


def test_what_is_beyond_the_bounds_of_folders_is_counted(tree, monkeypatch):
    for number in range(5):
        tree.file(f"/opt/{number}")
    budget = Budget()
    root = Root(str(tree.folder), budget)
    assert (len(root.names("/opt", 5)), budget.refused) == (5, 0)
    assert (len(root.names("/opt", 4)), budget.refused) == (4, 1)
    monkeypatch.setattr("backchannel.host.root.FILES", 3)
    assert (len(list(root.walk("/opt", 0))), budget.refused) == (3, 2)
    root.close()
