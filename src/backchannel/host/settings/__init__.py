"""What programs' own settings expose: one module for each kind of program, one function for each.

Only what a program documents is told: a folder that is shared, a remote control that asks for no
password, a proxy for anybody. No value of a key, password or secret is ever read out of a file.
"""

from collections.abc import Callable, Iterator, Mapping

from backchannel.host.settings import chat, proxies, sharing, tunnels
from backchannel.host.settings.place import Exposure, Place

Look = Callable[[Place], Iterator[Exposure]]
PROGRAMS: Mapping[str, Look] = {
    "amule": sharing.amule,
    "amuled": sharing.amule,
    "transmission-daemon": sharing.transmission,
    "transmission-gtk": sharing.transmission,
    "microsocks": proxies.microsocks,
    "danted": proxies.dante,
    "tinyproxy": proxies.tinyproxy,
    "squid": proxies.squid,
    "tor": proxies.tor,
    "turnserver": proxies.coturn,
    "ngircd": chat.ngircd,
    "prosody": chat.prosody,
    "openvpn": tunnels.openvpn,
    "wg": tunnels.wireguard,
    "charon": tunnels.strongswan,
    "charon-systemd": tunnels.strongswan,
}
"""Whose settings are looked at, by the name of the program's file."""


def look(name: str, place: Place) -> list[Exposure]:
    """Return what the settings of the program called *name* expose, in order."""
    asked = PROGRAMS.get(name)
    return sorted(asked(place)) if asked else []
