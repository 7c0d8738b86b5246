"""backchannel finds, decodes and closes the back channels in a network.

    from backchannel import scan

`scan` is all that most programs need; see docs/api.md.
"""

__version__ = "0.1.0"
TYPE_CHECKING = False  # as typing has it, which takes a while to load
__all__ = [
    "Disclosure",
    "FlowSettings",
    "InputError",
    "Scan",
    "UsageError",
    "__version__",
    "scan",
]

if TYPE_CHECKING:
    from backchannel.errors import InputError, UsageError
    from backchannel.flows.settings import FlowSettings
    from backchannel.pipeline import Scan, scan
    from backchannel.privacy import Disclosure

_HOMES = {
    "Disclosure": "backchannel.privacy",
    "FlowSettings": "backchannel.flows.settings",
    "InputError": "backchannel.errors",
    "Scan": "backchannel.pipeline",
    "UsageError": "backchannel.errors",
    "scan": "backchannel.pipeline",
}


def __getattr__(name: str) -> object:
    """Load the front door when it is first used, so that `--help` and `--version` need not."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - loaded when first used

    return getattr(import_module(_HOMES[name]), name)
