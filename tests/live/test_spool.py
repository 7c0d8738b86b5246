"""Nothing that was put is lost: by kill -9, a receiver that is away, a restart, a full disk."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest
from tests.live.receivers import Web, eventually, free_port, made
from tests.live.world import ROOT

from backchannel.errors import InputError
from backchannel.live.config import Webhook
from backchannel.live.delivery import Delivery, deliver
from backchannel.live.spool import MEMORY, Spool

FILL = """
import sys
from pathlib import Path
from backchannel.live.spool import Spool
spool = Spool(Path(sys.argv[1]), 100_000)
for number in range(int(sys.argv[2]), 10_000):
    spool.put(["one", "two"], f"alert {number}", b"body %d" % number)
    print(number, flush=True)
"""


def fill(path, start=0, **options):
    return subprocess.Popen(
        [sys.executable, "-c", FILL, str(path), str(start)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        **options,
    )


def drain(spool, receiver):
    out = []
    while (found := spool.first(receiver)) is not None:
        out.append(found[0])
        spool.done(receiver, found[0])
    return out


def no_room(spool):
    pages = spool._base.execute("pragma page_count").fetchone()[0]
    spool._base.execute(f"pragma max_page_count = {pages}")  # SQLite then says: disk is full


UNLIMITED = "pragma max_page_count = 1000000"


def test_what_waits_comes_in_order_once_for_each(tmp_path):
    spool = Spool(tmp_path / "s", 10)
    for number in (1, 2, 2, 3):
        spool.put(["a", "b"], str(number), b"x")
    assert spool.depth(["a", "b", "c"]) == {"a": 3, "b": 3, "c": 0}
    assert drain(spool, "a") == ["1", "2", "3"]
    spool.close()
    again = Spool(tmp_path / "s", 10)
    assert drain(again, "b") == ["1", "2", "3"]
    assert again.first("a") is None
    again.close()


def test_kill_9_loses_nothing_that_was_put(tmp_path):
    path, told = tmp_path / "s", -1
    for _ in range(3):
        process = fill(path, told + 1)
        for line in process.stdout:
            told = int(line)  # also what it still said before it was gone
            if told % 40 == 39:
                process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    spool = Spool(path, 100_000)
    for receiver in ("one", "two"):
        found = drain(spool, receiver)
        assert found[: told + 1] == [f"alert {number}" for number in range(told + 1)]
        assert len(found) <= told + 3  # one may have been stored and not said
    spool.close()


def test_what_is_stored_is_on_the_disk_and_not_only_with_the_system(tmp_path):
    spool = Spool(tmp_path / "s", 5)
    assert spool._base.execute("pragma synchronous").fetchone() == (2,)  # full
    assert spool._base.execute("pragma journal_mode").fetchone() == ("wal",)
    spool.close()


def test_the_oldest_give_way_and_are_counted(tmp_path):
    spool = Spool(tmp_path / "s", 5)
    for number in range(8):
        spool.put(["a"], str(number), b"x")
    assert spool.dropped == {"a": 3}
    assert drain(spool, "a") == ["3", "4", "5", "6", "7"]
    spool.close()


def test_a_damaged_spool_is_moved_aside(tmp_path):
    path = tmp_path / "s"
    path.write_bytes(b"no database at all" * 100)
    spool = Spool(path, 5)
    assert spool.moved == f"{path}.damaged"
    spool.put(["a"], "1", b"x")
    assert drain(spool, "a") == ["1"]
    spool.close()


def damage(path):
    """Spoil what lies behind the first page, so that it can be opened and not be read."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))


def test_a_spool_whose_damage_shows_later_is_moved_aside_too(tmp_path):
    path = tmp_path / "s"
    spool = Spool(path, 1000)
    for number in range(20):
        spool.put(["a"], str(number), bytes(5000))
    spool.close()
    damage(path)
    spool = Spool(path, 1000)
    assert spool.first("a") is None
    assert spool.moved == f"{path}.damaged"
    spool.put(["a"], "1", b"x")
    assert spool.depth(["a"]) == {"a": 1}
    assert drain(spool, "a") == ["1"]
    spool.close()


