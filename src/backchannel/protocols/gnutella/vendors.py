"""Programs of both networks: four-letter vendor codes, and User-Agent texts taken apart.

Codes: gtk-gnutella, src/lib/vendors.c (the list that the developers' forum kept).
"""

import re

from backchannel.events import Software
from backchannel.patterns import later

CODES = {
    "ACQL": "AcqLite",
    "ACQX": "Acquisition",
    "AGNT": "Agentella",
    "ARES": "Ares",
    "ATOM": "AtomWire",
    "BARE": "BearShare",
    "BEAR": "BearShare",
    "COCO": "CocoGnut",
    "ENVY": "Envy",
    "FEVR": "FileFever",
    "FIRE": "FireFly",
    "FISH": "PEERanha",
    "FOXY": "Foxy",
    "FSCP": "FileScope",
    "GDNA": "Gnucleus DNA",
    "GIFT": "giFT",
    "GNEW": "Gnewtellium",
    "GNOT": "Gnotella",
    "GNTG": "Gnutelligentsia",
    "GNUC": "Gnucleus",
    "GNUT": "gnut",
    "GTKG": "gtk-gnutella",
    "HYDR": "Hydranode",
    "KIKI": "KikiTella",
    "LIME": "LimeWire",
    "LION": "LionShare",
    "MACT": "Mactella",
    "MESH": "iMesh",
    "MLDK": "MLDonkey",
    "MMMM": "Morpheus",
    "MNAP": "MyNapster",
    "MRPH": "Morpheus",
    "MUTE": "Mutella",
    "MXIE": "mxie",
    "NAPS": "NapShare",
    "OCFG": "OpenCola",
    "OPRA": "Opera",
    "PEER": "PeerProject",
    "PHEX": "Phex",
    "QAZA": "Quazaa",
    "QTEL": "Qtella",
    "RAZA": "Shareaza",
    "RAZB": "Shareaza",
    "RAZL": "ShareazaLite",
    "RZCA": "ShareazaPlus",
    "RZCB": "ShareazaPlus",
    "RZCC": "ShareazaPlus",
    "SHLN": "Sharelin",
    "SNOW": "FrostWire",
    "SNUT": "SwapNut",
    "STRM": "Storm",
    "SWAP": "Swapper",
    "SWFT": "Swift",
    "TFLS": "TrustyFiles",
    "TOAD": "ToadNode",
    "VPUT": "Vputella",
    "WSHR": "WireShare",
    "XOLO": "XoloX",
    "XOLX": "XoloX",
    "XTLA": "Xtella",
    "ZIGA": "Ziga",
}

_AGENT = later(r"(.{1,60}?)[ /_-]v?(\d[\w.+-]{0,40})")
KNOWN = later(
    r"lime ?wire|bear ?share|gtk-gnutella|shareaza|gnucleus|gnucdna|frostwire|wireshare|phex"
    r"|mutella|qtella|gnotella|gnutella|xolox|toadnode|napshare|mactella|quazaa|peerproject"
    r"|sharelin|trustyfiles|gnewtellium|mldonkey|swapnut|kceasy|newtella|gift-gnutella"
    r"|(?:morpheus|acquisition|cabos|swapper|foxy|deepnet|imesh|freewire|furi|ares|gift|rascal"
    r"|poisoned|envy|gnut)(?!-?[a-z])",
    re.IGNORECASE,
)
"""How the User-Agent and Server headers of servents begin. What is a word of its own must stand
alone: `foxyproxy`, `GiftShop` and `ares-web` are others' programs.
"""


def vendor_name(code: bytes) -> str:
    """Return the program that a vendor code stands for, or the code; empty for no code."""
    text = code.decode("latin-1").strip("\0 ")
    return CODES.get(text.upper(), text) if text.isprintable() else ""


def software(agent: str, account: str = "") -> Software | None:
    """Return the program that *agent*, a User-Agent or Server text of *account*, names."""
    if not agent:
        return None
    found = _AGENT.match(agent)
    if found is None:
        return Software(name=agent[:60], role="peer", account=account)
    return Software(name=found[1], version=found[2], role="peer", account=account)
