"""Makes the captures of this folder: each condition happens to a real strongSwan.

    python -m tests.diagnose.record [NAME...]

`manifest.yaml` says of each what the router did and what charon wrote; the docstring of a scenario
is the cause.
"""

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml
from tests.diagnose.lab import CERTIFIED, FAR, Lab
from tests.enforce.lab import Net, isolated
from tests.enforce.swan import Swan, behind_nat
from tests.kit import packets

HERE = Path(__file__).parent
CAPTURES = HERE / "captures"
MANIFEST = CAPTURES / "manifest.yaml"
SCENARIOS: dict[str, tuple[Callable[[Lab], None], dict[str, str]]] = {}
TOLD = re.compile(
    r"NO_PROPOSAL|AUTHENTICATION_FAILED|AUTH_FAILED|TS_UNACC|not responding|established|giving up"
    r"|behind NAT|INVALID|no matching|failed|retransmit \d|received \w+ error|fragment|MOBIKE|rekey"
    r"|mapping|changed|unable|inacceptable|COOKIE|no private|received proposals|deleting"
    r"|configured proposals"
)


def scenario(**lab: str):
    """Register a scenario; *lab* are options of the lab."""

    def register(made: Callable[[Lab], None]) -> Callable[[Lab], None]:
        SCENARIOS[made.__name__.replace("_", "-")] = made, lab
        return made

    return register


def ready(lab: Lab, **options) -> tuple[Swan, Swan]:
    """Both ends, and the tunnel stands and carries."""
    left, right = lab.both(**options)
    assert left.initiate(), left.told()
    assert left.ping(3) == 3
    return left, right


@scenario()
def works(lab: Lab) -> None:
    """Nothing is wrong."""
    left, _ = ready(lab)
    assert left.ping(5) == 5


@scenario()
def no_answer_500(lab: Lab) -> None:
    """The router drops UDP to port 500."""
    lab.drop("udp dport 500")
    left, _ = lab.both()
    assert not left.initiate()


@scenario()
def answers_500_dropped(lab: Lab) -> None:
    """The router drops what comes from port 500 of the right one: the way back."""
    lab.drop(f"ip saddr {FAR} udp sport 500")
    left, _ = lab.both()
    assert not left.initiate()


@scenario()
def nobody_listens(lab: Lab) -> None:
    """There is no IKE daemon on the right: its kernel refuses by ICMP."""
    assert not lab.end("left").initiate()


@scenario()
def filtered_500(lab: Lab) -> None:
    """The router refuses UDP to port 500 by ICMP, administratively prohibited."""
    lab.router.sh(
        "nft add table ip drop0",
        "nft 'add chain ip drop0 f { type filter hook forward priority 0; }'",
        "nft add rule ip drop0 f udp dport 500 reject with icmp type admin-prohibited",
    )
    lab.rules.append("udp dport 500 reject with icmp type admin-prohibited")
    left, _ = lab.both()
    assert not left.initiate()


@scenario()
def port_4500_blocked(lab: Lab) -> None:
    """The router drops UDP to port 4500."""
    lab.drop("udp dport 4500")
    left, _ = lab.both()
    assert not left.initiate()


@scenario()
def answers_4500_dropped(lab: Lab) -> None:
    """The router drops what comes from port 4500 of the right one: blocked one way."""
    lab.drop(f"ip saddr {FAR} udp sport 4500")
    left, _ = lab.both()
    assert not left.initiate()


@scenario()
def esp_dropped(lab: Lab) -> None:
    """The router passes IKE on port 4500 and drops ESP there, both ways."""
    lab.drop("udp dport 4500 @th,64,32 != 0", "udp sport 4500 @th,64,32 != 0")
    left, _ = lab.both()
    assert left.initiate(), left.told()
    assert left.ping(4, patience=0.4) == 0


@scenario()
def esp_one_way(lab: Lab) -> None:
    """The router drops ESP in UDP that comes from the right one, and passes the other direction."""
    lab.drop(f"ip saddr {FAR} udp sport 4500 @th,64,32 != 0")
    left, _ = lab.both()
    assert left.initiate(), left.told()
    assert left.ping(6, patience=0.4) == 0


