"""For every rule: events that fire it, and near ones that must not.

`message`, `transfer` and the like make events with harmless defaults; a case changes what matters.
A stream is a dict, an event anything else.
"""

from backchannel.detect.events import FileMatched, PasswordGuessed, PolicyMatch, UnknownPeer
from backchannel.events import (
    Anomaly,
    Contact,
    Contacts,
    Credential,
    Download,
    Message,
    NameLearned,
    Offer,
    PeerAddress,
    ProxyAnswer,
    ProxyRequest,
    Search,
    SearchHit,
    Share,
    SharedFile,
    SignOn,
    SignOnAnswer,
    Transfer,
)
from backchannel.model import Capability, Side, Standing
from backchannel.protocols.bittorrent.events import PeersSealed, PeerTraffic
from backchannel.protocols.esp.events import EspTraffic, NatKeepalive
from backchannel.protocols.ike.events import IkeProposals, IkeStage
from backchannel.protocols.msn_webcam.events import WebcamVideo
from backchannel.protocols.msnp.events import ChatLogging
from backchannel.protocols.rdp.events import DesktopSecurity
from backchannel.protocols.stun.events import TurnPeerReached
from backchannel.protocols.wireguard.events import WireguardTraffic

FILE, SHARED = Capability.FILE_TRANSFER, Capability.FILE_SHARING
PUBLIC = "198.51.101.7"


def message(text="hello", **changes):
    return Message(
        **{"sender": "ann", "recipient": "bob", "text": text, "size": len(text)} | changes
    )


def transfer(name="notes.txt", **changes):
    defaults = {
        "use": FILE,
        "sender": "ann",
        "recipient": "bob",
        "name": name,
        "size": 10,
        "seen": 10,
        "complete": True,
        "media": "text/plain",
    }
    return Transfer(**defaults | changes)


def offer(name="notes.txt", **changes):
    return Offer(**{"use": FILE, "sender": "ann", "recipient": "bob", "name": name} | changes)


def credential(kind, scheme="test", **changes):
    return Credential(**{"account": "ann", "kind": kind, "scheme": scheme, "secret": "s"} | changes)


def address(told="192.168.1.9", **changes):
    return PeerAddress(**{"use": FILE, "account": "ann", "address": told, "how": "offer"} | changes)


def seen(told):
    """An address that a chat server shows of a member."""
    return address(told, use=Capability.PRESENCE, how="join")


def share(*names):
    return Share(owner="ann", files=tuple(SharedFile(name=name) for name in names))


def hit(name, number, owner="ann"):
    return SearchHit(owner=owner, id=f"{number}", files=(SharedFile(name=name),))


def anomaly(kind):
    return Anomaly(kind=kind, detail="seen")


def stage(name, number=1, **changes):
    return IkeStage(initiator_spi=f"{number:016x}", version=2, stage=name, **changes)


def proposals(*weak, chosen=False):
    return IkeProposals(
        initiator_spi="0" * 16,
        version=2,
        exchange="IKE_SA_INIT",
        chosen=chosen,
        suites=(),
        weak=weak,
    )


def esp(**changes):
    defaults = {"spi": "00001000", "carrier": "udp", "packets": 20, "octets": 2000, "first": 1}
    return EspTraffic(**defaults | {"last": 20} | changes)


def reached(address, relayed=""):
    return TurnPeerReached(address=address, port=22, relayed=relayed)


def wireguard(**changes):
    defaults = {"state": "begins", "index": "00000001", "packets": 1, "octets": 96, "first": 0}
    return WireguardTraffic(**defaults | {"last": 0} | changes)


def stream(**changes):
    """A stream that ended; the defaults are those of an ordinary AIM connection."""
    return {"service": "aim", "protocol": "oscar", "port": 5190} | changes


def desktop(**changes):
    """A remote desktop whose server answered."""
    return stream(**{"service": "rdp", "protocol": "rdp", "port": 3389} | changes)


GROUP_KEYS = {"service": "ipsec", "protocol": "ike", "port": 848, "transport": "udp"}
"""GDOI, on its own port."""


RDP = {"service": "rdp", "protocol": "rdp"}


