"""Verdicts and their reasons."""

from datetime import date

import pytest

from backchannel.catalogue.load import load
from backchannel.host.control.document import Policy, Rule
from backchannel.host.control.judge import Judge
from backchannel.host.control.trust import Entry, Store
from backchannel.host.known import Known
from backchannel.host.listed import Owner
from backchannel.host.root import Digests

KNOWN = Known(load())
GOOD, OTHER, NEWER = "a" * 64, "b" * 64, "c" * 64
MD5 = {GOOD: "1" * 32, OTHER: "2" * 32, NEWER: "3" * 32}
STORE = (
    Entry(path="/usr/bin/aria2c", sha256=GOOD, package="deb:aria2", version="1"),
    Entry(path="/opt/tool", sha256=NEWER),
)


def decide(path, sha256, *rules, owners=None, here=True, **policy):
    given = {"unknown": "deny", "mode": "deny"} | policy
    judge = Judge(
        Policy(version=1, rules=rules, **given),
        Store(STORE),
        KNOWN,
        owner=(owners or {}).get,
        today=date(2026, 11, 29),
        ours=["/opt/python"],
    )
    return judge.decide(path, Digests(sha256, MD5[sha256], 1, b"\x7fELF"), here=lambda: here)


def short(*given, **options):
    told = decide(*given, **options)
    return told.action, told.reason


ARIA = {"/usr/bin/aria2c": Owner("deb:aria2", "1", MD5[GOOD])}


def test_what_the_store_lists_runs():
    assert short("/usr/bin/aria2c", GOOD) == ("allow", "trusted")


def test_another_content_at_a_known_path_is_altered():
    assert short("/usr/bin/aria2c", OTHER, owners=ARIA) == ("deny", "altered")
    assert short("/opt/tool", OTHER) == ("deny", "altered")
    assert short("/opt/tool", OTHER, altered="allow") == ("allow", "altered")


def test_a_packages_own_new_content_is_an_upgrade_and_is_learnt():
    upgraded = {"/usr/bin/aria2c": Owner("deb:aria2", "2", MD5[NEWER])}
    told = decide("/usr/bin/aria2c", NEWER, owners=upgraded)
    assert (told.action, told.reason) == ("allow", "upgraded")
    assert told.entry == Entry(
        path="/usr/bin/aria2c", sha256=NEWER, package="deb:aria2", version="2"
    )


def test_a_package_that_came_since_is_learnt_and_an_altered_one_is_not():
    owners = {"/usr/bin/irssi": Owner("deb:irssi", "1", MD5[OTHER])}
    told = decide("/usr/bin/irssi", OTHER, owners=owners)
    assert (told.reason, told.entry.package) == ("installed", "deb:irssi")
    assert short("/usr/bin/irssi", GOOD, owners=owners) == ("deny", "altered")


def test_unknown_and_moved_programs_are_told_apart():
    assert short("/home/a/x", OTHER) == ("deny", "unknown")
    assert short("/home/a/aria2c", GOOD) == ("deny", "wrong-path")
    assert short("/home/a/x", OTHER, unknown="allow") == ("allow", "unknown")


def test_a_package_without_checksums_is_no_proof():
    owners = {"/usr/bin/x": Owner("deb:x", "1", "")}
    assert short("/usr/bin/x", OTHER, owners=owners) == ("deny", "unknown")


@pytest.mark.parametrize(
    "rule",
    [
        {"services": ("bittorrent",)},
        {"packages": ("deb:aria2",)},
        {"paths": ("/usr/bin/aria*",)},
        {"sha256": (GOOD,)},
    ],
)
def test_rules_deny_what_is_trusted(rule):
    told = decide("/usr/bin/aria2c", GOOD, Rule(name="no", action="deny", **rule), owners=ARIA)
    assert (told.action, told.reason, told.rule) == ("deny", "denied", "no")


def test_a_service_is_not_its_name():
    rule = Rule(name="no", action="deny", services=("bittorrent",))
    assert short("/opt/x/aria2c", OTHER, rule, unknown="allow") == ("allow", "unknown")


@pytest.mark.parametrize("rule", [{"services": ("bittorrent",)}, {"packages": ("deb:aria2",)}])
def test_a_copy_under_another_name_is_denied_as_the_program_is(rule):
    no = Rule(name="no", action="deny", **rule)
    told = decide("/home/a/notes", GOOD, no, unknown="allow")
    assert (told.action, told.reason) == ("deny", "denied")
    over = {"/usr/bin/curl": Owner("deb:curl", "1", MD5[OTHER])}
    free = {"unknown": "allow", "altered": "allow"}
    assert short("/usr/bin/curl", GOOD, no, owners=over, **free) == ("deny", "denied")
    assert short("/usr/bin/curl", NEWER, no, owners=over, **free) == ("allow", "altered")
    cut = Rule(name="no", action="cut", **rule)
    assert short("/home/a/notes", GOOD, cut, unknown="allow") == ("cut", "cut")
    assert short("/home/a/notes", OTHER, no, unknown="allow") == ("allow", "unknown")
    yes = Rule(name="yes", action="allow", **rule)
    assert short("/home/a/notes", GOOD, yes) == ("deny", "wrong-path")


