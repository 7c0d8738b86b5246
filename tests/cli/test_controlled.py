"""Policy and store of `host control` while it runs."""

from backchannel.cli.controlled import _Rule
from backchannel.host.control import trust
from backchannel.host.control.trust import Entry

OLD = Entry(path="/opt/old", sha256="a" * 64)
NEW = Entry(path="/opt/new", sha256="b" * 64, package="deb:new", version="1")


def test_what_is_learnt_after_a_policy_that_was_not_taken_is_known(tmp_path, capsys):
    policy, store = tmp_path / "policy.yaml", tmp_path / "store"
    policy.write_text("version: 1\nmode: deny\nunknown: deny\n")
    trust.write(store, trust.Store([OLD]))
    rule = _Rule(policy, store, ())
    for refused in ("version: 7\n", "version: 1\nmode: deny\nunknown: cut\n"):
        policy.write_text(refused)
        assert rule.again() is None
        assert "the policy stays as it was" in capsys.readouterr().err
    rule.learn(NEW)
    assert rule.judge.knows(NEW.path)
    rule.keep()
    assert set(trust.read(store).by_path) == {OLD.path, NEW.path}
