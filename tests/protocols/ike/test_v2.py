"""IKEv2 as RFC 7296 and its extensions say, made by hand where no capture shows it."""

from ipaddress import ip_address

import msgspec
import pytest
from tests import kit
from tests.matcher import Matcher
from tests.protocols.ike.craft import (
    CLIENT,
    KE,
    MARKER,
    NATT,
    NONCE,
    NONE,
    SERVER,
    SPI_I,
    SPI_R,
    START,
    C,
    S,
    decode,
    esp,
    events,
    message,
    nat_hash,
    notify,
    proposal,
    protected,
    request,
    response,
    sa,
    sa_answer,
    sa_init,
    sk,
    transform,
    u16,
)

from backchannel.effects import Expect, Tie
from backchannel.events import Anomaly, Malformed, PeerAddress, Software
from backchannel.model import Capability, Endpoint, Standing
from backchannel.protocols import load
from backchannel.protocols.ike.context import Float
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
from backchannel.protocols.ike.session import Session, recognise


def stages(steps, start=START):
    return [(event.stage, event.detail) for event in events(steps, IkeStage, start)]


# -- proposals ---------------------------------------------------------------------------------


def offer(*transforms):
    (told,) = events([(C, sa_init_of(sa(proposal(1, list(transforms)))))], IkeProposals)
    return told


def sa_init_of(*payloads):
    return request(34, list(payloads), r=NONE)


@pytest.mark.parametrize(
    ("kind", "number", "word", "name", "strength"),
    [
        (1, 2, "encryption", "DES", "broken"),
        (1, 3, "encryption", "3DES", "weak"),
        (1, 11, "encryption", "NULL", "none"),
        (1, 12, "encryption", "AES_CBC", "strong"),
        (1, 20, "encryption", "AES_GCM_16", "strong"),
        (1, 28, "encryption", "CHACHA20_POLY1305", "strong"),
        (2, 1, "prf", "HMAC_MD5", "weak"),
        (2, 2, "prf", "HMAC_SHA1", "legacy"),
        (2, 5, "prf", "HMAC_SHA2_256", "strong"),
        (3, 1, "integrity", "HMAC_MD5_96", "weak"),
        (3, 2, "integrity", "HMAC_SHA1_96", "legacy"),
        (3, 12, "integrity", "HMAC_SHA2_256_128", "strong"),
        (4, 1, "group", "MODP_768", "broken"),
        (4, 2, "group", "MODP_1024", "weak"),
        (4, 5, "group", "MODP_1536", "weak"),
        (4, 14, "group", "MODP_2048", "strong"),
        (4, 22, "group", "MODP_1024_160", "weak"),
        (4, 31, "group", "CURVE25519", "strong"),
        (4, 36, "group", "ML_KEM_768", "strong"),
        (5, 0, "sequence-numbers", "32_BIT", "strong"),
        (5, 1, "sequence-numbers", "EXTENDED_64_BIT", "strong"),
        (6, 36, "additional-group-1", "ML_KEM_768", "strong"),
        (12, 37, "additional-group-7", "ML_KEM_1024", "strong"),
        (1, 999, "encryption", "encryption 999", "unknown"),
        (4, 999, "group", "group 999", "unknown"),
        (77, 1, "transform-type-77", "transform-type-77 1", "unknown"),
    ],
)
def test_transforms_have_names_and_strengths(kind, number, word, name, strength):
    told = offer(transform(kind, number))
    (algorithm,) = told.suites[0].algorithms
    assert (algorithm.kind, algorithm.name, algorithm.strength) == (word, name, strength)
    assert told.weak == ((name,) if strength in ("weak", "broken", "none") else ())


def test_key_lengths_are_told():
    told = offer(transform(1, 12, 128), transform(1, 20, 256))
    assert [algorithm.bits for algorithm in told.suites[0].algorithms] == [128, 256]


def test_no_integrity_is_a_weakness_only_beside_a_cipher_that_has_none():
    assert offer(transform(1, 20), transform(3, 0)).weak == ()
    assert offer(transform(1, 12), transform(3, 0)).weak == ("NONE",)


