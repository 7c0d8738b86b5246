"""Squid: it parses every text, and a running one refuses and passes as the lines say."""

import re
import subprocess

import pytest
from tests.policy.examples import AIM_MESSAGE, DESK, EXAMPLES, GNUTELLA, NAMES, STAFF, line, rules
from tests.policy.lab import need

from backchannel.policy.backends import squid
from backchannel.policy.compile import known

BACKEND = known()["squid"]


def text(policy):
    return squid.emit(policy, ())[0].text


def parse(policy, folder):
    """Return what Squid says of the text; its own words go to standard error."""
    need("squid")
    (folder / "lists.conf").write_text(text(policy))
    (folder / "squid.conf").write_text(
        f"include {folder}/lists.conf\nhttp_port 127.0.0.1:3128\nhttp_access deny all\n"
        "pid_filename none\ncache_log /dev/null\n"
    )
    ran = subprocess.run(
        ["squid", "-k", "parse", "-f", folder / "squid.conf"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return ran.returncode, re.findall(r".*(?:ERROR|WARNING|FATAL|Bungled).*", ran.stderr)


@pytest.mark.parametrize("example", EXAMPLES)
def test_squid_parses_it(example, tmp_path):
    assert parse(EXAMPLES[example], tmp_path) == (0, [])


def test_squid_would_have_complained(tmp_path):
    """The check can fail: a list that is not there is an error."""
    policy = rules(line("a", "deny", GNUTELLA), known=())
    (tmp_path / "lists.conf").write_text(text(policy).replace("bc1_port\n", "nothing\n"))
    broken = (tmp_path / "lists.conf").read_text()
    assert "http_access deny nothing" in broken
    (tmp_path / "squid.conf").write_text(f"include {tmp_path}/lists.conf\n")
    need("squid")
    ran = subprocess.run(
        ["squid", "-k", "parse", "-f", tmp_path / "squid.conf"], capture_output=True, check=False
    )
    assert ran.returncode != 0 or b"ERROR" in ran.stderr


def test_a_default_of_allow_allows_nothing_that_squid_conf_may_deny():
    for example in EXAMPLES.values():
        if example.default == "allow":
            assert "http_access allow" not in text(example)


def test_the_exempt_are_spared():
    rows = text(NAMES)
    assert "acl bc1_let all-of bc_src_help_desk bc1_what" in rows
    assert "acl bc2_spared any-of bc1_let" in rows
    assert "http_access deny bc_src_staff bc2_what !bc2_spared" in rows


def test_a_default_of_deny_closes_the_proxy():
    policy = rules(
        line("aim", "allow", AIM_MESSAGE, ours=DESK),
        line("none", "deny", GNUTELLA, ours=STAFF, best_effort=True),
        default="deny",
        known=(),
    )
    decisions = [row for row in text(policy).splitlines() if row.startswith("http_access")]
    assert [row.split()[1] for row in decisions] == ["allow", "deny", "deny"]
    assert decisions[-1] == "http_access deny all"


def test_one_domain_stands_for_those_under_it():
    """Squid refuses a list that names both."""
    rows = text(NAMES)
    assert "dstdomain .oscar.aol.com\n" in rows
