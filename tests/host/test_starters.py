"""What starts programs."""

import pytest

from backchannel.host import starters, users

UNIT = "[Service]\nExecStart={command}\n[Install]\nWantedBy=multi-user.target\n"


def found(root, program="/usr/bin/tor"):
    told = starters.find(root, users.read(root))
    return [(one.kind, one.name, one.enabled) for one in told if one.starts([program])]


@pytest.mark.parametrize(
    "command",
    [
        "/usr/bin/tor -f /etc/torrc",
        "-/usr/bin/tor",
        "!!/usr/bin/tor --x 'open",
        '"/usr/bin/tor" -f x',
        "/usr/bin/env A=b /usr/bin/tor",
        "/bin/sh -c '/bin/true' /usr/bin/tor",
        "tor",
    ],
)
def test_a_unit_by_what_it_executes(root, tree, command):
    tree.file("/lib/systemd/system/t.service", UNIT.format(command=command))
    assert found(root) == [("unit", "t.service", False)]


def test_a_unit_is_enabled_where_another_wants_it(root, tree):
    tree.file("/lib/systemd/system/tor@.service", UNIT.format(command="/usr/bin/tor"))
    tree.link("/etc/systemd/system/multi-user.target.wants/tor@x.service", "/nowhere")
    assert found(root) == [("unit", "tor@.service", True)]


def test_the_administrators_unit_hides_the_packages(root, tree):
    tree.file("/lib/systemd/system/tor.service", UNIT.format(command="/usr/bin/tor"))
    tree.file("/etc/systemd/system/tor.service", UNIT.format(command="/usr/bin/other"))
    assert found(root) == []
    assert found(root, "/usr/bin/other") == [("unit", "tor.service", False)]


def test_users_units_and_autostart(root, tree):
    home = "/home/alice/.config"
    tree.file(f"{home}/systemd/user/mine.service", UNIT.format(command="/usr/bin/tor"))
    tree.file(f"{home}/autostart/t.desktop", "[Desktop Entry]\nExec=tor %U\n")
    tree.file("/etc/xdg/autostart/h.desktop", "[Desktop Entry]\nExec=/usr/bin/tor\nHidden=true\n")
    assert found(root) == [
        ("autostart", "h.desktop", False),
        ("autostart", "t.desktop", True),
        ("user-unit", "mine.service", False),
    ]


def test_scripts_of_init(root, tree):
    tree.file("/etc/init.d/tor", "#!/bin/sh\nDAEMON=/usr/bin/tor\n")
    assert found(root) == [("init", "tor", False)]
    tree.link("/etc/rc2.d/S01tor", "../init.d/tor")
    assert found(root) == [("init", "tor", True)]


def test_cron(root, tree):
    tree.file("/etc/crontab", "# 1 * * * * root /usr/bin/tor\n")
    assert found(root) == []
    tree.file("/var/spool/cron/crontabs/alice", "@reboot cd /; /usr/bin/tor &\n")
    assert found(root) == [("cron", "alice", True)]


def test_a_unit_of_very_many_commands_is_not_read_to_its_end(root, tree):
    lines = "".join(f"ExecStart=/usr/bin/{number}\n" for number in range(9_999))
    tree.file("/etc/systemd/system/many.service", f"[Service]\n{lines}")
    (found,) = starters.find(root, [])
    assert len(found.programs) == starters.COMMANDS


def test_users_of_one_home_are_looked_at_once(root, tree):
    """Whatever their homes are called: else a thousand of them are a thousand looks."""
    tree.file("/home/alice/.config/autostart/tor.desktop", "Exec=/usr/bin/tor\n")
    tree.link("/home/bob", "alice")
    homes = ("/home/alice", "/home/bob", "/home/alice/.", "/home/../home/alice/")
    tree.file("/etc/passwd", "".join(f"u:x:1:1::{home}:/bin/sh\n" for home in homes))
    assert [user.home for user in users.read(root)] == ["/home/alice"]
    assert len(starters.find(root, users.read(root))) == 1
