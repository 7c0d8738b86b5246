"""Numbers of ICQ's old protocols as names.

Sources: iserverd v3_defines.h and v5_defines.h; licq 0.85 licq_icq.h; Ihse, "The ICQ Protocol"
0.91; Isaksson, "Version 5 of the ICQ Protocol"; open-oscar-server @29530dc
wire_legacy_commands.go. They agree on what stands here.

Plain numbers: a hundred members of an enumeration take as long to make as ten modules to load.
"""


class Client:
    """What a client asks for."""

    ACK = 0x000A
    MESSAGE = 0x010E
    REVERSE = 0x015E
    LOGIN = 0x03E8
    PRE_LOGIN = 0x03F2
    REGISTER = 0x03FC
    CONTACTS = 0x0406
    SEARCH_UIN = 0x041A
    SEARCH_USER = 0x0424
    KEEP_ALIVE = 0x042E
    LOGOFF = 0x0438
    ACK_OFFLINE = 0x0442
    ASK_OFFLINE = 0x044C
    AUTHORIZE = 0x0456
    INFO = 0x0460
    MORE_INFO = 0x046A
    PASSWORD = 0x049C
    UPDATE_BASIC = 0x04A6
    UPDATE_DETAIL = 0x04B0
    STATUS = 0x04D8
    FIRST_LOGIN = 0x04EC
    UPDATE_BASIC_4 = 0x050A
    KEEP_ALIVE_2 = 0x051E
    ADD = 0x053C
    SET_WORK = 0x0578
    SET_HOME = 0x0582
    SET_HOME_PAGE = 0x058C
    SET_NOTES = 0x0596
    GET_NOTES = 0x05AA
    SET_WORK_PAGE = 0x05BE
    SEARCH = 0x05C8
    FRAGMENT = 0x05D2
    PRE_LOGIN_2 = 0x05F0
    USER_INFO = 0x05FA
    BROADCAST_ALL = 0x060E
    BROADCAST_ONLINE = 0x0618
    META = 0x064A
    INVISIBLE_LIST = 0x06A4
    VISIBLE_LIST = 0x06AE
    CHANGE_LISTS = 0x06B8


class Server:
    """What a server tells."""

    ACK = 0x000A
    GO_AWAY = 0x0028
    NEW_UIN = 0x0046
    HELLO = 0x005A
    WRONG_PASSWORD = 0x0064
    ONLINE = 0x006E
    OFFLINE = 0x0078
    FOUND = 0x008C
    SEARCH_DONE = 0x00A0
    OFFLINE_MESSAGE = 0x00DC
    OFFLINE_DONE = 0x00E6
    NOT_CONNECTED = 0x00F0
    BUSY = 0x00FA
    MESSAGE = 0x0104
    INFO = 0x0118
    MORE_INFO = 0x0122
    INVALID_UIN = 0x012C
    REVERSE = 0x015E
    STATUS = 0x01A4
    BROADCAST = 0x01C2
    MULTI = 0x0212
    LIST_DONE = 0x021C
    RANDOM_USER = 0x024E
    BASIC_INFO = 0x02E4
    WORK_INFO = 0x02F8
    WORK_PAGE = 0x030C
    HOME_INFO = 0x0320
    HOME_PAGE = 0x0334
    NOTES = 0x0352
    FRAGMENT = 0x0366
    LOGIN_ERROR = 0x0370
    REGISTERED = 0x0384
    META = 0x03DE


class Meta:
    """What command META of a client is about."""

    SET_BASIC = 0x03E8
    SET_BASIC_2 = 0x03E9
    SET_WORK = 0x03F2
    SET_WORK_2 = 0x03F3
    SET_MORE = 0x03FC
    SET_MORE_2 = 0x03FD
    SET_ABOUT = 0x0406
    SET_INTERESTS = 0x0410
    SET_AFFILIATIONS = 0x041A
    SET_PASSWORD = 0x042E
    SET_PAGE = 0x0442
    FULL_INFO = 0x04B0
    FULL_INFO_2 = 0x04B1
    SHORT_INFO = 0x04BA
    LOGIN_INFO = 0x04CE
    LOGIN_INFO_2 = 0x04CF
    SEARCH_NAME = 0x0514
    SEARCH_NAME_2 = 0x0515
    SEARCH_UIN = 0x051E
    SEARCH_UIN_2 = 0x051F
    SEARCH_MAIL = 0x0528
    SEARCH_MAIL_2 = 0x0529
    SEARCH_WHITE = 0x0532
    SEARCH_WHITE_2 = 0x0533


class Answer:
    """What command META of a server tells."""

    GENERAL = 0x00C8
    WORK = 0x00D2
    MORE = 0x00DC
    ABOUT = 0x00E6
    INTERESTS = 0x00F0
    AFFILIATIONS = 0x00FA
    SHORT = 0x0104
    PAGE = 0x010E
    FOUND = 0x0190
    LAST_FOUND = 0x019A
    WHITE_FOUND = 0x01A4
    LAST_WHITE_FOUND = 0x01AE


class Kind:
    """Kinds of messages."""

    TEXT = 1
    CHAT = 2
    FILE = 3
    URL = 4
    ASK = 6
    DENY = 7
    GRANT = 8
    SYSTEM = 9
    ADDED = 0x0C
    WEB_PAGER = 0x0D
    MAIL_PAGER = 0x0E
    CONTACTS = 0x13
    PLUGIN = 0x1A


def numbers(names: type) -> frozenset[int]:
    """Return all numbers that a class gives names."""
    return frozenset(number for name, number in vars(names).items() if name.isupper())


TO_SEVERAL = 0x8000
"""Added to the kind of a message that goes to several people."""
AWAY_TEXTS = range(0x3E8, 0x3ED)
"""Kinds that ask for the text of a status, and answer with it."""
KINDS = numbers(Kind) | frozenset(AWAY_TEXTS) | frozenset(range(0xD7, 0xF0))


SUCCESS = 0x0A
"""Result byte of a server's META."""

CLIENT_COMMANDS = numbers(Client) | {
    0x04C4, 0x04CE, 0x0514, 0x0528, 0x0532, 0x0564, 0x056E, 0x05DC, 0x05E6, 0x0604, 0x0622,
}  # fmt: skip
"""All that were ever described, also those of which nothing is told."""
SERVER_COMMANDS = numbers(Server) | {
    0x001E, 0x0032, 0x0082, 0x00B4, 0x00BE, 0x00C8, 0x00D2, 0x0140, 0x014A, 0x01E0, 0x01EA,
    0x01F4, 0x01FE, 0x0258, 0x026C, 0x0280, 0x0294, 0x02A8, 0x02EE, 0x037A, 0x03FC,
}  # fmt: skip

CLIENT_SUBSEQUENCE = frozenset(
    {
        Client.SEARCH_UIN,
        Client.SEARCH_USER,
        Client.INFO,
        Client.MORE_INFO,
        Client.UPDATE_BASIC,
        Client.UPDATE_DETAIL,
    }
)
SERVER_SUBSEQUENCE = frozenset(
    {Server.FOUND, Server.SEARCH_DONE, Server.INFO, Server.MORE_INFO, Server.NEW_UIN}
)
"""Commands of versions 1 and 2 that begin with a second sequence number."""