@pytest.mark.parametrize("rule", [{"services": ("bittorrent",)}, {"packages": ("deb:aria2",)}])
def test_what_another_package_brought_is_its_own_though_it_is_the_same(rule):
    no = Rule(name="no", action="deny", **rule)
    other = {"/usr/bin/runner": Owner("deb:other", "1", MD5[GOOD])}
    assert short("/usr/bin/runner", GOOD, no, owners=other) == ("allow", "installed")
    assert short("/usr/bin/runner", GOOD, no, unknown="allow") == ("deny", "denied")


def test_the_first_rule_decides():
    rules = (
        Rule(name="yes", action="allow", packages=("deb:aria2",)),
        Rule(name="no", action="deny", services=("bittorrent",)),
    )
    assert short("/usr/bin/aria2c", GOOD, *rules, owners=ARIA) == ("allow", "allowed")


def test_an_altered_program_is_not_allowed_for_its_package_and_denied_for_it():
    yes = Rule(name="yes", action="allow", packages=("deb:aria2",), services=("bittorrent",))
    assert short("/usr/bin/aria2c", OTHER, yes, owners=ARIA) == ("deny", "altered")
    no = Rule(name="no", action="deny", packages=("deb:aria2",))
    assert short("/usr/bin/aria2c", OTHER, no, owners=ARIA, altered="allow") == ("deny", "denied")


@pytest.mark.parametrize(
    ("expires", "told"),
    [("2026-11-29", ("allow", "allowed")), ("2026-11-28", ("deny", "expired"))],
)
def test_an_exception_holds_to_its_last_day(expires, told):
    rule = Rule(name="test", action="allow", paths=("/home/a/x",), expires=expires)
    assert short("/home/a/x", OTHER, rule) == told
    assert decide("/home/a/x", OTHER, rule).rule == "test"


def test_a_denial_that_ran_out_denies_nothing():
    rule = Rule(name="no", action="deny", packages=("deb:aria2",), expires="2026-11-01")
    assert short("/usr/bin/aria2c", GOOD, rule, owners=ARIA) == ("allow", "trusted")


@pytest.mark.parametrize(
    "path",
    ["/usr/bin/bash", "/bin/sh", "/usr/sbin/sshd", "/usr/lib/systemd/systemd", "/usr/bin/dpkg",
     "/usr/bin/dpkg-deb", "/usr/bin/login", "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
     "/opt/python", "/srv/own"],
)  # fmt: skip
def test_some_are_never_denied_though_a_rule_says_so_and_they_are_unknown(path):
    rule = Rule(name="all", action="deny", paths=("*",))
    told = decide(path, OTHER, rule, never=("/srv/*",))
    assert (told.action, told.reason) == ("allow", "never-denied")


@pytest.mark.parametrize(
    "path", ["/home/a/bash", "/tmp/usr/bin/bash", "/usr/bin/bash-not", "/opt/sh"]
)
def test_their_names_elsewhere_are_nothing(path):
    assert decide(path, OTHER).action == "deny"


def test_one_that_is_never_denied_and_altered_is_told_so():
    owners = {"/usr/bin/bash": Owner("deb:bash", "1", MD5[GOOD])}
    assert decide("/usr/bin/bash", OTHER, owners=owners).altered
    assert not decide("/usr/bin/bash", GOOD, owners=owners).altered


def test_a_path_speaks_for_nobody_who_mounts_what_he_likes():
    """In a mount namespace of his own a user has any file at any path."""
    allowed = Rule(name="a", action="allow", paths=("/opt/*",))
    cut = Rule(name="c", action="cut", paths=("/opt/*",))
    packaged = Rule(name="p", action="allow", packages=("deb:bare",))
    bare = {"/usr/bin/bare": Owner("deb:bare", "1", "")}
    for here, action in ((True, "allow"), (False, "deny")):
        assert decide("/usr/bin/su", OTHER, here=here).action == action
        assert decide("/opt/any", OTHER, allowed, here=here).action == action
        assert decide("/usr/bin/bare", OTHER, packaged, owners=bare, here=here).action == action
    assert decide("/opt/any", OTHER, cut, here=False).action == "deny"
    assert decide("/opt/any", OTHER, cut, here=False, unknown="allow").action == "cut"
    assert short("/usr/bin/aria2c", GOOD, here=False) == ("allow", "trusted")
    by_content = Rule(name="s", action="allow", sha256=(OTHER,))
    assert decide("/opt/any", OTHER, by_content, here=False).action == "allow"
    denied = Rule(name="d", action="deny", paths=("/opt/*",))
    assert short("/opt/any", OTHER, denied, here=False, unknown="allow") == ("deny", "denied")