@scenario()
def esp_lossy(lab: Lab) -> None:
    """The router drops some packets of ESP from the left one."""
    left, _ = ready(lab)
    lab.drop("udp dport 4500 @th,64,32 != 0 numgen inc mod 5 == 4")
    left.ping(40, patience=0.2)


def certificates(me: str, *, big: bool = True, days: int = 9) -> Callable[[Path], None]:
    """Put a certificate of *me*, good for so many *days*, and its authority into a folder; a *big*
    one fills two packets.
    """

    def put(folder: Path) -> None:
        for name in ("x509", "x509ca", "private"):
            (folder / name).mkdir()
        home = Path("/run/ca")
        if not home.exists():
            home.mkdir()
            _openssl(
                home,
                "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=ca -days 9",
            )
        names = ",".join(f"DNS:{n}.a-rather-long-name.of-a-host.lab.example" for n in range(40))
        also = f",{names}" if big else ""
        _openssl(
            home,
            f"req -newkey rsa:2048 -nodes -keyout {me}.key -out {me}.csr -subj /CN={me} "
            f"-addext subjectAltName=email:{me}@lab.example{also}",
        )
        _openssl(
            home,
            f"x509 -req -in {me}.csr -CA ca.pem -CAkey ca.key -out {me}.pem -days {days} "
            "-copy_extensions copy",
        )
        (folder / "x509ca" / "ca.pem").write_bytes((home / "ca.pem").read_bytes())
        (folder / "x509" / f"{me}.pem").write_bytes((home / f"{me}.pem").read_bytes())
        (folder / "private" / f"{me}.key").write_bytes((home / f"{me}.key").read_bytes())

    return put


def _openssl(home: Path, command: str) -> None:
    subprocess.run(["openssl", *command.split()], cwd=home, check=True, capture_output=True)


def _certified(lab: Lab, fragmentation: str, *, days: int = 9) -> tuple[Swan, Swan]:
    ends = [
        lab.end(
            me,
            auth="pubkey",
            plugins=CERTIFIED,
            files=certificates(me, days=days if me == "left" else 9),
            more=f"fragmentation = {fragmentation}\n send_cert = always",
        )
        for me in ("left", "right")
    ]
    return ends[0], ends[1]


@scenario()
def fragments_lost(lab: Lab) -> None:
    """IKE_AUTH holds a large certificate, IKE cuts nothing, and the router drops IP's fragments."""
    lab.drop("ip frag-off & 0x1fff != 0", hook="prerouting", priority=-450)
    left, _ = _certified(lab, "no")
    assert not left.initiate()


@scenario()
def fragments_negotiated(lab: Lab) -> None:
    """The same router and certificates; with IKE fragmentation the tunnel stands."""
    lab.drop("ip frag-off & 0x1fff != 0", hook="prerouting", priority=-450)
    left, _ = _certified(lab, "yes")
    assert left.initiate(), left.told()
    assert left.ping(3) == 3


@scenario()
def certificate_expired(lab: Lab) -> None:
    """The left one's certificate ended a day ago by the right one's clock."""
    left, _ = _certified(lab, "yes", days=-1)
    assert not left.initiate()


@scenario()
def ike_fragments_lost(lab: Lab) -> None:
    """IKE fragmentation is on, and its fragments of 1,280 bytes are too large for the router, which
    drops packets of more than 1,000 bytes."""
    lab.drop("ip length > 1000")
    left, _ = _certified(lab, "yes")
    assert not left.initiate()


@scenario(nat="masquerade random")
def mapping_lost(lab: Lab) -> None:
    """The NAT forgets a mapping after 3 seconds and keep-alives come each 20: the next packet of
    the left one gets another port, and what the right one sends in between is lost."""
    lab.forget(3)
    left, right = ready(lab)
    time.sleep(5)
    right.ping(3, patience=0.5)
    left.ping(6, patience=0.5)


@scenario(nat="masquerade random")
def keepalives_help(lab: Lab) -> None:
    """The same NAT with keep-alives each second: nothing is lost."""
    lab.forget(3)
    _, right = ready(lab, settings="keep_alive = 1")
    time.sleep(6)
    assert right.ping(3, patience=2) == 3


