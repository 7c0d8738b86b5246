"""Streams of XMPP made by hand, and short ways to decode them."""

from base64 import b64encode

from backchannel.model import Endpoint, Side
from backchannel.protocols import Start
from backchannel.protocols.xmpp.session import Session

C, S = Side.CLIENT, Side.SERVER
START = Start("tcp", Endpoint("10.0.0.2", 40000), Endpoint("10.0.0.5", 15222))
MIDWAY = Start("tcp", Endpoint("10.0.0.2", 40000), Endpoint("10.0.0.5", 15222), begun=False)
JULIET, ROMEO = "juliet@capulet.example/balcony", "romeo@montague.example/orchard"
SASL = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"


def head(side, content="jabber:client", **more):
    where = {C: "to='capulet.example'", S: "from='capulet.example' id='3EE948B0'"}[side]
    extra = "".join(f" {name}='{value}'" for name, value in more.items())
    return (
        f"<?xml version='1.0'?><stream:stream {where} xmlns='{content}'{extra}"
        " xmlns:stream='http://etherx.jabber.org/streams'>"
    )


def b64(text):
    return b64encode(text if isinstance(text, bytes) else text.encode()).decode()


class Wire:
    """A connection; `c` and `s` are what client and server send, and give what that told."""

    def __init__(self, *, content="jabber:client", bound=True, start=START):
        self.session = Session(start)
        if start.begun:
            self.c(head(C, content))
            self.s(head(S, content))
        if bound:
            self.s(
                "<iq type='result' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
                f"<jid>{JULIET}</jid></bind></iq>"
            )

    def c(self, text):
        return self.session.feed(C, text if isinstance(text, bytes) else text.encode())

    def s(self, text):
        return self.session.feed(S, text if isinstance(text, bytes) else text.encode())


def message(body="", more="", to=ROMEO, kind="chat", who=""):
    source = f" from='{who}'" if who else ""
    text = f"<body>{body}</body>" if body else ""
    return f"<message to='{to}'{source} type='{kind}' id='m1'>{text}{more}</message>"


def iq(inner, kind="set", to=ROMEO, who="", name="q1"):
    source = f" from='{who}'" if who else ""
    return f"<iq type='{kind}' to='{to}'{source} id='{name}'>{inner}</iq>"
