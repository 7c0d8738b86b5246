"""IKEv1 as RFC 2407-2409 and vendors' descriptions say, made by hand where no capture shows it."""

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import kit
from tests.protocols.ike.craft import (
    G_XI,
    MARKER,
    NATT,
    NI,
    NONE,
    SPI_I,
    SPI_R,
    START,
    C,
    S,
    aggressive,
    aggressive_pair,
    attribute,
    decode,
    encrypted_1,
    events,
    identity,
    long_attribute,
    main,
    message,
    nat_hash,
    phase_1,
    request,
    sa_1,
    u16,
    u32,
)

from backchannel.effects import Tie
from backchannel.events import Credential, Malformed, PeerAddress, SignOn, Software
from backchannel.model import Claim, Endpoint
from backchannel.protocols import Peek, Start
from backchannel.protocols.ike import vendors
from backchannel.protocols.ike.events import (
    IkeCertificate,
    IkeDelete,
    IkeIdentity,
    IkeMessage,
    IkeNotify,
    IkeProposals,
    IkeStage,
    NatDetection,
    VendorIds,
)
from backchannel.protocols.ike.identities import distinguished_name
from backchannel.protocols.ike.psk import guess_is_right
from backchannel.protocols.ike.recognise import recognise
from backchannel.protocols.ike.session import Session

OFFER = main([sa_1(phase_1())], r=NONE)


def offer(*transforms, exchange=main, **how):
    (told,) = events([(C, exchange([sa_1(*transforms, **how)], r=NONE))], IkeProposals)
    return told


# -- proposals ---------------------------------------------------------------------------------


def test_each_transform_is_a_suite():
    told = offer(phase_1(7, 4, 3, 14, bits=256), phase_1(5, 2, 1, 2), phase_1(1, 1, 65001, 1))
    assert [[a.name for a in suite.algorithms] for suite in told.suites] == [
        ["AES_CBC", "SHA2_256", "RSA_SIGNATURES", "MODP_2048"],
        ["3DES_CBC", "SHA1", "PSK", "MODP_1024"],
        ["DES_CBC", "MD5", "XAUTH_INIT_PSK", "MODP_768"],
    ]
    assert told.suites[0].algorithms[0].bits == 256
    assert told.weak == ("3DES_CBC", "MODP_1024", "DES_CBC", "MD5", "MODP_768")


def test_sha1_matters_where_it_signs():
    assert offer(phase_1(7, 2, 3)).weak == ("SHA1 in signatures",)
    assert offer(phase_1(7, 2, 1)).weak == ()


@pytest.mark.parametrize("auth", [1, 65001])
def test_a_pre_shared_key_matters_in_aggressive_mode(auth):
    assert offer(phase_1(auth=auth), exchange=aggressive).weak == ("PSK in aggressive mode",)
    assert offer(phase_1(auth=3, hash_=4), exchange=aggressive).weak == ()


@pytest.mark.parametrize(
    ("life", "seconds", "kilobytes"), [((1, 86400), 86400, None), ((2, 4608000), None, 4608000)]
)
def test_lifetimes_are_told(life, seconds, kilobytes):
    (suite,) = offer(phase_1(life=life)).suites
    assert (suite.seconds, suite.kilobytes) == (seconds, kilobytes)


def test_a_short_lifetime_attribute_counts_as_well():
    (suite,) = offer([attribute(1, 7), attribute(11, 1), attribute(12, 3600)]).suites
    assert suite.seconds == 3600


def test_phase_2_in_clear_is_read_with_its_own_tables():
    esp = [attribute(4, 3), attribute(5, 1), attribute(3, 5), attribute(1, 1), attribute(2, 900)]
    body = sa_1(esp, protocol=3)
    (told,) = events([(C, message(1, 32, 0, [(8, b"h" * 20), body], mid=9))], IkeProposals)
    (suite,) = told.suites
    assert suite.protocol == "ESP"
    assert [(a.kind, a.name) for a in suite.algorithms] == [
        ("encryption", "DES_IV64"),
        ("mode", "UDP_TUNNEL"),
        ("integrity", "HMAC_MD5"),
        ("group", "MODP_1536"),
    ]
    assert suite.seconds == 900