def test_an_index_that_is_damaged_keeps_nobody_from_noting_what_arrived(tmp_path):
    path = tmp_path / "s"
    spool = Spool(path, 1000)
    spool.put(["a"], "1", b"x")
    ((page,),) = spool._read("select rootpage from sqlite_master where name like '%autoindex%'")
    spool.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 4096)
    spool = Spool(path, 1000)
    assert spool.first("a") == ("1", b"x")
    spool.done("a", "1")
    assert spool.first("a") is None
    assert spool.moved == f"{path}.damaged"
    spool.put(["a"], "2", b"y")
    assert spool.depth(["a"]) == {"a": 1}
    spool.close()


def test_who_asks_after_the_end_moves_nothing_aside(tmp_path):
    """As the view does, which is drawn until all is closed: what waits is sent after a restart."""
    spool = Spool(tmp_path / "s", 1000)
    spool.put(["a"], "1", b"x")
    spool.close()
    assert spool.depth(["a"]) == {"a": 0}
    assert [path.name for path in tmp_path.iterdir()] == ["s"]
    spool = Spool(tmp_path / "s", 1000)
    assert drain(spool, "a") == ["1"]
    spool.close()


@pytest.mark.parametrize("how", ["deleted", "moved", "replaced", "its folder deleted"])
def test_a_spool_that_somebody_takes_away_is_written_again(tmp_path, how):
    """What waits is in the open file only, which nobody finds after a restart."""
    path = tmp_path / "state" / "s"
    spool = Spool(path, 1000)
    for alert in ("1", "2"):
        spool.put(["a", "b"], alert, b"x")
    if how in ("moved", "replaced"):
        path.rename(tmp_path / "s")
        if how == "replaced":
            path.touch()
    elif how == "deleted":
        path.unlink()
    else:
        shutil.rmtree(path.parent)
    spool.done("a", "1")
    spool.put(["a"], "3", b"y")
    assert spool.depth(["a", "b"]) == {"a": 2, "b": 2}
    spool.close()
    spool = Spool(path, 1000)
    assert [drain(spool, name) for name in "ab"] == [["2", "3"], ["1", "2"]]
    assert not spool.moved
    spool.close()


@pytest.mark.parametrize("names", [("s",), ("s", "s-wal", "s-shm")])
def test_a_spool_that_is_put_back_sends_nothing_again(tmp_path, names):
    """What was moved away still holds what has been sent since."""
    path, aside = tmp_path / "s", tmp_path / "aside"
    aside.mkdir()
    spool = Spool(path, 1000)
    for alert in ("1", "2", "3"):
        spool.put(["a", "b"], alert, b"x")
    spool.close()  # now all of them are in the first of its files
    spool = Spool(path, 1000)
    spool.done("a", "1")
    for name in names:
        (tmp_path / name).rename(aside / name)
    spool.put(["a"], "4", b"y")
    assert drain(spool, "a") == ["2", "3", "4"]
    spool.put(["a"], "5", b"y")
    for name in names:
        (aside / name).replace(tmp_path / name)
    assert drain(spool, "a") == ["5"]
    assert drain(spool, "b") == ["1", "2", "3"]
    spool.close()
    spool = Spool(path, 1000)
    assert spool.depth(["a", "b"]) == {"a": 0, "b": 0}
    spool.close()


def test_where_there_can_be_no_other_spool_the_one_that_is_gone_goes_on(tmp_path):
    """More wait than find room in memory; as where the user of the watch may make no folder."""
    path, count = tmp_path / "state" / "s", MEMORY + 5
    spool = Spool(path, 10_000)
    with spool._base:
        row = "insert into waiting (receiver, id, body) values ('a', ?, x'')"
        spool._base.executemany(row, [(str(number),) for number in range(count)])
    shutil.rmtree(path.parent)
    path.parent.symlink_to("nowhere")
    spool.put(["a"], "new", b"")
    assert (spool.depth(["a"]), spool.dropped.total()) == ({"a": count + 1}, 0)
    assert spool.first("a") == ("0", b"")
    assert spool.trouble
    path.parent.unlink()
    assert drain(spool, "a") == [*map(str, range(count)), "new"]
    spool.close()


