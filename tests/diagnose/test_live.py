"""Real gateways, a router that drops, and the doctor: from the cause to the words, in one go."""

import pytest
from tests.diagnose import lab
from tests.diagnose.lab import FAR, Lab, Recorder
from tests.enforce.lab import World, isolated
from tests.enforce.swan import Swan

from backchannel.diagnose.configured import files
from backchannel.diagnose.doctor import diagnose
from backchannel.diagnose.reading import read


@pytest.fixture(autouse=True)
def _programs():
    lab.needed()


def happened(folder, play, *rules, **options):
    """Record what *play* does while the router drops by *rules*; return the diagnosis and charon's
    log.
    """
    near, far = folder / "near.pcap", folder / "far.pcap"
    made = Lab(near, far)
    try:
        if rules:
            made.drop(*rules)
        left, right = made.end("left"), made.end("right", **options)
        play(left)
        logs = left.told(), right.told()
    finally:
        made.close()
    told = diagnose(read([str(near)]), read([str(far)]))
    return told.gateways[0], logs, made.dropped


@isolated
def test_a_port_that_is_blocked(tmp_path):
    found, (left, right), dropped = happened(
        tmp_path, lambda left: left.initiate(), "udp dport 4500"
    )
    assert "peer not responding" in left
    assert "IKE_AUTH" not in right
    assert [(each.certainty, each.id) for each in found.conclusions] == [
        ("certain", "blocked-4500")
    ]
    assert [each.sent - each.arrived for each in found.between.lost] == [dropped]


@isolated
def test_one_capture_of_all_interfaces_of_the_router(tmp_path):
    """As most people capture: `-i any`. It is compared with itself."""
    everything = tmp_path / "any.pcap"
    made = Lab(tmp_path / "near.pcap", tmp_path / "far.pcap")
    made.recorders.append(Recorder(made.router, "any", everything))
    try:
        made.drop("udp dport 4500")
        left, _ = made.both()
        assert not left.initiate()
    finally:
        made.close()
    (found,) = diagnose(read([str(everything)])).gateways
    assert [(each.certainty, each.id) for each in found.conclusions] == [
        ("certain", "blocked-4500"),
        ("certain", "both-sides"),
    ]
    assert [each.sent - each.arrived for each in found.between.lost] == [made.dropped]


@isolated
def test_esp_that_is_dropped_one_way(tmp_path):
    def play(left):
        assert left.initiate(), left.told()
        assert left.ping(4, patience=0.3) == 0

    rule = f"ip saddr {FAR} udp sport 4500 @th,64,32 != 0"
    found, _, dropped = happened(tmp_path, play, rule)
    assert [(each.certainty, each.id) for each in found.conclusions] == [("certain", "esp-dropped")]
    ((lost),) = found.between.lost
    assert (lost.sender, lost.arrived, lost.sent) == (FAR, 0, dropped)


@isolated
def test_proposals_that_do_not_fit(tmp_path):
    def play(left):
        assert not left.initiate()

    found, (left, _), _ = happened(tmp_path, play, proposals="aes256-sha256-modp4096")
    assert "NO_PROPOSAL_CHOSEN" in left
    assert [each.id for each in found.conclusions] == ["proposals-refused"]
    assert "MODP_2048" in found.conclusions[0].because[1].text


CONF = """
base {
  version = 2
  remote_addrs = 10.2.0.2, 198.51.100.7   # a comment
  local { auth = psk
    id = "left@lab.example" }
}
connections {
  one : base {
    remote { auth = psk
      id = right@lab.example }
    children { net { local_ts = 10.1.0.0/16
        remote_ts = 10.2.0.0/16, 10.3.0.0/16 } }
  }
  include more.conf
}
secrets { ike { secret = "s3cr3t" } }
"""
MORE = """
two { version = 1
  remote_addrs = 203.0.113.5
  local { auth = psk }
  remote { auth = psk }
}
"""


@isolated
def test_charon_reads_the_same_of_a_configuration():
    """With bases, an included file, quotes and comments: `swanctl --list-conns` is the witness."""

    def more(folder):
        (folder / "more.conf").write_text(MORE)

    left = Swan(World().client, "left", "", "%any", configured=CONF, files=more)
    try:
        listed = left.control("--list-conns").stdout
        found = files.read(left.folder / "swanctl.conf")
    finally:
        left.close()
    assert [each.name for each in found] == ["one", "two"]
    assert _told(listed) == [
        {
            "version": each.versions[0],
            "remote": list(each.remote),
            "ids": [name for name in (each.local_id, each.remote_id) if name],
            "networks": [
                list(networks)
                for child in each.children
                for networks in (child.local_ts, child.remote_ts)
            ],
        }
        for each in found
    ]


def _told(listed):
    """Read swanctl's list: connections at the edge, theirs indented by two, tunnels' by four."""
    told = []
    for line in listed.splitlines():
        name, _, value = line.strip().partition(":")
        if not line.startswith(" "):
            version = int(value.strip()[4])
            told.append({"version": version, "remote": [], "ids": [], "networks": []})
        elif line.startswith("    ") and name == "id":
            told[-1]["ids"].append(value.strip())
        elif line.startswith("    "):
            told[-1]["networks"].append(value.split())
        elif name == "remote":
            told[-1]["remote"] += value.split()
    return told
