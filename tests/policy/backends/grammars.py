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


_PF_PORTS = r"\{ \d+(?::\d+)?(?:, \d+(?::\d+)?)* \}"
_PF_END = r"(?:any|<[a-z]\w{1,30}>)"
_PF_LABEL = r' label "[\w-]{1,63}"'
_PF_FROM = rf"from {_PF_END}(?: port {_PF_PORTS})? to {_PF_END}"
_PF_TAG = r"(?: flags any)?(?: tag [A-Z]+)?"
PF = [
    r"#.*",
    r"",
    r"table <[a-z]\w{1,30}> const \{ .* \}",
    rf"block (?:drop|return) quick proto (?:tcp|udp) {_PF_FROM} port {_PF_PORTS}{_PF_LABEL}",
    rf"block (?:drop|return) quick proto tcp {_PF_FROM} port >= 1024 flags /S{_PF_LABEL}",
    rf"block (?:drop|return) quick proto udp {_PF_FROM} port >= 1024{_PF_LABEL}",
    rf"block (?:drop|return) quick proto (?:esp|ah) from {_PF_END} to {_PF_END}{_PF_LABEL}",
    rf"pass quick proto (?:tcp|udp) {_PF_FROM} port {_PF_PORTS}{_PF_TAG}{_PF_LABEL}",
    rf"pass quick proto (?:esp|ah) from {_PF_END} to {_PF_END}(?: tag [A-Z]+)?{_PF_LABEL}",
    r"pass quick on lo0 all",
    r"pass out quick tagged [A-Z]+",
    r"pass quick inet proto icmp icmp-type \{ [a-z, ]+ \}",
    r"pass quick inet6 proto ipv6-icmp icmp6-type \{ [a-z, ]+ \}",
    rf"block drop quick all{_PF_LABEL}",
]


def pf(text):
    """Check the rules of an anchor; return the tables, and the rules in order."""
    tables, rows = {}, []
    for row in text.replace(" \\\n", " ").splitlines():
        assert any(re.fullmatch(each, row) for each in PF), row
        assert ("flags" in row) <= ("proto tcp" in row), row
        if row.startswith("table"):
            name, inner = re.fullmatch(r"table <(\w+)> const \{(.*)\}", row).groups()
            assert name not in tables
            tables[name] = [ip_network(each.strip()) for each in inner.split(",")]
        elif row and not row.startswith("#"):
            rows.append(row)
    used = {name for row in rows for name in re.findall(r"<(\w+)>", row)}
    assert used == set(tables)
    return tables, rows


_PS_ADDRESS = r"(?:Any|\$Set_\w+)"
_PS_PORTS = r"(?:\d+|'\d+-\d+')(?:,(?:\d+|'\d+-\d+'))*"
_PS_RULE = re.compile(
    r"New-NetFirewallRule @Ours -DisplayName '(?P<name>[\w -]+)'"
    r" -Direction (?P<direction>Outbound|Inbound) -Action (?P<action>Block|Allow)"
    rf" -LocalAddress (?P<local>{_PS_ADDRESS}) -RemoteAddress (?P<remote>{_PS_ADDRESS})"
    rf" -Protocol (?P<protocol>TCP|UDP|50|51)"
    rf"(?: -(?P<side>RemotePort|LocalPort) (?P<ports>{_PS_PORTS}))? \| Out-Null"
)
_PS_OTHER = [
    r"#.*",
    r"",
    r"\$ErrorActionPreference = 'Stop'",
    r"\$Ours = @\{ Group = 'backchannel'; Enabled = 'True'; Profile = 'Any' \}",
    r"Get-NetFirewallRule -Group 'backchannel' -ErrorAction SilentlyContinue \|",
    r"    Remove-NetFirewallRule",
    r"Set-NetFirewallProfile -All -DefaultInboundAction Block `",
    r"    -DefaultOutboundAction Block",
]


def powershell(text):
    """Check the script; return the address sets, and the rules as dictionaries."""
    sets, found, current = {}, [], None
    for row in text.splitlines():
        if current is not None:
            if row == ")":
                current = None
                continue
            current += re.findall(r"'([^']+)'", row)
            assert re.fullmatch(r"    '[^']+'(?:, '[^']+')*,?", row), row
        elif opened := re.fullmatch(r"\$(Set_\w+) = @\(", row):
            current = sets.setdefault(opened[1], [])
            assert not current, row
        elif rule := _PS_RULE.fullmatch(row):
            assert (rule["side"] is None) == (rule["protocol"] in ("50", "51")), row
            assert rule["side"] in (
                None,
                {"Outbound": "Remote", "Inbound": "Local"}[rule["direction"]] + "Port",
            )
            found.append(rule.groupdict())
        else:
            assert any(re.fullmatch(each, row) for each in _PS_OTHER), row
    assert current is None
    assert all(address(each) for inner in sets.values() for each in inner)
    used = {rule[side].lstrip("$") for rule in found for side in ("local", "remote")} - {"Any"}
    assert used == set(sets)
    return sets, found


_SURICATA = re.compile(
    r"(?P<action>pass|drop|reject|alert) (?P<protocol>tcp|udp|ip|dns|tls|quic|http)"
    r" (?P<source>any|\$BC_\w+) any (?P<way>->|<>) (?P<target>any|\$BC_\w+) any \((?P<options>.*)\)"
)
_OPTION = re.compile(r'\s*([a-z_.]+)(?::((?:"[^"]*"|[^";])*))?;')
_NUMBER = r"\d+"
KEYWORDS = {
    "msg": r'"[^"|;:]{1,120}"',
    "flow": r"(established|to_server|to_client)(,(to_server|to_client))?",
    "content": r'"[^"]+"',
    "offset": _NUMBER,
    "depth": _NUMBER,
    "distance": _NUMBER,
    "within": _NUMBER,
    "nocase": None,
    "startswith": None,
    "endswith": None,
    "dotprefix": None,
    "dsize": r"[<>]?\d+|\d+<>\d+",
    "byte_test": r"[124],!?[<>=&],\d+,\d+",
    "ip_proto": _NUMBER,
    "pcre": r'"/\^.*\$/i"',
    "dns.query": None,
    "tls.sni": None,
    "quic.sni": None,
    "http.host": None,
    "classtype": r"policy-violation",
    "sid": _NUMBER,
    "rev": _NUMBER,
}
_OF_CONTENT = {"offset", "depth", "distance", "within", "nocase", "startswith", "endswith"}


def suricata(text):
    """Check the rules; return each as (header, options)."""
    found, sids = [], set()
    for row in text.splitlines():
        if not row or row.startswith("#"):
            continue
        rule = _SURICATA.fullmatch(row)
        assert rule, row
        options = [(each[1], each[2]) for each in _OPTION.finditer(rule["options"])]
        assert "".join(each[0] for each in _OPTION.finditer(rule["options"])) == rule["options"]
        names = [name for name, _ in options]
        for place, (name, value) in enumerate(options):
            expected = KEYWORDS[name]
            assert (value is None) == (expected is None), f"{name} in {row}"
            assert expected is None or re.fullmatch(expected, value), f"{name}:{value} in {row}"
            if name in _OF_CONTENT:  # a modifier of the content before it
                before = [each for each in names[:place] if each not in _OF_CONTENT]
                assert before[-1] == "content", row
        assert names[0] == "msg"
        assert names[-3:] == ["classtype", "sid", "rev"]
        sid = int(dict(options)["sid"])
        assert 1_000_000 <= sid < 2_000_000
        assert sid not in sids
        sids.add(sid)
        found.append((rule.groupdict(), options))
    return found
