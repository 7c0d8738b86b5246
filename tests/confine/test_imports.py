"""Every decoder is loaded with its data beforehand: confined, nothing can be opened late."""

import json
import subprocess
import sys
from pathlib import Path

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").rglob("*.pcap"))
SCRIPT = """
import json, sys
from backchannel.confine.imports import load_everything
from backchannel.pipeline import Scan
load_everything()
before, opened = set(sys.modules), []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
total = sum(1 for path in sys.argv[1:] for _ in Scan(path))
late = [name for name in set(sys.modules) - before if "protocols" in name or "encodings" in name]
opened = [path for path in opened if "/protocols/" in path]
print(json.dumps([total, late, opened, "html" in before]))
"""


def test_reading_every_example_opens_nothing_of_the_decoders():
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, EXAMPLES)],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    total, late, opened, entities = json.loads(ran.stdout)
    assert total > 1000
    assert (late, opened) == ([], [])
    assert entities  # which a text may need