def test_a_spool_that_is_gone_while_its_receiver_is_away_is_written_again(tmp_path):
    """Without a new alert, and although the watch is killed then."""
    path = tmp_path / "s"
    spool = Spool(path, 1000)
    spool.put(["a"], "1", b"x")
    path.unlink()
    assert spool.first("a") == ("1", b"x")
    spool._base.close()
    spool = Spool(path, 1000)
    assert drain(spool, "a") == ["1"]
    spool.close()


def test_what_waits_on_a_disk_that_was_full_at_the_start_needs_no_other_alert(
    tmp_path, monkeypatch
):
    spool = Spool(tmp_path / "s", 1000)
    spool.put(["a"], "1", b"x")
    spool.close()
    with monkeypatch.context() as patch:
        patch.setattr(Spool, "_open", lambda _: (_ for _ in ()).throw(OSError(28, "full")))
        spool = Spool(tmp_path / "s", 1000)
        assert spool.first("a") is None
    assert drain(spool, "a") == ["1"]
    assert not spool.trouble
    spool.close()


FULL_AT_THE_START = """
import sys
from pathlib import Path
from backchannel.live.spool import Spool
if sys.argv[1] == "before":
    spool = Spool(Path("/mnt/s"), 100)
    spool.put(["a"], "before", b"x")
    spool.close()
fill = Path("/mnt/fill").open("wb", buffering=0)
try:
    while True:
        fill.write(bytes(1024))
except OSError:
    pass
spool = Spool(Path("/mnt/s"), 100)
assert spool.trouble, "there was room"
spool.put(["a"], "now", b"y")
assert spool.depth(["a"])["a"] == 1
Path("/mnt/fill").unlink()
fill.close()
spool.put(["a"], "later", b"z")
assert not spool.trouble, spool.trouble
spool.close()
spool = Spool(Path("/mnt/s"), 100)
while (row := spool.first("a")) is not None:
    print(row[0])
    spool.done("a", row[0])
print(*sorted(path.name for path in Path("/mnt").glob("*damaged*")))
"""


@pytest.mark.parametrize("before", ["before", "nothing"])
def test_a_disk_that_is_full_at_the_start_is_no_damage(world, before):
    """What waited from before is sent once there is room, and so is what came meanwhile."""
    told = world.python(FULL_AT_THE_START, before).stdout.split()
    assert told == [each for each in (before, "now", "later") if each != "nothing"]


NO_FOLDER = """
import subprocess
from pathlib import Path
from backchannel.live.spool import Spool
small = "mount -t tmpfs -o nr_inodes=1 none /mnt"
subprocess.run(small.split(), check=True)
spool = Spool(Path("/mnt/state/s"), 100)
assert "No space left" in spool.trouble, spool.trouble
spool.put(["a"], "now", b"y")
assert "No space left" in spool.trouble, spool.trouble
subprocess.run("mount -o remount,nr_inodes=100 /mnt".split(), check=True)
spool.put(["a"], "later", b"z")
assert not spool.trouble, spool.trouble
assert spool.depth(["a"]) == {"a": 2}
spool.close()
assert Path("/mnt/state/s").exists()
"""


def test_a_disk_too_full_for_the_spools_folder_has_it_once_there_is_room(world):
    world.python(NO_FOLDER)


