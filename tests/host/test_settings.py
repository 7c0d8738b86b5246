"""What programs' settings expose, and that no secret is ever told."""

import time

import pytest

from backchannel.host import settings, users
from backchannel.host.processes import Process
from backchannel.host.settings.place import Place, assigned

SECRET = "hunter2-and-more"


def process(*words):
    return Process(7, 1, 0, 0, words[0], f"/usr/bin/{words[0]}", False, words, "", "", "")


def look(root, name, *processes):
    found = settings.look(name, Place(root, users.read(root), processes))
    assert SECRET not in repr(found)
    return [(each.id, each.severity) for each in found]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["/home/alice/Music/"], [("folders-shared", "info")]),
        (["/home/alice/"], [("folders-shared", "critical")]),
        (["/"], [("folders-shared", "critical")]),
        ([], []),
    ],
)
def test_what_amule_shares(root, tree, lines, told):
    tree.file("/home/alice/.aMule/shareddir.dat", "".join(f"{line}\n" for line in lines))
    assert look(root, "amuled") == told


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (f"AcceptExternalConnections=1\nECAddress=\nECPassword={SECRET}", ["remote-control"]),
        (f"AcceptExternalConnections=1\nECAddress=127.0.0.1\nECPassword={SECRET}", []),
        ("AcceptExternalConnections=1\nECPassword=", []),
        (f"AcceptExternalConnections=0\nECPassword={SECRET}", []),
    ],
)
def test_amules_remote_control(root, tree, lines, told):
    tree.file("/home/alice/.aMule/amule.conf", f"[eMule]\nx=1\n[ExternalConnect]\n{lines}\n")
    assert [each for each, _ in look(root, "amule")] == told


OPEN = '"rpc-whitelist-enabled": false, "rpc-authentication-required": false'


@pytest.mark.parametrize(
    ("text", "open_"),
    [
        (f"{{{OPEN}}}", True),
        (f'{{{OPEN}, "rpc-bind-address": "127.0.0.1"}}', False),
        (f'{{{OPEN}, "rpc-enabled": false}}', False),
        ('{"rpc-whitelist": "127.0.0.1,*.*.*.*"}', True),
        (f'{{"rpc-whitelist": "*", "rpc-authentication-required": 1, "x": "{SECRET}"}}', False),
        ("{}", False),
        ("not JSON", False),
        ("[1]", False),
    ],
)
def test_who_controls_transmission(root, tree, text, open_):
    tree.file("/home/alice/.config/transmission-daemon/settings.json", text)
    told = look(root, "transmission-daemon")
    assert told == ([("control-without-password", "high")] if open_ else [])


def test_the_settings_that_a_process_was_given_count(root, tree):
    tree.file("/srv/t/settings.json", f"{{{OPEN}}}")
    daemon = process("transmission-daemon", "-f", "-g", "/srv/t")
    assert look(root, "transmission-daemon", daemon) == [("control-without-password", "high")]
    assert look(root, "transmission-daemon") == []


@pytest.mark.parametrize(
    ("words", "open_"),
    [
        ((), True),
        (("-p", "1081"), True),
        (("-i", "127.0.0.1"), False),
        (("-i127.0.0.1",), False),
        (("-u", "alice", "-P", SECRET), False),
        (("-i", "0.0.0.0", "-b", "-u"), True),
    ],
)
def test_microsocks_asks_only_where_it_was_told_a_name(root, words, open_):
    told = look(root, "microsocks", process("microsocks", *words))
    assert told == ([("open-proxy", "high")] if open_ else [])
    assert look(root, "microsocks") == []


DANTE = """
internal: {address} port = 1080
external: eth0
socksmethod: {method}
client pass {{ from: {inside} to: 0.0.0.0/0 }}
# socks pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}
{more}
socks pass {{
    from: 0.0.0.0/0 to: 0.0.0.0/0
    {own}
}}
"""


