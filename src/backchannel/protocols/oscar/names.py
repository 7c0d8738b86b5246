"""Words for OSCAR's numbers.

Sources: iserverd "OSCAR (ICQ v7/v8/v9) protocol documentation" (families, errors, auth_failed,
info_block); libpurple 2.x protocols/oscar (oscar.h, family_locate.c, userinfo.c);
open-oscar-server wire/snacs.go.
"""

from functools import lru_cache

FAMILIES = {
    0x01: "session",
    0x02: "profiles",
    0x03: "presence",
    0x04: "messaging",
    0x05: "advertising",
    0x06: "invitations",
    0x07: "account",
    0x08: "pop-ups",
    0x09: "privacy",
    0x0A: "user lookup",
    0x0B: "statistics",
    0x0C: "translation",
    0x0D: "chat directory",
    0x0E: "chat",
    0x0F: "directory search",
    0x10: "buddy icons",
    0x13: "contact list",
    0x15: "icq",
    0x17: "sign-on",
    0x18: "mail",
    0x25: "directory",
}


def family(number: int) -> str:
    """Return the name of a SNAC family."""
    return FAMILIES.get(number) or f"family 0x{number:04x}"


ERRORS = {
    0x01: "invalid message",
    0x02: "server rate limit exceeded",
    0x03: "client rate limit exceeded",
    0x04: "recipient is not signed on",
    0x05: "service unavailable",
    0x06: "service not defined",
    0x07: "obsolete message",
    0x08: "not supported by the server",
    0x09: "not supported by the client",
    0x0A: "refused by the client",
    0x0B: "reply too big",
    0x0C: "responses lost",
    0x0D: "request denied",
    0x0E: "malformed message",
    0x0F: "insufficient rights",
    0x10: "recipient is blocked",
    0x11: "sender warned too often",
    0x12: "recipient warned too often",
    0x13: "user temporarily unavailable",
    0x14: "no match",
    0x15: "list full",
    0x16: "ambiguous request",
    0x17: "server queue full",
    0x18: "not while on AOL",
}

SIGN_ON_ERRORS = {
    0x01: "invalid name or password",
    0x02: "service temporarily unavailable",
    0x04: "wrong name or password",
    0x05: "name and password do not match",
    0x06: "bad request",
    0x07: "invalid account",
    0x08: "deleted account",
    0x09: "expired account",
    0x0A: "no access to database",
    0x10: "service temporarily offline",
    0x11: "suspended account",
    0x16: "too many connections from this address",
    0x17: "too many connections from this address",
    0x18: "connecting too often",
    0x19: "warned too often",
    0x1B: "client too old",
    0x1C: "client old",
    0x1D: "connecting too often",
    0x1E: "cannot register on the ICQ network",
    0x20: "invalid SecurID",
    0x22: "suspended because of age",
}

DISCONNECTS = {0x01: "signed on elsewhere", 0x02: "account deleted"}

CANCELS = {0: "", 1: "declined", 2: "timed out", 3: "accepted on another instance"}
"""Why a rendezvous was called off."""

PROXY_ERRORS = {
    0x0D: "bad request",
    0x10: "first request timed out",
    0x1A: "waiting for the other side timed out",
}
"""Of the rendezvous proxy (libpurple peer_proxy.c)."""

_SHORT_TAIL = bytes.fromhex("4c7f11d18222444553540000")
SHORT_CAPABILITIES = {
    0x0100: "video",
    0x0101: "live video",
    0x0102: "camera",
    0x0104: "live audio",
    0x0105: "ichat av",
    0x1341: "talk",
    0x1342: "direct play",
    0x1343: "send file",
    0x1344: "icq direct",
    0x1345: "direct im",
    0x1346: "buddy icon",
    0x1347: "add-in",
    0x1348: "get file",
    0x1349: "icq relay",
    0x134A: "game",
    0x134B: "send contacts",
    0xF004: "screen sharing",
}
CAPABILITIES = {
    bytes.fromhex(f"0946{number:04x}") + _SHORT_TAIL: word
    for number, word in SHORT_CAPABILITIES.items()
} | {
    bytes.fromhex("0946134a4c7f11d12282444553540000"): "game",
    bytes.fromhex("094601054c7f11d18222444545535400"): "ichat av",
    bytes.fromhex("748f2420628711d18222444553540000"): "chat",
    bytes.fromhex("f2e7c7f4fead4dfbb23536798bdf0000"): "trillian secure im",
}

_STATUSES = (
    (0x0100, "invisible"),
    (0x0002, "do-not-disturb"),
    (0x0010, "busy"),
    (0x0004, "not-available"),
    (0x0001, "away"),
    (0x0020, "free-for-chat"),
)


@lru_cache(maxsize=256)
def icq_status(flags: int) -> str:
    """Return the word for ICQ's status bits; `online` for none that we know."""
    return next((word for bit, word in _STATUSES if flags & bit), "online")


def sign_on_error(code: int) -> str:
    """Return why a sign-on was refused."""
    return SIGN_ON_ERRORS.get(code, f"error 0x{code:04x}")


def error(code: int) -> str:
    """Return what an error message says."""
    return ERRORS.get(code, f"error 0x{code:04x}")
