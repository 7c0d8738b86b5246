"""aMule, in a network of its own: it looks for servers and for news of itself."""

import hashlib
import os
import subprocess
import time

from tests.enforce.lab import DIE, PATIENCE, isolated
from tests.probe.lab import asked, spoken
from tests.probe.test_programs import PATIENT, listens, program

from backchannel.probe.result import State
from backchannel.probe.told import software, told

CONF = """
[eMule]
Nick=lab
Port=4662
UDPPort=4672
UDPEnable=1
Address=127.0.0.1
Autoconnect=0
ConnectToKad=0
ConnectToED2K=0
NewVersionCheck=0
ServerUDPPort=0
Serverlist=0
IsCryptLayerRequested=0
CryptoKadUDPKey=1
UPnPEnabled=0
[ExternalConnect]
AcceptExternalConnections=1
ECAddress=127.0.0.1
ECPort=4712
ECPassword={password}
"""


@isolated
def test_amule(tmp_path):
    daemon = program("amuled")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    folder = tmp_path / "amule"
    folder.mkdir()
    password = hashlib.md5(b"secret").hexdigest()
    (folder / "amule.conf").write_text(CONF.format(password=password))
    environment = {**os.environ, "HOME": str(tmp_path)}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*DIE, daemon, "-c", str(folder)], stdout=log, stderr=log, env=environment
        )
    try:
        until = time.monotonic() + PATIENCE
        while not any(listens(each, 4662) for each in ("127.0.0.1", "0.0.0.0")):
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < until, (tmp_path / "log").read_text()
            time.sleep(0.05)
        prober = asked("127.0.0.1", 4662, limits=PATIENT)
    finally:
        process.kill()
        process.wait()
    (result,) = prober.hosts[0].results
    assert spoken(prober) == {("edonkey", False)}
    assert result.state is State.OPEN
    events = [seen for verdict, _ in result.understood() for seen in verdict.events]
    assert [each.startswith("aMule 2") for each in software(events)] == [True], told(events)