@pytest.mark.parametrize(
    ("changed", "open_"),
    [
        ({}, True),
        ({"method": "username"}, False),
        ({"method": "username", "own": "socksmethod: none"}, True),
        ({"own": "socksmethod: username"}, False),
        ({"inside": "10.0.0.0/8"}, False),
        ({"address": "127.0.0.1"}, False),
        ({"more": "socks block { from: 0.0.0.0/0 to: 0.0.0.0/0 }"}, False),
    ],
)
def test_dante(root, tree, changed, open_):
    given = {"address": "0.0.0.0", "method": "none", "inside": "0.0.0.0/0", "more": "", "own": ""}
    tree.file("/etc/danted.conf", DANTE.format(**(given | changed)))
    assert look(root, "danted") == ([("open-proxy", "high")] if open_ else [])


@pytest.mark.parametrize(
    ("text", "open_"),
    [
        ("Port 8888\n", True),
        ("Port 8888\nAllow 127.0.0.1\n", False),
        ("Port 8888\n#Allow 127.0.0.1\n", True),
        ("Port 8888\nAllow 0.0.0.0/0\n", True),
        (f"Port 8888\nBasicAuth user {SECRET}\n", False),
        ("Port 8888\nListen 127.0.0.1\n", False),
        ("", False),
    ],
)
def test_tinyproxy(root, tree, text, open_):
    tree.file("/etc/tinyproxy/tinyproxy.conf", text)
    assert look(root, "tinyproxy") == ([("open-proxy", "high")] if open_ else [])


@pytest.mark.parametrize(
    ("rules", "open_"),
    [("allow localhost\ndeny all", False), ("deny all\nallow all", False), ("allow all", True)],
)
def test_squid_reads_its_rules_in_order(root, tree, rules, open_):
    text = "".join(f"http_access {rule}\n" for rule in rules.split("\n"))
    tree.file("/etc/squid/squid.conf", text)
    assert look(root, "squid") == ([("open-proxy", "high")] if open_ else [])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("SocksPort 9050", []),
        ("SocksPort 127.0.0.1:9050", []),
        ("SocksPort 0.0.0.0:9050", ["open-proxy"]),
        ("SocksPort [::]:9050\nSocksPolicy accept 10.0.0.0/8", []),
        ("#SocksPort 0.0.0.0:9050", []),
        ("ORPort 9001", ["tor-relay"]),
        ("ORPort 9001\nExitRelay 1", ["tor-exit"]),
        ("HiddenServiceDir /x\nHiddenServicePort 80 127.0.0.1:80", ["onion-service"]),
    ],
)
def test_tor(root, tree, text, told):
    tree.file("/etc/tor/torrc", f"{text}\n")
    assert [each for each, _ in look(root, "tor")] == told


def test_coturn(root, tree):
    tree.file("/etc/turnserver.conf", f"#no-auth\nstatic-auth-secret={SECRET}\n")
    assert look(root, "turnserver") == []
    tree.file("/etc/turnserver.conf", "no-auth\n")
    assert look(root, "turnserver") == [("open-relay", "high")]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[Global]\n[Options]\nPAM = no\n", ["chat-in-the-clear", "open-chat"]),
        (f"[Global]\nPassword = {SECRET}\n[SSL]\nPorts = 6697\n", []),
        ("[Global]\n;Password = x\n[Options]\nPAM=no\n[SSL]\nPorts=6697\n", ["open-chat"]),
    ],
)
def test_ngircd(root, tree, text, told):
    tree.file("/etc/ngircd/ngircd.conf", text)
    assert [each for each, _ in look(root, "ngircd")] == told


def test_prosody(root, tree):
    main = "/etc/prosody/prosody.cfg.lua"
    tree.file(main, 'allow_registration = false -- = true;\nauthentication = "internal_hashed"\n')
    assert look(root, "prosody") == []
    tree.file(main, '-- a comment\nallow_registration = true\nauthentication = "internal_plain";\n')
    tree.file("/etc/prosody/conf.d/x.lua", "c2s_require_encryption = false\n")
    assert [each for each, _ in look(root, "prosody")] == [
        "chat-in-the-clear", "open-registration", "passwords-kept",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cipher AES-256-GCM\n", []),
        ("cipher none\n", ["tunnel-unencrypted"]),
        ("data-ciphers AES-256-GCM:none\n", ["tunnel-unencrypted"]),
        ("management 0.0.0.0 7505\n", ["control-without-password"]),
        ("management 0.0.0.0 7505 /etc/openvpn/pass\n", []),
        ("management 127.0.0.1 7505\n", []),
        ("management /run/x unix\n", []),
        ("verify-client-cert none\n", ["open-tunnel"]),
        ("verify-client-cert none\nplugin pam.so\n", []),
    ],
)
def test_openvpn(root, tree, text, told):
    tree.file("/etc/openvpn/server/a.conf", text)
    assert [each for each, _ in look(root, "openvpn")] == told


