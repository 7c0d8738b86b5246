"""Rulesets as files: for which program each is, and what several are together."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from backchannel.errors import InputError, UsageError
from backchannel.prove.enforcers import Text

LARGEST = 64 << 20
"""Bytes of a ruleset that are read."""
_IPTABLES = re.compile(r"^\*(filter|nat|mangle|raw|security)\s*$", re.MULTILINE)
_IPSET = re.compile(r"^create \S+ (hash|bitmap|list):", re.MULTILINE)


def read(paths: Iterable[Path]) -> Text:
    """Return the ruleset in these files. Raises InputError and UsageError."""
    texts = list[tuple[str, str]]()
    for path in paths:
        try:
            if path.stat().st_size > LARGEST:
                raise InputError(path, f"larger than {LARGEST >> 20} MiB")
            texts.append((str(path), path.read_text("utf-8")))
        except UnicodeDecodeError as error:
            raise InputError(path, "not UTF-8 text", f"byte {error.start}") from error
    return together(texts)


def together(texts: Sequence[tuple[str, str]]) -> Text:
    """Return the ruleset that texts are together, each with its name. Raises UsageError."""
    tables = {_kind(name, text): (name, text) for name, text in texts}
    if len(tables) < len(texts):
        raise UsageError("two files of the same kind; give one for nft, or iptables' v4 and v6")
    name = ", ".join(name for name, _ in texts)
    if "nftables" in tables:
        if len(tables) > 1:
            raise UsageError("a file for nft and one for iptables; prove them one by one")
        return Text("nftables", name, tables["nftables"][1])
    v4, v6, sets = (tables.get(kind, ("", ""))[1] for kind in ("v4", "v6", "ipset"))
    return Text("iptables", name, v4, v6, sets)


def _kind(name: str, text: str) -> str:
    """Return what a text is for: `nftables`, `v4` or `v6` of iptables, or `ipset`."""
    if _IPSET.search(text):
        return "ipset"
    if not _IPTABLES.search(text):
        return "nftables"
    six = "ip6tables" in text.partition("\n")[0] or name.endswith(("v6", ".6", "ip6tables"))
    return "v6" if six else "v4"
