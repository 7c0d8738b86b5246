"""The conversations that ship with the package: made by the tool, small, and documented."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.prove.labs import shipped

ROOT = Path(__file__).parents[2]
TEXTS = {  # what the texts of 2002 speak of, and IRC, as far as recordings show it
    "aim": {"login", "message", "presence", "image", "file-transfer"},
    "icq": {"login", "message", "presence", "search", "file-transfer"},
    "msn": {"login", "message", "presence", "file-transfer"},
    "yahoo": {"login", "message", "presence", "file-transfer"},
    "gnutella": {"search", "file-sharing"},
    "kazaa": {"search", "file-sharing"},
    "irc": {"login", "message", "presence", "file-transfer"},
    "ipsec": {"login", "tunnel"},
    "socks": {"login", "tunnel"},
    "http-proxy": {"login", "tunnel"},
}


@pytest.mark.slow
def test_the_tool_made_them():
    done = subprocess.run(
        [sys.executable, ROOT / "tools/conversations.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_they_cover_the_services_of_the_texts():
    found = {}
    for service, capability in shipped():
        found.setdefault(service, set()).add(capability)
    assert found.items() >= TEXTS.items()


def test_icq_is_there_by_udp_and_by_oscar():
    assert {each.way for each in shipped()["icq", "message"]} == {"udp/4000", "tcp/5190"}


def test_every_one_has_something_to_prove():
    for found in shipped().values():
        for each in found:
            assert each.told > 0
            assert all(flow.steps for flow in each.flows)
