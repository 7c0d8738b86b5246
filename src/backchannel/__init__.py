"""backchannel finds, decodes and closes the back channels in a network.

    from backchannel import scan

`scan` is all that most programs need; see docs/api.md.
"""

__version__ = "0.1.0"
TYPE_CHECKING = False  # as typing has it, which takes a while to load
__all__ = ["Disclosure", "Scan", "__version__", "scan"]

if TYPE_CHECKING:
    from backchannel.pipeline import Scan, scan
    from backchannel.privacy import Disclosure


def __getattr__(name: str) -> object:
    """Load the front door when it is first used, so that `--help` and `--version` need not."""
    if name in {"Scan", "scan"}:
        from backchannel import pipeline as module  # noqa: PLC0415 - loaded when first used

        return getattr(module, name)
    if name == "Disclosure":
        from backchannel.privacy import Disclosure  # noqa: PLC0415 - loaded when first used

        return Disclosure
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
