"""Windows and pf, whose texts have no order: what first-fit means survives being cut into boxes."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.policy.backends import grammars
from tests.policy.examples import ANY, EXAMPLES, LIFELINE, NAMES, line, party, rules, use

from backchannel.policy.backends import pf, windows
from backchannel.policy.backends._judging import Speaks
from backchannel.policy.backends._regions import Regions
from backchannel.policy.compile import known

NETS = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "192.0.2.0/25", "2001:db8::/32", "2001:db8::1"]
PROBES = [ip_address(text) for text in ("10.0.0.1", "10.1.0.1", "10.1.2.3", "192.0.2.1")]
PROBES += [ip_address(text) for text in ("192.0.2.200", "8.8.8.8", "2001:db8::1", "2001:db8::2")]
parties = st.lists(st.sampled_from(NETS), max_size=3, unique=True).map(
    lambda nets: party("+".join(nets) or "any", *_apart(nets))
)
ports = st.lists(
    st.sampled_from(["tcp/10", "tcp/11", "tcp/10-20", "tcp/15-30", "udp/10", "esp"]),
    min_size=1,
    max_size=3,
    unique=True,
)


def _apart(nets):
    """Return *nets* without those inside another, as a resolved policy has them."""
    found = [ip_network(net) for net in nets]
    return [
        str(net)
        for net in found
        if not any(
            other != net and other.version == net.version and net.subnet_of(other)
            for other in found
        )
    ]


@st.composite
def policies(draw):
    lines = []
    for number in range(draw(st.integers(1, 5))):
        action = draw(st.sampled_from(["allow", "deny"]))
        spoken = use(f"service-{number}", "message", *draw(ports), stated=True)
        lines.append(
            line(
                f"line-{number}",
                action,
                spoken,
                ours=draw(parties),
                theirs=draw(parties),
                direction=draw(st.sampled_from(["out", "in", "both"])),
            )
        )
    return rules(*lines, known=())


def within(spans, address):
    return any(low <= int(address) <= high for low, high in spans.spans[address.version])


def fits(region, opener, called, carrier, port):
    return (
        region.carrier == carrier
        and (not region.ports or any(low <= port <= high for low, high in region.ports))
        and within(region.opener, opener)
        and within(region.called, called)
    )


@settings(max_examples=150)
@given(policies())
def test_the_boxes_say_what_the_order_said(policy):
    made = list(Regions(policy, Speaks()).all())
    flows = [
        (opener, called, carrier, port)
        for opener in PROBES
        for called in PROBES
        if opener.version == called.version
        for carrier, port in (("tcp", 10), ("tcp", 18), ("tcp", 25), ("udp", 10), ("esp", 0))
    ]
    for flow in flows:
        first = next((region for region, _ in made if fits(region, *flow)), None)
        denied = first is not None and first.line.action == "deny"
        blocks = [
            part
            for region, left in made
            if region.line.action == "deny"
            for part in left
            if fits(part, *flow)
        ]
        assert bool(blocks) == denied, flow


@pytest.mark.parametrize("example", EXAMPLES)
def test_pf_reads_by_the_grammar(example):
    policy = EXAMPLES[example]
    _, rows = grammars.pf(pf.emit(policy, ())[0].text)
    assert any("pass" in row for row in rows) == (policy.default == "deny"), "it opens nothing"


@pytest.mark.parametrize("example", EXAMPLES)
def test_windows_reads_by_the_grammar(example):
    policy = EXAMPLES[example]
    _, found = grammars.powershell(windows.emit(policy, ())[0].text)
    assert len({rule["name"] for rule in found}) == len(found)
    actions = {rule["action"] for rule in found}
    assert actions <= ({"Block"} if policy.default == "allow" else {"Block", "Allow"})


def test_the_exempt_are_cut_out_of_the_block():
    sets, found = grammars.powershell(windows.emit(NAMES, ())[0].text)
    outward = [
        rule for rule in found if "no-aim " in rule["name"] and rule["direction"] == "Outbound"
    ]
    local = sets[outward[0]["local"].lstrip("$")]
    assert local == [
        *("10.0.0.0-10.1.1.255", "10.1.3.0-10.255.255.255", "2001:db8:10::/63"),
        "2001:db8:10:3::-2001:db8:10:ffff:ffff:ffff:ffff:ffff",
    ]
    tables, _ = grammars.pf(pf.emit(NAMES, ())[0].text)
    table = next(nets for name, nets in tables.items() if "without" in name)
    assert not any(ip_address("10.1.2.9") in net for net in table)
    assert any(ip_address("10.1.3.9") in net for net in table)


def test_management_is_cut_out_too():
    policy = rules(
        line("none", "deny", use("x", "tunnel", "tcp/1-1000", stated=True)),
        lifelines=(LIFELINE,),
        known=(),
    )
    regions = [
        part for region, left in Regions(policy, Speaks()).all() for part in left if region.line
    ]
    desk, wall = ip_address("10.1.2.3"), ip_address("10.0.0.1")
    assert not any(fits(part, desk, wall, "tcp", 22) for part in regions)
    assert any(fits(part, desk, wall, "tcp", 23) for part in regions)
    assert any(fits(part, wall, desk, "tcp", 22) for part in regions)


def test_windows_says_that_it_does_not_hold_a_default_of_deny():
    policy = rules(line("a", "deny", use("x", "message", "tcp/5"), theirs=ANY), default="deny")
    backend = known()["windows"]
    assert backend.judge(policy, policy.lines[0], policy.lines[0].uses[0]).level == "partly"
    assert backend.closes.level == "partly"
    assert known()["pf"].judge(policy, policy.lines[0], policy.lines[0].uses[0]).level == "enforces"


def test_hostile_names_stay_inside_comments():
    evil = "x'; Remove-Item C:\\ -Recurse #\r\n`$(whoami)\n\x1b[2Jpass quick all"
    many = party(evil, "10.0.0.0/9", "10.192.0.1")
    policy = rules(
        line("a", "deny", use("x", "message", "tcp/1"), ours=many, reason=evil), name=evil
    )
    assert grammars.powershell(windows.emit(policy, ())[0].text)
    assert grammars.pf(pf.emit(policy, ())[0].text)
