"""Ctrl-C while msgspec is loaded or learns a type is neither lost nor a fault of memory."""

import subprocess
import sys
import textwrap

import pytest

HEEDING = ("env", "--default-signal=INT", sys.executable, "-c")
"""Python whom an interruption reaches, whether or not who runs the tests ignores it."""
BEGINS = textwrap.dedent("""
    import signal, sys, time
    from typing import Literal
    from backchannel.cli import interrupt

    def interrupted(frame, event, _):
        if event == "call" and frame.f_globals.get("__name__") == sys.argv[1]:
            if frame.f_code.co_name == sys.argv[2]:
                sys.setprofile(None)
                signal.raise_signal(signal.SIGINT)

    interrupt.prepare()
""")
LEARNS = textwrap.dedent("""
    import msgspec

    class Inner(msgspec.Struct):
        words: dict[str, "list[int]"] = {}
        kind: Literal["a", "b"] = "a"

    class Outer(msgspec.Struct):
        inner: tuple[Inner, ...] | None = None

    sys.setprofile(interrupted)
    try:
        msgspec.json.decode(b'{"inner":[{"words":{"a":[1]}}]}', type=Outer)
        asked = sys.getprofile() is None
        time.sleep(2)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(3 if asked else 4)
""")
LOADS = textwrap.dedent("""
    for each in ("datetime", "msgspec"):
        sys.modules.pop(each, None)
    sys.setprofile(interrupted)
    try:
        import msgspec
        asked = sys.getprofile() is None
        time.sleep(2)
    except KeyboardInterrupt:
        msgspec.json.decode(b"{}", type=dict[str, Literal["a"]])
        sys.exit(130)
    sys.exit(3 if asked else 4)
""")


@pytest.mark.parametrize(
    ("module", "name"),
    [("typing", "_eval_type"), ("msgspec._utils", "_eval_type")],
)
def test_an_interruption_waits_until_a_type_is_learned(module, name):
    ran = subprocess.run(
        (*HEEDING, BEGINS + LEARNS, module, name),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (130, "")


def test_an_interruption_waits_until_a_module_is_loaded():
    """`datetime`, as the compiled part of msgspec imports it without a look at what came."""
    ran = subprocess.run(
        (*HEEDING, BEGINS + LOADS, "datetime", "<module>"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (130, "")


def test_it_may_come_while_threads_are_loaded():
    loads = LOADS.replace("import msgspec", "import threading")
    loads = loads.replace('msgspec.json.decode(b"{}", type=dict[str, Literal["a"]])', "pass")
    ran = subprocess.run(
        (*HEEDING, BEGINS + loads, "threading", "<module>"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (130, "")


def test_elsewhere_it_comes_at_once_and_where_it_was_ignored_it_is_still():
    code = textwrap.dedent("""
        import signal, sys
        from backchannel.cli import interrupt
        if sys.argv[1:]:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        interrupt.prepare()
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            sys.exit(130)
    """)
    for words, expected in (((), 130), (("ignored",), 0)):
        ran = subprocess.run((*HEEDING, code, *words), check=False)
        assert ran.returncode == expected
