"""iptables: every text loads, sets are replaced in one step, counters speak of lines."""

import re
import time
from ipaddress import ip_network

import pytest
from tests.policy.backends.test_kernel import loads, tried
from tests.policy.examples import ANY, EXAMPLES, GNUTELLA, line, party, rules, use
from tests.policy.lab import inside, need

from backchannel.policy.backends import iptables
from backchannel.policy.compile import compile_policy, known
from backchannel.policy.model import Networks, Party

SAVE = "iptables-save -c; ip6tables-save -c; ipset list -t"


def script(policy, times=1):
    """Return a shell script that loads *policy* and shows what the kernel then has."""
    need("iptables-restore", "ip6tables-restore", "ipset")
    parts = [
        f"{' '.join(command)} <<'END'\n{text}\nEND" for command, text in loads("iptables", policy)
    ]
    return "set -e\n" + "\n".join(parts * times) + f"\n{SAVE}"


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_kernel_takes_it_twice(example):
    ran = inside(["sh"], script(EXAMPLES[example], times=2))
    assert ran.returncode == 0, ran.stderr
    for each in EXAMPLES[example].lines:
        assert f"{each.name} {each.place}" in ran.stdout
    chain = [row for row in ran.stdout.splitlines() if "-A BACKCHANNEL " in row]
    once = inside(["sh"], script(EXAMPLES[example])).stdout
    assert chain == [row for row in once.splitlines() if "-A BACKCHANNEL " in row]


def test_counters_speak_of_lines():
    policy = rules(line("tell", "alert", GNUTELLA), line("none", "deny", GNUTELLA), known=())
    told = tried(
        "iptables", policy, ["load"], ["open", "x", "tcp", 6346], ["run", "iptables-save", "-c"]
    )
    assert told[1] is False
    moved = re.findall(r'\[(\d+):\d+\] -A BACKCHANNEL .*--comment "(\w+) policy', told[2])
    assert moved == [("1", "tell"), ("1", "tell"), ("1", "none")]


def test_twenty_ports_need_two_rules():
    ports = [f"tcp/{2 * n + 1000}" for n in range(16)] + ["tcp/2000-2001"]
    policy = rules(line("many", "deny", use("x", "message", *ports)), known=())
    text = iptables.emit(policy, ())[0].text
    written = re.findall(r"--dports? (\S+)", text.replace("--dport 1024:65535", ""))
    spoken = {port for row in written for port in row.split(",")}
    assert spoken == {str(2 * n + 1000) for n in range(16)} | {"2000:2001"}
    assert inside(["sh"], script(policy)).returncode == 0


def test_ten_thousand_addresses_and_five_hundred_lines_load():
    nets = tuple(ip_network((10 << 24 | n << 9, 24)) for n in range(10_000))
    six = tuple(ip_network(((0x20010DB8 << 96) | n << 65, 64)) for n in range(10_000))
    staff = Party("staff", Networks(nets, six))
    policy = rules(
        *(
            line(
                f"line-{n}", "deny", use("x", "message", f"tcp/{2 * n + 1}"), ours=staff, theirs=ANY
            )
            for n in range(500)
        ),
        known=(),
    )
    began = time.process_time()
    iptables.emit(policy, ())
    assert time.process_time() - began < 2
    ran = inside(["sh"], script(policy, times=2))
    assert ran.returncode == 0, ran.stderr
    assert re.findall(r"Number of entries: (\d+)", ran.stdout) == ["10000", "10000"]


def test_an_interface_ending_in_plus_is_refused():
    """To iptables it is a pattern, to the policy a name."""
    doors = party("dial-in", interfaces=("ppp+",))
    policy = rules(line("none", "deny", GNUTELLA, ours=doors, best_effort=True), known=())
    made = compile_policy(policy, known()["iptables"])
    assert [gap.judgement.level for gap in made.gaps] == ["cannot"]
    assert not any("ppp+ " in row for row in made.files[0].text.splitlines() if row[0:1] != "#")


def test_hostile_names_stay_inside_comments():
    evil = 'x"\nCOMMIT\n*nat \\ \x1b[2J\u202e'
    clients = party(evil, "10.0.0.0/9", "10.192.0.0/10")
    policy = rules(line("a", "deny", GNUTELLA, ours=clients, reason=evil), name=evil, known=())
    ran = inside(["sh"], script(policy))
    assert ran.returncode == 0, ran.stderr
    assert "*nat" not in ran.stdout
