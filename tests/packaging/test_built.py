"""Whether a compiled module hides an edited source."""

import os

import pytest
from tests.built import stale


def put(place, name, *, age):
    path = place / name
    path.write_bytes(b"")
    os.utime(path, (1_000_000 - age, 1_000_000 - age))


@pytest.mark.parametrize("sources", [["x.pyx"], ["x.py", "x.pxd"], ["x.pyx", "x.pxd", "x.py"]])
def test_a_source_that_is_newer_is_told(tmp_path, sources):
    put(tmp_path, "x.cpython-311-x86_64-linux-gnu.so", age=5)
    for newest in sources:
        for name in sources:
            put(tmp_path, name, age=9)
        assert stale(tmp_path) == []
        put(tmp_path, newest, age=1)
        (told,) = stale(tmp_path)
        assert "x.cpython" in told
        assert "older" in told


def test_a_module_that_is_no_longer_compiled_is_told(tmp_path):
    put(tmp_path, "x.so", age=1)
    put(tmp_path, "x.py", age=5)
    put(tmp_path, "other.pyx", age=5)
    assert "delete" in stale(tmp_path)[0]


def test_plain_modules_are_nobodys_matter(tmp_path):
    put(tmp_path, "plain.py", age=1)
    put(tmp_path, "plain.pxd", age=1)
    assert stale(tmp_path) == []


def test_an_installed_package_has_nothing_to_edit(tmp_path):
    put(tmp_path, "installed.so", age=5)
    put(tmp_path, "installed.py", age=1)
    assert stale(tmp_path) == []
