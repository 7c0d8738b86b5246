"""YAML with lines: what is read, what is refused, and that every error has its place."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backchannel.errors import InputError
from backchannel.yamlfile import MAX_DEPTH, YamlFile


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    port: int
    best_effort: bool = False


class Outer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    parts: tuple[Inner, ...] = ()
    groups: dict[str, tuple[str, ...] | Inner] = {}


def read(text):
    return YamlFile(Path("x.yaml"), text)


def test_words_and_times_mean_what_they_look_like():
    text = "a: no\nb: 18:00\nc: 2026-11-21\nd: 1_000\ne: 0x10\nf: true\ng: 7\nh: '7'\ni:\nj: 1.5"
    made = read(text).data
    assert made == dict(
        zip(
            "abcdefghij",
            ["no", "18:00", "2026-11-21", "1_000", "0x10", True, 7, "7", None, "1.5"],
            strict=True,
        )
    )


def test_every_error_comes_at_once_with_its_line_and_what_to_write():
    file = read(
        "nam: x\nparts:\n  - port: many\n    best-efort: true\n  - {}\ngroups:\n  a: {port: x}\n"
    )
    assert file.convert(Outer) is None
    assert file.errors == [
        "x.yaml:1: nam: is not known; did you mean name?",
        "x.yaml:3: parts[0].port: expected a number, got text",
        "x.yaml:4: parts[0].best-efort: is not known; did you mean best-effort?",
        "x.yaml:5: parts[1]: `port` is missing",
        "x.yaml:7: groups.a.port: expected a number, got text",
        "x.yaml:1: `name` is missing",
    ]


def test_what_fits_is_converted():
    made = read("name: x\nparts: [{port: 3, best-effort: true}]\ngroups: {a: [b, c]}").convert(
        Outer
    )
    assert made == Outer("x", (Inner(3, best_effort=True),), {"a": ("b", "c")})


def test_a_key_that_stands_twice_is_an_error():
    file = read("name: x\nname: y\n")
    assert file.errors == ["x.yaml:2: name: stands twice: here and in line 1"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &x [1]\nb: *x\n", "aliases"),
        ("a: !!python/object/apply:os.getcwd []\n", "tags"),
        ("a: !mine 1\n", "tags"),
        ("[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2), "nested deeper"),
        ("name: [", "line 2: not valid YAML"),
        ("a: \x01", "not allowed"),
    ],
)
def test_what_is_refused_says_why(text, said):
    with pytest.raises(InputError, match=said):
        read(text)


def test_an_alias_of_a_text_is_harmless_and_read():
    assert read("a: &x one\nb: *x\n").data == {"a": "one", "b": "one"}


@pytest.mark.parametrize("text", ["", "- 1\n", "word"])
def test_what_is_no_mapping_says_so(text):
    file = read(text)
    assert file.convert(Outer) is None
    assert "must be a mapping" in file.errors[0]


def test_a_file_that_is_not_there_or_not_text(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        YamlFile(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_bytes(b"a: \xff\xfe")
    with pytest.raises(InputError, match="not UTF-8 at byte 3"):
        YamlFile(tmp_path / "bad.yaml")


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused_with_a_reason(text):
    try:
        file = read(text)
    except InputError:
        return
    assert file.convert(Outer) is not None or file.errors
