"""What no package of the system brought."""

import pytest

from backchannel.host import origin


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/snap/telegram-desktop/5/usr/bin/telegram-desktop", ("snap", "snap:telegram-desktop")),
        (
            "/var/lib/flatpak/app/org.signal.Signal/x86_64/stable/1/files/bin/signal-desktop",
            ("flatpak", "flatpak:org.signal.Signal"),
        ),
        (
            "/home/a/.local/share/flatpak/app/us.zoom.Zoom/current/active/files/extra/zoom",
            ("flatpak", "flatpak:us.zoom.Zoom"),
        ),
        ("/tmp/.mount_ElemenAbC1/element-desktop", ("appimage", "")),
        ("/home/a/Downloads/telegram", ("portable", "")),
        ("/opt/snapshot/x/y", ("portable", "")),
    ],
)
def test_paths_say_how_a_program_came(root, path, told):
    assert origin.of(root, path) == told


def test_a_flatpaks_own_tree_says_which_it_is(root, tree):
    tree.file("/.flatpak-info", "[Application]\nname=com.slack.Slack\nruntime=x\n")
    assert origin.of(root, "/app/extra/slack") == ("flatpak", "flatpak:com.slack.Slack")
    assert origin.of(root, "/usr/bin/slack") == ("portable", "")


def test_an_appimage_is_known_by_its_magic(root):
    head = b"\x7fELF\x02\x01\x01\0AI\x02\0\0\0\0\0"
    assert origin.of(root, "/home/a/x", head)[0] == "appimage"
    assert origin.of(root, "/home/a/x", head.replace(b"AI", b"\0\0"))[0] == "portable"


def test_a_script_that_pip_put_there(root, tree):
    packages = "/opt/env/lib/python3.11/site-packages"
    tree.program("/opt/env/bin/gajim", "#!/opt/env/bin/python\n")
    tree.file(f"{packages}/gajim_chat-1.8.dist-info/RECORD", "../../../bin/gajim,sha256=x,10\n")
    assert origin.of(root, "/opt/env/bin/gajim") == ("pip", "pip:gajim-chat")
    assert origin.of(root, "/opt/env/bin/other") == ("portable", "")