def test_another_domain_of_interpretation_is_not_guessed_at():
    told = events([(C, main([sa_1(phase_1(), doi=7)], r=NONE))])
    assert [type(event) for event in told if isinstance(event, Malformed | IkeProposals)] == [
        Malformed
    ]


# -- modes -------------------------------------------------------------------------------------


def stages(steps, start=START):
    return [event.stage for event in events(steps, IkeStage, start)]


MAIN_MODE = [
    (C, OFFER),
    (S, main([sa_1(phase_1())])),
    (C, main([(4, b"k" * 128), (10, b"n" * 20)])),
    (S, main([(4, b"K" * 128), (10, b"N" * 20)])),
    (C, message(1, 2, 1, bytes(64), first=5)),
    (S, message(1, 2, 1, bytes(72), first=5)),
]
QUICK_MODE = [
    (C, encrypted_1(32, 7, 160)),
    (S, encrypted_1(32, 7, 168)),
    (C, encrypted_1(32, 7, 56)),
]


def test_main_mode_and_quick_mode_step_by_step():
    assert stages(MAIN_MODE + QUICK_MODE) == [
        "initiated",
        "answered",
        "authenticating",
        "authentication-answered",
        "established",
    ]


def test_main_mode_of_which_the_answers_alone_were_seen():
    assert stages(MAIN_MODE[1::2])[0] == "answer-alone"


def test_a_second_quick_mode_is_a_rekey():
    again = [
        (S, encrypted_1(32, 8, 160)),
        (C, encrypted_1(32, 8, 168)),
        (S, encrypted_1(32, 8, 56)),
    ]
    assert stages(MAIN_MODE + QUICK_MODE + again)[-1] == "rekeying"


def test_a_quick_mode_that_nobody_answers_is_told_at_the_end():
    """What to protect was not agreed on: the refusal is encrypted."""
    first = [(C, encrypted_1(2, 0)), (S, encrypted_1(2, 0)), (C, encrypted_1(32, 7))]
    refusal = (S, encrypted_1(5, 9))
    told = events([*first, refusal], IkeStage)[-1]
    assert (told.stage, told.detail) == ("unanswered", "quick mode")
    answered = [*first, (S, encrypted_1(32, 7, 72)), (C, encrypted_1(32, 7, 80))]
    assert stages(answered)[-1] == "established"
    assert stages([*answered, (C, encrypted_1(32, 8)), refusal])[-1] == "rekeying"


@pytest.mark.parametrize("side", [C, S])
def test_of_one_direction_nobody_knows_whether_a_quick_mode_was_answered(side):
    captured = [step for step in MAIN_MODE + QUICK_MODE if step[0] is side]
    assert stages(captured)[-1] == "authentication-answered"


def test_a_last_word_needs_no_answer():
    """Informational exchanges have none in IKEv1."""
    assert stages([(C, MARKER + encrypted_1(5, 7))], NATT) == []
    assert stages([(C, MARKER + message(1, 2, 1, bytes(64), first=5))], NATT) == [
        "authenticating",
        "unanswered",
    ]


def test_main_mode_gives_no_identity_away():
    told = events(MAIN_MODE)
    assert not [event for event in told if isinstance(event, IkeIdentity | SignOn | Credential)]


def test_exchanges_have_names():
    steps = [(C, encrypted_1(number, 7)) for number in (5, 6, 32, 33)]
    steps += [(C, message(1, 1, 0, [sa_1(phase_1()), (10, b"n" * 16)], r=NONE))]
    assert [event.exchange for event in events(steps, IkeMessage)] == [
        "Informational",
        "Transaction (Mode Config)",
        "Quick Mode",
        "New Group Mode",
        "Base",
    ]


def test_a_refusal_in_clear_is_told():
    body = u32(1) + b"\1\0" + u16(14)
    steps = [(C, OFFER), (S, message(1, 5, 0, [(11, body)], mid=5))]
    (told,) = events(steps, IkeNotify)
    assert (told.name, told.error) == ("NO-PROPOSAL-CHOSEN", True)
    assert stages(steps)[-1] == "refused"


