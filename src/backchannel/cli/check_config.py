"""`backchannel check-config`: what is wrong with a configuration, before it is used."""

from collections.abc import Iterator
from pathlib import Path

from backchannel.cli import folders, options
from backchannel.errors import UsageError
from backchannel.grades import Mode
from backchannel.live import configfile, setup
from backchannel.live.config import Config, Guard
from backchannel.live.sockets import ANY, interfaces


def check_config(path: options.File = configfile.SYSTEM) -> int:
    """Check a configuration file for watch and guard.

    All that it names is checked, and `conf.d/*.toml` beside it.
    Each fault is told with file and line. Exit code 0: good; 2: not.

    Parameters
    ----------
    path
        The file, by default /etc/backchannel/backchannel.toml.
    """
    if path == configfile.SYSTEM and not path.exists():
        raise UsageError(f"{path} does not exist; name a file: backchannel check-config FILE")
    layers = configfile.layers(path)
    made = configfile.made(layers)
    if found := [layers.fault(where, text) for where, text in faults(made)]:
        raise configfile.Faulty(found)
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


def faults(config: Config) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what cannot work of a watch or a guard, each with the setting that says so."""
    yield from setup.faults(config)
    yield from setup.guard_faults(config)
    guard, prevent = config.guard, config.prevent
    if guard.policy is not None:
        if told := _unenforced(guard.policy, guard.catalogue, guard.mode):
            yield ("guard", "policy"), told
    elif guard != Guard():
        yield ("guard",), "no policy: set policy to the file that is to be enforced"
    if prevent.policy is not None and (told := _unenforced(prevent.policy, (), prevent.mode)):
        yield ("prevent", "policy"), told


def _unenforced(policy: Path, catalogue: tuple[Path, ...], mode: Mode | None) -> str:
    """Return why *policy* cannot be enforced; empty for nothing."""
    from backchannel.enforce import able  # noqa: PLC0415 - only where a policy is named
    from backchannel.policy.load import load  # noqa: PLC0415 - only where a policy is named

    try:
        able.check(load(policy, folders.catalogue(catalogue)), mode)
    except (ValueError, OSError) as error:
        return str(error)
    return ""
