"""Who is there, and what they say of themselves.

    CHG n state capabilities [object]              one's own state, echoed
    NLN state account [network] nickname ...       a contact's; ILN n ... at sign-on; FLN account
    UBX account [network] length <Data>            a contact's personal message; UUX n length: own
    PRP, REA, BPR                                  properties, MFN the nickname

From MSNP14 to 17 the network stands in a word of its own, later before the account (`1:`).
"""

import re

from backchannel.events import Presence, Profile
from backchannel.model import Side
from backchannel.protocols import Output
from backchannel.protocols.msnp.names import account, nickname
from backchannel.protocols.msnp.state import State
from backchannel.protocols.msnp.wire import Command
from backchannel.text import decode, unescape

STATES = {
    "NLN": "online",
    "BSY": "busy",
    "IDL": "idle",
    "BRB": "be right back",
    "AWY": "away",
    "PHN": "on the phone",
    "LUN": "out to lunch",
    "HDN": "invisible",
    "FLN": "offline",
}
_NETWORKS = frozenset({"1", "2", "4", "8", "9", "13", "14", "16", "32"})
_PERSONAL = re.compile(r"<PSM>([^<]{0,4096})</PSM>")
_MEDIA = re.compile(r"<CurrentMedia>([^<]{0,4096})</CurrentMedia>")


def change(state: State, side: Side, command: Command) -> list[Output]:
    """`CHG`: told when asked for; the echo only where the request was not seen."""
    trid, status = command.word(0), command.word(1)
    if status not in STATES:
        return []
    if side is Side.CLIENT:
        state.ask(trid, "change")
    elif state.answer(trid)[0] == "change":
        return []
    return arrived(state, state.account, status)


def arrived(state: State, who: str, status: str) -> list[Output]:
    """Tell somebody's state, where it is new: servers repeat it with every change of a name."""
    if not who or not state.changed("state", who, status):
        return []
    return [Presence(account=who, status=STATES[status])]


def online(state: State, side: Side, command: Command) -> list[Output]:
    """`NLN` and `ILN`."""
    words = command.words[1:] if command.name == "ILN" else command.words
    if side is Side.CLIENT or len(words) < 2 or words[0] not in STATES:
        return []
    who, rest = account(words[1]), words[2:]
    if len(rest) > 1 and rest[0] in _NETWORKS and _has_network(state, rest):
        rest = rest[1:]
    return arrived(state, who, words[0]) + renamed(state, who, rest[0] if rest else "")


def _has_network(state: State, rest: tuple[str, ...]) -> bool:
    """Whether the first of *rest* is a network and not a nickname: MSNP14 to 17 have one."""
    if state.version:
        return 14 <= state.version <= 17
    return not rest[1].replace(":", "").isdigit()


def renamed(state: State, who: str, word: str) -> list[Output]:
    """Tell a nickname, where it is new and more than the account."""
    nick = nickname(word)
    if not who or nick.lower() == who or not state.changed("nickname", who, nick):
        return []
    return [Profile(account=who, nickname=nick)]


def offline(state: State, side: Side, command: Command) -> list[Output]:
    """`FLN account`."""
    if side is Side.CLIENT:
        return []
    return arrived(state, account(command.word(0)), "FLN")


def personal(state: State, side: Side, command: Command) -> list[Output]:
    """`UBX` and `UUX`: personal message and the song that plays."""
    who = state.account if side is Side.CLIENT else account(command.word(0))
    if not command.payload:
        return []
    xml = decode(command.payload)
    if "<PSM" not in xml:
        return []
    personal_message, media = (
        unescape(found[1]) if (found := each.search(xml)) else "" for each in (_PERSONAL, _MEDIA)
    )
    text = "\n".join(part for part in (personal_message, _playing(media)) if part)
    if not state.changed("personal", who, text):
        return []
    return [Profile(account=who, text=text)]


def _playing(media: str) -> str:
    r"""Read `program\0Music\01\0{0} - {1}\0title\0artist`; 0 in third place: nothing plays."""
    parts = media.split("\\0")
    if len(parts) < 4 or parts[2] != "1":
        return ""
    text = parts[3]
    for number, value in enumerate(parts[4:14]):
        text = text.replace(f"{{{number}}}", value)
    return text[:1024]


def own_property(state: State, side: Side, command: Command) -> list[Output]:
    """`PRP n MFN nickname`, or phones; the server repeats it with or without n and a serial."""
    words = [word for word in command.words if not word.isdigit()]
    if side is Side.SERVER and state.answer(command.word(0))[0] == "property":
        return []
    if side is Side.CLIENT:
        state.ask(command.word(0), "property")
    if len(words) < 2 or words[0] != "MFN":
        return []
    return renamed(state, state.account, words[-1])


def rename(state: State, side: Side, command: Command) -> list[Output]:
    """`REA n [serial] account nickname`: somebody's name in one's own list, or one's own."""
    del side
    if len(command.words) < 3:
        return []
    return renamed(state, account(command.words[-2]), command.words[-1])