@scenario()
def proposals_refused(lab: Lab) -> None:
    """The left one proposes a group that the right one does not accept."""
    left = lab.end("left", proposals="aes256-sha256-modp2048")
    lab.end("right", proposals="aes256-sha256-modp4096")
    assert not left.initiate()


@scenario()
def esp_proposals_refused(lab: Lab) -> None:
    """The two have no proposal of ESP in common: IKE stands, no tunnel does."""
    left = lab.end("left", esp="aes128-sha256")
    lab.end("right", esp="aes256-sha512")
    assert not left.initiate()


@scenario()
def wrong_secret(lab: Lab) -> None:
    """The two have different pre-shared keys."""
    left = lab.end("left", secret="one key")
    lab.end("right", secret="another key")
    assert not left.initiate()


@scenario()
def wrong_identity(lab: Lab) -> None:
    """The left one names itself otherwise than the right one expects."""
    left = lab.end("left", identity="somebody@lab.example")
    lab.end("right")
    assert not left.initiate()


@scenario()
def selectors_refused(lab: Lab) -> None:
    """The two name networks that have nothing in common."""
    left = lab.end("left", remote_ts="10.77.0.0/16")
    lab.end("right")
    assert not left.initiate()


@scenario()
def peer_dead(lab: Lab) -> None:
    """The right one is killed; the left one asks whether it lives, each second, and gives up."""
    left, right = ready(lab, more="dpd_delay = 1s")
    right.close()
    lab.world.server.sh(
        "nft add table ip quiet",
        "nft 'add chain ip quiet o { type filter hook output priority 0; }'",
        "nft add rule ip quiet o ip protocol icmp drop",
    )
    left._until(lambda: "giving up" in left.told())


@scenario()
def restarted(lab: Lab) -> None:
    """The right one is killed and started again: it does not know the association any more."""
    left, right = ready(lab, more="dpd_delay = 1s")
    right.close()
    lab.ends.remove(right)
    import shutil  # noqa: PLC0415

    shutil.rmtree(right.folder)
    lab.end("right")
    left.ping(3, patience=0.3)
    left._until(lambda: "retransmit 2" in left.told())


@scenario()
def rekey_lost(lab: Lab) -> None:
    """The NAT forgets an idle mapping after 2 seconds; the right one renews keys after six and gets
    no answer. Keep-alives are off."""
    lab.forget(2)
    left = lab.end("left", settings="keep_alive = 0")
    right = lab.end("right", settings="keep_alive = 0", more="rekey_time = 6s\n over_time = 60s")
    assert left.initiate(), left.told()
    assert left.ping(3) == 3
    right._until(lambda: "giving up" in right.told())


@scenario()
def moved(lab: Lab) -> None:
    """The left one's address changes, and MOBIKE tells the right one."""
    left, _ = ready(lab)
    lab.world.client.sh("ip addr add 10.1.0.9/24 dev c0", "ip addr del 10.1.0.2/24 dev c0")
    lab.world.client.sh(
        "ip addr replace 10.1.0.9/24 dev c0", "ip route replace default via 10.1.0.1"
    )
    time.sleep(2)
    assert left.ping(4, patience=2) >= 3, left.told()


@scenario()
def no_mobike(lab: Lab) -> None:
    """The left one's address changes, and there is no MOBIKE: it begins anew from there."""
    left, right = ready(lab, more="mobike = no")
    lab.world.client.sh("ip addr add 10.1.0.9/24 dev c0", "ip addr del 10.1.0.2/24 dev c0")
    lab.world.client.sh(
        "ip addr replace 10.1.0.9/24 dev c0", "ip route replace default via 10.1.0.1"
    )
    time.sleep(1)
    right.ping(4, patience=0.4)
    left.ping(4, patience=0.4)


@scenario(nat="")
def shared_mapping(lab: Lab) -> None:
    """Two clients behind a NAT that has one mapping for port 500 and 4500: what comes back goes to
    the first of them."""
    second = second_client(lab)
    lab.router.sh(
        "nft add table ip raw0",
        "nft 'add chain ip raw0 p { type filter hook prerouting priority -300; }'",
        "nft 'add chain ip raw0 q { type filter hook postrouting priority -300; }'",
        "nft add rule ip raw0 p udp dport {500,4500} notrack",
        f"nft add rule ip raw0 p ip saddr {FAR} ip daddr 10.2.0.1 ip daddr set 10.1.0.2",
        f"nft add rule ip raw0 q ip daddr {FAR} udp dport != 9 ip saddr set 10.2.0.1",
    )
    lab.rules.append("a NAT without table: 10.2.0.1 port 500 and 4500 are 10.1.0.2's")
    left, _ = lab.both()
    assert left.initiate(), left.told()
    assert left.ping(3) == 3
    other = lab.end("second", FAR, net=second, local_ts="10.9.3.1/32")
    assert not other.initiate()


