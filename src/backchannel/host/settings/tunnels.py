"""Tunnels: what is not encrypted, who may control them, and keys that others can read.

Facts: openvpn(8) 2.6; wg-quick(8); swanctl.conf(5). Keys and secrets are never read out.
"""

import re
from collections.abc import Iterator

from backchannel.host.settings.place import Exposure, Place, assigned, only_here

_ASKS = re.compile(r"^[ \t]*(?:auth-user-pass-verify|plugin|auth-gen-token)\b", re.MULTILINE)
_KEY = re.compile(r"^[ \t]*(?:PrivateKey|PresharedKey)", re.MULTILINE)
_ROUTES = re.compile(r"^[ \t]*AllowedIPs[ \t]*=[ \t]*(.+)$", re.MULTILINE | re.IGNORECASE)
_SECRET = re.compile(r"^[^#\n]*:[ \t]*(?:PSK|RSA|ECDSA|EAP|XAUTH)\b", re.MULTILINE)


def openvpn(place: Place) -> Iterator[Exposure]:
    """Tell of tunnels without encryption, and of their management ports."""
    for folder in ("/etc/openvpn", "/etc/openvpn/client", "/etc/openvpn/server"):
        for file in place.files(folder, ".conf", ".ovpn"):
            yield from _openvpn(file, place.root.text(file))


def _openvpn(file: str, text: str) -> Iterator[Exposure]:
    for name in ("cipher", "data-ciphers"):
        if "none" in (assigned(text, name) or "").lower().split(":"):
            yield Exposure(
                file, "tunnel-unencrypted", "high", "weak-tunnel", f"`{name}` allows none"
            )
    management = (assigned(text, "management") or "").split()
    if len(management) == 2 and management[1] != "unix" and not only_here(management[0]):
        yield Exposure(
            file,
            "control-without-password",
            "high",
            "remote-control",
            f"can be controlled without a password on {management[0]}, port {management[1]}",
        )
    unproved = assigned(text, "verify-client-cert") == "none" or re.search(
        r"^[ \t]*client-cert-not-required", text, re.MULTILINE
    )
    asked = re.search(
        r"^[ \t]*(?:auth-user-pass-verify|plugin|auth-gen-token)\b", text, re.MULTILINE
    )
    if unproved and not asked:
        yield Exposure(
            file, "open-tunnel", "high", "weak-tunnel", "clients need no certificate and no login"
        )


def wireguard(place: Place) -> Iterator[Exposure]:
    """Tell of private keys that others can read, and of tunnels that take all traffic."""
    for file in place.files("/etc/wireguard", ".conf"):
        text = place.root.text(file)
        if re.search(r"^[ \t]*(?:PrivateKey|PresharedKey)", text, re.MULTILINE) and place.readable(
            file
        ):
            yield Exposure(
                file,
                "key-readable",
                "high",
                "credential-exposure",
                "any user of this host can read the keys in it",
            )
        routes = re.findall(
            r"^[ \t]*AllowedIPs[ \t]*=[ \t]*(.+)$", text, re.MULTILINE | re.IGNORECASE
        )
        if any("/0" in line for line in routes):
            yield Exposure(
                file, "takes-all-traffic", "low", "evasion", "all traffic goes into this tunnel"
            )


def strongswan(place: Place) -> Iterator[Exposure]:
    """Tell of aggressive mode, which gives a hash of the key away, and of readable secrets."""
    files = ["/etc/swanctl/swanctl.conf", *place.files("/etc/swanctl/conf.d", ".conf")]
    files += ["/etc/ipsec.conf", *place.files("/etc/ipsec.d", ".conf")]
    for file in files:
        text = re.sub(r"#.*$", "", place.root.text(file), flags=re.MULTILINE)
        if (assigned(text, "aggressive") or "").lower() in ("yes", "true", "1"):
            yield Exposure(
                file,
                "aggressive-mode",
                "high",
                "weak-tunnel",
                "aggressive mode gives a hash of the key to whoever asks",
            )
        if re.search(r"^[ \t]*secrets[ \t]*\{", text, re.MULTILINE) and _secret(text):
            yield from _readable(place, file)
    file = "/etc/ipsec.secrets"
    if re.search(
        r"^[^#\n]*:[ \t]*(?:PSK|RSA|ECDSA|EAP|XAUTH)\b", place.root.text(file), re.MULTILINE
    ):
        yield from _readable(place, file)


def _secret(text: str) -> bool:
    return bool(re.search(r"^[ \t]*secret[ \t]*=", text, re.MULTILINE))


def _readable(place: Place, file: str) -> Iterator[Exposure]:
    if place.readable(file):
        yield Exposure(
            file,
            "key-readable",
            "high",
            "credential-exposure",
            "any user of this host can read the secrets in it",
        )
