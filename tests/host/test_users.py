"""The users of a tree of files."""

from backchannel.host import users


def test_many_users_have_names_and_homes(tree, root):
    """A file of many departments, far over the size of a settings file."""
    lines = [f"u{number}:x:{number}:{number}:Somebody:/home/u:/bin/sh" for number in range(20_000)]
    tree.file("/etc/passwd", "\n".join((*lines, "last:x:99999:1::/home/last:/bin/sh")))
    (tree.folder / "home/last").mkdir()
    assert users.names(root)[19_999] == "u19999"
    assert [user.home for user in users.read(root)] == ["/home/last"]


def test_a_number_that_is_none_is_no_user(tree, root):
    homes = ":7::/home/alice:/bin/sh"
    lines = (f"a:x:\u00b2{homes}", f"b:x:{'9' * 5000}{homes}", f"c:x:-1{homes}", f"d:x:7{homes}")
    tree.file("/etc/passwd", "\n".join((*lines, "\x00", ":::::::", "")))
    assert users.names(root) == {7: "d"}
    assert [user.name for user in users.read(root)] == ["d"]
