"""DCC: what two IRC clients send each other directly, once one of them has announced it.

Nothing marks the bytes: a file is sent raw, a chat is lines. So there is no magic, and a connection
is recognised by its announcement alone.
"""

from backchannel.protocols import Protocol

PROTOCOL = Protocol(name="irc-dcc", title="IRC direct connection (DCC)", service="irc")