def test_several_proposals_keep_their_numbers_and_spis():
    both = sa(proposal(1, [transform(1, 20)]), proposal(2, [transform(1, 2)], spi=b"NEXT-SPI"))
    (told,) = events([(C, sa_init_of(both))], IkeProposals)
    assert [(suite.number, suite.protocol) for suite in told.suites] == [(1, "IKE"), (2, "IKE")]
    assert told.suites[1].spi == b"NEXT-SPI".hex()
    assert (told.chosen, told.weak) == (False, ("DES",))


def test_the_answer_is_what_was_chosen():
    told = events([(C, sa_init()), (S, sa_answer())], IkeProposals)
    assert [event.chosen for event in told] == [False, True]
    assert told[1].responder_spi == SPI_R.hex()


def test_a_proposal_without_end_is_bounded():
    huge = sa(*(proposal(1, [transform(1, 12)] * 200) for _ in range(20)))
    (told,) = events([(C, sa_init_of(huge))], IkeProposals)
    assert sum(len(suite.algorithms) for suite in told.suites) < 800


@pytest.mark.parametrize(
    "body",
    [
        b"\0\0\0\x03",
        b"\0\0\0\4",
        b"\0\0\0\x08\1\1\0",
        b"\0\0\0\x0c\1\1\0\1\0\0\0\3",
        b"\2\0\0\x08\1\1\0\0",
    ],
)
def test_a_proposal_that_lies_is_malformed(body):
    found = events([(C, sa_init_of((33, body), KE, NONCE))])
    kinds = [type(event) for event in found]
    assert (Malformed in kinds) is (body != b"\2\0\0\x08\1\1\0\0")
    assert IkeMessage in kinds


def test_payloads_shorter_than_their_own_header_are_malformed():
    lying = message(2, 34, 8, b"\0\0\0\3", r=NONE, first=41)
    assert [event.reason for event in events([(C, lying)], Malformed)] == [
        "IKE message: payload 41 says it is 3 bytes long"
    ]


def test_an_initiator_without_an_spi_is_nobody():
    assert recognise(kit.peek(kit.Flow(START, [(C, sa_init(i=NONE))]))) is None


# -- stages ------------------------------------------------------------------------------------


def test_a_tunnel_comes_up_step_by_step():
    steps = [
        (C, sa_init()),
        (S, sa_answer()),
        (C, protected(0x08, 35, 35, 1)),
        (S, protected(0x20, 35, 36, 1)),
        (C, protected(0x08, 37, 0, 2)),
        (S, protected(0x20, 37, 0, 2)),
        (C, protected(0x08, 36, 41, 3)),
        (S, protected(0x20, 36, 33, 3)),
        (C, protected(0x08, 37, 42, 4)),
        (S, protected(0x20, 37, 42, 4)),
    ]
    assert [stage for stage, _ in stages(steps)] == [
        "initiated",
        "answered",
        "authenticating",
        "authentication-answered",
        "established",
        "rekeying",
        "deleting",
    ]


@pytest.mark.parametrize("before", [b"", MARKER])
def test_the_minor_version_hides_nobody(before):
    """RFC 7296 §2.5: whoever receives it ignores it."""

    def lifted(data):
        at = len(before) + 17
        return before + data[:17] + b"\x21" + (before + data)[at + 1 :]

    steps = [
        (C, sa_init()),
        (S, sa_answer()),
        (C, protected(0x08, 35, 35, 1)),
        (S, protected(0x20, 35, 36, 1)),
    ]
    newer = [(side, lifted(data)) for side, data in steps]
    matcher = Matcher(load())
    assert all("ike" in matcher.candidates("udp", data) for _, data in newer)
    assert recognise(kit.peek(kit.Flow(START, newer[:1])))
    assert stages(newer) == stages([(side, before + data) for side, data in steps])


def test_a_cookie_is_asked_for_and_given():
    steps = [
        (C, sa_init()),
        (S, response(34, [notify(16390, b"c" * 20)], r=NONE)),
        (C, request(34, [notify(16390, b"c" * 20), *PAYLOADS], r=NONE)),
        (S, sa_answer()),
    ]
    assert stages(steps) == [("initiated", ""), ("cookie-required", "20 bytes"), ("answered", "")]
    cookies = [event for event in events(steps, IkeNotify) if event.name == "COOKIE"]
    assert [event.sender for event in cookies] == ["responder", "initiator"]


PAYLOADS = [sa(proposal(1, [transform(1, 20)])), KE, NONCE]


