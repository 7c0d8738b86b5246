"""A guard does not start by a policy that it cannot enforce, unless the policy accepts that."""

import pytest
from tests.enforce.guarding import services

from backchannel.enforce import able
from backchannel.errors import UsageError
from backchannel.policy.load import load


def made(tmp_path, rules):
    path = tmp_path / "policy.yaml"
    path.write_text(f"policy: 1\nrules: [{rules}]\n")
    return load(path, services())


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (
            "{deny: zoom, capabilities: [message]}",
            "the guard cannot enforce zoom message: no decoder",
        ),
        (
            "{deny: zoom, capabilities: [app-sharing]}",
            "the guard only partly enforces zoom app-sharing: where UDP is closed its media go ",
        ),
        (
            "{deny: telegram, capabilities: [voice-video]}",
            "deny-telegram-voice-video: the guard only partly enforces telegram voice-video: what ",
        ),
        (
            "{deny: telegram, capabilities: [message]}",
            "the guard cannot enforce telegram message: its content is encrypted",
        ),
        ("{deny: telegram}", "deny-telegram: the guard only partly enforces telegram login, "),
        ("{deny: telegram}", "what goes through an MTProxy with a secret, and calls without "),
        ("{deny: tor}", "the guard only partly enforces tor tunnel: bridges with obfs4, "),
        ("{deny: slack}", "deny-slack: the guard only partly enforces slack login, "),
        ("{deny: slack}", " more: no decoder knows its content: refused are connections"),
        (
            "{deny: teams, capabilities: [voice-video]}",
            "the guard only partly enforces teams voice-video: calls inside TLS, and those whose ",
        ),
        (
            "{deny: whatsapp, capabilities: [voice-video]}",
            "the guard only partly enforces whatsapp voice-video: calls inside TLS, and those ",
        ),
        (
            "{deny: whatsapp}",
            "deny-whatsapp: the guard only partly enforces whatsapp voice-video: calls inside TLS",
        ),
        (
            "{deny: rdp, capabilities: [file-transfer]}",
            "the guard cannot enforce rdp file-transfer: its content is encrypted",
        ),
        (
            "{deny: whatsapp, capabilities: [message]}",
            "the guard cannot enforce whatsapp message: its content is encrypted",
        ),
        (
            "{deny: discord, capabilities: [message]}",
            "the guard cannot enforce discord message: no decoder knows its content",
        ),
        (
            "{deny: discord, capabilities: [voice-video]}",
            "the guard only partly enforces discord voice-video: calls of the browser version",
        ),
    ],
)
def test_what_is_never_enforced_is_refused_or_accepted(tmp_path, rule, told):
    with pytest.raises(UsageError, match="accept it with `best-effort: true`") as refused:
        able.check(made(tmp_path, rule))
    assert told in str(refused.value)
    accepted = able.check(made(tmp_path, rule.replace("}", ", best-effort: true}")))
    assert len(accepted) == 1
    assert told in accepted[0]
    for seen in (
        able.check(made(tmp_path, rule), "observe"),
        able.check(made(tmp_path, rule.replace("}", ", mode: alert}"))),
    ):
        assert len(seen) == 1
        assert told.replace("cannot enforce", "cannot see").replace("enforces", "sees") in seen[0]


@pytest.mark.parametrize(
    "rule",
    [
        "{deny: [aim, ipsec, socks]}",
        "{allow: bittorrent}, {deny: gnutella}",
        "{deny: rdp}",
        "{deny: direct-connect, capabilities: [file-sharing]}",
        "{deny: stun-turn}",
        "{deny: stun-turn, capabilities: [tunnel]}",
    ],
)
def test_what_is_enforced_is_not_spoken_of(tmp_path, rule):
    assert able.check(made(tmp_path, rule)) == ()
