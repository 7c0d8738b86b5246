"""Vendor ids by name. Most are the MD5 of a text, so the text is kept and the digest computed.

Sources: ike-scan's `ike-vendor-ids` (royhills/ike-scan c74c01f), strongSwan's `isakmp_vendor.c` and
`ike_vendor.c` (3b902ea), libreswan's `vendorid.c` (0c4e3ec), Wireshark's `packet-isakmp.c`.
"""

from functools import cache
from hashlib import md5

import msgspec


class Vendor(msgspec.Struct, frozen=True):
    """What a vendor id means. *product* where it names a program rather than an ability."""

    name: str
    product: str = ""
    version: str = ""


NATT_RFC = "RFC 3947 Negotiation of NAT-Traversal in the IKE"
FRAGMENTATION = "Cisco Fragmentation"

_TEXTS: dict[str, Vendor] = {
    **{
        text: Vendor(text)
        for text in (
            "draft-ietf-ipsec-nat-t-ike",
            *(f"draft-ietf-ipsec-nat-t-ike-{number:02}" for number in range(10)),
            "draft-stenberg-ipsec-nat-traversal-01",
            "draft-stenberg-ipsec-nat-traversal-02",
            "draft-huttunen-ipsec-esp-in-udp-00.txt",
            "Testing NAT-T RFC",
            "RFC XXXX",
            "IKE CGA version 1",
            "MS-MamieExists",
            "MS-Negotiation Discovery Capable",
            "Vid-Initial-Contact",
            "GSSAPI",
            "A GSS-API Authentication Method for IKE",
            "IKE Challenge/Response for Authenticated Cryptographic Keys",
            "IKE Challenge/Response for Authenticated Cryptographic Keys (Revised)",
            "MSFT IPsec Security Realm Id",
            "Microsoft Xbox One 2013",
        )
    },
    "RFC 3947": Vendor(NATT_RFC),
    "draft-ietf-ipsec-nat-t-ike-02\n": Vendor("draft-ietf-ipsec-nat-t-ike-02\\n"),
    **{
        f"{text}\n": Vendor(text)
        for text in (
            "A GSS-API Authentication Method for IKE",
            "IKE Challenge/Response for Authenticated Cryptographic Keys",
            "IKE Challenge/Response for Authenticated Cryptographic Keys (Revised)",
        )
    },
    "ESPThruNAT": Vendor("draft-huttunen-ipsec-esp-in-udp-01 (ESPThruNAT)"),
    "DPD": Vendor("DPDv1_NG"),
    "NLBS_PRESENT": Vendor("NLBS_PRESENT (NLB/MSCS fast failover)", "Windows"),
    "FRAGMENTATION": Vendor(FRAGMENTATION),
    "KAME/racoon": Vendor("KAME/racoon", "racoon"),
    "strongSwan": Vendor("strongSwan", "strongSwan"),
    "NETGEAR": Vendor("Netgear", "Netgear"),
    "ALTIGA NETWORKS": Vendor("Cisco VPN 3000 client", "Cisco VPN client"),
    "Fortinet Endpoint Control": Vendor("Fortinet Endpoint Control", "FortiClient"),
    "forticlient connect license": Vendor("Forticlient connect license", "FortiClient"),
    "SSH Sentinel": Vendor("SSH Sentinel", "SSH Sentinel"),
    **{
        f"SSH Sentinel {version}": Vendor(f"SSH Sentinel {version}", "SSH Sentinel", version)
        for version in ("1.1", "1.2", "1.3", "1.4", "1.4.1")
    },
    **{
        f"{ssh} Communications Security IPSEC Express version {version}": Vendor(
            f"SSH IPSEC Express {version}", "SSH IPSEC Express", version
        )
        for ssh in ("SSH", "Ssh")
        for version in (
            *("1.1.0", "1.1.1", "1.1.2", "1.2.1", "1.2.2", "2.0.0", "2.1.0", "2.1.1", "2.1.2"),
            *("3.0.0", "3.0.1", "4.0.0", "4.0.1", "4.1.0", "4.1.1", "4.2.0", "5.0", "5.0.0"),
            *("5.1.0", "5.1.1"),
        )
    },
    **{
        f"SSH Communications Security QuickSec {version}": Vendor(
            f"SSH QuickSec {version}", "SSH QuickSec", version
        )
        for version in ("0.9.0", "1.1.0", "1.1.1", "1.1.2", "1.1.3", "2.1.0")
    },
}
"""Texts whose whole MD5 is the vendor id."""

