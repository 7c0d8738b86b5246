"""Configuration: every fault is told, with file, line and what to write instead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backchannel.live import configfile
from backchannel.live.config import Config
from backchannel.live.configfile import Faulty
from backchannel.live.units import Duration, Size

GOOD = """
[capture]
interfaces = ["eth0", "wlan0"]
ring = "128MB"
[output]
events = "/tmp/e.jsonl"
rotate_every = "1d"
[[alerts.syslog]]
name = "one"
address = "10.0.0.1:514"
[[alerts.syslog]]
name = "two"
address = "[::1]:6514"
transport = "tls"
[alerts]
"""


def read(tmp_path, text, **more):
    (tmp_path / "w.toml").write_text(text)
    if more:
        (tmp_path / "conf.d").mkdir()
    for name, content in more.items():
        (tmp_path / "conf.d" / f"{name}.toml").write_text(content)
    return configfile.read(tmp_path / "w.toml")


def faults(tmp_path, text, **more):
    with pytest.raises(Faulty) as caught:
        read(tmp_path, text, **more)
    folder = f"{tmp_path}/"
    return [str(fault).removeprefix(folder) for fault in caught.value.faults]


def test_a_good_file(tmp_path):
    made = read(tmp_path, GOOD.replace("[alerts]\n", ""))
    assert made.capture.interfaces == ("eth0", "wlan0")
    assert made.capture.ring == 128_000_000
    assert made.output.rotate_every == 86_400
    assert [each.name for each in made.alerts.receivers] == ["one", "two"]


def test_nothing_set_is_all_defaults(tmp_path):
    assert read(tmp_path, "") == Config()


def test_files_of_conf_d_come_over_it_in_order(tmp_path):
    made = read(
        tmp_path,
        '[capture]\ninterfaces = ["a"]\nworkers = 2\n'
        '[[alerts.nats]]\nname = "one"\nurl = "nats://h"',
        b='[capture]\nworkers = 4\n[[alerts.nats]]\nname = "two"\nurl = "nats://h"',
        a="[capture]\nworkers = 3\npromiscuous = true",
    )
    assert (made.capture.workers, made.capture.promiscuous) == (4, True)
    assert made.capture.interfaces == ("a",)
    assert [each.name for each in made.alerts.nats] == ["one", "two"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[captur]\nx = 1", "w.toml:1: there is no setting captur; did you mean capture?"),
        ("\n[allert.a]\n[allert.b]", "w.toml:2: there is no setting allert; did you mean alerts?"),
        ("\n[capture]\n\nworker = 1", "w.toml:4: [capture] has no setting worker; did you mean"),
        ("[capture]\ninterfaces = 'eth0'", "w.toml:2: interfaces: expected a list, got text; wri"),
        ("[capture]\nworkers = 0", "w.toml:2: workers: expected a number >= 1"),
        ("[capture]\nring = 'much'", 'w.toml:2: ring: not a size; write a size such as "64MB"'),
        (f"[capture]\nring = '{'9' * 400}GB'", "w.toml:2: ring: more than a million terabytes; "),
        (f"[capture]\nring = {1 << 62}", "w.toml:2: ring: more than a million terabytes; write"),
        ("[findings]\nrepeat = '99999999999s'", "w.toml:2: repeat: more than thirty years; write"),
        (
            "[[alerts.webhook]]\nurl = 'ftp://x'",
            "w.toml:2: url: does not fit; write for example https://chat.example.net/hook",
        ),
        (
            "[[alerts.webhook]]\nurl = 'http://x'\nname = 'a b'",
            "w.toml:3: name: does not fit; write up to 64 letters, digits, - and _",
        ),
        ("[findings]\nrepeat = inf", "w.toml:2: repeat: more than thirty years; write a time"),
        ("[findings]\nrepeat = nan", "w.toml:2: repeat: not a time; write a time such as"),
        ("[decode]\nsecrets = 'yes'", "w.toml:2: secrets: expected true or false, got text; write"),
        ("capture = 1", "w.toml:1: capture is a table: write [capture]"),
        ("[alerts]\nsyslog = 1", "w.toml:2: alerts.syslog is a list of tables: write [[alerts.sys"),
        ("[[alerts.syslog]]\nname='x'", "w.toml:1: alerts.syslog needs the setting address: Host"),
        ("[output]\nrotate_size = '1KB'", "w.toml:2: rotate_size: at least 4KiB; write a size"),
        ("[flows]\nmax_flows = 0", "w.toml:1: max_flows must be at least 1"),
        ("[guard]\nat = 'here'", "w.toml:2: at: invalid enum value 'here'; write one of"),
        ("[guard]\nqueue = 65535", "w.toml:2: queue: expected a number <= 65533"),
        ("[guard]\nmark_bit = 29", "w.toml:2: mark_bit: expected a number <= 28"),
        ("[guard]\nevidence_memory = 9", "w.toml:2: evidence_memory: at least 1MiB; write a size"),
        ("[capture\n", "w.toml:1: Expected ']' at the end of a table declaration"),
        (
            "[[alerts.syslog]]\naddress='a:1'\n[[alerts.syslog]]\naddress='b:1'\ntransport='ip'",
            'w.toml:5: transport: invalid enum value \'ip\'; write one of "udp", "tcp", "tls"',
        ),
        (
            "alerts.nats = [\n {url = 'nats://h', subject = 'a b'}\n]",
            "w.toml:1: subject: does not fit; wr",
        ),
    ],
)
def test_a_fault_is_told_with_its_line_and_what_to_write(tmp_path, text, told):
    (fault,) = faults(tmp_path, text)
    assert fault.startswith(told)


def test_all_faults_are_told_at_once_each_with_its_file(tmp_path):
    told = faults(
        tmp_path,
        "[capture]\nworkers = 0\nfilte = ''",
        more="\n[[alerts.webhook]]\nurl = 'ftp://x'",
    )
    assert [each.partition(": ")[0] for each in told] == [
        "w.toml:2",
        "w.toml:3",
        "conf.d/more.toml:3",
    ]


def test_a_file_that_is_none(tmp_path):
    with pytest.raises(Faulty, match="No such file"):
        configfile.read(tmp_path / "none.toml")
    (tmp_path / "x.toml").write_bytes(b"a = '\xff'")
    with pytest.raises(Faulty, match="not UTF-8 at byte 5"):
        configfile.read(tmp_path / "x.toml")


@pytest.mark.parametrize(
    ("text", "size"),
    [("64MB", 64_000_000), ("1GiB", 1 << 30), ("12", 12), (7, 7), ("1.5KB", 1500), ("2 kb", 2000)],
)
def test_sizes(text, size):
    assert Size.read(text) == size


@pytest.mark.parametrize(("text", "time"), [("90s", 90), ("1h", 3600), (2, 2), ("100ms", 0.1)])
def test_times(text, time):
    assert Duration.read(text) == time


@pytest.mark.parametrize("wrong", ["", "MB", "-1", -1, True, None, "1XB", "1h ago", [], "٣"])
def test_what_is_no_size_and_no_time(wrong):
    for kind in (Size, Duration):
        with pytest.raises(ValueError, match="not a"):
            kind.read(wrong)


@given(st.integers(0, 10**15))
def test_a_size_reads_what_it_shows(size):
    assert Size.read(str(Size(size))) == size


@given(st.text(max_size=60))
def test_any_text_is_configuration_or_told(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(text, encoding="utf-8", errors="ignore", newline="")
    try:
        configfile.read(path)
    except Faulty as error:
        assert error.faults  # noqa: PT017 - either is right