def test_a_key_that_does_not_fit_is_refused_in_clear():
    """What the initiator encrypted cannot be read, and no key protects the answer that says so."""
    begun = [(C, OFFER), (S, main([sa_1(phase_1())])), (C, encrypted_1(2, 0))]
    malformed = (11, u32(1) + bytes([1, 0]) + u16(16))
    refusal = (S, message(1, 5, 0, [malformed], mid=9))
    told = events([*begun, refusal], IkeStage)[-1]
    assert (told.sender, told.stage, told.detail) == ("responder", "refused", "PAYLOAD-MALFORMED")
    answer = (S, encrypted_1(2, 0))
    for went_on in ([answer, refusal], [refusal, answer]):  # anybody may say so
        assert stages([*begun, *went_on])[2:] == ["authenticating", "authentication-answered"]


def test_a_joined_flow_has_no_initiator():
    told = events([(S, MARKER + encrypted_1(32, 7))], IkeMessage, NATT)
    assert [event.sender for event in told] == [""]


# -- aggressive mode ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("algorithm", "number"), [("md5", 1), ("sha1", 2), ("sha256", 4), ("sha384", 5), ("sha512", 6)]
)
@pytest.mark.parametrize("auth", [1, 65001])
def test_the_hash_is_kept_as_the_cracking_tools_want_it(algorithm, number, auth):
    first, second = aggressive_pair(b"sesame", algorithm, number, auth)
    (credential,) = events([(C, first), (S, second)], Credential)
    assert (credential.kind, credential.scheme, credential.account) == (
        "hash",
        "ikev1-psk",
        "group",
    )
    parts = f"{credential.salt}:{credential.secret}".split(":")
    assert len(parts) == 9
    assert parts[1:4] == [G_XI.hex(), SPI_R.hex(), SPI_I.hex()]
    assert parts[6] == NI.hex()
    assert parts[4] == sa_1(phase_1(hash_=number, auth=auth))[1].hex()
    assert parts[5] == identity(2, b"gateway")[1].hex()
    assert guess_is_right(credential, b"sesame")
    assert not guess_is_right(credential, b"sesam")


def test_signatures_give_no_hash_away():
    first, second = aggressive_pair(auth=3)
    told = events([(C, first), (S, second)])
    assert not [event for event in told if isinstance(event, Credential)]


def test_half_an_exchange_gives_no_hash_away():
    first, second = aggressive_pair()
    for steps in ([(C, first)], [(S, second)], [(S, second), (C, first)]):
        assert events(steps, Credential) == []


def test_only_the_latest_exchanges_keep_what_they_need():
    session = Session(START)
    for at in range(200):
        first = aggressive(
            [sa_1(phase_1()), (4, bytes(8000)), (10, NI)], r=NONE, i=u32(1) + u32(at)
        )
        session.feed(C, first)
    assert kit.footprint(session) < 1 << 18


def test_a_part_that_is_too_long_spoils_the_hash():
    first = aggressive([sa_1(phase_1()), (4, bytes(9000)), (10, NI), identity(2, b"me")], r=NONE)
    assert events([(C, first), (S, aggressive_pair()[1])], Credential) == []


@pytest.mark.parametrize(
    ("kind", "value", "word", "text"),
    [
        (1, bytes([192, 168, 7, 1]), "IPV4_ADDR", "192.168.7.1"),
        (2, b"gw.example", "FQDN", "gw.example"),
        (3, b"me@example", "USER_FQDN", "me@example"),
        (4, bytes([10, 0, 0, 0, 255, 0, 0, 0]), "IPV4_ADDR_SUBNET", "10.0.0.0/255.0.0.0"),
        (5, bytes(15) + b"\1", "IPV6_ADDR", "::1"),
        (7, bytes([10, 0, 0, 1, 10, 0, 0, 9]), "IPV4_ADDR_RANGE", "10.0.0.1-10.0.0.9"),
        (11, b"GroupVPN", "KEY_ID", "GroupVPN"),
        (11, b"\0\1\2", "KEY_ID", "000102"),
        (77, b"\xff\xfe\0", "identity 77", "fffe00"),
    ],
)
def test_identities_in_clear(kind, value, word, text):
    told = events([(C, aggressive([sa_1(phase_1()), identity(kind, value)], r=NONE))])
    (who,) = [event for event in told if isinstance(event, IkeIdentity)]
    assert (who.kind, who.value, who.sender) == (word, text, "initiator")
    (login,) = [event for event in told if isinstance(event, SignOn)]
    assert (login.account, login.method) == (text, "ikev1-aggressive-mode")
    disclosed = [event.address for event in told if isinstance(event, PeerAddress)]
    assert disclosed == ([text] if word.endswith("ADDR") else [])


