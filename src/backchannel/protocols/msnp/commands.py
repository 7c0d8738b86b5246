"""Command -> handler, for all versions and both kinds of server.

Add a command: write a handler (`state.Handler`), add a line. A command that is known and tells
nothing has `nothing`, so that an unknown one can speak against the claim.
"""

from backchannel.protocols.msnp import (
    datagrams,
    endpoints,
    login,
    notices,
    presence,
    roster,
    switchboard,
)
from backchannel.protocols.msnp.state import Handler, nothing

HANDLERS: dict[str, Handler] = {
    "VER": login.version,
    "CVR": login.client_version,
    "INF": nothing,
    "USR": login.user,
    "XFR": login.transfer,
    "RNG": login.ring,
    "ANS": login.answer_call,
    "OUT": login.leave,
    "QRY": login.challenge,
    "CHG": presence.change,
    "NLN": presence.online,
    "ILN": presence.online,
    "FLN": presence.offline,
    "UBX": presence.personal,
    "UUX": presence.personal,
    "PRP": presence.own_property,
    "REA": presence.rename,
    "LST": roster.contact,
    "LSG": roster.group,
    "ADG": roster.regroup,
    "REG": roster.regroup,
    "ADD": roster.change,
    "ADC": roster.change,
    "REM": roster.change,
    "ADL": roster.membership,
    "RML": roster.membership,
    "FQY": roster.membership,
    "FND": roster.find,
    "CAL": switchboard.call,
    "JOI": switchboard.join,
    "IRO": switchboard.join,
    "BYE": switchboard.leave,
    "UUN": endpoints.notification,
    "UBN": endpoints.notification,
    "SDG": datagrams.datagram,
    "NFY": datagrams.publication,
    "PUT": datagrams.publication,
    "DEL": datagrams.publication,
    "NOT": notices.alert,
    "IPG": notices.page,
    "PAG": notices.page,
    "PGD": notices.page,
    "SDC": notices.mail_invitation,
    "SND": notices.mail_invitation,
}
for _name in (
    *("ACK", "NAK", "PNG", "QNG", "CHL", "SYN", "GTC", "BLP", "BPR", "SBP", "RMG", "URL"),
    *("IMS", "GCF", "SBS", "VAS", "LSR", "FSL", "GET", "LKP", "NTF", "CRT"),
):
    HANDLERS[_name] = nothing
