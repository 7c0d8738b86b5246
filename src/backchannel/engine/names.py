"""Names for addresses, as told in this run, and the services that names stand for."""

from collections.abc import Callable

from backchannel.engine.announcements import normal
from backchannel.engine.bounded import Bounded
from backchannel.events import NameLearned

LIMIT = 16_384
"""Names and addresses remembered."""
LIFETIME = 3600
"""Seconds for which a name stands for an address."""


class Names:
    """What DNS, SNI and Host headers told. Two services behind one address: the first is kept."""

    def __init__(
        self,
        service_of_name: Callable[[str], str],
        tell_core: Callable[[int, str, str, int, str, int], None],
        count: Callable[[str], None],
    ) -> None:
        self.service_of_name = service_of_name
        self._tell = tell_core
        self._by_address = Bounded[str, str](LIMIT, "host names forgotten", count)
        self._by_name = Bounded[str, str](LIMIT, "host addresses forgotten", count)
        self._services = Bounded[str, tuple[str, str]](LIMIT, "named addresses forgotten", count)
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
            if service and self._services.get(address) is None:
                self._services.put(address, (service, name))
                self._serial += 1
                until = now + LIFETIME * 1_000_000_000
                for transport, token in (
                    ("tcp", -2 * self._serial),
                    ("udp", -2 * self._serial - 1),
                ):
                    self._tell(token, transport, address, 0, "", until)
        return service

    def service_at(self, address: str) -> tuple[str, str] | None:
        """Return (service, name) of an address that has a service's name."""
        return self._services.get(address)

    def address_of(self, name: str) -> str:
        """Return the address last told for *name*; empty where none was."""
        return self._by_name.get(name.lower()) or ""

    def name_of(self, address: str) -> str:
        """Return the name last told for *address*; empty where none was."""
        return self._by_address.get(address) or ""
