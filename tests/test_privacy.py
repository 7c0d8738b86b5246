"""Private matter stays private unless the operator asks, in every event there is or will be."""

import msgspec

from backchannel.detect.kinds import event_types
from backchannel.events import Content, Credential, Message, Presence, Profile, Secret
from backchannel.privacy import REDACTED, Disclosure, sensitive_fields, shown
from backchannel.protocols.t120.events import ConferenceNames

PASSWORD = Credential(
    account="alice", kind="plain", scheme="socks5-userpass", secret="tea4two!", salt="pepper"
)
HELLO = Message(sender="alice", recipient="bob", text="see you at noon", size=15)


def test_secrets_and_content_are_redacted_by_default():
    assert shown(PASSWORD, Disclosure())["secret"] == REDACTED
    assert shown(PASSWORD, Disclosure())["salt"] == REDACTED
    assert shown(HELLO, Disclosure())["text"] == REDACTED
    assert shown(HELLO, Disclosure())["size"] == 15


def test_each_switch_shows_its_own_kind_only():
    secrets, content = Disclosure(secrets=True), Disclosure(content=True)
    assert shown(PASSWORD, secrets)["secret"] == "tea4two!"
    assert shown(PASSWORD, content)["secret"] == REDACTED
    assert shown(HELLO, content)["text"] == "see you at noon"
    assert shown(HELLO, secrets)["text"] == REDACTED


def test_an_empty_private_field_is_not_dressed_up_as_a_hidden_one():
    assert shown(Presence(account="a", status="away"), Disclosure())["text"] == ""


def test_fields_that_hold_private_matter_are_marked():
    assert sensitive_fields(Profile) == {"text": "content"}
    suspicious = {"text", "secret", "salt", "password", "cookie", "body", "email", "phone", "note"}
    for kind in event_types():
        if kind.__name__ not in {"Search", "SearchHit"}:
            named = suspicious & set(kind.__struct_fields__)
            assert named <= set(sensitive_fields(kind)), kind


def test_a_list_of_private_texts_is_private():
    """Names on the roster of a conference were shown: only whole fields were looked at."""
    names = ConferenceNames(names=("Anna Smith",))
    assert shown(names, Disclosure())["names"] == (REDACTED,)
    assert shown(names, Disclosure(content=True))["names"] == ("Anna Smith",)

    class Nested:
        plain: tuple[str, ...]
        several: tuple[Content, ...]
        maybe: Secret | None
        pairs: dict[str, tuple[Secret, int]]

    assert sensitive_fields(Nested) == {"several": "content", "maybe": "secret", "pairs": "secret"}


def test_what_is_shown_can_be_written_as_json():
    assert (
        msgspec.json.decode(msgspec.json.encode(shown(HELLO, Disclosure())))["event"] == "message"
    )
