"""MSNP that is well framed and badly filled."""

from hypothesis import strategies as st
from tests.protocols.msnp.craft import ALICE, BOB, GUID, mime, payload

from backchannel.protocols.msnp.commands import HANDLERS

DATAGRAM = (
    b"Routing: 1.0\r\nFrom: 1:a@b\r\nTo: 9:c@d\r\n\r\nReliability: 1.0\r\n\r\n"
    b"Messaging: 2.0\r\nMessage-Type: Data\r\nBridging-Offsets: 0,5,-1,x\r\n\r\n"
) + bytes(70)
PUBLICATION = (
    b"Routing: 1.0\r\n\r\n\r\n\r\nPublication: 1.0\r\n"
    b"Content-Type: application/user+xml\r\n\r\n"
    b"<user><s n='IM'><Status>NLN</Status></s></user>"
)
words = st.one_of(
    st.sampled_from(
        f"1 0 OK I S MD5 TWN SSO SHA NS SB CKI RINGING NLN FLN FL AL 11 MFN N={BOB} F=x C=1"
        f" {ALICE} {BOB};{GUID} 1:{BOB} 198.51.100.2:1863 Hotmail %41%zz%ff 99999999999".split()
    ),
    st.text(max_size=12).map(lambda text: "".join(text.split())),
)
CONTENTS = [
    "text/plain",
    "text/plain; charset=utf-16",
    "text/x-msmsgscontrol",
    "text/x-msmsgsinvite; charset=UTF-8",
    "text/x-msnmsgr-datacast",
    "text/x-mms-emoticon",
    "text/x-clientcaps",
    "image/gif",
    "application/x-ms-ink",
    "application/x-msnmsgrp2p",
    "text/x-msmsgsprofile",
    "text/x-msmsgsemailnotification",
    "text/x-msmsgsinitialmdatanotification",
    "application/x-msmsgssystemmessage",
    "text/nonsense",
]
fields = st.sampled_from(
    [
        "Invitation-Command: INVITE",
        "Invitation-Command: ACCEPT",
        "Invitation-Command: CANCEL",
        "Invitation-Cookie: 1",
        "Application-GUID: {5D3E02AB-6190-11d3-BBBB-00C04F795683}",
        "Application-GUID: {02D3C01F-BF30-4825-A83A-DE7AF41648AA}",
        "Application-File: ..\\x",
        "Application-FileSize: 99999999999999999999",
        "IP-Address: 10.0.0.1:1",
        "IP-Address: ::1",
        "IP-Address-Enc64: MTAuMC4wLjE6ODA=",
        "Port: 70000",
        "Port: 6891",
        "AuthCookie: 1",
        "ID: 1",
        "ID: 4",
        'Data: <msnobj Size="1"/>',
        "Chunks: 2",
        "Chunk: 1",
        "Message-ID: {1}",
        "Context-Data: 1.2.3.4:5",
        "Mail-Data: <M><E>a@b</E><T>11</T></M>",
        "ClientIP: 192.0.2.1",
        "ClientPort: 16540",
        "Type: 1",
        "Public-IP: 1.2.3.4",
        "base64:AAAA",
        ':)\t<msnobj Size="x"/>\t',
    ]
)


@st.composite
def messages(draw):
    content = draw(st.sampled_from(CONTENTS))
    inside = "\r\n".join(draw(st.lists(fields, max_size=8))).encode()
    body = draw(st.one_of(st.just(inside), st.binary(max_size=120), st.just(bytes(60))))
    data = mime(content, body)
    if draw(st.booleans()):
        data = data.replace(b"\r\n\r\n", b"\r\n" + inside + b"\r\n\r\n", 1)
    head = draw(st.sampled_from([f"MSG {BOB} Bob", "MSG 9 D", "MSG Hotmail Hotmail", "MSG 9 N"]))
    return payload(head, data)


xml = st.sampled_from(
    [
        b"<ml l='1'><d n='b.c'><c n='a' l='3' t='1' f='%41'/></d></ml>",
        b'<ml><d n="' + b"<" * 50,
        b"<Data><PSM>&#xffff;&lt;</PSM></Data>",
        b"INVITE MSNMSGR:a MSNSLP/1.0\r\n\r\n",
        b'<sip e="base64"><msg>SU5WSVRFIHNpcDphIFNJUC8yLjANCg==</msg></sip>',
        DATAGRAM,
        PUBLICATION,
        b"",
    ]
)


@st.composite
def commands(draw):
    name = draw(st.sampled_from([*sorted(HANDLERS), "UUM", "UBM", "911", "241"]))
    head = " ".join([name, *draw(st.lists(words, max_size=8))])
    if draw(st.booleans()):
        return payload(head, draw(st.one_of(xml, st.binary(max_size=80))))
    return head.encode("utf-8", "surrogatepass") + b"\r\n"