def test_another_group_is_wanted():
    answer = response(34, [notify(17, u16(19))], r=NONE)
    assert stages([(C, sa_init()), (S, answer)])[-1] == ("retry-required", "wants group ECP_256")


@pytest.mark.parametrize(
    ("asked", "stage"),
    [
        (notify(16390, b"c" * 20), "cookie-required"),
        (notify(17, u16(19)), "retry-required"),
    ],
)
def test_whoever_asks_again_may_answer_with_any_spi(asked, stage):
    """RFC 7296 §2.6: it should be zero, and whoever is asked should not mind another one."""
    steps = [
        (C, sa_init()),
        (S, response(34, [asked], r=b"whatever")),
        (C, request(34, [asked, *PAYLOADS], r=NONE)),
        (S, sa_answer()),
    ]
    assert [name for name, _ in stages(steps)] == ["initiated", stage, "answered"]
    (tie,) = kit.effects(decode(steps)[0], Tie)
    assert tie.key == f"ike/{SPI_I.hex()}/{SPI_R.hex()}"


def test_a_cookie_that_comes_late_is_no_step_back():
    """As of a request that was sent twice: only an error ends what has begun."""
    begun = [(C, sa_init()), (S, sa_answer()), (C, protected(0x08, 35, 35, 1))]
    late = (S, response(34, [notify(16390, b"c" * 20)], r=NONE))
    assert stages([*begun, late])[-1] == ("authenticating", "")


def test_a_refusal_names_its_reason():
    answer = response(34, [notify(14)], r=NONE)
    assert stages([(C, sa_init()), (S, answer)])[-1] == ("refused", "NO_PROPOSAL_CHOSEN")
    (told,) = events([(C, sa_init()), (S, answer)], IkeNotify)
    assert told.error


def test_an_authentication_is_refused_in_clear():
    begun = [(C, sa_init()), (S, sa_answer()), (C, protected(0x08, 35, 35, 1))]
    refused = (S, response(35, [notify(24)], mid=1))
    assert stages([*begun, refused])[-1] == ("refused", "AUTHENTICATION_FAILED")
    went_on = [*begun, refused, (S, protected(0x20, 35, 36, 1))]  # somebody else's word
    assert [stage for stage, _ in stages(went_on)][2:] == [
        "authenticating",
        "authentication-answered",
    ]


def test_an_answer_without_a_question_is_told_apart():
    assert stages([(S, sa_answer())]) == [("answer-alone", "")]
    assert stages([(S, sa_answer()), (C, sa_init()), (S, sa_answer())]) == [("answer-alone", "")]
    apart = {"i": b"another!", "r": b"answers!"}
    asked = [(S, sa_answer()), (C, sa_init(i=apart["i"])), (S, sa_answer(**apart))]
    assert [stage for stage, _ in stages(asked)] == ["answer-alone", "initiated", "answered"]


def test_an_answer_that_is_asked_for_need_not_be_told_where_rules_want_only_others():
    def read(tag, **values):
        return tag == "ike-stage" and values.get("stage") == "answer-alone"

    start = msgspec.structs.replace(START, read=read)
    assert kit.events(decode([(C, sa_init()), (S, sa_answer())], start)[0], IkeStage) == []
    (told,) = kit.events(decode([(S, sa_answer())], start)[0], IkeStage)
    assert told.stage == "answer-alone"


def test_what_never_got_an_answer_is_told_at_the_end():
    steps = [(C, sa_init())] * 3
    assert stages(steps)[-1] == ("unanswered", "3 messages, to begin")
    assert stages(steps[:1])[-1] == ("unanswered", "1 message, to begin")
    repeated = [event.retransmission for event in events(steps, IkeMessage)]
    assert repeated == [False, True, True]


def test_a_float_that_nobody_answers_is_told_at_the_end():
    """Port 500 passes and port 4500 does not: what people meet when they open half of it."""
    steps = [(C, MARKER + protected(0x08, 35, 35, 1))] * 4
    assert stages(steps, NATT)[-1] == ("unanswered", "4 messages, to authenticate")
    answered = [*steps, (S, MARKER + protected(0x20, 35, 36, 1))]
    assert stages(answered, NATT)[-1][0] == "authentication-answered"