def second_client(lab: Lab) -> Net:
    """Return a network with address 10.1.0.3 on the same wire as the left one's."""
    made = Net()
    lab.world.client.sh(
        f"ip link add link c0 name d0 netns /proc/self/fd/{made.fd} type macvlan mode bridge",
        keep=(made.fd,),
    )
    made.sh(
        "ip link set lo up",
        "ip link set d0 up",
        "ip addr add 10.1.0.3/24 dev d0",
        "ip route add default via 10.1.0.1",
    )
    return made


@scenario()
def cookies(lab: Lab) -> None:
    """Somebody begins association after association with the right one, which asks for cookies."""
    left, _ = lab.both(settings="cookie_threshold = 4\n  block_threshold = 0")
    flood(lab)
    assert left.initiate(), left.told()


def flood(lab: Lab, number: int = 60) -> None:
    """Begin *number* associations with the right one from one host, and complete none."""
    subprocess_text = f"""
import os, socket
hello = bytes.fromhex({hello().hex()!r})
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 5000))
for _ in range({number}):
    s.sendto(os.urandom(8) + hello[8:], ("{FAR}", 500))
    import time; time.sleep(0.01)
"""
    done = lab.world.client.start(sys.executable, "-c", subprocess_text)
    assert not done.wait()


def hello() -> bytes:
    """Return the first message of a real exchange."""
    return next(packets(CAPTURES / "works.near.pcap"))[28:]


@scenario()
def lifetimes(lab: Lab) -> None:
    """IKEv1: the two want the association to live for different times."""
    left = lab.end("left", version=1, more="reauth_time = 40m", child="life_time = 20m")
    lab.end("right", version=1, more="reauth_time = 4h", child="life_time = 1h")
    assert left.initiate(), left.told()
    assert left.ping(2) == 2


@scenario()
def v1_wrong_secret(lab: Lab) -> None:
    """IKEv1, main mode: the two have different pre-shared keys, and cannot read each other."""
    left = lab.end("left", version=1, secret="one key")
    lab.end("right", version=1, secret="another key")
    assert not left.initiate()


@scenario()
def v1_port_4500_blocked(lab: Lab) -> None:
    """IKEv1: the router drops UDP to port 4500, where main mode goes on."""
    lab.drop("udp dport 4500")
    left, _ = lab.both(version=1)
    assert not left.initiate()


@scenario()
def v1_proposals_refused(lab: Lab) -> None:
    """IKEv1: the left one proposes a group that the right one does not accept."""
    left = lab.end("left", version=1, proposals="aes256-sha256-modp2048")
    lab.end("right", version=1, proposals="aes256-sha256-modp4096")
    assert not left.initiate()


@scenario()
def v1_selectors_refused(lab: Lab) -> None:
    """IKEv1: the two name networks that have nothing in common; quick mode is refused."""
    left = lab.end("left", version=1, remote_ts="10.77.0.0/16")
    lab.end("right", version=1)
    assert not left.initiate()


@scenario(nat="")
def no_nat(lab: Lab) -> None:
    """No NAT, and IKE without a made-up one: there is no ESP in UDP."""
    left, _ = lab.both(tunnels=False, more="childless = force")
    left.initiate(tunnel=False)


# -- healthy tunnels of other kinds ------------------------------------------------------------


@scenario()
def v1_works(lab: Lab) -> None:
    """IKEv1, main mode; nothing is wrong."""
    ready(lab, version=1)


@scenario()
def v1_aggressive(lab: Lab) -> None:
    """IKEv1, aggressive mode; nothing is wrong."""
    ready(lab, version=1, more="aggressive = yes")


QUICKLY = "over_time = 60s\n rand_time = 0s"


