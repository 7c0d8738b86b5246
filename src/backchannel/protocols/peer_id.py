r"""Names of BitTorrent programs, as peer ids and the hash table give them. Bytes in, names out.

    -LT20B0-............   two letters, four digits up to Z; what follows is random    (Azureus)
    -ML3.1.5-...........   a version with dots                                        (MLdonkey)
    M7-10-5--...........   one letter, three numbers                                  (mainline)
    A2-1-36-0-..........   the same with two letters                                  (aria2)
    S58B-----...........   one letter, up to five characters                          (Shad0w)
    exbc\0\x42..........   two bytes of version                                      (BitComet)

BEP 20; libtorrent's src/identify_client.cpp has the codes that came later.
"""

from functools import lru_cache

from backchannel.patterns import later

_CODES = """\
7T aTorrent|A2 aria2|AB AnyEvent BitTorrent|AG Ares|AR Arctic|AT Artemis|AV Avicora|AX BitPump\
|AZ Vuze|A~ Ares|BB BitBuddy|BC BitComet|BE baretorrent|BF Bitflu|BG BTG|BI BiglyBT|BL BitBlinder\
|BP BitTorrent Pro|BR BitRocket|BS BTSlave|BT BitTorrent|BU BigUp|BW BitWombat|BX BittorrentX\
|CD Enhanced CTorrent|CT CTorrent|DE Deluge|DP Propagate Data Client|EB EBit|ES electric sheep\
|FC FileCroc|FG FlashGet|FT FoxTorrent|FW FrostWire|FX Freebox BitTorrent|GS GSTorrent|HK Hekate\
|HL Halite|HN Hydranode|IL iLivid|KC Koinonein|KG KGet|KT KTorrent|LC LeechCraft|LH LH-ABC\
|LK Linkage|LP Lphant|LR LibreTorrent|LT libtorrent|LW LimeWire|MG MediaGet|ML MLdonkey\
|MO MonoTorrent|MP MooPolice|MR Miro|MT MoonlightTorrent|NX Net Transport|OS OneSwarm\
|OT OmegaTorrent|PD Pando|QD QQDownload|QT Qt 4 Torrent example|RT Retriever|RZ RezTorrent\
|S~ Shareaza|SB Swiftbit|SD Xunlei|SK spark|SN ShareNet|SP BitSpirit|SS SwarmScope|ST SymTorrent\
|SZ Shareaza|TB Torch|TL Tribler|TN TorrentDotNET|TR Transmission|TS TorrentStorm|TT TuoTu\
|UL uLeecher!|UM uTorrent for Mac|UT uTorrent|UW uTorrent Web|VG Vagaa|WD WebTorrent Desktop\
|WT BitLet|WW WebTorrent|WY FireTorrent|XF Xfplay|XL Xunlei|XS XSwifter|XT XanTorrent|XX Xtorrent\
|ZO Zona|ZT ZipTorrent|lt rTorrent|pX pHoeniX|qB qBittorrent|st SharkTorrent"""

CODES = {entry[:2].encode(): entry[3:] for entry in _CODES.split("|")}
"""Programs by the two letters that stand for them."""
_LETTERS = {
    b"A": "ABC",
    b"M": "BitTorrent",
    b"O": "Osprey Permaseed",
    b"Q": "BTQueue",
    b"R": "Tribler",
    b"S": "Shad0w's client",
    b"T": "BitTornado",
}
"""Programs by one letter. `Q` with numbers is Queen Bee, `M` is what BitTorrent, Inc. made."""

_DASHED = later(rb"-([0-9A-Za-z]{2}|[A-Z]~)([0-9A-Za-z]{4})-")
_DOTTED = later(rb"-(ML)(\d{1,2}(?:\.\d{1,2}){1,3})-")
_NUMBERED = later(rb"(A2(?=-)|[A-Z](?!-))-?(\d{1,3})-(\d{1,3})-(\d{1,3})-")
_SHADOW = later(rb"([A-Z])([0-9A-Za-z.]{3,5})-{3}")


def software(peer_id: bytes) -> tuple[str, str]:
    """Return name and version of the program that chose *peer_id*; two empty strings where its
    form is not known. Of an unknown program in the usual form the two letters are the name.
    """
    if found := _DASHED.match(peer_id):
        return CODES.get(found[1], found[1].decode()), version(found[2])
    if found := _DOTTED.match(peer_id):
        return CODES[found[1]], found[2].decode()
    if found := _NUMBERED.match(peer_id):
        name = CODES.get(found[1]) or _LETTERS.get(found[1], "")
        return name, b".".join(found.groups()[1:]).decode() if name else ""
    if found := _SHADOW.match(peer_id):
        name = _LETTERS.get(found[1], "")
        return name, version(found[2].rstrip(b".")) if name else ""
    if peer_id.startswith((b"exbc", b"FUTB")):
        name = "BitLord" if peer_id[6:10] == b"LORD" else "BitComet"
        return name, f"{peer_id[4]}.{peer_id[5]:02}" if len(peer_id) > 5 else ""
    return "", ""


def shown(peer: bytes) -> str:
    """Return a peer id as text, or in hexadecimal where it is none."""
    text = peer.decode("latin-1")
    return text if peer.isascii() and text.isprintable() else peer.hex()


@lru_cache(maxsize=256)
def version(digits: bytes) -> str:
    """Return the version that digits up to Z stand for: `20B0` is 2.0.11. A last zero, and a last
    letter, are not a part but none, and a mark of the build.
    """
    *parts, last = list(digits.decode("latin-1"))
    text = ".".join(str(int(part, 36)) if part.isalnum() else part for part in parts)
    if last == "0" and len(parts) > 2:
        return text
    return f"{text}.{last}" if last.isdigit() else f"{text}{last}"