def test_where_the_first_question_was_answered_the_next_must_come_again():
    """Without a NAT all is on one flow; certificates make a request that is often lost."""
    begun = [(C, sa_init()), (S, sa_answer())]
    asked = (C, protected(0x08, 35, 35, 1))
    assert stages([*begun, asked])[-1] == ("authenticating", "")
    assert stages([*begun, *[asked] * 3])[-1] == ("unanswered", "3 messages, to authenticate")


def test_a_post_quantum_exchange_that_nobody_answers_is_told():
    """RFC 9242: it comes on port 4500 before the authentication, and is large."""
    steps = [(C, MARKER + protected(0x08, 43, 34, 1))] * 3
    assert stages(steps, NATT) == [
        ("authenticating", "IKE_INTERMEDIATE"),
        ("unanswered", "3 messages, to authenticate"),
    ]


UP = [
    (C, MARKER + protected(0x08, 35, 35, 1)),
    (S, MARKER + protected(0x20, 35, 36, 1)),
    (C, esp(0xC0000001, 1)),
]
ALIVE = C, MARKER + protected(0x08, 37, 0, 2)


def test_a_peer_that_answers_no_more_is_told_at_the_end():
    assert stages([*UP, *[ALIVE] * 3], NATT)[-1] == ("silent", "3 messages")
    silent = events([*UP, *[ALIVE] * 3], IkeStage, NATT)[-1]
    assert (silent.sender, silent.stage) == ("initiator", "silent")
    assert stages([ALIVE] * 3, NATT)[-1] == ("silent", "3 messages")


@pytest.mark.parametrize(
    "steps",
    [
        [ALIVE, ALIVE],  # one lost packet is no silence
        [ALIVE, ALIVE, ALIVE, (S, MARKER + protected(0x20, 37, 0, 2))],
        [(S, MARKER + protected(0x20, 37, 0, 2))] * 4,  # one direction, of answers alone
    ],
)
def test_a_peer_that_answers_is_not_silent(steps):
    assert stages([*UP, *steps], NATT)[-1] == ("established", "ESP flows")


def in_fragments(exchange, inside, mid):
    """A request in three parts; the first alone says what is inside (RFC 7383 §2.5)."""
    return [
        message(
            *(2, exchange, 8),
            sk(inside if at == 1 else 0, u16(at) + u16(3) + bytes(40), 53),
            mid=mid,
            first=53,
        )
        for at in (1, 2, 3)
    ]


def test_what_is_asked_in_fragments_is_one_question():
    asked = [(C, MARKER + part) for part in in_fragments(36, 33, 2)]
    assert stages([*UP, *asked * 2], NATT)[-1] == ("rekeying", "Security Association first")
    assert stages([*UP, *asked * 3], NATT)[-1] == ("silent", "3 messages")


def test_a_notification_before_the_identity_refuses_nothing():
    """libreswan's MOBIKE_SUPPORTED is the first of what grants the authentication."""
    asked = (C, MARKER + protected(0x08, 35, 35, 1))
    granted = message(2, 35, 0x20, sk(41, 84), mid=1, first=46)
    assert stages([asked, (S, MARKER + granted)], NATT)[-1] == ("authentication-answered", "")


def test_an_authentication_that_is_answered_by_a_notify_alone_says_so():
    """Whoever grants it tells an identity, EAP or AUTH: RFC 7296, appendix C."""
    asked = (C, MARKER + protected(0x08, 35, 35, 1))
    refused = (S, MARKER + protected(0x20, 35, 41, 1))
    assert stages([asked, refused], NATT)[-1] == ("authentication-answered", "Notify alone")
    rounds = [asked, (S, MARKER + protected(0x20, 35, 36, 1))]
    rounds += [(C, MARKER + protected(0x08, 35, 48, 2)), (S, MARKER + protected(0x20, 35, 41, 2))]
    assert stages(rounds, NATT)[1:] == [
        ("authentication-answered", ""),
        ("authentication-answered", "Notify alone"),
    ]


