"""Files that decide what runs."""

import os

import pytest

from backchannel.errors import UsageError
from backchannel.host.control.writers import refuse_others


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text("version: 1\n")
    path.chmod(0o644)
    tmp_path.chmod(0o755)
    return path


def test_a_file_that_only_its_owner_writes_is_fit(policy):
    refuse_others(policy)
    refuse_others(policy.with_name("none"))


@pytest.mark.parametrize("mode", [0o666, 0o646])
def test_one_that_others_write_is_not(policy, mode):
    policy.chmod(mode)
    with pytest.raises(UsageError, match=r"policy\.yaml: others may write it"):
        refuse_others(policy)


def test_nor_is_one_that_others_may_replace(policy, tmp_path):
    tmp_path.chmod(0o777)
    with pytest.raises(UsageError, match="others may write it"):
        refuse_others(policy)
    tmp_path.chmod(0o1777)  # there nobody may
    refuse_others(policy)


def test_a_link_is_as_good_as_what_it_leads_to(policy, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(policy)
    refuse_others(link)
    policy.chmod(0o666)
    with pytest.raises(UsageError, match=r"policy\.yaml: others"):
        refuse_others(link)


def test_nor_is_one_in_a_folder_that_others_may_replace(policy, tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir(mode=0o755)
    policy = policy.rename(inner / "policy.yaml")
    refuse_others(policy)
    link = tmp_path / "open/link"
    link.parent.mkdir()
    link.symlink_to(policy)
    refuse_others(link)
    link.parent.chmod(0o777)
    with pytest.raises(UsageError, match="open: others may write it"):
        refuse_others(link)
    refuse_others(policy)
    tmp_path.chmod(0o777)
    with pytest.raises(UsageError, match="others may write it"):
        refuse_others(policy)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files away")
def test_a_group_and_another_owner(policy):
    policy.chmod(0o664)
    refuse_others(policy)  # the group is root's
    os.chown(policy, 0, 1000)
    with pytest.raises(UsageError, match="others may write it"):
        refuse_others(policy)
    os.chown(policy, 1000, 0)
    with pytest.raises(UsageError, match="user 1000 owns it"):
        refuse_others(policy)
