"""A pack is installed whole and as its publisher signed it, or not at all."""

import io
import shutil
import tarfile
from base64 import b64encode
from contextlib import nullcontext, suppress
from datetime import date
from pathlib import Path

import msgspec
import pytest
import zstandard
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backchannel import protocols
from backchannel.catalogue import load
from backchannel.cli.application import app
from backchannel.detect import rules
from backchannel.errors import InputError, UsageError
from backchannel.packs import archive, layout
from backchannel.packs.changes import Change, changes
from backchannel.packs.pack import CONTEXT, Pack, seal, verified
from backchannel.packs.store import Store

EXAMPLES = Path(__file__).parents[1] / "examples"
RULE = (rules.HERE / "message-archive.yaml").read_text()
SERVICE = (load.HERE / "icq.yaml").read_text()


def keypair(folder, name):
    private = Ed25519PrivateKey.generate()
    pem = serialization.Encoding.PEM
    secret = private.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / f"{name}.key").write_bytes(secret)
    public = private.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / f"{name}.pub").write_bytes(public)
    return folder / f"{name}.key", folder / f"{name}.pub"


@pytest.fixture
def keys(tmp_path):
    return keypair(tmp_path, "publisher")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "data/backchannel/packs"


def content(folder, version="1", day="2026-11-01", services=("newsvc",), found=("new-rule",)):
    """A folder to make a pack of."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pack.toml").write_text(f'name = "feed"\nversion = "{version}"\ndate = {day}\n')
    for place, names, text, was in (
        (layout.SERVICES, services, SERVICE, "id: icq\n"),
        (layout.RULES, found, RULE, "id: message-archive\n"),
    ):
        (folder / place).mkdir(parents=True, exist_ok=True)
        for name in names:
            (folder / place / f"{name}.yaml").write_text(text.replace(was, f"id: {name}\n", 1))
    return folder


def made(tmp_path, keys, **about):
    out = tmp_path / f"{about.get('version', '1')}.tar.zst"
    folder = content(tmp_path / f"src-{about.get('version', '1')}", **about)
    seal(folder, out, keys[0])
    return out


def run(*words):
    return app(list(map(str, words)), result_action="return_value")


def everything(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


# -- the way of a pack -------------------------------------------------------------------------


def test_from_a_folder_to_a_scan(tmp_path, keys, home, capsys):
    out = tmp_path / "feed.tar.zst"
    assert run("pack", content(tmp_path / "src"), out, "--key", keys[0]) == 0
    assert run("update", out, "--key", keys[1], "--yes") == 0
    told = capsys.readouterr().out
    assert "+ service newsvc added" in told
    assert "+ rule new-rule added" in told
    assert run("update", "--list") == 0
    assert "feed  1  2026-11-01" in capsys.readouterr().out
    assert run("services", "newsvc", "--format", "json") == 0
    assert msgspec.json.decode(capsys.readouterr().out)["id"] == "newsvc"
    capture = EXAMPLES / "aim/aim_presence.pcap"
    assert run("scan", capture, "--json") == 0
    document = msgspec.json.decode(capsys.readouterr().out)
    assert document["settings"]["services in the catalogue"] == str(
        len(load.load(protocols=protocols.load())) + 1
    )
    assert document["settings"]["rules"].startswith(f"{len(rules.load()) + 1},")
    assert run("rules") == 0
    assert "new-rule" in capsys.readouterr().out
    assert run("update", "--rollback", "feed") == 0
    assert layout.active(home) == []


@pytest.mark.parametrize("part", [layout.SERVICES, layout.RULES])
def test_a_pack_may_hold_only_services_or_only_rules(tmp_path, keys, home, part):
    folder = content(tmp_path / "src")
    shutil.rmtree(folder / part.partition("/")[0])
    assert run("pack", folder, tmp_path / "half.tar.zst", "--key", keys[0]) == 0
    assert run("update", tmp_path / "half.tar.zst", "--key", keys[1], "--yes") == 0
    assert run("scan", EXAMPLES / "aim/aim_presence.pcap", "--quiet") == 0


def test_keys_in_the_configuration_folder_are_trusted(tmp_path, keys, home, capsys):
    out = made(tmp_path, keys)
    with pytest.raises(InputError, match="no key that is trusted"):
        run("update", out, "--yes")
    (tmp_path / "config/backchannel/keys").mkdir(parents=True)
    keys[1].rename(tmp_path / "config/backchannel/keys/publisher.pub")
    assert run("update", out, "--yes") == 0
    assert [path.name for path in layout.active(home)] == ["1"]


def test_without_a_yes_nothing_is_installed(tmp_path, keys, home, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))  # not a terminal: nobody agreed
    with pytest.raises(UsageError, match="nothing was installed"):
        run("update", made(tmp_path, keys), "--key", keys[1])
    assert not home.exists()
    assert "+ rule new-rule" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["--list", "--rollback", "feed"]])
def test_one_thing_at_a_time(words, home):
    with pytest.raises(UsageError, match="give one of"):
        run("update", *words)


def test_versions_follow_and_roll_back(tmp_path, keys, home):
    store = Store(home)
    for version, day in (("1", "2026-11-01"), ("2", "2026-11-02"), ("3", "2026-11-02")):
        store.install(verified(made(tmp_path, keys, version=version, day=day), [keys[1]]))
        assert store.current("feed").name == version
    assert [receipt.before for receipt, _ in store.receipts()] == ["", "1", "2"]
    assert [used for _, used in store.receipts()] == [False, False, True]
    assert [store.rollback("feed") for _ in range(3)] == ["2", "1", ""]
    with pytest.raises(UsageError, match="no pack 'feed'"):
        store.rollback("feed")
    again = verified(tmp_path / "2.tar.zst", [keys[1]])
    assert store.install(again).name == "2"
    assert store.rollback("feed") == ""  # it replaced nothing this time
    assert not [name for name in everything(home) if name.startswith(".")]


def test_an_old_pack_does_not_replace_a_newer_one(tmp_path, keys, home):
    """A signed pack stays signed: who can only replay must not undo an update."""
    store = Store(home)
    store.install(verified(made(tmp_path, keys, version="2", day="2026-11-02"), [keys[1]]))
    with pytest.raises(UsageError, match="is older than 2"):
        store.install(verified(made(tmp_path, keys, version="1"), [keys[1]]))


def test_a_version_has_one_content(tmp_path, keys, home):
    store = Store(home)
    place = store.install(verified(made(tmp_path, keys), [keys[1]]))
    assert store.install(verified(tmp_path / "1.tar.zst", [keys[1]])) == place
    (tmp_path / "src-1/detect/rules/new-rule.yaml").unlink()
    with pytest.raises(UsageError, match="other content"):
        store.install(verified(made(tmp_path, keys, found=()), [keys[1]]))


def test_changes_are_told_against_what_is_in_use(tmp_path, keys, home):
    store = Store(home)
    first = verified(made(tmp_path, keys, found=("new-rule", "message-archive")), [keys[1]])
    assert changes(first, None) == [
        Change("service", "newsvc", "added"),
        Change("rule", "new-rule", "added"),
    ]  # our own message-archive is the same
    store.install(first)
    second = content(tmp_path / "src-2", version="2", services=("other",), found=("new-rule",))
    path = second / layout.RULES / "new-rule.yaml"
    path.write_text(path.read_text().replace("severity: ", "severity:  "))
    out = tmp_path / "2.tar.zst"
    seal(second, out, keys[0])
    assert changes(verified(out, [keys[1]]), store.current("feed")) == [
        Change("service", "newsvc", "removed"),
        Change("service", "other", "added"),
        Change("rule", "new-rule", "changed"),
    ]


# -- what is refused ---------------------------------------------------------------------------


def refused(store, path, key):
    """Nothing of a refused pack is in the store."""
    before = everything(store.root)
    with pytest.raises((InputError, UsageError)) as error:
        store.install(verified(path, [key]))
    left = [name for name in everything(store.root) if name not in before]
    assert left in ([], ["feed"])  # an empty folder may stay
    assert store.active() == []
    return str(error.value)


@pytest.mark.parametrize(
    ("place", "text", "says"),
    [
        ("detect/rules/new-rule.yaml", "id: [", "new-rule.yaml"),
        ("detect/rules/new-rule.yaml", RULE, "must be the file's name"),
        (
            "detect/rules/new-rule.yaml",
            RULE.replace("id: message-archive", "id: new-rule").replace(
                "when: ", 'when: "open(1)"\nfalse_when: '
            ),
            "false_when",
        ),
        ("catalogue/services/newsvc.yaml", "id: newsvc\n", "newsvc.yaml"),
    ],
)
def test_content_that_does_not_load_is_not_installed(tmp_path, keys, place, text, says):
    folder = content(tmp_path / "src")
    (folder / place).write_text(text)
    out = tmp_path / "bad.tar.zst"
    seal(folder, out, keys[0])
    assert says in refused(Store(tmp_path / "packs"), out, keys[1])
    with pytest.raises(InputError):  # and nobody makes one by accident
        run("pack", folder, tmp_path / "again.tar.zst", "--key", keys[0])


def test_an_expression_that_rules_may_not_hold_is_not_installed(tmp_path, keys, home):
    folder = content(tmp_path / "src")
    path = folder / "detect/rules/new-rule.yaml"
    rule = msgspec.yaml.decode(path.read_bytes()) | {"when": "__import__('os')"}
    path.write_bytes(msgspec.yaml.encode(rule))
    out = tmp_path / "bad.tar.zst"
    seal(folder, out, keys[0])
    assert "other than a known function" in refused(Store(home), out, keys[1])


@pytest.mark.parametrize("version", ["../1", "active", "", "1/2", ".", "1\n"])
def test_a_version_is_no_path(tmp_path, keys, version):
    about = f"name = 'feed'\nversion = {msgspec.json.encode(version).decode()}\ndate = 2026-11-01\n"
    folder = content(tmp_path / "src")
    (folder / "pack.toml").write_text(about)
    with pytest.raises(InputError, match=r"pack\.toml"):
        seal(folder, tmp_path / "x", keys[0])


def test_what_has_no_place_in_a_pack_is_not_sealed(tmp_path, keys):
    folder = content(tmp_path / "src")
    (folder / "detect/rules/linked.yaml").symlink_to("/etc/passwd")
    with pytest.raises(InputError, match="a pack holds"):
        seal(folder, tmp_path / "x", keys[0])


def rebuilt(path, change):
    """The archive with its entries changed, and everything else as it was."""
    files = archive.read(path)
    change(files)
    archive.write(path, files)
    return path


def test_another_key_vouches_for_nothing(tmp_path, keys, home):
    out = made(tmp_path, keys)
    other = keypair(tmp_path, "other")
    assert "no key that is trusted" in refused(Store(home), out, other[1])
    assert verified(out, [other[1], keys[1]]).key == verified(out, [keys[1]]).key


@pytest.mark.parametrize(
    "change",
    [
        lambda files: files.update({"detect/rules/new-rule.yaml": b"id: new-rule\n"}),
        lambda files: files.update({"detect/rules/extra.yaml": b""}),
        lambda files: files.pop("detect/rules/new-rule.yaml"),
        lambda files: files.update({"manifest.sha256": b""}),
        lambda files: files.pop("manifest.sig"),
        lambda files: files.update({"manifest.sig": b"not base 64"}),
        lambda files: files.update({"pack.toml": files["pack.toml"] + b"note = 'x'\n"}),
    ],
)
def test_what_was_not_signed_is_refused(tmp_path, keys, home, change):
    refused(Store(home), rebuilt(made(tmp_path, keys), change), keys[1])


def test_a_signature_for_something_else_is_none(tmp_path, keys, home):
    """The same key may sign other things; a signature over the bare manifest is not ours."""
    private = serialization.load_pem_private_key(keys[0].read_bytes(), None)

    def change(files):
        files["manifest.sig"] = b64encode(private.sign(files["manifest.sha256"]))

    assert CONTEXT not in archive.read(made(tmp_path, keys))["manifest.sha256"]
    refused(Store(home), rebuilt(made(tmp_path, keys), change), keys[1])


def tarred(*entries, form=tarfile.USTAR_FORMAT):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=form) as tar:
        for entry, data in entries:
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return zstandard.ZstdCompressor().compress(packed.getvalue())


def entry(name, kind=tarfile.REGTYPE, link="", **pax):
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.pax_headers = kind, link, pax
    return made


HOSTILE = {
    "path upwards": tarred((entry("../../etc/cron.d/x"), b"x")),
    "absolute path": tarred((entry("/etc/passwd"), b"x")),
    "path upwards inside": tarred((entry("detect/rules/../../x.yaml"), b"x")),
    "symbolic link": tarred((entry("pack.toml", tarfile.SYMTYPE, "/etc/passwd"), b"")),
    "hard link": tarred((entry("pack.toml", tarfile.LNKTYPE, "/etc/passwd"), b"")),
    "device": tarred((entry("pack.toml", tarfile.CHRTYPE), b"")),
    "folder": tarred((entry("detect", tarfile.DIRTYPE), b"")),
    "long name by extension": tarred(
        (entry("detect/rules/" + "a" * 150 + ".yaml"), b"x"), form=tarfile.GNU_FORMAT
    ),
    "another dialect": tarred((entry("pack.toml"), b"x"), form=tarfile.GNU_FORMAT),
    "extended header": tarred(
        (entry("pack.toml", path="/etc/passwd"), b"x"), form=tarfile.PAX_FORMAT
    ),
    "twice": tarred((entry("pack.toml"), b"a"), (entry("pack.toml"), b"b")),
    "large": tarred((entry("pack.toml"), bytes(archive.FILE + 1))),
    "upper case": tarred((entry("detect/rules/A.yaml"), b"")),
    "cut": zstandard.ZstdCompressor().compress(
        zstandard.ZstdDecompressor().decompress(tarred((entry("pack.toml"), b"a" * 600)))[:700]
    ),
    "bomb": zstandard.ZstdCompressor().compress(bytes(archive.UNPACKED + 1)),
    "no archive": b"PK\3\4",
    "empty": b"",
    "not tar": zstandard.ZstdCompressor().compress(b"x" * 2000),
}


LATER = {"empty", "no archive", "not tar", "bomb", "cut", "twice", "large"}
"""Refused for another reason than what kind of entry it is."""


@pytest.mark.parametrize("which", HOSTILE)
def test_hostile_archives(tmp_path, which):
    """Refused by the reader already, before any signature is looked at."""
    path = tmp_path / "x.tar.zst"
    path.write_bytes(HOSTILE[which])
    says = "x.tar.zst" if which in LATER else "does not belong in a pack|other than plain files"
    with pytest.raises(InputError, match=says):
        archive.read(path)


def test_too_large_on_disk(tmp_path, keys, home, monkeypatch):
    monkeypatch.setattr(archive, "PACKED", 100)
    assert "at most" in refused(Store(home), made_big(tmp_path), keys[1])


def made_big(tmp_path):
    path = tmp_path / "big"
    path.write_bytes(bytes(101))
    return path


def test_too_many_files(tmp_path, keys, monkeypatch):
    monkeypatch.setattr(archive, "FILES", 4)
    with pytest.raises(InputError, match="beyond the number of files"):
        made(tmp_path, keys)


@given(st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_make_the_reader_raise_anything_else(tmp_path, data):
    plain = bytearray(
        zstandard.ZstdDecompressor().decompress(tarred((entry("pack.toml"), b"name = 1")))
    )
    for at, value in data.draw(
        st.lists(st.tuples(st.integers(0, 1023), st.integers(0, 255)), max_size=8)
    ):
        plain[at] = value
    path = tmp_path / "fuzz"
    path.write_bytes(zstandard.ZstdCompressor().compress(bytes(plain)))
    with suppress(InputError):
        assert set(archive.read(path)) <= {"pack.toml", "manifest.sha256", "manifest.sig"}


def test_reading_and_writing_are_the_same_each_time(tmp_path):
    files = {"pack.toml": b"x" * 513, "detect/rules/a.yaml": b""}
    for name in ("a", "b"):
        archive.write(tmp_path / name, files)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert archive.read(tmp_path / "a") == files


@pytest.mark.parametrize(
    "text", [b"", b"-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n"]
)
def test_a_broken_key_is_named(tmp_path, keys, text):
    (tmp_path / "broken.pub").write_bytes(text)
    with pytest.raises(InputError, match=r"broken\.pub"):
        verified(made(tmp_path, keys), [tmp_path / "broken.pub"])


def test_a_key_that_is_not_there_is_said_to_be_so(tmp_path, keys):
    with pytest.raises(InputError, match=r"none\.key: No such file"):
        seal(content(tmp_path / "src"), tmp_path / "out", tmp_path / "none.key")
    with pytest.raises(InputError, match=r"none\.pub: No such file"):
        verified(made(tmp_path, keys), [tmp_path / "none.pub"])


def test_a_key_of_another_kind_is_refused(tmp_path, keys):
    key = X25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (tmp_path / "x.key").write_bytes(pem)
    with pytest.raises(InputError, match="not an Ed25519 key"):
        seal(content(tmp_path / "src"), tmp_path / "out", tmp_path / "x.key")


def test_a_shelf_that_cannot_be_read_says_what_to_do(tmp_path, keys, home):
    store = Store(home)
    place = store.install(verified(made(tmp_path, keys), [keys[1]]))
    (place / layout.INDEX).write_bytes(b"{")
    with pytest.raises(InputError, match="--rollback"):
        layout.indexed(store.active())


def test_a_failure_midway_leaves_the_old_version(tmp_path, keys, home, monkeypatch):
    store = Store(home)
    store.install(verified(made(tmp_path, keys), [keys[1]]))
    new = verified(made(tmp_path, keys, version="2", day=date(2026, 11, 2)), [keys[1]])

    def broken(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", broken)
    with pytest.raises(OSError, match="space"):
        store.install(new)
    monkeypatch.undo()
    assert [path.name for path in store.active()] == ["1"]
    assert not (store.root / "feed/2").exists()
    assert not [name for name in everything(store.root) if name.startswith(".")]


def test_a_packs_digest_is_of_its_files():
    assert Pack(None, {"a": b"1"}).digest != Pack(None, {"a": b"2"}).digest


@pytest.mark.parametrize(
    ("first", "second", "accepted"),
    [
        (("1.10", "2026-11-01"), ("1.9", "2026-11-01"), False),
        (("1.9", "2026-11-01"), ("1.10", "2026-11-01"), True),
        (("2", "2026-11-01"), ("1", "2026-11-02"), True),
        (("1", "2026-11-02"), ("2", "2026-11-01"), False),
    ],
)
@pytest.mark.usefixtures("home")
def test_an_older_pack_does_not_undo_a_newer_one(tmp_path, keys, first, second, accepted):
    """Older by its day, and on one day by its version, number by number."""
    for (version, day), expected in ((first, True), (second, accepted)):
        out = tmp_path / f"{version}-{day}.tar.zst"
        folder = content(tmp_path / f"src-{version}-{day}", version=version, day=day)
        assert run("pack", folder, out, "--key", keys[0]) == 0
        with nullcontext() if expected else pytest.raises(UsageError, match="is older than"):
            assert run("update", out, "--key", keys[1], "--yes") == 0


@pytest.mark.usefixtures("home")
def test_a_pack_that_was_cut_short_is_said_to_be_so(tmp_path, keys):
    out = tmp_path / "feed.tar.zst"
    assert run("pack", content(tmp_path / "src"), out, "--key", keys[0]) == 0
    out.write_bytes(out.read_bytes()[:200])
    with pytest.raises(InputError, match="cut short"):
        run("update", out, "--key", keys[1], "--yes")