def proxied(scheme, accepted=True, **place):
    """What a proxy outside answers."""
    told = ProxyAnswer(scheme=scheme, accepted=accepted, code="200")
    return told, {"service": "http-proxy", "protocol": "http-proxy", "server": PUBLIC} | place


CALL = {"service": "rtp", "protocol": "rtp"}


TORRENT = {"service": "bittorrent", "protocol": "bittorrent"}


def pieces(uploaded=5):
    """What the client sent of a torrent."""
    return PeerTraffic(hash="aa", peer="-XX-", uploaded=uploaded)


def many(make, count):
    return [make(number) for number in range(count)]


IRC = {"service": "irc", "protocol": "irc"}
GNUTELLA = {"service": "gnutella", "protocol": "gnutella"}

CASES = {
    "policy-refuses": (
        [PolicyMatch(action="reset", line="no-files", place="p.yaml:3", used="file-transfer")],
        [PolicyMatch(action="spared", line="no-files", place="p.yaml:3", used="file-transfer")],
    ),
    "cleartext-messages": ([message()], [message(kind="system"), message(kind="encrypted")]),
    "cleartext-contacts": (
        [Contacts(owner="ann", entries=(Contact(account="bob"),))],
        [message()],
    ),
    "password-plain": ([credential("plain")], [credential("hash")]),
    "password-recoverable": ([credential("recoverable")], [credential("plain")]),
    "password-guessable": (
        [credential("hash")],
        [credential("token"), *[credential("hash", of) for of in ("stun-long-term", "ikev1-psk")]],
    ),
    "relay-login-guessable": (
        [
            credential("hash", "stun-long-term"),
            credential("hash", "stun-long-term", account="1700000000x"),
        ],
        [
            credential("hash"),
            credential("hash", "stun-long-term", account="1700000000:ann"),
            credential("hash", "stun-long-term", account="1700000000"),
        ],
    ),
    "weak-password-found": (
        [
            PasswordGuessed(
                account="ann", scheme="msn-md5", password="letmein", source="well-known list"
            )
        ],
        [credential("hash"), credential("plain", secret="letmein")],
    ),
    "session-token": ([credential("token")], [credential("plain")]),
    "file-transferred": ([transfer()], [transfer(seen=0), transfer(use=Capability.IMAGE)]),
    "file-shared": ([transfer(use=SHARED)], [transfer()]),
    "executable-transferred": (
        [transfer("game.EXE")],
        [transfer("execute.txt"), offer("readme.exe.txt")],
    ),
    "double-extension": (
        [offer("holiday.jpg.exe")],
        [offer("archive.tar.gz"), offer("setup.exe"), offer("holiday.jpg")],
    ),
    "disguised-program": (
        [transfer("picture.png", media="application/x-dosexec")],
        [transfer("setup.exe", media="application/x-dosexec"), transfer("picture.png")],
    ),
    "file-matched": (
        [
            FileMatched(
                use=FILE,
                sender="ann",
                recipient="bob",
                name="notes.txt",
                sha256="0" * 64,
                engine="yara",
                rule="worm",
            )
        ],
        [transfer("setup.exe"), transfer("picture.png", media="application/x-dosexec")],
    ),
    "worm-file": (
        many(lambda n: offer("hello.exe", recipient=f"friend{n}"), 4),
        [*many(lambda n: offer("hello.exe", recipient="bob"), 6), offer("hello.exe")],
    ),
    "worm-link": (
        many(lambda n: message("see http://worm.example/x", recipient=f"friend{n}"), 4),
        many(lambda n: message(f"see http://site.example/{n}", recipient=f"friend{n}"), 6)
        + many(lambda n: message("see http://news.example/", recipient=f"#news{n}"), 6),
    ),
    "bot-commands": (
        [(message(".advscan dcom135 200 3 0 -r -s", kind="topic", room="#s"), IRC)],
        [
            (message("see .download http://site.example/x", room="#s"), IRC),
            (message("!download the new one", room="#s"), IRC),
            (message("[scan] of the page is here", room="#s"), IRC),
            message(".advscan dcom135 200 3 0 -r -s"),
        ],
    ),
    "query-echo": (
        many(lambda n: hit(f"song {n}.exe", n), 5),
        many(lambda n: hit(f"song {n}.mp3", n), 8),
    ),
    "sensitive-share": (
        [share("passwords.txt")],
        [
            share("song.mp3", "passage.txt", "Secret Garden - Bank Holiday.mp3", "desktop.ini"),
            (share("invoice.pdf"), TORRENT),
        ],
    ),
    "drive-shared": (
        [share("C:\\Windows\\win.com")],
        [
            share("windows tips.txt", "D:\\Music\\song.mp3", "Game/Windows/setup.exe"),
            (share("windows/setup.exe"), TORRENT),
        ],
    ),
    "anonymous-listing": ([anomaly("anonymous-listing")], [anomaly("sequence-jump")]),
    "inside-address-told": (
        [address("10.1.2.3")],
        [
            address(PUBLIC),
            (seen("10.1.2.3"), IRC),
            (address("10.1.2.3", how="cname"), CALL),  # one telephone of the house to another
        ],
    ),
    "member-addresses-told": (
        [(seen("8.8.4.4"), IRC)],
        [(seen("10.1.2.3"), IRC), (address("8.8.4.4"), IRC), seen("8.8.4.4")],
    ),
    "public-address-told": (
        [address("8.8.4.4")],
        [
            address("10.1.2.3"),
            (address("8.8.8.8"), {"server": "8.8.8.8"}),  # whoever hears of itself learns nothing
            (address("8.8.4.4"), GNUTELLA),
            (seen("8.8.4.4"), IRC),
            address("8.8.4.4", how="relay-candidate"),
        ],
    ),
    "peer-addresses-told": (
        [(address("8.8.4.4"), GNUTELLA)],
        [(address("8.8.8.8"), GNUTELLA | {"server": "8.8.8.8"}), address("8.8.4.4")],
    ),
    "two-places": (
        [
            (SignOn(account="ann"), {"client": "10.0.0.5"}),
            (SignOn(account="ann"), {"client": "10.0.0.6"}),
        ],
        [
            SignOn(account="ann"),
            SignOn(account="ann"),
            (SignOn(account="relayed", method="stun-long-term"), {"client": "10.0.0.5"}),
            (SignOn(account="relayed", method="stun-long-term"), {"client": "10.0.0.6"}),
            # names that prove nothing: many have the same
            *[
                (SignOn(account="guest", method="nickname"), {"client": f"10.0.0.{n}"})
                for n in (5, 6)
            ],
            *[
                (
                    SignOn(account="vpngroup", method="ikev1-aggressive"),
                    {"client": f"10.0.0.{n}", "service": "ipsec", "protocol": "ike"},
                )
                for n in (5, 6)
            ],
            # of the same name at two servers, each of which has its own accounts
            *[
                (
                    SignOn(account="admin", method="http-basic"),
                    {
                        "client": f"10.0.0.{n}",
                        "server": f"10.0.1.{n}",
                        "service": "http-proxy",
                        "protocol": "http-proxy",
                    },
                )
                for n in (5, 6)
            ],
        ],
    ),
    "cookie-replayed": (
        [
            (credential("token"), {"client": "10.0.0.5"}),
            (credential("token"), {"client": "10.0.0.6"}),
        ],
        [
            credential("token"),
            credential("token"),
            (credential("token", "tracker-key"), {"client": "10.0.0.5"}),
            (credential("token", "tracker-key"), {"client": "10.0.0.6"}),
            # a server gives it, and its client shows it
            (credential("token", "issued", secret="new"), {"side": Side.SERVER}),
            credential("token", "issued", secret="new"),
            # each of two servers shows the other the same
            (credential("token", "xmpp-dialback", secret="key"), {"client": "10.0.0.5"}),
            (credential("token", "xmpp-dialback", secret="key"), {"client": "10.0.0.6"}),
        ],
    ),
    "sequence-jump": ([anomaly("sequence-jump")], [anomaly("message-archive")]),
    "asks-for-password": (
        [message("please send me your password to verify")],
        [message("i forgot my password again")],
    ),
    "impersonates-operator": (
        [message("This is AOL billing support, confirm your account")],
        [message("the aol office is closed")],
    ),
    "card-number": (
        [message("it is 4111 1111 1111 1111 ok")],
        [message("order 4111 1111 1111 1112"), message("call 555 0100")],
    ),
    "aim-game-overflow": (
        [anomaly("oversized-game-request")],
        [anomaly("sequence-jump"), anomaly("oversized-font-name")],
    ),
    "icq-web-traversal": (
        [anomaly("icq-web-traversal"), anomaly("icq-web-traversal-succeeded")],
        [anomaly("icq-web-crash"), anomaly("path-traversal")],
    ),
    "icq-web-crash": ([anomaly("icq-web-crash")], [anomaly("path-traversal")]),
    "anydesk-format-string": ([anomaly("anydesk-format-string")], [anomaly("icq-web-crash")]),
    "kazaa-dos": ([anomaly("request-flood")], [anomaly("anonymous-listing")]),
    "path-traversal": ([anomaly("path-traversal")], [anomaly("icq-web-traversal")]),
    "msn-font-overflow": ([anomaly("oversized-font-name")], [anomaly("oversized-game-request")]),
    "logins-refused": (
        many(lambda n: SignOnAnswer(account=f"u{n}", accepted=False, reason="no"), 10),
        many(lambda n: SignOnAnswer(account="ann", accepted=False, reason="no"), 9)
        + many(lambda n: SignOnAnswer(account="ann", accepted=True), 10)
        + many(
            lambda n: (
                SignOnAnswer(account="ann", accepted=False, reason="433 Nickname is in use"),
                {"server": "10.0.0.2"},
            ),
            20,
        )
        + many(
            lambda n: (
                SignOnAnswer(account="ann", accepted=False),
                {"service": "stun-turn", "protocol": "stun"},
            ),
            20,
        ),
    ),
    "desktop-without-tls": (
        [(DesktopSecurity(chosen="rc4-128"), RDP)],
        [(DesktopSecurity(chosen=each), RDP) for each in ("tls", "credssp", "refused", "")],
    ),
    "conversations-kept": (
        [ChatLogging(account="ann", keeps=True)],
        [ChatLogging(account="ann", keeps=False)],
    ),
    "cleartext-webcam": (
        [WebcamVideo(sender="ann", recipient="bob", session="1", width=320, height=240)],
        [],
    ),
    "protocol-abuse": ([anomaly("path-in-file-name")], [anomaly("sequence-jump")]),
    "remote-control": ([offer(use=Capability.REMOTE_ASSISTANCE)], [offer()]),
    "remote-desktop": (
        [desktop()],
        [stream(), desktop(standing=Standing.CLAIMED), desktop(client=PUBLIC)],
    ),
    "remote-tool": (
        [stream(service="teamviewer", protocol="teamviewer", port=5938)],
        [stream(), desktop()],
    ),
    "remote-desktop-exposed": (
        [desktop(client=PUBLIC)],
        [
            desktop(),
            desktop(server=PUBLIC),
            desktop(client=PUBLIC, server="8.8.4.4"),
            desktop(client=PUBLIC, standing=Standing.CLAIMED),
        ],
    ),
    "spyware-host": (
        [NameLearned(name="j.cydoor.com")],
        [NameLearned(name="notcydoor.com"), NameLearned(name="example.com")],
    ),
    "message-log-shared": (
        [share("message archive 2003.txt"), share("Yahoo/Archive/Messages/20030412-ann.dat")],
        [share("love letters.txt"), share("saved-game.dat")],
    ),
    "message-archive": ([anomaly("message-archive")], [anomaly("sequence-jump")]),
    "media-transferred": (
        [transfer("song.mp3")],
        [transfer("notes.txt")],
    ),
    "bulk-volume": (
        [stream(service="kazaa", protocol="fasttrack", port=1214, octets=200_000_000)],
        [
            stream(service="kazaa", protocol="fasttrack", port=1214, octets=1000),
            stream(octets=10**9),
        ],
    ),
    "torrent-seeded": (
        [(pieces(), {"server": "8.8.4.4"})],
        [(pieces(uploaded=0), {"server": "8.8.4.4"}), (pieces(), {"client": "8.8.8.8"}), pieces()],
    ),
    "torrent-sealed": ([PeersSealed(carrier="tcp")], [pieces()]),
    "odd-port": (
        [stream(port=7777)],
        [
            stream(),
            stream(port=443),
            GROUP_KEYS,
            stream(protocol="oft", port=7777),
            stream(protocol="gnutella", port=7777),
        ],
    ),
    "odd-port-peers": (
        [stream(service="kazaa", protocol="fasttrack", port=3175)],
        [stream(service="kazaa", protocol="fasttrack", port=1214), stream(port=7777)],
    ),
    "borrowed-port": (
        [stream(port=443)],
        [stream(port=7777), stream(service="irc", protocol="irc", port=6697)],
    ),
    "inside-proxy": (
        [stream(depth=1, carrier="socks5/")],
        [stream(), stream(service="xmpp", protocol="xmpp", port=0, depth=1, carrier="socks5/")],
    ),
    "external-proxy": (
        [proxied("http-connect"), proxied("socks5"), proxied("http")],
        [
            proxied("http-connect", server="10.0.0.1"),
            proxied("http-connect", accepted=False),
            proxied("http", client=PUBLIC),
            proxied("http-connect", stack="socks5/http-proxy"),
            proxied("http-connect", service="aim", protocol="oscar"),
        ],
    ),
    "nested-proxies": (
        [stream(depth=2, carrier="socks5/http-connect/")],
        [stream(depth=1, carrier="socks5/")],
    ),
    "encrypted-sharing": (
        [stream(service="kazaa", protocol="fasttrack", port=1214)],
        [stream(service="gnutella", protocol="gnutella", port=6346)],
    ),
    "embedded-address-broken": (
        [(address("10.1.2.3"), {"server": "8.8.4.4"})],
        [
            (address("10.1.2.3"), {"server": "10.0.0.1"}),
            (address("8.8.8.8"), {"server": "8.8.4.4"}),
        ],
    ),
    "weak-proposal": ([proposals("3DES")], [proposals(), proposals("3DES", chosen=True)]),
    "weak-chosen": ([proposals("3DES", chosen=True)], [proposals("3DES"), proposals(chosen=True)]),
    "aggressive-psk": (
        [(credential("hash", "ikev1-psk"), {"service": "ipsec", "protocol": "ike"})],
        [credential("hash")],
    ),
    "half-open-flood": (
        many(lambda n: stage("initiated", n), 20),
        many(lambda n: stage("initiated", 1), 30) + many(lambda n: stage("answered", n), 30),
    ),
    "reflected-answers": (
        many(lambda n: (stage("answer-alone"), {"client": f"198.51.100.{n}", "flipped": True}), 20),
        many(lambda n: (stage("answer-alone"), {"client": f"198.51.100.{n}"}), 30)
        + many(lambda n: (stage("answer-alone", n), {"flipped": True}), 30)
        + many(lambda n: (stage("answered"), {"client": f"198.51.100.{n}", "flipped": True}), 30)
        + many(lambda n: (stage("initiated"), {"client": f"198.51.100.{n}", "flipped": True}), 30),
    ),
    "cookies-required": ([stage("cookie-required")], [stage("answered")]),
    "foreign-on-4500": ([anomaly("foreign-datagrams")], [anomaly("sequence-jump")]),
    "never-up": (
        [stage("refused"), stage("unanswered", detail="4 messages, to begin")],
        [stage("established"), stage("unanswered", detail="1 message, to begin")],
    ),
    "peer-silent": ([stage("silent")], [stage("unanswered")]),
    "esp-replayed": ([esp(replayed=11)], [esp(replayed=3)]),
    "esp-without-ike": (
        [stream(service="ipsec", protocol="esp", port=0, transport="ip")],
        [stream(service="ipsec", protocol="ike", port=500, transport="udp")],
    ),
    "esp-null": ([esp(cleartext="ipv4")], [esp()]),
    "peer-not-allowed": (
        [(UnknownPeer(address=PUBLIC), {"service": "ipsec", "protocol": "ike"})],
        [(UnknownPeer(address=PUBLIC), {"service": "wireguard", "protocol": "wireguard"})],
    ),
    "tunnel-moved": (
        [(esp(), {"client": "10.0.0.5"}), (esp(), {"client": "10.0.0.6"})],
        [
            (esp(), {"client": "10.0.0.5"}),
            (esp(packets=40), {"client": "10.0.0.5"}),
            (esp(spi="00002000"), {"client": "10.0.0.6"}),
            (esp(final=True), {"client": "10.0.0.7"}),  # each flow's first packet was told before
            (esp(), {"client": "10.0.0.6", "server": "10.0.0.2"}),
            # hosts that share a key, such as routers of OSPFv3
            *[(esp(), {"client": f"10.0.0.{n}", "server": "224.0.0.5"}) for n in (5, 6)],
            *[(esp(), {"client": f"fe80::{n}", "server": "ff02::5"}) for n in (5, 6)],
            *[(esp(), {"client": f"fe80::{n}", "server": "fe80::9"}) for n in (5, 6)],
        ],
    ),
    "mapping-changed": (
        [(esp(carrier="udp"), {"client_port": 4500}), (esp(carrier="udp"), {"client_port": 1024})],
        [
            (esp(carrier="udp"), {"client_port": 4500}),
            (esp(carrier="udp", packets=40), {"client_port": 4500}),
            (esp(carrier="udp", spi="00002000"), {"client_port": 1024}),
            (esp(carrier="udp", final=True), {"client_port": 1025}),
            (esp(carrier="udp"), {"client_port": 1026, "client": "10.0.0.6"}),
            (esp(carrier="tcp"), {"client_port": 1027}),
        ],
    ),
    "relay-to-inside": (
        [(reached("10.0.0.9", PUBLIC), {"server": PUBLIC})],
        [
            (reached("10.13.0.50", "10.13.0.62"), {"server": PUBLIC}),
            (reached("10.0.0.9"), {"server": "10.0.0.1"}),
            (reached(PUBLIC), {"server": PUBLIC}),
        ],
    ),
    "wireguard-moved": (
        [(wireguard(), {"client": "10.0.0.5"}), (wireguard(), {"client": "10.0.0.6"})],
        [
            (wireguard(), {"client": "10.0.0.5"}),
            (wireguard(), {"client": "10.0.0.5"}),
            (wireguard(state="ends"), {"client": "10.0.0.6"}),
            (wireguard(index="00000002"), {"client": "10.0.0.6"}),
            (wireguard(), {"client": "10.0.0.6", "server": "10.0.0.2"}),
        ],
    ),
    "keep-alive-slow": (
        [(NatKeepalive(count=1 + n), {"at": 60 * n}) for n in range(4)],
        [
            *((NatKeepalive(count=1 + n), {"at": 20 * n}) for n in range(8)),
            *((NatKeepalive(count=9 + n), {"at": 220 + 60 * n}) for n in range(2)),
            (NatKeepalive(count=11), {"at": 300}),
            *((NatKeepalive(count=300 + 16 * n), {"at": 400 + 320 * n}) for n in range(8)),
        ],
    ),
    "onion-asked": (
        [ProxyRequest(scheme="socks5", command="connect", host="abcdef.onion", port=80)],
        [ProxyRequest(scheme="socks5", command="connect", host="onion.example", port=80)],
    ),
    "tunnel-to-outside": (
        [stream(service="ipsec", protocol="ike", port=500, transport="udp")],
        [stream(), stream(service="tor", protocol="tor", port=443)],
    ),
    "tor-used": (
        [stream(service="tor", protocol="tor", port=443, server=PUBLIC)],
        [
            stream(service="tor", protocol="tor", port=443, client=PUBLIC),
            # which scanners ask of every web server
            stream(service="tor", protocol="tor-directory", port=80, server=PUBLIC),
            stream(service="ipsec", protocol="ike", port=500, transport="udp"),
        ],
    ),
    "tor-relay-inside": (
        [stream(service="tor", protocol="tor", port=9001, client=PUBLIC)],
        [stream(service="tor", protocol="tor", port=9001, server=PUBLIC)],
    ),
}
OTHERS = [message(), Search(text="x"), Download(name="x.txt")]
"""Ordinary events that fire no rule but `cleartext-messages`."""