@pytest.mark.parametrize(
    ("asked", "answer", "shows"),
    [
        (protected(0x08, 37, 0, 2), protected(0x20, 37, 0, 2), True),  # liveness
        (protected(0x08, 37, 41, 2), protected(0x20, 37, 41, 2), True),  # MOBIKE, as with a NAT
        (protected(0x08, 37, 41, 2), protected(0x20, 37, 0, 2), False),  # the answer was refused
        (protected(0x08, 37, 42, 2), protected(0x20, 37, 42, 2), True),  # a child SA's end
        (protected(0x08, 37, 42, 2), protected(0x20, 37, 0, 2), False),  # the end of all
        (protected(0x08, 37, 0, 2), response(37, [notify(4)], mid=2), False),  # forgotten
    ],
)
def test_only_some_answers_show_that_the_tunnel_is_up(asked, answer, shows):
    steps = [(C, protected(0x08, 35, 35, 1)), (S, protected(0x20, 35, 36, 1))]
    found = [stage for stage, _ in stages([*steps, (C, asked), (S, answer)])]
    assert ("established" in found) is shows


def test_two_deletes_that_cross_do_not_show_that_the_tunnel_is_up():
    steps = [
        (C, protected(0x08, 37, 42, 2)),
        (S, protected(0x00, 37, 42, 0)),
        (C, protected(0x28, 37, 0, 0)),
        (S, protected(0x20, 37, 0, 2)),
    ]
    assert stages(steps) == [("deleting", ""), ("deleting", "")]


def test_a_retransmission_is_read_once():
    steps = [(C, sa_init()), (S, sa_answer()), (S, sa_answer()), (C, sa_init())]
    assert len(events(steps, IkeProposals)) == 2


def test_intermediate_and_followup_exchanges_are_named():
    steps = [(C, sa_init()), (S, sa_answer())]
    steps += [(C, protected(0x08, 43, 34, 1)), (S, protected(0x20, 43, 34, 1))]
    steps += [(C, protected(0x08, 44, 34, 2))]
    names = [event.exchange for event in events(steps, IkeMessage)]
    assert names[2:] == ["IKE_INTERMEDIATE", "IKE_INTERMEDIATE", "IKE_FOLLOWUP_KE"]
    assert {event.first_inside for event in events(steps, IkeMessage)[2:]} == {"Key Exchange"}


def test_fragments_say_which_of_how_many():
    parts = in_fragments(35, 35, 1)
    told = events([(C, part) for part in parts], IkeMessage)
    assert [(e.fragment, e.fragments, e.encrypted) for e in told] == [
        (at, 3, True) for at in (1, 2, 3)
    ]
    assert [event.first_inside for event in told] == ["Identification - Initiator", "", ""]
    assert events([(C, part) for part in parts], Malformed) == []


def test_esp_shows_that_the_tunnel_is_up():
    steps = [(C, MARKER + protected(0x08, 35, 35, 1)), (S, MARKER + protected(0x20, 35, 36, 1))]
    steps += [(C, esp(0xC0000001, 1))]
    assert stages(steps, NATT)[-1] == ("established", "ESP flows")


def test_esp_that_comes_before_ike_is_sure_shows_it_too():
    """A flow that nobody announced, such as the client's side alone."""
    first = [(C, MARKER + protected(0x08, 35, 35, 1)), (C, esp(0xC0000001, 1))]
    went_on = [*first, (C, MARKER + protected(0x08, 37, 0, 2))]
    assert stages(went_on, NATT)[-1] == ("established", "ESP flows")


def test_whoever_goes_on_was_answered():
    """Of one direction: the next request follows an answer (RFC 7296 §2.3)."""
    asked = [(C, MARKER + protected(0x08, 35, 35, 1)), (C, MARKER + protected(0x08, 37, 0, 2))]
    assert stages(asked, NATT)[-1] == ("authentication-answered", "")


def test_a_session_resumption_is_named_and_answered():
    steps = [
        (C, request(38, [NONCE, notify(16413, b"ticket")], r=NONE)),
        (S, response(38, [NONCE])),
    ]
    told = events(steps)
    assert [e.exchange for e in told if isinstance(e, IkeMessage)] == ["IKE_SESSION_RESUME"] * 2
    assert "TICKET_OPAQUE" in [e.name for e in told if isinstance(e, IkeNotify)]


def test_a_flood_of_initiations_costs_an_event_now_and_then():
    steps = [(C, sa_init(i=at.to_bytes(8, "big"))) for at in range(1, 5001)]
    told = events(steps)
    floods = [event for event in told if isinstance(event, Anomaly)]
    assert [event.kind for event in floods] == ["many-ike-initiations"] * 4
    assert floods[-1].detail == "4096 IKE SAs begun on one flow"
    assert len([event for event in told if isinstance(event, IkeMessage)]) == 256
    session = Session(START)
    kit.decode(session, steps, ends=False)
    assert kit.footprint(session) < 1 << 19


