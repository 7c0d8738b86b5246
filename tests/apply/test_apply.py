"""Rules on a host: loaded in one step, undone unless confirmed, whatever is killed when."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from tests.apply.place import COMMAND, PATIENCE, Place, need, until

OFFICE = Path(__file__).parents[2] / "examples/policies/office.yaml"
OTHER = "policy: 1\nname: other\nrules:\n- {deny: aim, name: only-aim, best-effort: true}\n"
FIREWALLS = ("nftables", "iptables")
both = pytest.mark.parametrize("to", FIREWALLS)


@pytest.fixture
def place(tmp_path):
    need("nft", "iptables-restore", "ipset", "unshare", "nsenter")
    made = Place(tmp_path)
    yield made
    made.close()
    until(lambda: made.guardian() is None)


@pytest.fixture
def other(tmp_path):
    path = tmp_path / "other.yaml"
    path.write_text(OTHER)
    return path


def listed(place, to):
    """Return our rules as the firewall's own program lists them, without counts."""
    if to == "nftables":
        return place.run("nft", "-s", "list", "table", "inet", "backchannel").stdout
    saved = "".join(place.run(f"ip{n}tables-save", "-t", "filter").stdout for n in ("", "6"))
    return "\n".join(line.split(" [")[0] for line in saved.splitlines() if line[:1] != "#")


@both
def test_a_policy_is_planned_loaded_seen_and_removed(place, to):
    planned = place.policy("plan", OFFICE, "--to", to, code=1)
    assert "nothing of ours was applied here" in planned.stdout
    assert "no-files" in planned.stdout
    assert place.ours() == []
    place.policy("apply", OFFICE, "--to", to, "--yes", code=0)
    assert "only-aim" not in listed(place, to)
    assert "no-other-messengers" in listed(place, to)
    assert "as applied" in place.policy("plan", OFFICE, "--to", to, code=0).stdout
    place.policy("diff", "--to", to, code=0)
    again = place.policy("apply", OFFICE, "--to", to, "--yes", code=0)
    assert "nothing to change" in again.stderr
    place.policy("remove", "--to", to, code=0)
    assert place.ours() == []
    assert "nothing of ours" in place.policy("remove", "--to", to, code=0).stderr
    place.policy("diff", "--to", to, code=1)


@both
def test_another_policy_takes_the_old_ones_place(place, to, other):
    place.policy("apply", OFFICE, "--to", to, "--yes", code=0)
    place.policy("apply", other, "--to", to, "--yes", code=0)
    assert "only-aim" in listed(place, to)
    assert "no-other-messengers" not in listed(place, to)
    assert not any("bc_gateways" in str(each) for each in place.ours())


@both
def test_what_nobody_confirms_is_undone(place, to, other):
    place.policy("apply", OFFICE, "--to", to, "--yes", code=0)
    before = listed(place, to)
    ran = place.policy("apply", other, "--to", to, "--confirm-within", "1s", code=1)
    assert "the old rules are back" in ran.stderr
    assert listed(place, to) == before
    place.policy("diff", "--to", to, code=0)


@both
def test_it_can_be_confirmed_from_elsewhere(place, to):
    process = place.start("apply", OFFICE, "--to", to)
    until(lambda: "no-files" in listed(place, to))
    refused = place.policy("apply", OFFICE, "--to", to, code=2)
    assert "waits for its confirmation" in refused.stderr
    place.policy("confirm", "--to", to, code=0)
    assert process.wait(PATIENCE) == 0
    place.policy("diff", "--to", to, code=0)


def test_it_can_be_undone_from_elsewhere(place):
    process = place.start("apply", OFFICE)
    until(lambda: "no-files" in listed(place, "nftables"))
    place.policy("rollback", code=0)
    assert process.wait(PATIENCE) == 1
    assert place.ours() == []


KILLED = ("before the load", "during the load", "after the load", "while it waits")


@both
@pytest.mark.parametrize("when", KILLED)
def test_killed_at_any_step_the_old_rules_are_back(place, to, when, other):
    place.policy("apply", other, "--to", to, "--yes", code=0)
    before = listed(place, to)
    if when != "while it waits":
        place.arm()
    process = place.start("apply", OFFICE, "--to", to, "--confirm-within", "10m")
    if when == "while it waits":
        until(lambda: "no-files" in listed(place, to) and place.guardian())
    else:
        until((place.gate / "before").exists)
        if when != "before the load":
            (place.gate / "go").touch()
            until((place.gate / "after").exists)
            assert "no-files" in listed(place, to)
        if when == "after the load":
            (place.gate / "leave").touch()
            place.disarm()
            until(place.guardian)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    place.disarm()  # the program that loads outlives its starter, and ends only now
    until(lambda: place.guardian() is None)
    assert listed(place, to) == before
    assert not (place.state / "pending").exists()
    place.policy("diff", "--to", to, code=0)


@both
def test_without_its_guardian_the_command_itself_undoes(place, to):
    process = place.start("apply", OFFICE, "--to", to, "--confirm-within", "10m")
    until(lambda: "no-files" in listed(place, to) and place.guardian())
    os.kill(place.guardian(), signal.SIGKILL)
    assert process.wait(PATIENCE) == 1
    assert place.ours() == []


def test_when_both_are_killed_nothing_is_forgotten(place):
    process = place.start("apply", OFFICE, "--confirm-within", "10m")
    guardian = until(lambda: "no-files" in listed(place, "nftables") and place.guardian())
    os.kill(process.pid, signal.SIGSTOP)
    os.kill(guardian, signal.SIGKILL)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    refused = place.policy("apply", OFFICE, "--yes", code=2)
    assert "run `policy rollback` first" in refused.stderr
    place.policy("rollback", code=0)
    assert place.ours() == []
    place.policy("apply", OFFICE, "--yes", code=0)


