"""Whom one may ask: nobody by accident."""

from datetime import date

import pytest
from tests.enforce.lab import World, isolated

from backchannel.errors import InputError, UsageError
from backchannel.probe.plan import work
from backchannel.probe.targets import among, authority, choose

TODAY = date(2026, 11, 29)


def addresses(*words, excluded=(), authorised=None):
    return [each.address for each in choose(words, excluded, authorised).hosts]


def file(tmp_path, text):
    path = tmp_path / "authorised"
    path.write_text(text)
    return authority(path, TODAY)


def test_addresses_blocks_ranges_and_files(tmp_path):
    (tmp_path / "list").write_text("# mine\n10.0.0.9\n\nfd00::5  # the printer\n")
    assert addresses("10.0.0.0/30") == ["10.0.0.1", "10.0.0.2"]  # no network, no broadcast
    assert addresses("10.0.0.0-10.0.0.3") == ["10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3"]
    assert addresses("10.0.0.7-9") == ["10.0.0.7", "10.0.0.8", "10.0.0.9"]
    assert addresses(f"@{tmp_path}/list") == ["10.0.0.9", "fd00::5"]
    assert addresses("fd00::/126") == ["fd00::1", "fd00::2", "fd00::3"]
    assert addresses("10.0.0.1/32", "10.0.0.1") == ["10.0.0.1"]  # each once


def test_octets_may_be_lists_and_ranges():
    """As nmap's users write them (nmap(1), target specification)."""
    assert addresses("10.0.0.3,1,9") == ["10.0.0.1", "10.0.0.3", "10.0.0.9"]
    assert addresses("10.0.1-2.7,9") == ["10.0.1.7", "10.0.1.9", "10.0.2.7", "10.0.2.9"]
    assert addresses("10.0.0.*", excluded=["10.0.0.2-"]) == ["10.0.0.0", "10.0.0.1"]
    assert len(addresses("10.0.0.-9,250-")) == 16


def test_a_block_that_is_written_by_a_host_is_its_network_and_that_is_said(tmp_path):
    picked = choose(["10.0.0.5/30", "10.9.0.0/30"], ["10.0.0.6/31"], None)
    assert [each.address for each in picked.hosts] == ["10.0.0.5", "10.9.0.1", "10.9.0.2"]
    assert picked.remarks == ("10.0.0.5/30 is taken as its network, 10.0.0.4/30",)
    within = among(["10.0.0.5", "10.0.0.9"], ["10.0.0.6/30"], (), None)
    assert [each.address for each in within.hosts] == ["10.0.0.5"]
    assert within.remarks == ("10.0.0.6/30 is taken as its network, 10.0.0.4/30",)
    with pytest.raises(InputError, match="host bits set"):  # nothing is allowed by guessing
        file(tmp_path, "10.0.0.1/8 Jane Doe\n")


@isolated
def test_the_broadcast_address_of_a_link_is_left_out():
    """Of a block it is known by its form; here the link's block is smaller than what was named."""
    world = World()
    world.client.sh("ip route add prohibit 10.1.3.0/24")
    with world.client.inside():
        picked = choose(["10.1.0.254-10.1.1.0", "10.1.3.1"], (), None)
        with pytest.raises(UsageError, match=r"no host is left to ask: 10\.1\.0\.255 is a link's"):
            work(
                ["10.1.0.255"],
                excluded=(),
                authorised=None,
                ports="80",
                services=(),
                catalogue={},
                suggestions=None,
            )
    assert [each.address for each in picked.hosts] == ["10.1.0.254", "10.1.1.0", "10.1.3.1"]
    assert picked.left_out == 1
    assert picked.remarks == ("10.1.0.255 is a link's broadcast address, and left out",)


def test_a_name_is_resolved_and_kept():
    (first, *_) = choose(["localhost"], (), None).hosts
    assert first.name == "localhost"
    assert first.address in {"127.0.0.1", "::1"}


@pytest.mark.parametrize("word", ["db-01", "ad-dc", "cafe-bad"])
def test_a_name_of_hexadecimal_letters_is_no_range(word):
    with pytest.raises(UsageError, match="neither an address nor a name"):
        addresses(word)


def test_an_address_of_one_link_is_no_name():
    """Without its link nothing can be sent to it (RFC 4007)."""
    (host,) = choose(["fe80::1%lo"], (), None).hosts
    assert host == ("fe80::1%lo", "")
    for word in ("fe80::1", "fe80::1%lo", "fe80::/64"):
        assert choose(["fe80::1%lo", "10.0.0.1"], [word], None).left_out == 1


def test_exclusions_hold_for_every_form(tmp_path):
    (tmp_path / "list").write_text("10.0.0.2\n10.0.0.4-5\n")
    picked = choose(["10.0.0.0/29"], [f"@{tmp_path}/list", "10.0.0.6/31"], None)
    assert [each.address for each in picked.hosts] == ["10.0.0.1", "10.0.0.3"]
    assert picked.left_out == 4