_PREFIXES: tuple[tuple[bytes, Vendor], ...] = (
    (md5(b"FRAGMENTATION").digest(), Vendor(FRAGMENTATION)),  # abilities may follow
    (md5(b"CISCO-DEAD-PEER-DETECTION").digest()[:14], Vendor("RFC 3706 DPD (Dead Peer Detection)")),
    (md5(b"CISCO-UNITY").digest()[:14], Vendor("CISCO-UNITY")),
    (md5(b"draft-ietf-ipsra-isakmp-xauth-06.txt").digest()[:8], Vendor("XAUTH")),
    (
        md5(b"ALTIGA GATEWAY").digest()[:13],
        Vendor("Cisco VPN Concentrator", "Cisco VPN Concentrator"),
    ),
    (md5(b"FORTIGATE").digest()[:12], Vendor("Fortigate (Fortinet)", "FortiGate")),
    (
        bytes.fromhex("1d6e178f6c2c0be284985465450fe9d4"),
        Vendor("Fortigate (Fortinet)", "FortiGate"),
    ),
    (
        bytes.fromhex("f4ed19e0c114eb516faaac0ee37daf2807b4381f"),
        Vendor("Check Point", "Check Point"),
    ),
    (bytes.fromhex("01528bbbc00696121849ab9a1c5b2a51"), Vendor("Windows KEY_MODS", "Windows")),
    (bytes.fromhex("7bb93867d76c8d80df0f40fae8fc3b19"), Vendor("Windows AuthIP INIT KE")),
    (bytes.fromhex("660822b3a73a244149578d62e0eb46a0"), Vendor("Xbox IKEv2 Negotiation", "Xbox")),
    (bytes.fromhex("3e984048"), Vendor("Cisco IOS", "Cisco IOS")),
    (bytes.fromhex("bdb41038a7ec5e5534dd004d0f91f927"), Vendor("Cisco IOS", "Cisco IOS")),
    (bytes.fromhex("5b362bc820f6"), Vendor("SonicWall", "SonicWall")),
    (bytes.fromhex("5b362bc820f7"), Vendor("SonicWall", "SonicWall")),
    (bytes.fromhex("404bf439522ca3f6"), Vendor("SonicWall", "SonicWall")),
    (bytes.fromhex("da8e937880010000"), Vendor("SafeNet or SonicWall", "SafeNet or SonicWall")),
    (bytes.fromhex("47bbe7c993f1fc13b4e6d0db565c68e5"), Vendor("SafeNet SoftRemote", "SoftRemote")),
    (bytes.fromhex("f14b94b7bff1fef02773b8c49feded26"), Vendor("Shrew Soft", "Shrew Soft VPN")),
    (bytes.fromhex("101fb0b35c5a4f4c08b919f1cb9777b0"), Vendor("NCP client", "NCP client")),
    (bytes.fromhex("8404adf9cda05760b2ca292e4bff537b"), Vendor("Sidewinder", "Sidewinder")),
    (
        bytes.fromhex("08db45e6cb01f80bb576e9a78c0f54e1300b8881"),
        Vendor("ELVIS-PLUS Zastava", "Zastava"),
    ),
    (bytes.fromhex("fd808804df73b15150709d878044cde0ac1efcde"), Vendor("Juniper SRX", "Junos")),
    (bytes.fromhex("b858d1addd08c1e8adafea150608aa4497aa6cc8"), Vendor("ZyWALL", "ZyWALL")),
    (bytes.fromhex("f758f22668750f03b08df6ebe1d0"), Vendor("ZyWALL USG", "ZyWALL")),
    (bytes.fromhex("625027749d5ab97f5616c1602765cf480a3b7d0b"), Vendor("ZyWALL", "ZyWALL")),
    *(
        (bytes.fromhex(digest), Vendor("NetScreen", "ScreenOS"))
        for digest in (
            "166f932d55eb64d8e4df4fd37e2313f0d0fd8451",
            "299ee8289f40a8973bc78687e2e7226b532c3b76",
            "2a2bcac19b8e91b426107807e02e7249569d6fd3",
            "3a15e1f3cf2a63582e3ac82d1c64cbe3b6d779e7",
            "47d2b126bfcd83489760e2cf8c5d4d5a03497c15",
            "4a4340b543e02b84c88a8b96a8af9ebe77d9accc",
            "64405f46f03b7660a23be116a1975058e69e8387",
            "699369228741c6d4ca094c93e242c9de19e7b7c6",
            "8c0dc6cf62a0ef1b5c6eabd1b67ba69866adf16a",
            "92d27a9ecb31d99246986d3453d0c3d57a222a61",
            "9b096d9ac3275a7d6fe8b91c583111b09efed1a0",
            "a35bfd05ca1ac0b3d2f24e9e82bfcbff9c9e52b5",
            "bf03746108d746c904f1f3547de24f78479fed12",
            "c2e80500f4cc5fbf5daaeed3bb59abaeee56c652",
            "c8660a62b03b1b6130bf781608d32a6a8d0fb89f",
            "f885da40b1e7a9abd17655ec5bbec0f21f0ed52e",
        )
    ),
    (bytes.fromhex("c573b056d7faca36c2fba28374127cbf"), Vendor("StoneGate", "StoneGate")),
    (bytes.fromhex("baeb239037e17787d730eed9d95d48aa"), Vendor("StoneGate", "StoneGate")),
    (bytes.fromhex("325df29a2319f2dd"), Vendor("draft-krywaniuk-ipsec-antireplay-00")),
    (bytes.fromhex("8db7a41811221660"), Vendor("draft-ietf-ipsec-heartbeats-00")),
    (b"HeartBeat_Notify", Vendor("HeartBeat Notify")),
    (b"CISCOVPN-REV-02", Vendor("Cisco VPN Revision 2", "Cisco")),
    (b"CISCO-DELETE-REASON", Vendor("Cisco Delete Reason Supported", "Cisco")),
    (b"CISCO-DYNAMIC-ROUTE", Vendor("Cisco Dynamic Route Supported", "Cisco")),
    (b"FLEXVPN-SUPPORTED", Vendor("Cisco FlexVPN Supported", "Cisco")),
    (b"CISCO(COPYRIGHT)", Vendor("Cisco Copyright", "Cisco")),
    (b"CISCO-GRE-MODE", Vendor("Cisco GRE Mode Supported", "Cisco")),
    (b"HUAWEI-IKEv1DSCP", Vendor("Huawei IKEv1 DSCP", "Huawei")),
    (b"OpenPGP", Vendor("OpenPGP")),
    (b"OpenIKED", Vendor("OpenIKED", "OpenIKED")),
    (b"TIMESTEP", Vendor("Timestep", "Timestep")),
    (b"Raptor PowerVpn Server", Vendor("Symantec Raptor", "Symantec Raptor")),
    (b"BNES", Vendor("Nortel Contivity", "Nortel Contivity")),
    (b"OE-Libreswan-", Vendor("Libreswan", "Libreswan")),
    (b"Opportunistic IPsec", Vendor("Opportunistic IPsec", "Libreswan")),
)
_START = min(len(prefix) for prefix, _ in _PREFIXES)
_BY_START: dict[bytes, list[tuple[bytes, Vendor]]] = {}
"""The prefixes by their first bytes, as many as all of them have."""
for _prefix, _vendor in _PREFIXES:
    _BY_START.setdefault(_prefix[:_START], []).append((_prefix, _vendor))
