"""`backchannel check-config`: what is wrong with a configuration, before it is used."""

from backchannel.cli import folders, options
from backchannel.errors import UsageError
from backchannel.live import configfile, setup
from backchannel.live.sockets import ANY, interfaces


def check_config(path: options.File = configfile.SYSTEM) -> int:
    """Check a configuration and everything that it names. Exit code 0: good; 2: not.

    Every fault is told with its file and line, and with what to write instead. `conf.d/*.toml`
    beside the file are read too.

    Parameters
    ----------
    path
        The file, by default /etc/backchannel/backchannel.toml.
    """
    if path == configfile.SYSTEM and not path.exists():
        raise UsageError(f"{path} does not exist; name a file: backchannel check-config FILE")
    layers = configfile.layers(path)
    made = configfile.made(layers)
    faults = [layers.fault(where, text) for where, text in setup.faults(made)]
    if faults:
        raise configfile.Faulty(faults)
    for text in setup.knowledge(made, rule_folders=folders.pack_rules()).idle:
        print(f"note: {text}")
    for name in made.capture.interfaces:
        if name not in (ANY, *interfaces()):
            print(f"note: this machine has no interface {name} at the moment")
    watched = ", ".join(made.capture.interfaces) or "none (give -i)"
    sent = ", ".join(receiver.name for receiver in made.alerts.receivers) or "nobody"
    policy = f"; the guard's policy: {made.guard.policy}" if made.guard.policy else ""
    print(f"{path}: good. Interfaces: {watched}; alerts to: {sent}{policy}")
    return 0