def test_a_private_block_of_256_needs_nobody_and_a_larger_one_does():
    assert len(addresses("192.168.0.0/24")) == 254
    with pytest.raises(UsageError, match=r"more than 256 hosts.*--authorised FILE"):
        addresses("192.168.0.0/23")
    with pytest.raises(UsageError, match="more than 256 hosts"):
        addresses("192.168.0.0/24", "10.0.0.1-5")


@pytest.mark.parametrize(
    "public", ["8.8.8.8", "192.0.2.1", "2001:db8::1", "198.18.0.1", "11.0.0.1"]
)
def test_a_public_address_needs_somebody_who_allowed_it(public):
    """Also those for documentation: they lead wherever the default route does."""
    with pytest.raises(UsageError, match=r"public address.*--authorised FILE"):
        addresses(public)


@pytest.mark.parametrize(
    "many",
    ["224.0.0.1", "255.255.255.255", "0.0.0.0", "0.1.2.3", "240.0.0.1", "ff02::1", "::"],
)
def test_an_address_of_many_is_never_asked(tmp_path, many):
    allowed = file(tmp_path, "0.0.0.0/0 everybody\n::/0 everybody\n")
    for authorised in (None, allowed):
        with pytest.raises(UsageError, match="never asked"):
            addresses(many, authorised=authorised)


def test_a_mapped_address_is_no_way_around(tmp_path):
    for word in ("::ffff:10.0.0.1", "::ffff:8.8.8.8", "::ffff:127.0.0.1"):
        with pytest.raises(UsageError, match="never asked"):
            addresses(word, authorised=file(tmp_path, "::/0 everybody\n"))


def test_the_file_says_who_allowed_it_and_holds_for_everything(tmp_path):
    allowed = file(tmp_path, "192.0.2.0/28\tJane Doe, Example Ltd\n! 192.0.2.3 a heart monitor\n")
    picked = choose(["192.0.2.0/29"], (), allowed)
    assert [each.address for each in picked.hosts] == [f"192.0.2.{n}" for n in (1, 2, 4, 5, 6)]
    assert picked.by == ("192.0.2.0/28: Jane Doe, Example Ltd",)
    assert picked.left_out == 1
    with pytest.raises(UsageError, match="in none of the networks"):
        addresses("10.0.0.1", authorised=allowed)
    assert addresses("127.0.0.1", authorised=allowed) == ["127.0.0.1"]


def test_a_line_ends_with_its_last_day(tmp_path):
    text = "192.0.2.0/28 Jane Doe until 2026-11-{}\n"
    assert addresses("192.0.2.1", authorised=file(tmp_path, text.format(29))) == ["192.0.2.1"]
    with pytest.raises(UsageError, match="last day is over"):
        addresses("192.0.2.1", authorised=file(tmp_path, text.format(28)))


@pytest.mark.parametrize(
    "until", ["until 2020-1-31", "until 31.12.2020", "until", "until Friday", "UNTIL 2020-01-31x"]
)
def test_a_last_day_that_is_none_is_not_for_ever(tmp_path, until):
    with pytest.raises(InputError, match=r"line 1: until: .*write a day as"):
        file(tmp_path, f"192.0.2.0/28 Jane Doe, {until}\n")


@pytest.mark.parametrize(
    "until", ["Until 2020-01-31", "until  2020-01-31.", "until 2030-01-01, until 2020-01-31"]
)
def test_a_last_day_that_is_over_is_over_however_it_is_written(tmp_path, until):
    text = f"192.0.2.0/28\tJane Doe, {until.rstrip('.')}\n"
    assert file(tmp_path, text).allowed == ()


def test_all_wrong_lines_are_told_at_once(tmp_path):
    text = "192.0.2.0/28\n10.0.0.1/8 Jane\nnonsense Jane\n10.0.0.0/8 Jane until 2026-13-01\n"
    with pytest.raises(InputError) as told:
        file(tmp_path, text)
    assert [f"line {number}:" in str(told.value) for number in (1, 2, 3, 4)] == [True] * 4
    assert "who allowed 192.0.2.0/28" in str(told.value)


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("10.0.0.0/8", "addresses; at most"),
        ("fd00::/64", "addresses; at most"),
        ("10.0.0.1/33", "does not appear"),
        ("10.0.1-2.9-3", "none of 7, 1-20"),
        ("10.0.0.256,1", "none of 7, 1-20"),
        ("10.0.0.1,,2", "none of 7, 1-20"),
        ("10.*.*.*", "16,777,216 addresses; at most"),
        ("10.0.0.9-3", "not a range"),
        ("10.0.0.1-fd00::1", "not a range"),
        ("10.0.0.1-300", "not a range"),
        ("no such name", "neither an address nor a name"),
        ("probe.invalid", "neither an address nor a name"),
        ("@no-such-list", "No such file"),
    ],
)
def test_what_is_no_target_says_why(word, why):
    with pytest.raises((UsageError, InputError), match=why):
        addresses(word)