_WINDOWS = md5(b"MS NT5 ISAKMPOAKLEY").digest()
_WINDOWS_VERSIONS = {
    2: "2000",
    3: "XP",
    4: "XP SP2 or Server 2003",
    5: "Vista or Server 2008",
    6: "Server 2008",
    7: "7",
    8: "Server 2008 R2",
    9: "8, 10 or later",
    16: "Server 2012",
}
_PLUTO = "FreeS/WAN, Openswan or Libreswan"
_READABLE = 8
"""Ids of at least so many printable characters are taken as their own name."""


def identify(vendor_id: bytes) -> Vendor | None:
    """Return what *vendor_id* means; None where nobody has told."""
    if len(vendor_id) == md5().digest_size and (known := _digests().get(vendor_id)) is not None:
        return known
    if vendor_id[:16] == _WINDOWS:
        version = _WINDOWS_VERSIONS.get(int.from_bytes(vendor_id[16:20], "big"), "")
        return Vendor("MS NT5 ISAKMPOAKLEY", "Windows", version)
    for prefix, vendor in _BY_START.get(vendor_id[:_START], ()):
        if vendor_id.startswith(prefix):
            return vendor
    return _swan(vendor_id) or _own_name(vendor_id)


@cache
def _digests() -> dict[bytes, Vendor]:
    """Every id that is the MD5 of a text, also of the strongSwan versions that told theirs."""
    found = {md5(text.encode()).digest(): vendor for text, vendor in _TEXTS.items()}
    releases = [f"{major}.{minor}.{patch}" for major, minor, patch in _strongswan_releases()]
    for version in releases:
        digest = md5(f"strongSwan {version}".encode()).digest()
        found[digest] = Vendor(f"strongSwan {version}", "strongSwan", version)
    return found


