"""MSNP2 to MSNP21: the dispatch, notification and switchboard servers of MSN Messenger."""

from backchannel.protocols import Magic, Protocol

_FIRST = (b"CVR ", b"INF ")
_ANY = (
    *(b"VER ", b"USR ", b"ANS "),
    *(b"MSG ", b"NLN ", b"ILN ", b"FLN ", b"UBX ", b"UBN ", b"UUX ", b"UUN ", b"RNG ", b"XFR "),
    *(b"CAL ", b"JOI ", b"IRO ", b"BYE ", b"CHG ", b"CHL ", b"QRY ", b"QNG ", b"PNG\r\n", b"ACK "),
    *(b"SYN ", b"LST ", b"LSG ", b"PRP ", b"BPR ", b"ADC ", b"ADD ", b"REM ", b"ADL ", b"RML "),
    *(b"FQY ", b"SDG ", b"NFY ", b"PUT ", b"NOT ", b"GCF 0 ", b"SBS 0 "),
)

PROTOCOL = Protocol(
    name="msnp",
    title="MSN Messenger (MSNP)",
    service="msn",
    magic=(
        *(Magic(transport="tcp", pattern=word, first=True) for word in _FIRST),
        *(Magic(transport="tcp", pattern=word) for word in _ANY),
    ),
)