def test_sas_without_end_that_are_answered_are_bounded_too():
    session = Session(START)
    for at in range(1, 3001):
        ends = {"i": at.to_bytes(8, "big"), "r": (at + 9999).to_bytes(8, "big")}
        steps = [(C, sa_init(i=ends["i"])), (S, sa_answer(**ends))]
        kit.decode(session, steps, ends=False)
        if at == 1000:
            before = kit.footprint(session)
    assert kit.footprint(session) < before * 1.1


# -- what else is in clear ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "gateway"),
    [
        (b"\1\4" + ip_address("203.0.113.77").packed + b"nonce", "203.0.113.77"),
        (b"\2\x10" + ip_address("2001:db8::77").packed, "2001:db8::77"),
        (b"\3\x0bgw.example.", "gw.example."),
    ],
)
def test_a_redirect_is_followed(data, gateway):
    outputs, _ = decode([(C, sa_init()), (S, response(34, [notify(16407, data)], r=NONE))])
    (disclosed,) = kit.events(outputs, PeerAddress)
    assert (disclosed.address, disclosed.how, disclosed.use) == (
        gateway,
        "ike-redirect",
        Capability.TUNNEL,
    )
    (coming,) = kit.effects(outputs, Expect)
    assert (coming.address, coming.port, coming.transport) == (gateway, 500, "udp")
    assert coming.source == CLIENT.address
    assert kit.events(outputs, IkeStage)[-1].stage == "redirected"


def test_a_redirect_that_is_cut_short_is_malformed():
    told = events([(C, sa_init()), (S, response(34, [notify(16407, b"\1\4ab")], r=NONE))])
    assert Malformed in [type(event) for event in told]


def test_signature_hashes_are_named():
    (told,) = events([(C, sa_init(notify(16431, u16(1) + u16(2) + u16(99))))], IkeNotify)
    assert told.detail == "SHA1, SHA2-256, 99"


def test_unknown_notifies_keep_their_number():
    (told,) = events([(C, sa_init(notify(50000, b"x", protocol=3, spi=b"SPI!")))], IkeNotify)
    assert (told.name, told.number, told.protocol, told.spi) == (
        "notify 50000",
        50000,
        "ESP",
        b"SPI!".hex(),
    )


def test_certificate_requests_list_the_authorities():
    body = b"\4" + b"A" * 20 + b"B" * 20
    (told,) = events([(S, sa_answer((38, body)))], IkeCertificate)
    assert (told.request, told.encoding) == (True, "X.509 Signature")
    assert told.names == ((b"A" * 20).hex(), (b"B" * 20).hex())


def test_vendor_ids_name_products():
    steps = [(C, sa_init((43, b"FLEXVPN-SUPPORTED"), (43, b"\x9f" * 16)))]
    (told,) = events(steps, VendorIds)
    assert (told.names, told.unknown) == (("Cisco FlexVPN Supported",), ("9f" * 16,))
    assert [(e.name, e.role) for e in events(steps, Software)] == [("Cisco", "client")]


def test_what_should_be_encrypted_is_told_where_it_is_not():
    steps = [(C, request(37, [(42, b"\3\4" + u16(2) + b"SPI1SPI2")], mid=2))]
    (told,) = events(steps, IkeDelete)
    assert (told.protocol, told.spis) == ("ESP", (b"SPI1".hex(), b"SPI2".hex()))
    (who,) = events([(C, request(35, [(35, b"\2\0\0\0road@example")], mid=1))], IkeIdentity)
    assert (who.kind, who.value) == ("FQDN", "road@example")


# -- NAT ---------------------------------------------------------------------------------------

I_SRC, I_DST = (
    notify(16388, nat_hash("10.0.0.2", 500, r=NONE)),
    notify(16389, nat_hash("198.51.100.9", 500, r=NONE)),
)
R_SRC, R_DST = (
    notify(16388, nat_hash("198.51.100.9", 500)),
    notify(16389, nat_hash("10.0.0.2", 500)),
)
RANDOM_1, RANDOM_2 = (notify(number, bytes(range(20))) for number in (16388, 16389))
R_DST_PUBLIC = notify(16389, nat_hash("203.0.113.5", 61001))


