"""The tables of a document: what belongs to whom."""

import struct

from tests import craft, kit

from backchannel import scan
from backchannel.detect.kinds import kinds
from backchannel.report.facts import HANDLERS

LOGIN = kit.EXAMPLES / "aim/aim_md5login_8im.pcap"
AUTHORIZER = 5190


def without(port, packets):
    """Yield those TCP packets that neither come from *port* nor go there."""
    for packet in packets:
        ports = struct.unpack_from(">HH", packet, (packet[0] & 15) * 4)
        if port not in ports:
            yield packet


def test_a_session_joined_after_the_login_puts_its_cookie_down_to_the_account(tmp_path):
    """The cookie comes first; whose it was is told by the server much later."""
    cut = craft.write(tmp_path / "a.pcap", without(AUTHORIZER, kit.packets(LOGIN)))
    run = scan(cut)
    for _ in run:
        pass
    tokens = [(secret.kind, secret.account) for secret in run.document.credentials]
    assert sorted(tokens) == [("token", "alicefeas"), ("token", "bobfeas")]
    for row in run.document.accounts:
        assert row.addresses == ("10.1.0.2",)
        assert row.credentials == ("token: oscar-cookie",)
        assert row.sign_ons == 1


def test_every_tag_that_is_taken_in_is_that_of_an_event():
    assert set(HANDLERS) <= set(kinds())
