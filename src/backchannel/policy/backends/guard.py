"""Our own guard: it reads content, so it can refuse one use of a service and let the others pass.

What it is given is the resolved policy itself, as JSON that `policy.exchange` reads.
"""

from backchannel import __version__
from backchannel.model import Capability
from backchannel.policy.backends._judging import ENFORCES
from backchannel.policy.backends._reading import reading
from backchannel.policy.compile import File, Gap, Judgement
from backchannel.policy.exchange import Sealed, dumps
from backchannel.policy.model import Line, Rules, Use

NAME = "guard"
TITLE = "backchannel's own guard (Linux, NFQUEUE)"
OPAQUE = {"mtproto", "rdp", "rdp-udp", "teamviewer", "whatsapp"}
"""Decoders that know their service, and see nothing of what is done inside it."""

ONLY = {
    "discord-voice": {Capability.VOICE_VIDEO},
    "telegram-call": {Capability.VOICE_VIDEO},
    "anydesk": {Capability.SEARCH},
    "stun": {Capability.VOICE_VIDEO},
    "zoom": {Capability.VOICE_VIDEO, Capability.APP_SHARING},
}
"""Decoders that know some uses of their service, and nothing of the others."""

OWN = {"stun": "stun-turn"}
"""Services that are one decoder's own, of which it knows everything, though others use it too."""

_TELEGRAM = (
    "what goes through an MTProxy with a secret, and calls without Telegram's relays, have no fixed"
    " bytes"
)
_TOR = "bridges with obfs4, Snowflake, meek or WebTunnel look like noise, a call or the web"
HIDDEN = {
    "stun": "calls inside TLS, and those whose relay was not seen, look like any others",
    "discord-voice": "calls of the browser version are WebRTC, which nothing marks as Discord's",
    "mtproto": _TELEGRAM,
    "telegram-call": _TELEGRAM,
    "teamviewer": "over UDP it is known once both sides spoke, or by the first datagram through a"
    " hole; in TLS only names tell it",
    "tor": _TOR,
    "tor-directory": _TOR,
    "zoom": "where UDP is closed its media go inside TLS, and those of the browser version are"
    " WebRTC, which nothing marks as Zoom's",
}
"""What a decoder cannot know of its own, because it has no fixed bytes."""


def judge(rules: Rules, line: Line, use: Use) -> Judgement:
    """Return what the guard can do for *use* of *line*."""
    known = {each for each in use.protocols if OWN.get(each) == use.service}
    protocols = known | {
        each for each in use.protocols if use.capability in ONLY.get(each, Capability)
    }
    if line.action == "allow" and rules.default == "deny" and not protocols:
        return _allowed_unknown(use)
    if line.action == "allow" or (line.action == "deny" and reading(rules).moot(line, use)):
        return ENFORCES  # what the guard does not refuse passes
    if not protocols and use.names and reading(rules).whole(line, use):
        why = (
            "no decoder knows its content: refused are connections whose TLS, QUIC or HTTP names it"
        )
        return Judgement("partly", why, "dns-rpz, squid: by its host names, too")
    if not protocols:
        nearest = "dns-rpz, squid: by its host names" if use.names else "nftables: by its ports"
        return Judgement("cannot", "no decoder knows its content", nearest)
    if line.action == "deny" and line.mode in ("observe", "alert"):
        why = f"its mode is `{line.mode}`: it tells what it would refuse, and refuses nothing"
        return Judgement("cannot", why, "mode: reset, or mode: drop")
    whole = reading(rules).whole(line, use)
    if not whole and not protocols <= OPAQUE:
        protocols -= OPAQUE
    if protocols <= OPAQUE and not whole:
        why = "its content is encrypted: the service can be refused, not one use of it"
        return Judgement("cannot", why, "a line that speaks of all its capabilities")
    if not known and protocols & OWN.keys():  # calls, which what is opaque does not find
        protocols = protocols - OWN.keys() - OPAQUE or protocols & OWN.keys()
    if not known and protocols <= HIDDEN.keys():
        hidden = sorted({HIDDEN[each] for each in protocols})
        nearest = "dns-rpz, squid: by its host names, too" if use.names else ""
        return Judgement("partly", "; ".join(hidden), nearest)
    return ENFORCES


def _allowed_unknown(use: Use) -> Judgement:
    """What no decoder knows is denied with everything else that is not known."""
    why = "no decoder knows its content, and what is not known is denied"
    if use.names:
        return Judgement(
            "partly", f"{why} unless TLS, QUIC or HTTP names it", "a default of `allow`"
        )
    return Judgement("cannot", why, "a default of `allow`")


def emit(rules: Rules, gaps: tuple[Gap, ...]) -> tuple[File, ...]:
    """Return the rules as one JSON file."""
    told = tuple(
        f"{gap.line} ({gap.place}) {gap.judgement.level}: {gap.use}: {gap.judgement.why}"
        for gap in gaps
    )
    sealed = Sealed(made_by=f"backchannel {__version__}", gaps=told, rules=rules)
    return (File("backchannel-guard.json", dumps(sealed) + "\n"),)