def test_wireguards_keys(root, tree):
    text = f"[Interface]\nPrivateKey = {SECRET}\n[Peer]\nAllowedIPs = 0.0.0.0/0, ::/0\n"
    tree.file("/etc/wireguard/wg0.conf", text, 0o600)
    assert look(root, "wg") == [("takes-all-traffic", "low")]
    tree.file("/etc/wireguard/wg0.conf", text, 0o644)
    assert ("key-readable", "high") in look(root, "wg")


def test_strongswan(root, tree):
    secret = f"secrets {{\n  ike-1 {{\n    secret = {SECRET}\n  }}\n}}\n"
    tree.file("/etc/swanctl/conf.d/a.conf", secret, 0o600)
    tree.file("/etc/swanctl/swanctl.conf", "c {\n  version = 1\n  aggressive = yes\n}\n")
    assert look(root, "charon") == [("aggressive-mode", "high")]
    tree.file("/etc/swanctl/conf.d/a.conf", secret, 0o644)
    tree.file("/etc/ipsec.secrets", f': PSK "{SECRET}"\n', 0o644)
    assert look(root, "charon-systemd").count(("key-readable", "high")) == 2


def test_all_lookers_take_anything(root, tree):
    """Settings are the users' own files, and hold what they like."""
    junk = b"\xff\0[x\n]{=}:\n" * 50 + b"a" * 5000
    for path in (
        "/home/alice/.aMule/amule.conf", "/home/alice/.aMule/shareddir.dat", "/etc/danted.conf",
        "/home/alice/.config/transmission/settings.json", "/etc/tinyproxy/tinyproxy.conf",
        "/etc/squid/squid.conf", "/etc/tor/torrc", "/etc/turnserver.conf", "/etc/ipsec.conf",
        "/etc/ngircd/ngircd.conf", "/etc/prosody/prosody.cfg.lua", "/etc/openvpn/a.conf",
        "/etc/wireguard/a.conf", "/etc/swanctl/swanctl.conf", "/etc/ipsec.secrets",
    ):  # fmt: skip
        tree.file(path, junk)
    for name in settings.PROGRAMS:
        look(root, name, process(name, "-f", "\udcff/x"))


def test_a_value_is_that_of_the_last_line():
    text = "Port 1\n# Port 2\nport = 3 ;\nPorts 4\n"
    assert (assigned(text, "Port"), assigned(text, "none")) == ("3", None)


@pytest.mark.parametrize(
    "hostile",
    [
        "Port" + " " * 200_000 + "x",
        "http_access allow" + " " * 200_000 + "x",
        "client pass {" * 19_000,
        "[" * 200_000,
        "a" * 100_000 + ":" * 100_000,
        "Exec" + "\n" * 200_000,
        "SocksPort " * 20_000,
        "x = " + ";" * 200_000,
    ],
    ids=range(8),
)
def test_no_settings_take_long_to_read(root, tree, hostile):
    """A user's own file, read by root."""
    for path in ("/srv/conf", "/srv/settings.json", "/home/alice/.aMule/amule.conf"):
        tree.file(path, hostile)
    tree.file("/etc/squid/squid.conf", hostile)
    began = time.process_time()
    for name in settings.PROGRAMS:
        look(root, name, process(name, "-f", "/srv/conf", "-c", "/srv/conf", "-g", "/srv"))
    assert time.process_time() - began < 10


def test_spaces_without_end_cost_no_time_in_the_rules_of_dante(root, tree):
    tree.file("/etc/danted.conf", " " * 200_000)
    began = time.perf_counter()
    assert look(root, "danted") == []
    assert time.perf_counter() - began < 5
