"""XDCC: bots that list numbered files, and send one by DCC when asked with a message."""

import re
from collections.abc import Iterator

from backchannel.events import Download, Search, Share, SharedFile
from backchannel.patterns import later
from backchannel.protocols import Output
from backchannel.protocols.irc.state import NAME

_REQUEST = later(
    r"\s*+x?dcc\s++(?:send|get|batch)\s++#?([\w,-]{1,64}+)\s*+\S{0,64}+\s*+", re.IGNORECASE
)
_SEARCH = later(r"\s*+xdcc\s++search\s++(.{1,256}+)", re.IGNORECASE)
_PACK = later(
    r"\s*+#(\d{1,5})\s++\d{1,7}x\s++\[\s*+[<>]?+\s*+(\d{1,6}(?:[.,]\d{1,6})?)\s*+([BKMGT])B?\]"
    r"\s++(.+)",
    re.IGNORECASE,
)
_UNITS = {"B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def asked(sender: str, text: str) -> Iterator[Output]:
    """Yield what a message asks of a bot; nothing where it is for people."""
    if found := _REQUEST.fullmatch(text):
        yield Download(name=f"#{found[1]}", account=sender[:NAME])
    elif found := _SEARCH.fullmatch(text):
        yield Search(text=found[1].strip(), account=sender[:NAME])


def listed(sender: str, text: str) -> Iterator[Output]:
    """Yield the file in a line of a bot's list, as iroffer writes it: `#1  12x [1.4G] name`."""
    if found := _PACK.fullmatch(text):
        size = int(float(found[2].replace(",", ".")) * _UNITS[found[3].upper()])
        name = found[4].strip()[:256]
        entry = SharedFile(name=name, size=size, detail=f"#{found[1]}, size rounded")
        yield Share(owner=sender[:NAME], files=(entry,))