def used(left: Swan, times: int = 16) -> None:
    """Ping through the tunnel while keys are renewed."""
    for _ in range(times):
        left.ping(1, patience=2)
        time.sleep(0.4)


@scenario()
def rekeys(lab: Lab) -> None:
    """Both ends renew the keys of IKE each 3 seconds and those of ESP each 2; their requests cross.
    Nothing is wrong."""
    child = "rekey_time = 2s\n life_time = 60s\n rand_time = 0s"
    left, _ = ready(lab, more=f"rekey_time = 3s\n {QUICKLY}", child=child)
    used(left)


@scenario()
def v1_rekeys(lab: Lab) -> None:
    """IKEv1: both ends authenticate anew each 4 seconds and renew the keys of ESP each 2. Nothing
    is wrong."""
    child = "rekey_time = 2s\n life_time = 60s\n rand_time = 0s"
    left, _ = ready(lab, version=1, more=f"reauth_time = 4s\n {QUICKLY}", child=child)
    used(left)


@scenario()
def liveness(lab: Lab) -> None:
    """Each end asks each second whether the other lives; nothing is wrong."""
    left, _ = ready(lab, more="dpd_delay = 1s")
    time.sleep(4)
    assert left.ping(2) == 2


@scenario()
def terminated(lab: Lab) -> None:
    """The tunnel stands, and its owner takes it down; nothing is wrong."""
    left, _ = ready(lab)
    left.control("--terminate", "--ike", "lab")


@scenario()
def v1_terminated(lab: Lab) -> None:
    """IKEv1: the tunnel stands, and its owner takes it down; nothing is wrong."""
    left, _ = ready(lab, version=1)
    left.control("--terminate", "--ike", "lab")


@scenario(nat="masquerade random")
def double_nat(lab: Lab) -> None:
    """Two NATs before the left one, the outer one of which chooses ports; nothing is wrong."""
    left = lab.end("left", FAR, net=behind_nat(lab.world))
    lab.end("right")
    assert left.initiate(), left.told()
    assert left.ping(3) == 3


def forward(lab: Lab, *ports: int) -> None:
    """Let the router forward these ports of its inner address to the right one."""
    lab.router.sh(
        "nft add table ip forward0",
        "nft 'add chain ip forward0 p { type nat hook prerouting priority -100; }'",
    )
    for port in ports:
        rule = f"ip daddr 10.1.0.1 udp dport {port} dnat to {FAR}"
        lab.router.sh(f"nft add rule ip forward0 p iifname r1 {rule}")
        lab.rules.append(rule)


@scenario()
def forwarded(lab: Lab) -> None:
    """Both ends are behind a NAT: the right one by two ports that it forwards. Nothing is wrong."""
    forward(lab, 500, 4500)
    left = lab.end("left", "10.1.0.1")
    lab.end("right")
    assert left.initiate(), left.told()
    assert left.ping(3) == 3


@scenario()
def forwarded_500_only(lab: Lab) -> None:
    """Both ends are behind a NAT, which forwards port 500 to the right one, and not 4500."""
    forward(lab, 500)
    left = lab.end("left", "10.1.0.1")
    lab.end("right")
    assert not left.initiate()


def two(lab: Lab, identity: str) -> tuple[Swan, Swan]:
    """Two clients behind the NAT, and a gateway for both; both stand."""
    second = second_client(lab)
    left = lab.end("left", more="dpd_delay = 1s")
    lab.end("right", expects="*@lab.example", remote_ts="10.9.1.1/32,10.9.3.1/32")
    assert left.initiate(), left.told()
    assert left.ping(3) == 3
    other = lab.end("second", FAR, net=second, identity=identity)
    assert other.initiate(), other.told()
    return left, other


@scenario()
def two_clients(lab: Lab) -> None:
    """Two clients behind one NAT, each with an identity of its own; nothing is wrong."""
    left, other = two(lab, "second@lab.example")
    assert other.ping(3) == 3
    assert left.ping(3) == 3


@scenario()
def same_identity(lab: Lab) -> None:
    """Two clients behind one NAT with the same identity: when the second one comes up, the right
    one forgets the first one's tunnel."""
    left, other = two(lab, "left@lab.example")
    assert other.ping(3) == 3
    assert left.ping(4, patience=0.4) == 0
    left._until(lambda: "retransmit 2" in left.told())