@pytest.mark.parametrize(
    ("ours", "theirs", "behind", "claimed"),
    [
        ((I_SRC, I_DST), (R_SRC, R_DST), "none", ()),
        ((I_SRC, I_DST), (R_SRC, R_DST_PUBLIC), "initiator", ()),
        ((I_SRC, RANDOM_2), (R_SRC, R_DST), "responder", ()),
        ((I_SRC, RANDOM_2), (R_SRC, RANDOM_2), "both", ()),
        ((RANDOM_1, I_DST), (R_SRC, R_DST), "initiator", ("initiator",)),
        ((I_SRC, I_DST), (RANDOM_1, R_DST), "responder", ("responder",)),
        ((RANDOM_1, I_DST), (RANDOM_1, R_DST), "both", ("initiator", "responder")),
        ((RANDOM_1, I_DST), (RANDOM_1, R_DST_PUBLIC), "initiator", ("responder",)),
        ((RANDOM_1, RANDOM_2), (RANDOM_1, RANDOM_2), "unknown", ()),
        ((RANDOM_1, I_SRC, I_DST), (R_SRC, R_DST), "none", ()),  # several addresses of its own
        (
            (notify(16388, nat_hash("10.0.0.2", 4500, r=NONE)), I_DST),
            (R_SRC, R_DST),
            "initiator",
            (),
        ),
        ((I_SRC, I_DST), (), "none", ()),
        ((notify(16388, b"short"), I_DST), (R_SRC, R_DST), "initiator", ("initiator",)),
    ],
)
def test_who_is_behind_a_nat_is_computed(ours, theirs, behind, claimed):
    told = events([(C, sa_init(*ours)), (S, sa_answer(*theirs))], NatDetection)
    assert [(event.behind_nat, event.claimed) for event in told] == [(behind, claimed)]
    assert told[0].method == "RFC 7296"


def test_the_hashes_say_what_they_are_of_and_whom_they_match():
    (told,) = events(
        [(C, sa_init(I_SRC, I_DST)), (S, sa_answer(R_SRC, R_DST_PUBLIC))], NatDetection
    )
    assert [(item.by, item.of, item.matches) for item in told.hashes] == [
        ("initiator", "initiator", "address and port"),
        ("initiator", "responder", "address and port"),
        ("responder", "responder", "address and port"),
        ("responder", "initiator", "nothing"),
    ]
    assert told.hashes[0].seen == str(CLIENT)
    assert told.hashes[1].seen == str(SERVER)


def test_a_translated_port_speaks_for_the_nat_of_that_side():
    start = msgspec.structs.replace(START, client=Endpoint("203.0.113.5", 61001))
    seen = notify(16389, nat_hash("203.0.113.5", 61001))
    steps = [(C, sa_init(RANDOM_1, I_DST)), (S, sa_answer(RANDOM_1, seen))]
    (told,) = events(steps, NatDetection, start)
    assert (told.behind_nat, told.claimed) == ("initiator", ("initiator", "responder"))


def test_a_gateway_on_an_odd_port_is_not_behind_a_nat_for_that():
    """strongSwan on port 14500: who opened the flow has the port that a NAT chose."""
    ends = Endpoint("203.0.113.5", 61001), Endpoint("198.51.100.9", 14500)
    start = msgspec.structs.replace(START, client=ends[0], server=ends[1])
    first = notify(16389, nat_hash("198.51.100.9", 14500, r=NONE))
    second = notify(16389, nat_hash("203.0.113.5", 61001))
    steps = [(C, sa_init(RANDOM_1, first)), (S, sa_answer(RANDOM_1, second))]
    (told,) = events(steps, NatDetection, start)
    assert (told.behind_nat, told.claimed) == ("initiator", ("initiator", "responder"))


def test_an_end_that_knows_its_odd_port_is_behind_no_nat():
    """A client on a port of its own, as on a telephone; the gateway makes its hash up."""
    ends = Endpoint("203.0.113.5", 61001), Endpoint("198.51.100.9", 4500)
    start = msgspec.structs.replace(START, client=ends[0], server=ends[1])
    knows = notify(16388, nat_hash("203.0.113.5", 61001, r=NONE))
    first = notify(16389, nat_hash("198.51.100.9", 4500, r=NONE))
    second = notify(16389, nat_hash("203.0.113.5", 61001))
    steps = [(C, sa_init(knows, first)), (S, sa_answer(RANDOM_1, second))]
    (told,) = events(steps, NatDetection, start)
    assert (told.behind_nat, told.claimed) == ("responder", ("responder",))