@both
def test_interrupted_by_hand_it_is_undone_at_once_and_says_so(place, to):
    words = ("apply", OFFICE, "--to", to, "--confirm-within", "10m")
    process = place.start(*words, heard=subprocess.PIPE)
    until(lambda: "no-files" in listed(place, to))
    with process.stderr as said:
        assert said.readline().startswith("loaded.")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 1
        assert said.read().strip() == "not confirmed: the old rules are back"
    until(lambda: place.guardian() is None)
    assert place.ours() == []


def test_drift_is_shown(place):
    place.policy("apply", OFFICE, "--yes", code=0)
    place.run("nft", "add", "rule", "inet", "backchannel", "decide", "accept")
    ran = place.policy("diff", code=1)
    assert "changed by somebody else" in ran.stdout
    assert [line.split() for line in ran.stdout.splitlines() if "  +" in line][1:] == [
        ["+", "accept"]
    ]
    place.policy("apply", OFFICE, "--yes", code=0)
    place.policy("diff", code=0)


def test_foreign_rules_in_the_way_are_named(place):
    place.run("nft", "add", "table", "ip", "theirs")
    chain = "{ type filter hook forward priority -10; }"
    place.run("nft", "add", "chain", "ip", "theirs", "f", chain)
    place.run("nft", "add", "chain", "ip", "theirs", "deeper")
    place.run("nft", "add", "rule", "ip", "theirs", "f", "jump", "deeper")
    place.run("nft", "add", "rule", "ip", "theirs", "deeper", "tcp", "dport", "5190", "drop")
    place.run("nft", "add", "chain", "ip", "theirs", "unused")
    place.run("nft", "add", "rule", "ip", "theirs", "unused", "drop")
    ran = place.policy("plan", OFFICE, code=1)
    assert "overrides allow: table ip theirs, chain deeper: tcp dport 5190 drop" in ran.stdout
    assert "unused" not in ran.stdout


def test_a_foreign_chain_that_drops_by_its_policy_is_named(place):
    """It has no rule at all, and nothing passes."""
    for name, hook in (("shut", "forward"), ("early", "prerouting")):
        chain = f"{{ type filter hook {hook} priority 0; policy drop; }}"
        place.run("nft", "add", "table", "inet", name)
        place.run("nft", "add", "chain", "inet", name, "f", chain)
    place.policy("apply", OFFICE, "--yes", code=0)
    ran = place.policy("diff", code=1)
    for name in ("shut", "early"):
        assert f"overrides allow: table inet {name}, chain f: policy drop" in ran.stdout


def test_a_foreign_accept_before_our_chain_is_named(place):
    place.policy("apply", OFFICE, "--to", "iptables", "--yes", code=0)
    place.run("iptables", "-N", "DOCKER")
    place.run("iptables", "-A", "DOCKER", "-p", "tcp", "--dport", "5190", "-j", "ACCEPT")
    place.run("iptables", "-I", "FORWARD", "-j", "DOCKER")
    place.run("iptables", "-A", "FORWARD", "-j", "ACCEPT")
    ran = place.policy("diff", "--to", "iptables", code=1)
    assert "overrides deny: iptables FORWARD: -A FORWARD -j DOCKER" in ran.stdout
    assert ran.stdout.count("overrides") == 1
    place.run("iptables", "-P", "FORWARD", "DROP")
    place.run("iptables", "-A", "FORWARD", "-p", "udp", "-j", "REJECT")
    ran = place.policy("diff", "--to", "iptables", code=1)
    assert "overrides allow: iptables FORWARD: policy DROP" in ran.stdout
    assert "overrides allow: iptables FORWARD: -A FORWARD -p udp -j REJECT" in ran.stdout
    assert ran.stdout.count("overrides") == 3
    place.run("iptables", "-D", "FORWARD", "-j", "BACKCHANNEL")
    ran = place.policy("diff", "--to", "iptables", code=1)
    assert "bypasses: iptables FORWARD" in ran.stdout


def test_the_connection_we_are_here_by_is_not_cut(place, tmp_path):
    path = tmp_path / "shut.yaml"
    shut = "policy: 1\ndefault: deny\nmanagement: [{from: 10.0.0.5}]\nrules:\n- allow: icq\n"
    path.write_text(shut.replace("allow: icq", "{allow: icq, best-effort: true}"))
    session = "10.0.0.6 40000 10.0.0.1 2222"
    ran = place.policy("apply", path, "--yes", code=2, SSH_CONNECTION=session)
    assert "add  management: [{from: 10.0.0.6, port: tcp/2222}]" in ran.stderr
    assert place.ours() == []
    place.policy("apply", path, "--yes", code=0, SSH_CONNECTION="10.0.0.5 40000 10.0.0.1 22")


def test_a_policy_that_contradicts_itself_is_not_loaded(place, tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text("policy: 1\nrules:\n- {deny: aim, best-effort: true}\n- allow: aim\n")
    assert "not loaded" in place.policy("apply", path, "--yes", code=2).stderr
    assert place.ours() == []


@both
def test_without_rights_it_says_so(place, to, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can give up rights that it has")
    state = tmp_path / "theirs"
    words = ["setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=-all"]
    state.mkdir()
    os.chown(state, 65534, 65534)
    for folder in (tmp_path, *tmp_path.parents):
        if str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    place.state = state
    ran = place.run(*words, *COMMAND, "diff", "--to", to, "--state", state)
    assert ran.returncode == 4, ran.stderr
    assert "CAP_NET_ADMIN" in ran.stderr