def test_ones_own_address_is_no_disclosure():
    steps = [(C, aggressive([sa_1(phase_1()), identity(1, bytes([10, 0, 0, 2]))], r=NONE))]
    assert events(steps, PeerAddress) == []


def der(tag, contents):
    return bytes([tag, len(contents)]) + contents


NAME = der(
    0x30,
    der(0x31, der(0x30, der(6, b"\x55\x04\x06") + der(0x13, b"DE")))
    + der(0x31, der(0x30, der(6, b"\x55\x04\x03") + der(0x0C, "Straße".encode()))),
)


def test_distinguished_names():
    assert distinguished_name(NAME) == "C=DE, CN=Straße"
    assert distinguished_name(NAME[:-1]) == ""
    assert distinguished_name(b"\x30\x84\0\0\0\1a") == ""
    (who,) = events([(C, aggressive([identity(9, NAME)], r=NONE))], IkeIdentity)
    assert who.value == "C=DE, CN=Straße"


@given(st.binary(max_size=60))
def test_any_name_is_a_text(data):
    assert isinstance(distinguished_name(data), str)
    assert isinstance(distinguished_name(der(0x30, data[:100])), str)


def test_certificates_and_their_requests():
    steps = [(S, main([(7, b"\4" + NAME), (6, b"\4" + bytes(300))]))]
    request, certificate = events(steps, IkeCertificate)
    assert (request.request, request.names) == (True, ("C=DE, CN=Straße",))
    assert (certificate.request, certificate.encoding, certificate.size) == (
        False,
        "X.509 Signature",
        300,
    )


# -- payloads ----------------------------------------------------------------------------------


def test_xauth_in_clear_gives_the_password_away():
    body = b"\2\0" + u16(1) + long_attribute(16521, b"alice") + long_attribute(16522, b"wonder")
    told = events([(C, message(1, 6, 0, [(8, b"h" * 16), (14, body)], mid=3))])
    (login,) = [event for event in told if isinstance(event, SignOn)]
    (credential,) = [event for event in told if isinstance(event, Credential)]
    assert login.account == credential.account == "alice"
    assert (credential.kind, credential.scheme, credential.secret) == ("plain", "xauth", "wonder")


def test_deletes_in_clear():
    body = u32(1) + b"\3\4" + u16(1) + b"SPI!"
    (told,) = events([(C, message(1, 5, 0, [(12, body)], mid=3))], IkeDelete)
    assert (told.protocol, told.spis) == ("ESP", (b"SPI!".hex(),))