def test_addresses_of_ipv6_and_names_are_no_trouble():
    six = Endpoint("2001:db8::2", 500)
    mine = notify(16388, nat_hash("2001:db8::2", 500, r=NONE))
    (told,) = events(
        [(C, sa_init(mine, I_DST))], NatDetection, msgspec.structs.replace(START, client=six)
    )
    assert told.hashes[0].matches == "address and port"
    named = msgspec.structs.replace(START, client=Endpoint("vpn.example", 500))
    (told,) = events([(C, sa_init(I_SRC, I_DST))], NatDetection, named)
    assert told.hashes[0].matches == "nothing"


# -- beyond this flow --------------------------------------------------------------------------


def test_nat_detection_announces_the_float_once():
    outputs, _ = decode([(C, sa_init(I_SRC, I_DST)), (S, sa_answer(R_SRC, R_DST))] * 2)
    (coming,) = kit.effects(outputs, Expect)
    assert (coming.protocol, coming.transport, coming.address, coming.port) == (
        "ike",
        "udp",
        SERVER.address,
        4500,
    )
    assert (coming.source, coming.repeat, coming.purpose) == (
        CLIENT.address,
        True,
        Capability.TUNNEL,
    )
    began = NATT.client.address
    assert coming.context == Float(key=f"ike/{SPI_I.hex()}/{SPI_R.hex()}", initiator=began)


def test_without_nat_detection_nothing_is_announced():
    outputs, _ = decode([(C, sa_init()), (S, sa_answer())])
    assert kit.effects(outputs, Expect) == []


def test_one_sa_is_one_tie_and_an_unanswered_one_is_none():
    assert kit.effects(decode([(C, sa_init())])[0], Tie) == []
    ties = kit.effects(
        decode([(C, sa_init()), (S, sa_answer()), (C, protected(8, 35, 35, 1))])[0], Tie
    )
    assert [tie.key for tie in ties] == [
        f"ike/{SPI_I.hex()}/{SPI_R.hex()}",
        "ipsec/10.0.0.2/198.51.100.9",
    ]


def test_hosts_are_tied_when_no_nat_is_between_them_and_not_when_one_is():
    """Without NAT, ESP goes by itself, even where IKE goes on from port 4500."""
    for answer, tied in ((R_DST, True), (R_DST_PUBLIC, False)):
        told, _ = decode([(C, sa_init(I_SRC, I_DST)), (S, sa_answer(R_SRC, answer))])
        keys = [tie.key for tie in kit.effects(told, Tie)]
        assert ("ipsec/10.0.0.2/198.51.100.9" in keys) is tied


def test_an_announced_flow_is_tied_by_its_context():
    start = msgspec.structs.replace(NATT, context=Float(key="ike/aa/bb"))
    outputs, session = decode([(C, esp(0xC0000001, 900)), (C, esp(0xC0000001, 901))], start)
    assert session.standing is Standing.PARSED
    keys = [tie.key for tie in kit.effects(outputs, Tie)]
    assert keys == ["ike/aa/bb", "esp/198.51.100.9/c0000001"]


def test_ike_without_a_marker_on_4500_is_still_ike():
    """The mistake of others: whatever the port, the bytes decide."""
    told = events([(C, sa_init()), (S, sa_answer())], IkeMessage, NATT)
    assert [event.framing for event in told] == ["plain", "plain"]


def test_nat_traversal_may_begin_on_port_500():
    told = events([(C, MARKER + sa_init()), (S, MARKER + sa_answer())], IkeMessage)
    assert [event.framing for event in told] == ["non-esp-marker"] * 2


def test_a_new_address_has_the_same_sa():
    """MOBIKE, or a NAT that forgot: the flows differ, the ties do not."""
    moved = msgspec.structs.replace(NATT, client=Endpoint("192.0.2.200", 1025))
    before, after = (
        kit.effects(
            decode(
                [
                    (C, MARKER + protected(8, 37, 41, 7)),
                    (C, esp(0xC0000001, 9)),
                    (C, esp(0xC0000001, 10)),
                ],
                start,
            )[0],
            Tie,
        )
        for start in (NATT, moved)
    )
    assert [tie.key for tie in before] == [tie.key for tie in after]
