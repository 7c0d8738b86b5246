"""Numbers of YMSG as names.

Sources: libpurple 2.10.9 yahoo_packet.h and libymsg.c; libyahoo2 doc/ymsg-9.txt; OpenYMSG
ServiceType; digsby yahoolookup.py; Escargot front/ymsg/misc.py. They agree on what stands here.
"""

from enum import IntEnum


class Service(IntEnum):
    """What a packet is about."""

    LOGON = 0x01
    LOGOFF = 0x02
    ISAWAY = 0x03
    ISBACK = 0x04
    IDLE = 0x05
    MESSAGE = 0x06
    IDACT = 0x07
    IDDEACT = 0x08
    USERSTAT = 0x0A
    NEWMAIL = 0x0B
    CHATINVITE = 0x0C
    NEWCONTACT = 0x0F
    PING = 0x12
    SYSMESSAGE = 0x14
    SKINNAME = 0x15
    MASSMESSAGE = 0x17
    CONFINVITE = 0x18
    CONFLOGON = 0x19
    CONFDECLINE = 0x1A
    CONFLOGOFF = 0x1B
    CONFADDINVITE = 0x1C
    CONFMSG = 0x1D
    CHATLOGON = 0x1E
    CHATLOGOFF = 0x1F
    CHATMSG = 0x20
    GAMELOGON = 0x28
    GAMELOGOFF = 0x29
    GAMEMSG = 0x2A
    FILETRANSFER = 0x46
    VOICECHAT = 0x4A
    NOTIFY = 0x4B
    VERIFY = 0x4C
    P2PFILEXFER = 0x4D
    PEERTOPEER = 0x4F
    WEBCAM = 0x50
    AUTHRESP = 0x54
    LIST = 0x55
    AUTH = 0x57
    ADDBUDDY = 0x83
    REMBUDDY = 0x84
    IGNORECONTACT = 0x85
    REJECTCONTACT = 0x86
    KEEPALIVE = 0x8A
    CHATONLINE = 0x96
    CHATJOIN = 0x98
    CHATLEAVE = 0x99
    CHATEXIT = 0x9B
    CHATADDINVITE = 0x9D
    CHATLOGOUT = 0xA0
    COMMENT = 0xA8
    GAME_INVITE = 0xB7
    PICTURE = 0xBE
    PICTURE_UPLOAD = 0xC2
    VISIBLE_TOGGLE = 0xC5
    STATUS_UPDATE = 0xC6
    AUDIBLE = 0xD0
    PHOTO_SHARING = 0xD2
    CONTACT_DETAILS = 0xD3
    AUTH_REQ_15 = 0xD6
    PHOTO_PREVIEW = 0xD7
    FILETRANS_15 = 0xDC
    FILETRANS_INFO_15 = 0xDD
    FILETRANS_ACC_15 = 0xDE
    CHANGE_GROUP = 0xE7
    STATUS_15 = 0xF0
    LIST_15 = 0xF1
    MESSAGE_ACK = 0xFB
    WEBLOGIN = 0x226
    SMS_MESSAGE = 0x2EA
    DISCONNECT = 0x7D1


CUSTOM, IDLE = 99, 999
FAILED = 0xFFFFFFFF
"""Header status of a refused request; on a log-off it means "signed on elsewhere"."""
OFFLINE_DELIVERY = 5
"""Header status of messages kept while the recipient was away."""

STATUS = {
    0: "online",
    1: "be-right-back",
    2: "busy",
    3: "not-at-home",
    4: "not-at-desk",
    5: "not-in-office",
    6: "on-phone",
    7: "on-vacation",
    8: "out-to-lunch",
    9: "stepped-out",
    12: "invisible",
    IDLE: "idle",
    0x5A55AA56: "offline",
}

REFUSALS = {
    1: "signed on elsewhere",
    3: "unknown account",
    13: "wrong password",
    14: "account locked",
    29: "account locked after too many attempts",
    52: "try again",
    1013: "not a Yahoo! ID",
}

DISCONNECTS = {
    42: "signed on elsewhere",
    1004: "protocol mismatch",
    1005: "invalid field",
}

NETWORKS = {1: "ocs/", 2: "msn/", 9: "ibm/", 100: "pbx/"}
"""Key 241: the account lives on another network that Yahoo federated with."""