def _strongswan_releases() -> list[tuple[int, int, int]]:
    """2.x up to 5.1.1 sent the MD5 of their name and version."""
    return [
        (major, minor, patch)
        for major, minors in ((2, range(9)), (4, range(7)), (5, range(2)))
        for minor in minors
        for patch in range(12)
    ]


def _swan(vendor_id: bytes) -> Vendor | None:
    """FreeS/WAN and its heirs: letters, and a digest of the version with each byte made printable.

    The digest covers compile options too, so only plain builds give their version away.
    """
    if len(vendor_id) != 12 or not all(0x40 <= byte < 0x80 for byte in vendor_id[3:]):
        return None
    if vendor_id in _openswans():
        version = _openswans()[vendor_id]
        return Vendor(f"Openswan {version}", "Openswan", version)
    if vendor_id.startswith(b"OSW"):
        return Vendor("Openswan", "Openswan")
    if vendor_id.startswith(b"OE"):
        return Vendor(_PLUTO, _PLUTO)
    return None


@cache
def _openswans() -> dict[bytes, str]:
    found: dict[bytes, str] = {}
    for minor in range(1, 7):
        for patch in range(60):
            for version in (f"2.{minor}.{patch}", f"2.{minor}.{patch:02}"):
                text = f"Openswan {version}"
                if minor == 6 and patch >= 44:
                    text = f"Linux {text}"
                letters = b"OSW" if minor == 6 and patch >= 40 else b"OE"
                digest = bytes(byte & 0x7F | 0x40 for byte in md5(text.encode()).digest())
                found.setdefault(letters + digest[: 12 - len(letters)], version)
    return found


def _own_name(vendor_id: bytes) -> Vendor | None:
    text = vendor_id.rstrip(b"\0")
    if len(text) >= _READABLE and text.isascii() and text.decode().isprintable():
        return Vendor(text.decode()[:80])
    return None
