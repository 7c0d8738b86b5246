"""Programs of a machine: on made trees, and real ones that run here."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from tests.apply.place import need
from tests.host.tree import ELF, Tree

from backchannel.catalogue.load import load
from backchannel.host import inventory, processes, settings
from backchannel.host.document import Program, Service
from backchannel.host.known import Known

KNOWN = load()


def take(tree, **options):
    return inventory.take(KNOWN, str(tree.folder), **options)


def row(taken, path):
    (found,) = (each for each in (*taken.programs, *taken.hints) if each.path == path)
    return found


def sure(program):
    return {(each.service, each.confidence) for each in program.services}


@pytest.fixture
def amule(tree):
    tree.program("/usr/bin/amuled")
    tree.deb("amule-daemon", "/usr/bin/amuled", version="1:2.3.3-3")
    return tree


def test_an_installed_package_is_told_with_its_checksum(amule):
    taken = take(amule)
    told = row(taken, "/usr/bin/amuled")
    assert sure(told) == {("edonkey", "signature")}
    assert (told.package, told.version, told.content) == (
        "deb:amule-daemon", "1:2.3.3-3", "intact",
    )  # fmt: skip
    assert (told.running, told.origin, len(told.sha256)) == ((), "package", 64)
    assert (taken.hints, taken.findings, taken.processes) == ((), (), 0)


def test_an_altered_file_is_a_finding_and_no_longer_sure(amule):
    amule.program("/usr/bin/amuled", ELF + b"something else")
    taken = take(amule)
    assert row(taken, "/usr/bin/amuled").content == "altered"
    assert sure(taken.programs[0]) == {("edonkey", "name")}
    assert [(each.id, each.severity) for each in taken.findings] == [("program-altered", "high")]


def test_a_shell_script_called_aim_is_not_aim(tree):
    tree.program("/usr/local/bin/aim.exe", "#!/bin/sh\necho aiming\n")
    tree.program("/usr/local/bin/tor", "#!/bin/sh\n")
    taken = take(tree)
    assert (taken.programs, taken.hints) == ((), ())
    assert taken.unseen == {"scripts of which only the name fits": 2}


def test_a_program_of_which_only_the_name_fits_is_a_hint(tree):
    tree.program("/opt/bundle/bin/telegram")
    tree.program("/home/alice/Downloads/aim.exe", b"MZ")
    taken = take(tree)
    assert taken.programs == ()
    assert {each.path: each.origin for each in taken.hints} == {
        "/home/alice/Downloads/aim.exe": "portable",
        "/opt/bundle/bin/telegram": "portable",
    }
    assert all(each.confidence == "name" for hint in taken.hints for each in hint.services)


def test_another_packages_program_of_that_name_is_passed_over_and_counted(tree):
    tree.program("/usr/bin/tor")
    tree.deb("tortoise", "/usr/bin/tor")
    taken = take(tree)
    assert (taken.programs, taken.hints) == ((), ())
    assert taken.unseen == {"programs of other packages whose name fits": 1}


def test_an_appimage_is_known_by_its_name_and_magic(tree):
    head = b"\x7fELF\x02\x01\x01\0AI\x02\0"
    tree.file("/home/alice/Applications/qBittorrent-4.6.2_x86_64.AppImage", head, 0o755)
    (hint,) = take(tree).hints
    assert (hint.origin, hint.services[0].service) == ("appimage", "bittorrent")


def test_other_folders_are_looked_into_where_asked(tree):
    tree.program("/srv/tools/deep/aria2c")
    assert take(tree).hints == ()
    assert [each.path for each in take(tree, search=["/srv"]).hints] == ["/srv/tools/deep/aria2c"]


def test_links_are_one_program_and_only_asked_services_count(amule):
    amule.link("/usr/local/bin/amuled", "/usr/bin/amuled")
    amule.program("/usr/bin/irssi")
    amule.deb("irssi", "/usr/bin/irssi")
    assert len(take(amule).programs) == 2
    assert [each.path for each in take(amule, only=["irc"]).programs] == ["/usr/bin/irssi"]


def test_what_starts_it_and_what_its_settings_expose(amule):
    amule.file("/etc/init.d/amule-daemon", "DAEMON=/usr/bin/amuled\n")
    amule.file("/home/alice/.aMule/shareddir.dat", "/home/alice/\n")
    taken = take(amule)
    assert [each.kind for each in row(taken, "/usr/bin/amuled").started_by] == ["init"]
    (finding,) = taken.findings
    assert (finding.id, finding.service, finding.where) == (
        "folders-shared", "edonkey", "/home/alice/.aMule/shareddir.dat",
    )  # fmt: skip


def test_the_same_files_give_the_same_bytes(amule):
    amule.program("/opt/x/telegram")
    assert msgspec.json.encode(take(amule)) == msgspec.json.encode(take(amule))


def test_a_program_that_runs_here_with_its_sockets():
    need("microsocks")
    process = subprocess.Popen(
        ["microsocks", "-i", "127.0.0.1", "-p", "0", "-u", "a", "-P", "xyzzy"]
    )
    try:
        for _ in range(500):
            taken = inventory.take(KNOWN, only=["socks"])
            runs = {one.pid: (each, one) for each in taken.programs for one in each.running}
            if process.pid in runs and runs[process.pid][1].sockets:
                break
        program, told = runs[process.pid]
        assert (program.path, sure(program)) == ("/usr/bin/microsocks", {("socks", "signature")})
        assert program.content == "intact"
        (socket,) = told.sockets
        assert (socket.transport, socket.state, socket.local[:10]) == (
            "tcp", "listening", "127.0.0.1:",
        )  # fmt: skip
        assert told.uid == os.getuid()
        assert b"xyzzy" not in msgspec.json.encode(taken)
    finally:
        process.kill()
        process.wait()


def test_a_running_file_that_was_removed_is_hashed_and_told(tmp_path):
    copy = tmp_path / "aria2c"
    copy.write_bytes(Path("/bin/sleep").read_bytes())
    copy.chmod(0o755)
    process = subprocess.Popen([copy, "60"])
    try:
        copy.unlink()
        taken = inventory.take(KNOWN, only=["bittorrent"])
        (hint,) = (each for each in taken.hints if each.path == str(copy))
        assert hint.running[0].deleted
        with open("/bin/sleep", "rb") as file:  # noqa: PTH123
            import hashlib  # noqa: PLC0415

            assert hint.sha256 == hashlib.file_digest(file, "sha256").hexdigest()
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def packaged(tree):
    """A machine whose package aria2 brought a program that can run here."""
    content = Path("/bin/sleep").read_bytes() + b"aria2"
    tree.program("/usr/bin/aria2c", content)
    tree.deb("aria2", "/usr/bin/aria2c")
    return inventory._Taking(Known(KNOWN), str(tree.folder), ()), content


def test_a_copy_under_another_name_is_known_by_its_content(packaged, tmp_path):
    taking, content = packaged
    copy, other = tmp_path / "notes", tmp_path / "other"
    for place, bytes_ in ((copy, content), (other, content[:-1] + b"3")):
        place.write_bytes(bytes_)
        place.chmod(0o755)
    started = [subprocess.Popen([place, "60"]) for place in (copy, other)]
    try:
        taking._processes, _ = processes.read()
        taken = taking.run()
    finally:
        for process in started:
            process.kill()
            process.wait()
    told = row(taken, str(copy))
    assert (told.copy_of, told.origin, told.package) == ("/usr/bin/aria2c", "portable", "")
    assert [one.pid for one in told.running] == [started[0].pid]
    assert sure(told) == sure(row(taken, "/usr/bin/aria2c"))
    assert [each.path for each in taken.findings if each.id == "program-renamed"] == [str(copy)]
    assert str(other) not in {each.path for each in (*taken.programs, *taken.hints)}


def test_a_second_name_that_the_package_brought_is_no_copy(tree, tmp_path):
    content = Path("/bin/sleep").read_bytes() + b"aria2"
    tree.program("/usr/bin/aria2c", content)
    second = tree.program(str(tmp_path / "second"), content)
    tree.deb("aria2", "/usr/bin/aria2c", second)
    other = tmp_path / "second"
    other.write_bytes(content)
    other.chmod(0o755)
    taking = inventory._Taking(Known(KNOWN), str(tree.folder), ())
    process = subprocess.Popen([other, "60"])
    try:
        taking._processes, _ = processes.read()
        taken = taking.run()
    finally:
        process.kill()
        process.wait()
    assert [each.path for each in taken.programs] == ["/usr/bin/aria2c"]
    assert taken.findings == ()


HIDDEN = """
mount -t tmpfs t /var/lib/dpkg && mkdir /var/lib/dpkg/info
printf 'Package: bash\\nStatus: install ok installed\\nVersion: 9\\n\\n' > /var/lib/dpkg/status
echo {copy} > /var/lib/dpkg/info/bash.list
touch /var/lib/dpkg/info/bash.md5sums
echo ready
exec {copy} 60
"""


def test_who_has_a_tree_of_his_own_cannot_hide_a_program_in_it(tmp_path):
    """There it belongs to any package that he says."""
    copy = tmp_path / "aria2c"
    copy.write_bytes(Path("/bin/sleep").read_bytes())
    copy.chmod(0o755)
    if not Path("/var/lib/dpkg").is_dir():
        pytest.skip("no package database of Debian's to be hidden")
    words = ["unshare", "-Urm", "sh", "-c", HIDDEN.format(copy=copy)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE)
    try:
        if process.stdout.readline() != b"ready\n":
            pytest.skip("no namespaces of one's own here")
        for _ in range(50):
            taken = inventory.take(KNOWN, only=["bittorrent"])
            if hints := [each for each in taken.hints if each.path == str(copy)]:
                break
        (told,) = hints[0].running
        assert (told.pid, told.namespaces) == (process.pid, ("files", "users"))
        taking = inventory._Taking(Known({"bittorrent": KNOWN["bittorrent"]}), "/", ())
        before = dict(taking._theirs.left)
        list(taking._containers())  # a database without end there leaves enough for ours
        assert taking._theirs.left["database"] < before["database"]
    finally:
        process.kill()
        process.communicate()


def test_a_name_that_is_no_text_breaks_nothing(tmp_path):
    folder = os.fsencode(tmp_path) + b"/\xff\x1b[31m"
    os.mkdir(folder)  # noqa: PTH102 - a name of bytes
    copy = Path(os.fsdecode(folder)) / "aria2c"
    copy.write_bytes(Path("/bin/sleep").read_bytes())
    copy.chmod(0o755)
    process = subprocess.Popen([copy, "60"])
    try:
        taken = inventory.take(KNOWN, only=["bittorrent"])
        told = msgspec.json.encode(taken)
        (hint,) = (each for each in taken.hints if "\\xff" in each.path)
        assert b"aria2c" in told
        assert len(hint.sha256) == 64
    finally:
        process.kill()
        process.wait()


def libraries(program):
    """Return the files that a program loads."""
    ran = subprocess.run(["ldd", program], capture_output=True, text=True, check=True)
    return [word for word in ran.stdout.split() if word.startswith("/")]


def test_a_container_has_its_own_packages_and_its_own_network(tmp_path):
    need("unshare", "ldd", "sleep")
    inner = Tree(tmp_path / "inner")
    for path in libraries("/bin/sleep"):
        inner.program(path, Path(path).read_bytes())
    inner.program("/usr/bin/aria2c", Path("/bin/sleep").read_bytes())
    inner.deb("aria2", "/usr/bin/aria2c", version="9")
    rights = [] if os.geteuid() == 0 else ["--map-root-user"]
    words = ["unshare", *rights, "--mount", "--net", f"--root={inner.folder}"]
    process = subprocess.Popen([*words, "/usr/bin/aria2c", "60"], stderr=subprocess.PIPE)
    try:
        for _ in range(50):
            taken = inventory.take(KNOWN, only=["bittorrent"])
            runs = {one.pid: (each, one) for each in taken.programs for one in each.running}
            if process.pid in runs:
                break
            if process.poll() is not None:
                tell = pytest.fail if os.environ.get("CI") else pytest.skip
                tell(f"needs namespaces: {process.stderr.read().decode()}")
        program, told = runs[process.pid]
        assert (program.path, program.package, program.version) == (
            "/usr/bin/aria2c", "deb:aria2", "9",
        )  # fmt: skip
        apart = ("network", "files", *(["users"] if rights else []))
        assert (program.content, told.namespaces) == ("intact", apart)
        assert program.container == "unnamed"
    finally:
        process.kill()
        process.communicate()


def test_without_rights_it_says_what_it_could_not_see(tmp_path):
    """As a user of no rights: from a folder that it may read, over processes of root's."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to be somebody else than those who are looked at")
    program = (
        "import os, sys; sys.path[:] = sys.argv[2:];"
        "from backchannel.catalogue.load import load;"
        "from backchannel.host import inventory;"
        "known = load(); inventory.take(known); os.setgid(65534); os.setuid(65534);"
        "taken = inventory.take(known); import msgspec;"
        "sys.stdout.buffer.write(msgspec.json.encode(taken))"
    )
    holder = subprocess.Popen(["/bin/sleep", "60"])
    try:
        ran = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path), *sys.path],
            capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr.decode()
        taken = msgspec.json.decode(ran.stdout)
        assert taken["unseen"]["processes whose executable could not be seen"] > 0
    finally:
        holder.kill()
        holder.wait()


def test_the_settings_of_a_container_are_not_taken_for_this_machines(monkeypatch):
    """Its process names a file of its own tree, which is another file here or none."""
    taking = inventory._Taking(Known(KNOWN), "/", ())
    inside = processes.one(os.getpid())._replace(pid=7, words=("tinyproxy", "-c", "/inside.conf"))
    outside = inside._replace(pid=8, words=("tinyproxy", "-c", "/outside.conf"))
    taking._processes = [inside, outside]
    places = []
    monkeypatch.setattr(settings, "look", lambda _, place: places.append(place) or [])
    ours = Program(
        path="/usr/bin/tinyproxy",
        services=(Service(service="http", program="tinyproxy", confidence="signature"),),
        origin="package",
        content="intact",
        running=(taking._running(outside),),
    )
    theirs = msgspec.structs.replace(
        ours, container="docker 0123456789ab", running=(taking._running(inside),)
    )
    list(taking._findings([theirs, ours]))
    (place,) = places
    assert place.processes == [outside]
