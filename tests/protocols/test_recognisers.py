"""Recognisers that stand alone: they are the session's, and load nothing of it."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from backchannel import protocols

FOLDER = Path(protocols.__file__).parent
ALONE = sorted(path.parent.name for path in FOLDER.glob("*/recognise.py"))


def test_there_are_such_recognisers():
    assert {"gnutella", "fasttrack", "icq"} <= set(ALONE)


@pytest.mark.parametrize("folder", ALONE)
def test_the_session_has_the_same(folder):
    name = f"backchannel.protocols.{folder}"
    alone = import_module(f"{name}.recognise").recognise
    assert import_module(f"{name}.session").recognise is alone
    assert protocols.load()[folder.replace("_", "-")].recognise is alone


@pytest.mark.parametrize("folder", ALONE)
def test_no_session_is_loaded_to_recognise(folder):
    asked = (
        "import sys; from backchannel.protocols import load;"
        f"load()[{folder.replace('_', '-')!r}].recognise;"
        f"print('backchannel.protocols.{folder}.session' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "False"