def test_a_delete_that_counts_too_much_is_malformed():
    body = u32(1) + b"\3\4" + u16(9999) + b"SPI!"
    told = events([(C, message(1, 5, 0, [(12, body)], mid=3))])
    assert Malformed in [type(event) for event in told]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("4a131c81070358455c5728f20e95452f", "RFC 3947 Negotiation of NAT-Traversal in the IKE"),
        ("90cb80913ebb696e086381b5ec427b1f", "draft-ietf-ipsec-nat-t-ike-02\\n"),
        ("cd60464335df21f87cfdb2fc68b6a448", "draft-ietf-ipsec-nat-t-ike-02"),
        ("afcad71368a1f1c96b8696fc77570100", "RFC 3706 DPD (Dead Peer Detection)"),
        ("09002689dfd6b712", "XAUTH"),
        ("12f5f28c457168a9702d9fe274cc0204", "CISCO-UNITY"),
        ("4048b7d56ebce88525e7de7f00d6c2d3c0000000", "Cisco Fragmentation"),
        ("4048b7d56ebce88525e7de7f00d6c2d3", "Cisco Fragmentation"),
        ("1e2b516905991c7d7c96fcbfb587e46100000009", "MS NT5 ISAKMPOAKLEY"),
        ("f4ed19e0c114eb516faaac0ee37daf2807b4381f00000001", "Check Point"),
        ("882fe56d6fd20dbc2251613b2ebe5beb", "strongSwan"),
        ("9e10a0d4205edc6c90bd5381a53c2d2b", "strongSwan 5.1.1"),
        ("4f45517b4f7f6e657a7b4351", "Openswan 2.6.28"),
        ("4f53577666617a6f6355505a", "Openswan 2.6.40"),
        ("8299031757a36082c6a621de00050428", "Fortigate (Fortinet)"),
        ("4865617274426561745f4e6f74696679386b0100", "HeartBeat Notify"),
        ("7003cbc1097dbe9c2600ba6983bc8b35", "KAME/racoon"),
        ("2b2dad97c4d140930053287f996850b0", "SSH IPSEC Express 5.0.0"),
        (b"A readable vendor".hex(), "A readable vendor"),
        ("00ff" * 8, None),
        ("", None),
    ],
)
def test_vendor_ids_by_name(text, name):
    """Digests as ike-scan, strongSwan and tshark know them; ours are computed from texts."""
    vendor = vendors.identify(bytes.fromhex(text))
    assert (vendor.name if vendor else None) == name


def test_vendor_ids_of_a_message():
    steps = [
        (
            C,
            main(
                [
                    sa_1(phase_1()),
                    (13, b"\x9f" * 16),
                    (13, bytes.fromhex("1e2b516905991c7d7c96fcbfb587e46100000007")),
                ],
                r=NONE,
            ),
        )
    ]
    (told,) = events(steps, VendorIds)
    assert (told.names, told.unknown) == (("MS NT5 ISAKMPOAKLEY",), ("9f" * 16,))
    (software,) = events(steps, Software)
    assert (software.name, software.version, software.role) == ("Windows", "7", "client")


# -- NAT ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        (20, "RFC 3947"),
        (130, "draft-ietf-ipsec-nat-t-ike-00 to 03"),
        (15, "draft-ietf-ipsec-nat-t-ike-04 to 07"),
    ],
)
@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
def test_nat_detection_with_every_number_and_hash(kind, method, algorithm):
    def hashed(address, port):
        return kind, nat_hash(address, port, algorithm=algorithm)

    ours = [hashed("198.51.100.9", 500), hashed("10.0.0.2", 500)]
    theirs = [hashed("203.0.113.1", 1024), hashed("198.51.100.9", 500)]
    steps = [*MAIN_MODE[:2], (C, main([(4, b"k"), *ours])), (S, main([(4, b"K"), *theirs]))]
    (told,) = events(steps, NatDetection)
    assert (told.behind_nat, told.method) == ("initiator", method)


def test_a_late_hash_of_the_initiator_is_judged_too():
    """Aggressive mode: the responder's come first."""
    first, _ = aggressive_pair()
    theirs = [(20, nat_hash("10.0.0.2", 500)), (20, nat_hash("198.51.100.9", 500))]
    ours = [(20, nat_hash("198.51.100.9", 500)), (20, b"\1" * 20)]
    steps = [
        (C, first),
        (S, aggressive([sa_1(phase_1()), *theirs])),
        (C, aggressive([(8, b"h" * 20), *ours])),
    ]
    assert [event.behind_nat for event in events(steps, NatDetection)] == ["none", "initiator"]


# -- fragments ---------------------------------------------------------------------------------


def fragments(whole, sizes, which=1):
    parts, at = [], 0
    for size in sizes:
        parts.append(whole[at : at + size])
        at += size
    parts.append(whole[at:])
    return [
        message(1, 4, 0, [(132, u16(which) + bytes([number, number == len(parts)]) + part)])
        for number, part in enumerate(parts, 1)
    ]


def test_fragments_are_put_together_in_any_order():
    first, second = aggressive_pair()
    pieces = fragments(second, [100, 100])
    for order in ([0, 1, 2], [2, 0, 1], [1, 1, 2, 2, 0]):
        steps = [(C, first), *((S, pieces[at]) for at in order)]
        told = events(steps)
        assert [event for event in told if isinstance(event, Credential)]
        whole = [e for e in told if isinstance(e, IkeMessage) and e.framing == "reassembled"]
        assert [(e.exchange, e.size) for e in whole] == [("Aggressive Mode", len(second))]
        numbers = [e.fragment for e in told if isinstance(e, IkeMessage) and e.fragment]
        assert numbers == list(dict.fromkeys(at + 1 for at in order))


