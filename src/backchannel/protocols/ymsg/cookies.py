"""Yahoo's login cookies: whose they are, and what ties the flows that carry them together.

    Y   v=1&n=...&l=<login>/o&p=...   who; `l` is the login by a fixed substitution
    T   z=...&sk=...                  the session's secret
    B   browser, C   flags

The substitution (a=0 ... j=9, k=a ... z=p, 0=q ... 9=z) is seen in two places: the 2001 article of
venkydude.com (`l=l4dao_3k34/o` for venky_dude) and Escargot's cookies.
"""

import hashlib

from backchannel.effects import Tie
from backchannel.events import Credential
from backchannel.protocols import Output

_CODED = str.maketrans(
    "0123456789abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz0123456789"
)
_LONGEST = 4096


def login(y_cookie: str) -> str:
    """Return the account that a Y cookie names, empty where it names none."""
    for part in y_cookie.split(";", 1)[0].split("&"):
        if part.startswith("l="):
            return part[2:].split("/", 1)[0].translate(_CODED)
    return ""


def parse(header: str) -> dict[str, str]:
    """Return the Y, T, B and C cookies of a Cookie header or of a cookie list."""
    found: dict[str, str] = {}
    for part in header[:_LONGEST].split(";"):
        name, mark, value = part.strip().partition("=")
        if mark and name in {"Y", "T", "B", "C"}:
            found.setdefault(name, value)
    return found


def outputs(account: str, jar: dict[str, str]) -> list[Output]:
    """Tell that *jar* was sent in clear, and tie this flow to the others that carry it."""
    secret = "; ".join(f"{name}={jar[name]}" for name in ("Y", "T", "B") if jar.get(name))
    # B and C alone prove nothing about who somebody is.
    if not (jar.get("Y") or jar.get("T")):
        return []
    account = account or login(jar.get("Y", ""))
    key = jar.get("T") or jar["Y"]
    digest = hashlib.sha256(key.encode()).hexdigest()[:32]
    return [
        Credential(account=account, kind="token", scheme="yahoo-cookie", secret=secret),
        Tie(key=f"yahoo-cookie:{digest}", account=account),
    ]


def webcam_tie(key: str, account: str) -> Tie:
    """Tie this flow to the webcam connection, or the YMSG connection, that has the same *key*."""
    digest = hashlib.sha256(key.encode()).hexdigest()[:32]
    return Tie(key=f"yahoo-webcam:{digest}", account=account)
