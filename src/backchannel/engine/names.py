"""Names for addresses, as told in this run, and the services that names stand for."""

from collections.abc import Callable

import msgspec

from backchannel.engine.announcements import normal
from backchannel.engine.bounded import Bounded
from backchannel.events import NameLearned

LIMIT = 16_384
"""Names and addresses remembered."""
LIFETIME = 3_600_000_000_000
"""Nanoseconds for which a name stands for an address, from when it was told last."""
RENEWED = LIFETIME // 2
"""What is left of them when the same name, told again, begins them anew."""


class _Named(msgspec.Struct, frozen=True):
    """The service that an address has the name of."""

    service: str
    name: str
    until: int
    tokens: tuple[int, int]
    """Of the core's expectations."""


class Names:
    """What DNS, SNI and Host headers told. Two services behind one address: the first is kept."""

    def __init__(
        self,
        service_of_name: Callable[[str], str],
        tell_core: Callable[[int, str, str, int, str, int], None],
        untell_core: Callable[[int], None],
        count: Callable[[str], None],
    ) -> None:
        self.service_of_name = service_of_name
        self._tell, self._untell = tell_core, untell_core
        self._by_address = Bounded[str, str](LIMIT, "host names forgotten", count)
        self._by_name = Bounded[str, str](LIMIT, "host addresses forgotten", count)
        self._services = Bounded[str, _Named](LIMIT, "named addresses forgotten", count)
        self._serial = 0

    def learn(self, event: NameLearned, now: int) -> str:
        """Remember a name; return the service it stands for, or nothing.

        The core is asked to deliver flows to an address with a service's name: when nothing in
        such a flow says what it is, the name does.
        """
        name = event.name.lower()
        service = self.service_of_name(name)
        for told in event.addresses:
            address = normal(told)
            if not address:
                continue
            self._by_address.put(address, name)
            self._by_name.put(name, address)
            if service:
                self._stand(address, service, name, now)
        return service

    def _stand(self, address: str, service: str, name: str, now: int) -> None:
        """Let a service's name stand for an address, unless another one does."""
        held = self._services.get(address)
        if held is not None:
            left = held.until - now
            if left >= 0 and (left > RENEWED or held.service != service):
                return
            for token in held.tokens:
                self._untell(token)
        self._serial += 1
        tokens = -2 * self._serial, -2 * self._serial - 1
        made = _Named(service, name, now + LIFETIME, tokens)
        self._services.put(address, made)
        for transport, token in zip(("tcp", "udp"), tokens, strict=True):
            self._tell(token, transport, address, 0, "", made.until)

    def service_at(self, address: str, now: int) -> tuple[str, str] | None:
        """Return (service, name) of an address that has a service's name at the time *now*."""
        held = self._services.get(address)
        return (held.service, held.name) if held is not None and now <= held.until else None

    def address_of(self, name: str) -> str:
        """Return the address last told for *name*; empty where none was."""
        return self._by_name.get(name.lower()) or ""

    def name_of(self, address: str) -> str:
        """Return the name last told for *address*; empty where none was."""
        return self._by_address.get(address) or ""
