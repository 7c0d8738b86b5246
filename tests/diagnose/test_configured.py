"""swanctl.conf and ipsec.conf: what is read of them, what never is, and what it explains."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.diagnose.lab import FAR, configured
from tests.diagnose.test_recorded import said, side

from backchannel.diagnose.configured import comparing, files
from backchannel.diagnose.configured.braces import Parser
from backchannel.diagnose.configured.settings import Section
from backchannel.diagnose.configured.transforms import Transform, transforms
from backchannel.diagnose.doctor import diagnose
from backchannel.errors import InputError

SWANCTL = """
# a comment with a { in it
defaults {
  version = 2
  proposals = aes256gcm16-prfsha384-ecp384, aes256-sha256-modp2048
  local {
    auth = pubkey
    id = "C=CH, O=Lab # 1, CN=moon"
  }
}
connections {
  home : defaults {
    local_addrs = 192.0.2.1
    remote_addrs = 198.51.100.0/24, gate.example
    encap = yes
    fragmentation = no
    mobike = no
    dpd_delay = 2m
    remote { auth = psk
      id = sun.example }
    children {
      net { local_ts = 10.1.0.0/16
        remote_ts = 10.2.0.0/16, 10.3.0.0/16
        esp_proposals = aes128-sha256 }
      local-lan { mode = pass
        local_ts = 10.1.0.0/16 }
    }
  }
  shunts {
    children { pass { mode = pass } }
  }
  include conf.d/*.conf
}
secrets {
  ike-1 { secret = "s3cr3t-ONE" id = sun.example }
  eap { secret = 0sUzNDUjNULVRXTw== }
  nested { deeper { secret = "s3cr3t-THREE }" } }
}
"""
IPSEC = """
version 2.0
config setup
    listen-tcp=yes
conn %default
    ikelifetime=8h
    mobike=no
conn base
    leftid=@moon.example   # with a comment
    left=192.0.2.1
    leftsubnet=10.1.0.0/16
conn home
    also=base
    right=198.51.100.7
    rightid=@sun.example
    rightsubnets={10.2.0.0/16 10.3.0.0/16}
    ike=aes_gcm256-sha2;dh19,aes256-sha2_256-modp2048!
    esp=aes128-sha1
    encapsulation=yes
    fragmentation=force
    ikev2=insist
    dpddelay=30
    authby=secret
    auto=start
conn lan
    also=base
    right=%any
    type=passthrough
    auto=route
conn reverse
    left=198.51.100.9
    right=%defaultroute
    forceencaps=yes
    ikev2=no
    auto=add
"""


@pytest.fixture
def swanctl(tmp_path):
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "office.conf").write_text("office { remote_addrs = 203.0.113.5\n}\n")
    path = tmp_path / "swanctl.conf"
    path.write_text(SWANCTL)
    return path


def test_swanctl(swanctl):
    home, office = files.read(swanctl)
    assert (home.name, home.line, home.form) == ("home", 12, "swanctl.conf")
    assert home.versions == (2,)
    assert home.local == ("192.0.2.1",)
    assert home.remote == ("198.51.100.0/24", "gate.example")
    assert home.local_id == "C=CH, O=Lab # 1, CN=moon"
    assert (home.remote_id, home.local_auth, home.remote_auth) == ("sun.example", "pubkey", "psk")
    assert home.proposals == ("aes256gcm16-prfsha384-ecp384", "aes256-sha256-modp2048")
    assert (home.encap, home.fragmentation, home.mobike) == (True, "no", False)
    assert home.dpd_seconds == 120
    (child,) = home.children
    assert (child.name, child.proposals) == ("net", ("aes128-sha256",))
    assert child.remote_ts == ("10.2.0.0/16", "10.3.0.0/16")
    assert home.where("fragmentation").endswith("swanctl.conf:16")
    assert (office.name, office.remote) == ("office", ("203.0.113.5",))
    assert office.file.endswith("office.conf")


def test_ipsec_conf(tmp_path):
    """libreswan's own `readwriteconf` (4.10) was shown the same text, and reads the same of it: it
    leaves `forceencaps` out, which is strongSwan's.
    """
    (tmp_path / "ipsec.conf").write_text(IPSEC)
    home, reverse = files.read(tmp_path)
    assert (home.name, home.versions, home.local, home.remote) == (
        "home",
        (2,),
        ("192.0.2.1",),
        ("198.51.100.7",),
    )
    assert (home.local_id, home.remote_id) == ("moon.example", "sun.example")
    assert home.proposals == ("aes_gcm256-sha2;dh19", "aes256-sha2_256-modp2048")
    assert (home.encap, home.fragmentation, home.mobike) == (True, "force", False)
    assert home.dpd_seconds == 30
    assert home.children[0].local_ts == ("10.1.0.0/16",)
    assert home.children[0].remote_ts == ("10.2.0.0/16", "10.3.0.0/16")
    assert (reverse.local, reverse.remote, reverse.versions) == ((), ("198.51.100.9",), (1,))
    assert reverse.encap is True


def test_ipsec_conf_of_strongswan(tmp_path):
    """Its `keyexchange`, `leftauth`, and a right end that is this host."""
    path = tmp_path / "a.conf"
    path.write_text(
        "conn a\n  keyexchange = ikev1\n  left = 198.51.100.9\n  right = %defaultroute\n"
        "  leftauth = psk\n  rightauth = pubkey\n  rightsubnet = 10.1.0.0/16,10.5.0.0/16\n"
        "  auto = route\n"
    )
    (found,) = files.read(path)
    assert (found.versions, found.local, found.remote) == ((1,), (), ("198.51.100.9",))
    assert (found.local_auth, found.remote_auth) == ("pubkey", "psk")
    assert found.children[0].local_ts == ("10.1.0.0/16", "10.5.0.0/16")


@pytest.mark.parametrize("text", [SWANCTL, IPSEC], ids=["swanctl", "ipsec"])
def test_secrets_are_nowhere_in_what_is_read(tmp_path, text):
    path = tmp_path / "a.conf"
    path.write_text(
        text + ("\nconn x\n    xauth_password=s3cr3t-TWO\n" if "conn" in text.split() else "")
    )
    told = repr(files.read(path))
    assert "s3cr3t" not in told
    assert "UzNDUjNU" not in told
    root = Section()
    if text is SWANCTL:
        Parser("a", text, lambda *_: None).read(root)
        assert "s3cr3t" not in repr(root)
        assert "secrets" not in root.sections


def test_secrets_that_another_section_holds_are_not_kept_either(tmp_path):
    """`secrets` may get them from a base; and a base may have a name like a secret's."""
    path = tmp_path / "swanctl.conf"
    path.write_text(
        "keys { ike { secret = s3cr3t\n } }\nsecrets : keys { }\n"
        "shipping-psk { remote_addrs = 192.0.2.9\n }\nconnections { a : shipping-psk { } }\n"
    )
    (only,) = files.read(path)
    assert only.remote == ("192.0.2.9",)
    root = Section()
    Parser("a", path.read_text(), lambda *_: None).read(root)
    assert "s3cr3t" not in repr(root)


def test_secrets_of_files_included_are_not_read(tmp_path):
    (tmp_path / "ipsec.secrets").write_text(": PSK s3cr3t\n")
    (tmp_path / "keys.conf").write_text("secrets { ike { secret = s3cr3t\n} }\n")
    path = tmp_path / "swanctl.conf"
    path.write_text(
        "include *.secrets\ninclude keys.conf\nconnections { a { remote_addrs = 192.0.2.9\n} }\n"
    )
    (only,) = files.read(path)
    assert "s3cr3t" not in repr(only)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("connections {\n a {\n", "a section is not closed"),
        ("}\n", "} without {"),
        ("connections { = 3 }", "where a name should be"),
        ("connections\n", "should follow"),
        ("conn a\nb c\n", "is no conn"),
        ("conn a\n  b\n", "no = in"),
        ("a { " * 40, "too deep"),
        ("include a.conf\n", "include each other too deep"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, text, told):
    path = tmp_path / "a.conf"
    path.write_text(text)
    with pytest.raises(InputError, match=r"a\.conf") as raised:
        files.read(path)
    assert told in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        'secrets {\n ike {\n  secret = hunter"s3cr3t"\n }\n}\n',
        'secrets {\n ike {\n  secret = "hunter" s3cr3t\n }\n}\n',
        "secrets {\n ike {\n  secret = a}s3cr3t\n }\n}\n",
        'conn a\n  leftpsk="first\ns3cr3t second"\n',
        "conn a\n  leftpsk=first\n  s3cr3t\n",
    ],
)
def test_no_part_of_a_secret_is_in_what_is_said_of_an_error(tmp_path, text):
    path = tmp_path / "a.conf"
    path.write_text(text)
    with pytest.raises(InputError) as raised:
        files.read(path)
    assert "s3cr3t" not in str(raised.value)


def test_a_file_of_secrets_is_not_opened_though_it_is_named(tmp_path):
    path = tmp_path / "ipsec.secrets"
    path.write_text("conn a\n  right = 10.2.0.2\n  auto = add\n")
    with pytest.raises(InputError, match="is not opened"):
        files.read(path)


@pytest.mark.parametrize("swanctl", [True, False], ids=["swanctl", "ipsec"])
def test_sections_that_all_name_each_other_are_read_in_no_time(tmp_path, swanctl):
    """Each way through them, one after another, would take years."""
    path, names = tmp_path / "a.conf", range(20)
    if swanctl:
        bases = ", ".join(f"connections.c{number}" for number in names)
        inner = "{\n remote_addrs = 10.2.0.2\n }"
        text = "".join(f" c{number} : {bases} {inner}\n" for number in names)
        path.write_text(f"connections {{\n{text}}}\n")
    else:
        bases = " ".join(f"c{number}" for number in names)
        conn = f"\n  right = 10.2.0.2\n  auto = add\n  also = {bases}\n"
        path.write_text("".join(f"conn c{number}{conn}" for number in names))
    assert [each.remote for each in files.read(path)] == [("10.2.0.2",)] * 20


def test_a_folder_without_any(tmp_path):
    with pytest.raises(InputError, match=r"no swanctl\.conf"):
        files.read(tmp_path)


@given(st.text(max_size=200) | st.text('a{}=:,"#\\ \n', max_size=80))
def test_any_text_is_read_or_refused(text):
    root = Section()
    with suppress(InputError):
        Parser("a", text, lambda *_: None).read(root)


def test_words_of_proposals():
    assert transforms("aes256gcm16-prfsha384-ecp384") == {
        Transform("encryption", "AES_GCM_16", 256),
        Transform("prf", "SHA2_384"),
        Transform("group", "ECP_384"),
    }
    assert transforms("aes_gcm256-sha2;dh19+modp2048") == {
        Transform("encryption", "AES_GCM_16", 256),
        Transform("integrity", "SHA2_256"),
        Transform("group", "ECP_256"),
        Transform("group", "MODP_2048"),
    }
    assert transforms("aes-sha1-modp1024") == {
        Transform("encryption", "AES_CBC", 0),
        Transform("integrity", "SHA1"),
        Transform("group", "MODP_1024"),
    }


# -- with captures -----------------------------------------------------------------------------


def ends(tmp_path, **right):
    """The configurations of both ends: the right one's is altered."""
    found = []
    for name, text in (
        ("left", configured("left", FAR)),
        ("right", configured("right", "%any", **right)),
    ):
        path = tmp_path / f"{name}.conf"
        path.write_text(text)
        found += files.read(path)
    return found


@pytest.mark.parametrize(
    ("name", "right", "condition", "told"),
    [
        (
            "proposals-refused",
            {"proposals": "aes256-sha256-modp4096"},
            "proposals-refused",
            "MODP_2048 and MODP_4096",
        ),
        (
            "esp-proposals-refused",
            {"esp": "aes256-sha512"},
            "no-child",
            "AES_CBC_128 and AES_CBC_256",
        ),
        (
            "wrong-identity",
            {"expects": "nobody@lab.example"},
            "authentication-refused",
            "expects nobody@lab.example",
        ),
        ("selectors-refused", {"local_ts": "10.77.0.0/16"}, "no-child", "10.77.0.0/16"),
    ],
)
def test_the_configurations_make_a_cause_certain(tmp_path, name, right, condition, told):
    connections = ends(tmp_path, **right)
    diagnosis = diagnose(side(name, "near"), None, connections)
    (found,) = diagnosis.gateways[0].conclusions
    assert (found.certainty, found.id) == ("certain", condition)
    assert told in found.because[0].text
    assert [each.state for each in diagnosis.configured] == ["down", "down"]


SAME = """
conn lab
  left={left}
  right=10.2.0.2
  leftid=@left.lab.example
  rightid=@right.lab.example
  leftsubnet=10.9.1.1/32
  rightsubnet=10.9.2.1/32
  authby=secret
  ikev2=yes
  ike={ike}
  auto=start
"""


def same(tmp_path, *proposals):
    """The same ipsec.conf on both ends, as libreswan recommends it, but for its proposals."""
    found = []
    for number, ike in enumerate(proposals):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "ipsec.conf").write_text(SAME.format(left="10.1.0.2", ike=ike))
        found += files.read(folder)
    return found


def test_the_same_file_on_both_ends_has_nothing_against_itself(tmp_path):
    connections = same(tmp_path, "aes256-sha256-modp2048", "aes256-sha256-modp2048")
    diagnosis = diagnose(side("works", "near"), None, connections)
    assert said(diagnosis) == ()
    assert [each.state for each in diagnosis.configured] == ["up", "up"]


def test_the_same_file_on_both_ends_but_for_one_line(tmp_path):
    connections = same(tmp_path, "aes256-sha256-modp2048", "aes256-sha256-modp4096")
    diagnosis = diagnose(side("proposals-refused", "near"), None, connections)
    (found,) = diagnosis.gateways[0].conclusions
    assert (found.certainty, found.id) == ("certain", "proposals-refused")
    assert "MODP_2048 and MODP_4096" in found.because[0].text


def test_one_file_of_one_end_is_not_compared_with_itself(tmp_path):
    diagnosis = diagnose(side("works", "near"), None, same(tmp_path, "aes256-sha256-modp2048"))
    assert said(diagnosis) == ()


def test_one_end_is_held_against_what_was_offered(tmp_path):
    connections = ends(tmp_path, proposals="aes256-sha256-modp4096")[1:]
    (found,) = (
        diagnose(side("proposals-refused", "near"), None, connections).gateways[0].conclusions
    )
    assert "no group in common: MODP_2048 and MODP_4096" in found.because[0].text


def test_an_end_that_does_not_do_what_is_configured(tmp_path):
    path = tmp_path / "left.conf"
    path.write_text(configured("left", FAR, proposals="aes256-sha256-modp4096", version=1))
    told = diagnose(side("works", "near"), None, files.read(path))
    assert said(told) == ("likely not-as-configured", "likely not-as-configured") or said(told) == (
        "likely not-as-configured",
    )
    assert "IKEv1" in told.gateways[0].conclusions[0].because[0].text


def test_what_is_configured_and_was_never_seen_is_shown(tmp_path):
    path = tmp_path / "swanctl.conf"
    path.write_text(
        "connections { away { remote_addrs = 203.0.113.99\n local_addrs = 10.1.0.2\n} "
        f"lab {{ remote_addrs = {FAR}\n }} }}"
    )
    told = diagnose(side("works", "near"), None, files.read(path))
    assert [(each.name, each.state) for each in told.configured] == [
        ("away", "never seen"),
        ("lab", "up"),
    ]
    assert told.gateways[0].connection == "lab"


def test_settings_that_explain(tmp_path):
    path = tmp_path / "left.conf"
    path.write_text(configured("left", FAR, more="fragmentation = no"))
    told = diagnose(side("fragments-lost", "near"), None, files.read(path))
    texts = [each.text for each in told.gateways[0].conclusions[0].because]
    assert any("fragmentation is off" in text and "left.conf:7" in text for text in texts)


def test_connections_that_fit_have_nothing_against_each_other(tmp_path):
    mine, other = ends(tmp_path)
    assert list(comparing.ends(mine, other)) == []


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        files.read(tmp_path / "swanctl.conf")


def test_files_that_do_not_fit_where_it_did_not_show(tmp_path):
    """Captures of another day, say: the tunnel stands, and the files would not let it."""
    connections = ends(tmp_path, expects="nobody@lab.example")
    told = diagnose(side("works", "near"), None, connections)
    assert said(told) == ("certain ends-differ",)
    assert "expects nobody@lab.example" in told.gateways[0].conclusions[0].title
