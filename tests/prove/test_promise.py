"""What a policy promises, and from where it is tried: only where its line really decides."""

from ipaddress import ip_address, ip_network

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.policy.examples import party, use

from backchannel.model import Capability
from backchannel.policy.model import Hours, Line, Networks, Party, Rules
from backchannel.prove.lab import INSIDE
from backchannel.prove.promise import promises

ANY = Party("any")
AIM = use("aim", "message", "tcp/5190")
ICQ = use("icq", "message", "tcp/5190")


def line(name, action, uses=(AIM,), ours=ANY, theirs=ANY, **more):
    return Line(
        name=name, place="p.yaml:1", action=action, uses=uses, ours=ours, theirs=theirs, **more
    )


def rules(*lines, **more):
    given = {"default": "allow", "name": "p", "path": "p.yaml", "digest": ""} | more
    return Rules(lines=lines, **given)


def overlap(one, other):
    first, second = ip_network(one), ip_network(other)
    return first.version == second.version and first.overlaps(second)


def test_every_line_promises_each_of_its_uses_and_alerts_promise_nothing():
    made = rules(line("a", "deny", (AIM, ICQ)), line("b", "alert"))
    assert [(each.line, each.service) for each in promises(made)] == [("a", "aim"), ("a", "icq")]


def test_anybody_is_tried_from_wherever():
    (promise,) = promises(rules(line("a", "deny")))
    assert (promise.inside, promise.outside, promise.untried) == ((), (), "")


def test_the_first_line_that_fits_decides():
    """What a later line says is tried from where no earlier one speaks."""
    staff = party("staff", "10.0.0.0/8")
    first, second = promises(rules(line("a", "allow", ours=staff), line("b", "deny")))
    assert first.inside == ("10.0.0.0/8",)
    assert second.inside
    assert not any(
        ip_network(net).overlaps(ip_network("10.0.0.0/8"))
        for net in second.inside
        if ":" not in net
    )


def test_a_line_that_never_decides_is_not_tried():
    staff = party("staff", "10.0.0.0/8")
    both = promises(rules(line("a", "allow"), line("b", "deny", ours=staff)))
    assert [each.untried for each in both] == ["", "earlier lines decide for all of its addresses"]


def test_a_narrow_far_side_leaves_the_rest_of_the_world():
    gateway = party("gateways", "198.51.100.7/32")
    allow, deny = promises(rules(line("a", "allow", theirs=gateway), line("b", "deny")))
    assert (allow.outside, deny.outside) == (("198.51.100.7/32",), ())
    assert deny.untried == ""


def test_a_policy_that_has_connections_begin_anew_says_so():
    """Of what it allows as well: it was met before anybody could tell what it is."""
    renewing = msgspec.structs.replace(line("b", "deny"), existing="reset")
    assert all(each.renews for each in promises(rules(line("a", "allow"), renewing)))
    assert not any(each.renews for each in promises(rules(line("a", "allow"), line("b", "deny"))))


def test_an_exemption_is_cut_out_of_its_network():
    help_desk, staff = party("help-desk", "10.1.0.0/17"), party("staff", "10.1.0.0/16")
    _, second = promises(rules(line("a", "allow", ours=help_desk), line("b", "deny", ours=staff)))
    assert second.inside == ("10.1.128.0/17",)


def test_other_uses_take_nothing_away():
    staff = party("staff", "10.0.0.0/8")
    _, second = promises(
        rules(line("a", "allow", (ICQ,), ours=staff), line("b", "deny", ours=staff))
    )
    assert second.inside == ("10.0.0.0/8",)


def test_hours_are_not_tried_and_take_nothing_away():
    timed = line("a", "allow", hours=Hours((), 0, 60))
    first, second = promises(rules(timed, line("b", "deny")))
    assert first.untried == "it holds at certain hours only"
    assert second.untried == ""


def test_a_zone_names_the_interfaces():
    lan, wan = party("lan", interfaces=("eth1",)), party("wan", interfaces=("ppp0",))
    (promise,) = promises(rules(line("a", "deny", ours=lan, theirs=wan)))
    assert (promise.inside_interface, promise.outside_interface) == ("eth1", "ppp0")


def test_whoever_is_never_blocked_is_not_denied():
    never = Networks(v4=(INSIDE[0],))
    (promise,) = promises(rules(line("a", "deny"), never_block=never))
    assert not any(overlap(net, str(INSIDE[0])) for net in promise.inside)


def test_a_closed_default_denies_the_rest_of_what_was_recorded():
    library = [("aim", Capability.MESSAGE), ("icq", Capability.MESSAGE)]
    found = list(promises(rules(line("a", "allow"), default="deny"), library))
    assert [(each.action, each.service, each.line) for each in found] == [
        ("allow", "aim", "a"),
        ("deny", "icq", "default"),
    ]


networks = st.builds(
    lambda first, size: str(ip_network((first << 16, size), strict=False)),
    st.integers(0x0A00, 0x0AFF),
    st.integers(9, 20),
)


@given(st.lists(networks, max_size=5), networks)
@pytest.mark.filterwarnings("ignore")
def test_law_no_address_of_a_promise_is_decided_earlier(earlier, ours):
    """Against the plain reading: go through the lines, take the first that has the address."""
    lines = [line(f"l{n}", "allow", ours=party(net, net)) for n, net in enumerate(earlier)]
    *_, last = promises(rules(*lines, line("last", "deny", ours=party(ours, ours))))
    for net in last.inside:
        found = ip_network(net)
        assert found.subnet_of(ip_network(ours))
        for address in (found[0], found[-1]):
            assert not any(ip_address(address) in ip_network(each) for each in earlier)
    taken = any(ip_network(ours).subnet_of(ip_network(each)) for each in earlier)
    if taken:
        assert last.untried
    if not last.inside:
        assert last.untried
    assert msgspec.to_builtins(last)
