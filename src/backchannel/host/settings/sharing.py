"""aMule and Transmission: which folders they share, and who may control them.

Facts: amule.conf and shareddir.dat as aMule 2.3.3 writes them; transmission-daemon(1) and
Transmission's Editing-Configuration-Files.md.
"""

import posixpath
from collections.abc import Iterator

import msgspec

from backchannel.host.settings.place import Exposure, Place, assigned, only_here, sections

WIDE = ("/", "/home", "/root", "/etc", "/var", "/usr", "/srv", "/mnt", "/media")
"""Folders that nobody means to share whole."""
SHOWN = 3
"""Folders that are named; the rest are counted."""


def amule(place: Place) -> Iterator[Exposure]:
    """Tell what aMule shares, and where its remote control listens."""
    for user in place.users:
        folder = f"{user.home}/.aMule"
        file = f"{folder}/amule.conf"
        parts = sections(place.root.text(file))
        listed = place.root.text(f"{folder}/shareddir.dat").splitlines()
        shared = [line.rstrip("/") or "/" for line in listed if line.startswith("/")]
        wide = [each for each in shared if each in WIDE or each == user.home]
        if shared:
            yield Exposure(
                f"{folder}/shareddir.dat",
                "folders-shared",
                "critical" if wide else "info",
                "misconfigured-sharing",
                f"shares {_some(wide or shared)}, with anybody who asks for a file in it",
            )
        control = parts.get("externalconnect", "")
        on = assigned(control, "AcceptExternalConnections") == "1"
        address = assigned(control, "ECAddress") or "every address"
        if on and assigned(control, "ECPassword") and not only_here(address):
            yield Exposure(
                file,
                "remote-control",
                "medium",
                "remote-control",
                f"can be controlled from afar on {address}, port "
                f"{assigned(control, 'ECPort') or '4712'}, by a password that is sent unencrypted",
            )


def transmission(place: Place) -> Iterator[Exposure]:
    """Tell where Transmission can be controlled without a password."""
    usual = "/etc/transmission-daemon/settings.json"
    files = dict.fromkeys(place.configured("-g", usual, "/settings.json"))
    for user in place.users:
        for name in ("transmission-daemon", "transmission"):
            path = place.root.real(f"{user.home}/.config/{name}/settings.json")
            files |= {path: None} if path else {}
    for file in files:
        try:
            told = msgspec.json.decode(place.root.read(file) or b"null")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if isinstance(told, dict):
            yield from _control(file, told)


def _control(file: str, told: dict[str, object]) -> Iterator[Exposure]:
    address = str(told.get("rpc-bind-address", "0.0.0.0"))  # noqa: S104 - its default
    allowed = str(told.get("rpc-whitelist", "127.0.0.1")).split(",")
    limited = bool(told.get("rpc-whitelist-enabled", True)) and not any(
        part.strip().startswith("*") for part in allowed
    )
    if not told.get("rpc-enabled", True) or only_here(address) or limited:
        return
    if told.get("rpc-authentication-required", False):
        return
    yield Exposure(
        file,
        "control-without-password",
        "high",
        "remote-control",
        f"can be controlled without a password by anybody who reaches {address}, port "
        f"{told.get('rpc-port', 9091)}",
    )


def _some(folders: list[str]) -> str:
    shown = ", ".join(posixpath.normpath(each) for each in folders[:SHOWN])
    more = len(folders) - SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
