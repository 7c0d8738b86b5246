"""Grammars of texts that no program here can read, written from their makers' references.

Each refuses what it does not know, so that a typing error in a backend is an error in a test.
Sources: Cisco, Security Command Reference (`permit`, `deny`, `object-group`, `time-range`, `ipv6
access-list`); Juniper, Routing Policies, Firewall Filters, and Traffic Policers User Guide;
pf.conf(5) of OpenBSD and FreeBSD; Microsoft, New-NetFirewallRule; Suricata User Guide, Rules.
"""

import re
from ipaddress import ip_address, ip_network

NAME = r"[A-Za-z][\w-]{0,63}"
_DAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
_V4 = r"\d+\.\d+\.\d+\.\d+"
_V6 = r"[0-9a-f:]+(?:/\d+)?"
_PORT = r"(?: eq \d+| range \d+ \d+)?"
_END4 = rf"(?:any|host {_V4}|{_V4} {_V4}|object-group {NAME})"
_END6 = rf"(?:any|host {_V6}|{_V6}|object-group {NAME})"
_TAIL = rf"(?: established)?(?: time-range {NAME})?"
_ICMP = r"(?:unreachable|packet-too-big|time-exceeded|parameter-problem"
IOS = {
    "": [
        r"!.*",
        rf"object-group network {NAME}",
        rf"object-group v6-network {NAME}",
        rf"time-range {NAME}",
        rf"ip access-list extended {NAME}",
        rf"ipv6 access-list {NAME}",
        "end",
    ],
    "object-group network": [rf" host {_V4}", rf" {_V4} {_V4}"],
    "object-group v6-network": [rf" host {_V6}", rf" {_V6}"],
    "time-range": [
        rf" periodic (?:daily|(?:{_DAYS})(?: (?:{_DAYS}))*) \d+:\d\d to \d+:\d\d",
    ],
    "ip access-list": [
        r" remark .{1,100}",
        r" (?:permit|deny) ip any any",
        rf" permit icmp any any {_ICMP})",
        rf" (?:permit|deny) (?:tcp|udp) {_END4}{_PORT} {_END4}{_PORT}{_TAIL}",
        rf" (?:permit|deny) (?:esp|ahp) {_END4} {_END4}(?: time-range {NAME})?",
    ],
    "ipv6 access-list": [
        r" remark .{1,100}",
        r" (?:permit|deny) ipv6 any any",
        rf" permit icmp any any {_ICMP}|nd-ns|nd-na|router-solicitation|router-advertisement)",
        rf" (?:permit|deny) (?:tcp|udp) {_END6}{_PORT} {_END6}{_PORT}{_TAIL}",
        rf" (?:permit|deny) (?:esp|ahp) {_END6} {_END6}(?: time-range {NAME})?",
    ],
}


def ios(text):
    """Check a text of IOS commands; return its object groups, time ranges and lists by name."""
    section, found, used = "", {}, set()
    for number, row in enumerate(text.splitlines(), 1):
        if not row.startswith(" "):
            section = next((key for key in IOS if key and row.startswith(key)), "")
            assert any(re.fullmatch(each, row) for each in IOS[""]), f"{number}: {row}"
            if section:
                assert row not in found, f"{number}: {row} twice"
                found[row] = []
            current = row
        else:
            assert section, f"{number}: {row} is in no section"
            assert any(re.fullmatch(each, row) for each in IOS[section]), f"{number}: {row}"
            assert "established" not in row or " tcp " in row, f"{number}: {row}"
            for low, high in re.findall(r"range (\d+) (\d+)", row):
                assert int(low) < int(high) < 65_536, f"{number}: {row}"
            used |= set(re.findall(r"(?:object-group|time-range) (\S+)", row))
            found[current].append(row.strip())
    defined = {head.split()[-1] for head in found if not re.match("ip", head)}
    assert used == defined, "what is used is defined, and the other way round"
    return found


def junos(text):
    """Check a Junos configuration; return it as nested dictionaries, statements as keys to None."""
    bare = re.sub(r"/\*.*?\*/", " ", re.sub(r"^#.*$", "", text, flags=re.MULTILINE))
    tokens = re.findall(r"[{};\[\]]|[^\s{};\[\]]+", bare)
    root = {}
    stack, words = [root], []
    for token in tokens:
        if token == "{":
            title = " ".join(words)
            assert title, "a block has a name"
            assert title not in stack[-1], f"{title} twice"
            stack[-1][title] = {}
            stack.append(stack[-1][title])
            words = []
        elif token == "}":
            assert not words, f"{words} has no semicolon"
            stack.pop()
        elif token == ";":
            stack[-1][" ".join(words)] = None
            words = []
        else:
            words.append(token)
    assert stack == [root], "braces match"
    assert not words
    return root


_FROM = {
    "protocol": r"(?:tcp|udp|esp|ah|icmp)",
    "payload-protocol": r"(?:tcp|udp|esp|ah|icmp6)",
    "source-port": r"\[( \d+(-\d+)?)+ \]",
    "destination-port": r"\[( \d+(-\d+)?)+ \]",
    "icmp-type": r"\[( [a-z-]+)+ \]",
    "tcp-established": r"",
}
_REJECT = r"reject (tcp-reset|administratively-prohibited)"
_THEN = rf"accept|discard|{_REJECT}|count [\w-]+|log|syslog|next term"


def junos_filter(terms, family, lists):
    """Check the terms of one filter."""
    for name, term in terms.items():
        assert re.fullmatch(r"term [\w-]{1,64}", name), name
        assert set(term) <= {"from", "then"}, name
        for match, inner in term.get("from", {}).items():
            if inner is not None:
                assert match in ("source-prefix-list", "destination-prefix-list"), match
                assert set(inner) <= {key.removeprefix("prefix-list ") for key in lists}
                continue
            word, _, rest = match.partition(" ")
            assert re.fullmatch(_FROM[word], rest), match
            assert (word == "payload-protocol") <= (family == 6), match
        assert all(re.fullmatch(_THEN, each) for each in term["then"]), name
        ends = [each for each in term["then"] if not re.match("count|log|syslog", each)]
        assert len(ends) == 1, name


def networks(rows, version):
    """Check that all *rows* are networks of *version*."""
    for row in rows:
        assert ip_network(row).version == version


def address(text):
    """Return whether *text* is an address, a network or a range of addresses."""
    first, dash, last = text.partition("-")
    if dash:
        return ip_address(first) <= ip_address(last)
    return bool(ip_network(text))