# -- size, and ESP that stops ------------------------------------------------------------------


@scenario()
def too_large(lab: Lab) -> None:
    """The router drops packets of more than 1,300 bytes and says nothing: small ones pass."""
    left, _ = ready(lab)
    lab.drop("ip length > 1300")
    for _ in range(6):
        assert left.ping(1, patience=0.2, size=1300) == 0
        assert left.ping(1) == 1


@scenario()
def answer_fragments_lost(lab: Lab) -> None:
    """Only the right one has a large certificate, IKE cuts nothing, and the router drops IP's
    fragments: those of the answer."""
    lab.drop("ip frag-off & 0x1fff != 0", hook="prerouting", priority=-450)
    left, _ = (
        lab.end(
            me,
            auth="pubkey",
            plugins=CERTIFIED,
            files=certificates(me, big=me == "right"),
            more="fragmentation = no\n send_cert = always",
        )
        for me in ("left", "right")
    )
    assert not left.initiate()


@scenario()
def esp_stops(lab: Lab) -> None:
    """The tunnel carries, and then the router drops ESP of the right one."""
    left, _ = ready(lab)
    lab.drop(f"ip saddr {FAR} udp sport 4500 @th,64,32 != 0")
    assert left.ping(8, patience=0.3) == 0


@scenario()
def unrouted(lab: Lab) -> None:
    """The right one drops what it decrypts: its own firewall."""
    left, right = lab.both()
    right.net.sh(
        "nft add table ip quiet",
        "nft 'add chain ip quiet i { type filter hook input priority 0; }'",
        "nft add rule ip quiet i ip daddr 10.9.2.1 icmp type echo-request drop",
    )
    assert left.initiate(), left.told()
    assert left.ping(6, patience=0.3) == 0


@scenario()
def v1_peer_dead(lab: Lab) -> None:
    """IKEv1: the right one is killed; the left one asks whether it lives, each second."""
    _, right = ready(lab, version=1, more="dpd_delay = 1s\n dpd_timeout = 30s")
    right.close()
    lab.world.server.sh(
        "nft add table ip quiet",
        "nft 'add chain ip quiet o { type filter hook output priority 0; }'",
        "nft add rule ip quiet o ip protocol icmp drop",
    )
    time.sleep(5)


def record(name: str) -> dict[str, object]:
    """Make the captures of one scenario; return its entry of the manifest."""
    run, options = SCENARIOS[name]
    near, far = CAPTURES / f"{name}.near.pcap", CAPTURES / f"{name}.far.pcap"
    notes = Path(tempfile.gettempdir()) / f"diagnose.{name}.yaml"

    @isolated
    def inside() -> None:
        lab = Lab(near, far, **options)
        failed = None
        try:
            run(lab)
        except AssertionError as error:
            failed = str(error)[-2000:]
        finally:
            logs = {end.me: end.told() for end in lab.ends}
            rules = list(lab.rules)
            lab.close()
            dropped = lab.dropped
        told = {
            me: [line.split("] ", 1)[-1] for line in text.splitlines() if TOLD.search(line)][-12:]
            for me, text in logs.items()
        }
        notes.write_text(
            yaml.safe_dump(
                {
                    "router": rules,
                    "dropped": dropped,
                    "charon": told,
                    "failed": failed,
                    "logs": logs,
                }
            )
        )

    inside()
    near.chmod(0o644)
    far.chmod(0o644)
    return yaml.safe_load(notes.read_text())


def main(names: list[str]) -> None:
    """Record what is named, or everything."""
    CAPTURES.mkdir(exist_ok=True)
    known = yaml.safe_load(MANIFEST.read_text()) if MANIFEST.exists() else {}
    for name in names or SCENARIOS:
        began = time.monotonic()
        told = record(name)
        cause = " ".join((SCENARIOS[name][0].__doc__ or "").split())
        print(f"{name}: {time.monotonic() - began:.1f} s", told.pop("failed") or "")
        told.pop("logs")
        known[name] = {"cause": cause, **told}
        MANIFEST.write_text(yaml.safe_dump(known, width=110, allow_unicode=True))


if __name__ == "__main__":
    main(sys.argv[1:])