FULL_WHILE_IT_IS_DELIVERED = """
from pathlib import Path
from backchannel.live.spool import Spool
spool = Spool(Path("/mnt/s"), 100)
for alert in "one", "two", "three":
    spool.put(["a", "b"], alert, b"x")
spool.close()
spool = Spool(Path("/mnt/s"), 100)
fill = Path("/mnt/fill").open("wb", buffering=0)
try:
    while True:
        fill.write(bytes(1024))
except OSError:
    pass
for _ in range(2):
    alert, _ = spool.first("a")
    print(alert)
    spool.done("a", alert)
assert "full" in spool.trouble, spool.trouble
assert spool.depth(["a", "b"]) == {"a": 1, "b": 3}
Path("/mnt/fill").unlink()
fill.close()
spool.done("b", spool.first("b")[0])
assert not spool.trouble, spool.trouble
spool.close()
spool = Spool(Path("/mnt/s"), 100)
assert spool.depth(["a", "b"]) == {"a": 1, "b": 2}
print(spool.first("a")[0], spool.first("b")[0])
"""


def test_while_the_disk_is_full_each_alert_is_sent_once(world):
    """That it has arrived cannot be noted then: the first would be sent again and again."""
    assert world.python(FULL_WHILE_IT_IS_DELIVERED).stdout.split() == ["one", "two", "three", "two"]


def test_a_spool_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="spool of alerts cannot be opened"):
        Spool(tmp_path / "file" / "s", 5)


def test_while_the_disk_is_full_the_newest_wait_in_memory(tmp_path):
    spool = Spool(tmp_path / "s", 100_000)
    spool.put(["a"], "before", b"x")
    no_room(spool)
    body = b"x" * 8000
    for number in range(MEMORY + 50):
        spool.put(["a"], str(number), body)
    assert "full" in spool.trouble
    assert spool.dropped["a"] >= 50
    assert spool.first("a")[0] == "before"
    assert spool.depth(["a"])["a"] == MEMORY + 1
    spool._base.execute(UNLIMITED)
    spool.put(["a"], "after", b"x")
    assert spool.trouble == ""
    found = drain(spool, "a")
    assert found[0] == "before"
    assert found[-2:] == [str(MEMORY + 49), "after"]
    spool.close()


# -- delivery --------------------------------------------------------------------------------------


def test_a_receiver_that_is_away_gets_everything_when_it_is_back(tmp_path):
    notices, port = [], free_port()
    delivery = Delivery(Spool(tmp_path / "s", 100), notices.append)
    delivery.use([Webhook(name="hook", url=f"http://127.0.0.1:{port}/", least="medium")])
    for number in range(5):
        delivery.put(made(number))
    delivery.put(made(9, "low"))  # not for this one
    eventually(lambda: delivery.failed["hook"] >= 2)
    assert delivery.depth() == {"hook": 5}
    web = Web([500, 503], port=port)
    eventually(lambda: delivery.depth() == {"hook": 0})
    told = [json.loads(body)["finding"]["id"] for _, _, body, status in web.posts if status == 204]
    assert told == [f"{number:016x}" for number in range(5)]
    assert delivery.sent == {"hook": 5}
    assert notices[0].startswith("hook cannot be reached: ")
    assert notices[-1] == "hook can be reached again"
    assert len(notices) == 2
    delivery.close()
    web.close()


def test_alerts_are_delivered_after_the_spool_was_damaged(tmp_path):
    web, notices, path = Web(), [], tmp_path / "s"
    spool = Spool(path, 100)
    for number in range(20):
        spool.put(["hook"], str(number), bytes(5000))
    spool.close()
    damage(path)
    receiver = Webhook(name="hook", url=f"http://127.0.0.1:{web.port}/")
    delivery = deliver([receiver], path, 100, notices.append)
    eventually(lambda: notices)
    assert notices == [f"{path} was damaged, and is now {path}.damaged"]
    delivery.put(made(1))
    eventually(lambda: web.posts)
    delivery.close()
    web.close()


def test_a_receiver_that_cannot_be_leaves_no_spool_open(tmp_path):
    with pytest.raises(ValueError, match="names no host"):
        deliver([Webhook(name="hook", url="http:///")], tmp_path / "s", 100, print)
    assert not (tmp_path / "s-wal").exists()  # as after `close`
    assert deliver([], tmp_path / "other", 100, print) is None
    assert not (tmp_path / "other").exists()