def test_fragments_of_what_is_no_message_stay_fragments():
    told = events([(S, piece) for piece in fragments(b"x" * 90, [30, 30])])
    assert {event.framing for event in told if isinstance(event, IkeMessage)} == {"plain"}


def test_a_fragment_within_a_fragment_ends_there():
    inner = fragments(OFFER, [40])[0]
    told = events([(S, piece) for piece in fragments(inner, [20])])
    assert not [
        event for event in told if isinstance(event, IkeMessage) and event.framing == "reassembled"
    ]


def test_fragments_are_bounded():
    session = Session(START)
    for which in range(50):
        for number in range(1, 60):
            body = u16(which) + bytes([number, 0]) + bytes(4000)
            session.feed(C, message(1, 2, 0, [(132, body)]))
    assert kit.footprint(session) < 1 << 20


def test_a_fragment_that_is_cut_short_is_malformed():
    told = events([(S, message(1, 2, 0, [(132, b"\0\1")]))])
    assert Malformed in [type(event) for event in told]


def test_the_tie_knows_the_account():
    first, second = aggressive_pair()
    outputs, _ = decode([(C, first), (S, second)])
    assert [(tie.key, tie.account) for tie in kit.effects(outputs, Tie)] == [
        (f"ike/{SPI_I.hex()}/{SPI_R.hex()}", "group")
    ]


def test_the_prf_of_the_hash_is_an_hmac():
    """RFC 2409 appendix B: the witness for `aggressive_pair` is RFC 2202's first vector."""
    assert (
        hmac.digest(b"\x0b" * 20, b"Hi There", "sha1").hex()
        == "b617318655057264e28bc0b6fb378c8ef146be00"
    )


def test_authip_is_named_and_its_proposals_are_read():
    # [MS-AIPS] §2.2.3: a Crypto payload in front, the rest in clear until there are keys.
    crypto = (133, u32(0))
    first = message(1, 243, 0, [crypto, sa_1(phase_1()), (135, bytes(4)), (10, NI)], r=NONE)
    told = events([(C, first), (S, message(1, 243, 0, [crypto, sa_1(phase_1()), (10, NI)]))])
    heads = [item for item in told if isinstance(item, IkeMessage)]
    assert {head.exchange for head in heads} == {"AuthIP Main Mode"}
    assert heads[0].payloads == ("Crypto", "Security Association", "Auth", "Nonce")
    assert [item.chosen for item in told if isinstance(item, IkeProposals)] == [False, True]
    assert [i.stage for i in told if isinstance(i, IkeStage)] == ["initiated", "answered"]


def test_an_opening_whose_length_cannot_be_is_ike_all_the_same():
    lie = bytearray(OFFER)
    lie[24:28] = bytes(4)
    assert recognise(Peek("udp", bytes(lie), b"", True, START))
    assert events([(C, bytes(lie))], Malformed)
    lie[16] = 13  # a vendor id in front proves too little
    assert not recognise(Peek("udp", bytes(lie), b"", True, START))


@pytest.mark.parametrize(
    "sent", [OFFER, encrypted_1(32, 7), request(34, [(33, bytes(40))], r=NONE)]
)
def test_a_snap_length_of_68_leaves_enough_on_the_usual_port(sent):
    snapped, odd = sent[:26], Start("udp", Endpoint("10.0.0.2", 40000), Endpoint("192.0.2.1", 9999))
    claims = [
        recognise(Peek("udp", data, b"", True, start))
        for data, start in (
            (snapped, START),
            (snapped, odd),
            (sent[:25], START),
            (sent[:24] + b"\1\0", START),
        )
    ]
    sure = [isinstance(claim, Claim) and claim.evidence.startswith("IKEv") for claim in claims]
    assert sure == [True, False, False, False]
    (head,) = events([(C, snapped)], IkeMessage)
    assert head.size == 26
