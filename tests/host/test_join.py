"""Who owns an end of a flow, from records written by hand."""

import pytest

from backchannel.flows.community import flow_id
from backchannel.host import ledger
from backchannel.host.join import Flow, join
from backchannel.host.ledger import Ledger
from backchannel.model import Endpoint

US, THEM = "192.0.2.1", "203.0.113.9"
ID = flow_id(6, Endpoint(US, 40000), Endpoint(THEM, 443), (0, 0))


def at(second):
    return f"2026-11-29T10:00:{second:02}.000000Z"


BEGAN = ledger.Began(tool="t", time=at(0), interval=0.2, openings=True)
HERE = ledger.Network(network="net:[1]", time=at(0), addresses=(US, "127.0.0.1"))
LAST = ledger.Finished(time=at(50), held=1, missed=0, unseen={})


def program(number, path="/usr/bin/curl"):
    return ledger.Program(
        program=number,
        pid=number,
        since=at(0),
        user="a",
        uid=1000,
        path=path,
        sha256="",
        package="",
    )


def held(number, *programs, local=US, port=40000, remote=THEM, remote_port=443, time=10, **more):
    options = {"transport": "tcp", "state": "established", "network": "net:[1]", "uid": 1000} | more
    identity = ledger.identity(
        6 if options["transport"] == "tcp" else 17,
        Endpoint(local, port),
        Endpoint(remote, remote_port) if remote else None,
    )
    return ledger.Held(
        socket=number, local=local, local_port=port, remote=remote,
        remote_port=remote_port if remote else 0, community_id=identity, time=at(time),
        programs=programs, **options,
    )  # fmt: skip


def listening(number, *programs, local="0.0.0.0", port=443, **more):
    return held(number, *programs, local=local, port=port, remote="",
                **({"state": "listening", "time": 0} | more))  # fmt: skip


def flow(begin=20, end=21, **given):
    ends = {"client": US, "client_port": 40000, "server": THEM, "server_port": 443}
    told = {"transport": "tcp", "service": "aim"} | ends | given
    client = Endpoint(told["client"], told["client_port"])
    server = Endpoint(told["server"], told["server_port"])
    protocol = {"tcp": 6, "udp": 17}[told["transport"]]
    return Flow(
        **told,
        community_id=flow_id(protocol, client, server, (0, 0)),
        first_seen=at(begin), last_seen=at(end),
        begin=ledger.nanoseconds(at(begin)), end=ledger.nanoseconds(at(end)),
    )  # fmt: skip


def owners(asked, *lines):
    (told,) = join([asked], Ledger([BEGAN, HERE, *lines, LAST]), "r").flows
    return tuple(
        (each.how, tuple(one.pid for one in each.programs) or each.why)
        for each in (told.client_owner, told.server_owner)
    )


ELSEWHERE = ("elsewhere", "")


def test_the_socket_with_the_flows_own_id_owns_it():
    assert owners(flow(), program(1), held(1, 1)) == (("connected", (1,)), ELSEWHERE)


def test_a_program_may_be_described_after_its_socket():
    assert owners(flow(), held(1, 1), program(1))[0] == ("connected", (1,))


def test_several_processes_that_hold_one_socket_are_all_told():
    lines = (program(1), program(2, "/usr/bin/other"), held(1, 1, 2))
    assert owners(flow(), *lines)[0] == ("connected", (1, 2))


@pytest.mark.parametrize(
    ("begin", "end", "known"), [(20, 25, True), (5, 6, False), (40, 45, False)]
)
def test_the_same_ports_at_another_time_are_another_flow(begin, end, known):
    lines = (program(1), held(1, 1), ledger.Ended(socket=1, time=at(30)))
    told = owners(flow(begin, end), *lines)[0]
    assert told == (("connected", (1,)) if known else ("unknown", "no socket of it was seen"))


def test_ports_that_were_used_again_belong_to_who_held_them_then():
    first = (program(1), held(1, 1, time=1), ledger.Ended(socket=1, time=at(10)))
    second = (program(2), held(2, 2, time=15), ledger.Ended(socket=2, time=at(30)))
    assert owners(flow(3, 4), *first, *second)[0] == ("connected", (1,))
    assert owners(flow(20, 21), *first, *second)[0] == ("connected", (2,))


def test_what_listens_owns_what_came_to_it_and_opens_nothing():
    asked = flow(client=THEM, client_port=5000, server=US)
    assert owners(asked, program(1), listening(1, 1))[1] == ("listening", (1,))
    out = flow(client=US, client_port=443, server=THEM, server_port=80)
    assert owners(out, program(1), listening(1, 1))[0] == ("unknown", "no socket of it was seen")


def test_another_hosts_port_is_not_owned_by_whom_has_the_same_one_here():
    assert owners(flow(), program(1), listening(1, 1))[1] == ELSEWHERE