def test_a_refused_alert_does_not_stop_the_others(tmp_path):
    web, notices = Web([400]), []
    delivery = Delivery(Spool(tmp_path / "s", 100), notices.append)
    delivery.use([Webhook(name="hook", url=f"http://127.0.0.1:{web.port}/")])
    delivery.put(made(1))
    delivery.put(made(2))
    eventually(lambda: delivery.sent["hook"] == 1)
    assert delivery.refused == {"hook": 1}
    assert notices == ["hook refused an alert: HTTP status 400"]
    delivery.close()
    web.close()


def test_what_was_left_is_sent_after_a_restart(tmp_path):
    port, path = free_port(), tmp_path / "s"
    receiver = Webhook(name="hook", url=f"http://127.0.0.1:{port}/")
    first = Delivery(Spool(path, 100), print)
    first.use([receiver])
    first.put(made(1))
    first.close(wait=0)
    web = Web(port=port)
    second = Delivery(Spool(path, 100), print)
    second.use([receiver])
    eventually(lambda: web.posts)
    assert web.posts[0][1]["Idempotency-Key"] == made(1).id
    second.close()
    web.close()


def test_what_a_full_disk_kept_in_memory_is_stored_at_the_end(tmp_path):
    spool = Spool(tmp_path / "s", 100)
    no_room(spool)
    spool.put(["hook"], "1", b"x" * 8000)
    assert "full" in spool.trouble
    spool._base.execute(UNLIMITED)
    Delivery(spool, print).close(wait=0)
    again = Spool(tmp_path / "s", 100)
    assert again.depth(["hook"]) == {"hook": 1}
    again.close()


class Slow:
    """A receiver that has an alert, and answers when it may."""

    def __init__(self):
        self.told, self.answers = threading.Event(), threading.Event()

    def deliver(self, *_):
        self.told.set()
        assert self.answers.wait(60)

    def close(self):
        pass


@pytest.mark.parametrize("exchanged", [False, True])
def test_an_alert_that_arrives_after_the_end_is_not_sent_again(tmp_path, monkeypatch, exchanged):
    slow = Slow()
    monkeypatch.setattr("backchannel.live.delivery.sink", lambda _: slow)
    spool, receiver = Spool(tmp_path / "s", 100), Webhook(name="hook", url="http://127.0.0.1:9/")
    delivery = Delivery(spool, print)
    delivery.use([receiver])
    delivery.put(made(1))
    assert slow.told.wait(60)
    if exchanged:
        delivery.use([])
    no_room(spool)
    spool.put(["hook"], "2", b"x" * 8000)
    spool._base.execute(UNLIMITED)
    delivery.close(wait=0)
    again = Spool(tmp_path / "s", 100)
    assert again.depth(["hook"]) == {"hook": 2}  # what waited in memory is stored all the same
    slow.answers.set()
    eventually(lambda: again.depth(["hook"]) == {"hook": 1})
    assert again.first("hook")[0] == "2"
    again.close()


def test_receivers_can_be_exchanged_while_alerts_wait(tmp_path):
    spool, web = Spool(tmp_path / "s", 100), Web()
    delivery = Delivery(spool, print)
    delivery.use([Webhook(name="hook", url=f"http://127.0.0.1:{free_port()}/")])
    delivery.put(made(1))
    with pytest.raises(ValueError, match="names no host"):
        delivery.use([Webhook(name="hook", url="http:///")])
    assert delivery.names == ["hook"]
    delivery.use([Webhook(name="hook", url=f"http://127.0.0.1:{web.port}/")])
    eventually(lambda: web.posts)
    delivery.close()
    web.close()
    with sqlite3.connect(tmp_path / "s") as base:
        assert base.execute("select count(*) from waiting").fetchone() == (0,)
    base.close()
