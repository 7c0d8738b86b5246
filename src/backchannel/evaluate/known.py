"""Which texts can be evaluated, by the names of the compilers' backends."""

from collections.abc import Iterable
from typing import Protocol

from backchannel.evaluate.cisco_ios import CiscoIos
from backchannel.evaluate.iptables import Iptables
from backchannel.evaluate.junos import Junos
from backchannel.evaluate.nftables import Nftables
from backchannel.evaluate.packet import Hook, Packet, Verdict
from backchannel.evaluate.pf import Pf
from backchannel.evaluate.windows import Windows
from backchannel.policy.compile import File


class Evaluator(Protocol):
    """A ruleset that packets can be shown."""

    def decide(self, packet: Packet, hook: Hook = "forward") -> Verdict:
        """Return what becomes of *packet* at *hook*."""


def evaluator(backend: str, files: Iterable[File]) -> Evaluator | None:
    """Return the evaluator of a backend's files; None where its text decides by content or name.

    Raises InputError where the text says something that is not known.
    """
    texts = {file.name.rpartition(".")[2]: file.text for file in files}
    if backend == "nftables":
        return Nftables(texts["nft"])
    if backend == "iptables":
        return Iptables(texts["v4"], texts["v6"], texts.get("ipset", ""))
    if backend == "cisco-ios":
        return CiscoIos(texts["cfg"])
    if backend == "junos":
        return Junos(texts["junos"])
    if backend == "pf":
        return Pf(texts["pf"])
    if backend == "windows":
        return Windows(texts["ps1"])
    return None