def test_the_address_itself_goes_before_any_address():
    lines = (program(1), program(2), listening(1, 1), listening(2, 2, local=US))
    asked = flow(client=THEM, client_port=5000, server=US)
    assert owners(asked, *lines)[1] == ("listening", (2,))
    loop = flow(client="127.0.0.1", client_port=5000, server="127.0.0.2")
    assert owners(loop, *lines)[1] == ("listening", (1,))


def test_ipv6_sockets_for_any_address_take_ipv4_where_no_other_does():
    asked = flow(client=THEM, client_port=5000, server=US)
    six = (program(1), listening(1, 1, local="::"))
    assert owners(asked, *six)[1] == ("listening", (1,))
    assert owners(asked, *six, program(2), listening(2, 2))[1] == ("listening", (2,))


def test_datagrams_of_a_socket_without_partner_are_its_own_both_ways():
    lines = (program(1), listening(1, 1, port=6881, transport="udp", state="open"))
    out = flow(client_port=6881, server_port=9999, transport="udp")
    assert owners(out, *lines)[0] == ("bound", (1,))
    came = flow(client=THEM, client_port=9999, server=US, server_port=6881, transport="udp")
    assert owners(came, *lines)[1] == ("bound", (1,))


def test_a_socket_whose_process_could_not_be_seen_is_nobodys():
    told = owners(flow(), held(1))[0]
    assert told == ("unknown", "a socket of user 1000, whose process could not be seen")


def test_two_networks_with_the_same_addresses_are_not_mixed_up():
    """Two containers, say: what fits in both is neither's, and a network's ports are its own."""
    other = ledger.Network(network="net:[2]", time=at(0), addresses=("127.0.0.1", "10.0.0.1"))
    twice = (program(1), held(1, 1), program(2), held(2, 2, network="net:[2]"), other)
    assert owners(flow(), *twice)[0] == (
        "unknown", "sockets in several networks of this host fit",
    )  # fmt: skip
    asked = flow(client=THEM, client_port=5000, server=US)
    lines = (other, program(1), listening(1, 1, network="net:[2]"))
    assert owners(asked, *lines)[1] == ("unknown", "no socket of it was seen")


def test_what_was_missed_is_told_so():
    gone = ledger.Missed(
        network="net:[1]", transport="tcp", local=US, local_port=40000, remote=THEM,
        remote_port=443, community_id=ID, time=at(20),
    )  # fmt: skip
    assert owners(flow(), gone)[0] == (
        "unknown", "its socket was gone before anybody was seen to hold it",
    )  # fmt: skip


@pytest.mark.parametrize(("begin", "why"), [(56, "younger"), (0, "older")])
def test_flows_outside_of_the_record(begin, why):
    early = [ledger.Began(tool="t", time=at(10), interval=0.2, openings=True), HERE, LAST]
    (told,) = join([flow(begin, begin + 1)], Ledger(early), "r").flows
    assert told.client_owner.why == f"the flow is {why} than the record"


def test_a_record_that_was_broken_off_holds_to_its_last_line():
    lines = [BEGAN, HERE, program(1), held(1, 1), ledger.Ended(socket=9, time=at(30))]
    (told,) = join([flow(29, 29)], Ledger(lines), "r").flows
    assert told.client_owner.how == "connected"
    (told,) = join([flow(40, 41)], Ledger(lines), "r").flows
    assert told.client_owner.how == "unknown"


def test_flows_of_no_known_service_are_counted_and_told_if_asked():
    asked = [flow(), flow(service="")]
    told = join(asked, Ledger([BEGAN, HERE, LAST]), "r")
    assert (len(told.flows), told.passed_over) == (1, 1)
    assert len(join(asked, Ledger([BEGAN, HERE, LAST]), "r", everything=True).flows) == 2


def test_more_sockets_than_anybody_can_tell_apart_are_nobodys(monkeypatch):
    monkeypatch.setattr("backchannel.host.join.FITTING", 3)
    rows = [listening(number, 1, port=5353, transport="udp", state="open") for number in range(4)]
    asked = flow(server=US, server_port=5353, client=THEM, client_port=9, transport="udp")
    assert owners(asked, program(1), *rows)[1] == ("unknown", "3 sockets or more fit")
    assert owners(asked, program(1), *rows[:2])[1] == ("bound", (1,))


def test_of_very_many_processes_that_share_a_socket_the_first_are_told():
    those = [program(number) for number in range(1, 101)]
    row = held(1, *range(1, 101))
    (told,) = join([flow()], Ledger([BEGAN, HERE, *those, row, LAST]), "r").flows
    assert (len(told.client_owner.programs), told.client_owner.more) == (64, 36)
