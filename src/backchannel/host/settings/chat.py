"""Chat servers: who may sign on, and whether what is said can be read on the way.

Facts: ngircd.conf(5); Prosody's documentation of its options (0.12).
"""

import re
from collections.abc import Iterator

from backchannel.host.settings.place import Exposure, Place, assigned, sections


def ngircd(place: Place) -> Iterator[Exposure]:
    """Tell of a server without a password, and of one without TLS."""
    for file in place.configured("-f", "/etc/ngircd/ngircd.conf"):
        if text := place.root.text(file):
            yield from _ngircd(file, text)


def _ngircd(file: str, text: str) -> Iterator[Exposure]:
    parts = sections(text)
    if not assigned(parts.get("global", ""), "Password") and (
        (assigned(parts.get("options", ""), "PAM") or "yes").lower() in ("no", "false", "0")
    ):
        yield Exposure(
            file,
            "open-chat",
            "low",
            "misconfigured-sharing",
            "anybody who reaches it may sign on: no password is asked",
        )
    if not assigned(parts.get("ssl", ""), "Ports"):
        yield Exposure(
            file, "chat-in-the-clear", "medium", "cleartext", "no port with TLS is configured"
        )


def prosody(place: Place) -> Iterator[Exposure]:
    """Tell of open registration, logins without TLS, and passwords that are kept readable."""
    main = "/etc/prosody/prosody.cfg.lua"
    for file in (main, *place.files("/etc/prosody/conf.d", ".lua")):
        text = re.sub(r"--.*$", "", place.root.text(file), flags=re.MULTILINE)
        if assigned(text, "allow_registration") == "true":
            yield Exposure(
                file,
                "open-registration",
                "medium",
                "misconfigured-sharing",
                "anybody may make an account",
            )
        if assigned(text, "c2s_require_encryption") == "false":
            yield Exposure(
                file, "chat-in-the-clear", "medium", "cleartext", "clients may log in without TLS"
            )
        if assigned(text, "authentication") == "internal_plain":
            yield Exposure(
                file,
                "passwords-kept",
                "medium",
                "credential-exposure",
                "passwords are kept readable",
            )
