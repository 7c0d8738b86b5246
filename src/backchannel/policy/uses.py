"""What people do with a service, and the ports at which a packet filter could meet it."""

import re
from collections.abc import Iterable

import msgspec

from backchannel.catalogue.model import Service
from backchannel.model import Capability
from backchannel.policy.model import Carrier, Ports, Use

_PORTS = re.compile(r"(tcp|udp)/(\d{1,5})(?:-(\d{1,5}))?\Z")
_PORTLESS: dict[str, Carrier] = {"esp": "esp", "ah": "ah"}


def parse_ports(text: str) -> Ports | None:
    """Return `tcp/5190` or `udp/5000-5010` as ports; None where it is neither."""
    if text in _PORTLESS:
        return Ports(_PORTLESS[text])
    found = _PORTS.match(text)
    if found is None:
        return None
    low = int(found[2])
    high = int(found[3] or low)
    carrier: Carrier = "tcp" if found[1] == "tcp" else "udp"
    return Ports(carrier, low, high) if 0 < low <= high < 65_536 else None


def uses(service: Service, capabilities: Iterable[Capability] = ()) -> tuple[Use, ...]:
    """Return what people do with *service*, only *capabilities* where any are given."""
    wanted = frozenset(capabilities)
    found = dict[Capability, Use]()
    names = tuple(domain.name for domain in service.domains)
    for ability in service.capabilities:
        if wanted and ability.capability not in wanted:
            continue
        use = found.get(ability.capability) or Use(
            service.id, ability.capability, names=names, protocols=service.protocols
        )
        ports = {ports for text in ability.ports if (ports := parse_ports(text))}
        carriers: dict[str, Carrier] = {"tcp/dynamic": "tcp", "udp/dynamic": "udp"}
        dynamic = {carriers[text] for text in ability.ports if text in carriers}
        found[ability.capability] = msgspec.structs.replace(
            use,
            ports=tuple(sorted(ports | set(use.ports))),
            dynamic=tuple(sorted(dynamic | set(use.dynamic))),
            changeable=use.changeable or ability.changeable,
            direct=use.direct or ability.direct,
        )
    return tuple(found.values())
