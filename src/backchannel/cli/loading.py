"""Loads msgspec without modules that it loads and a scan does not use: a tenth of the time until a
scan begins.
"""

import os
import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class Later(ModuleType):
    """Stands for a module until something in it is asked for that is not *known*."""

    def __init__(self, name: str, **known: Any) -> None:
        super().__init__(name)
        vars(self).update(known)

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


def load_msgspec() -> None:
    """Load msgspec, where it is not loaded yet."""
    if "msgspec" in sys.modules:
        return
    stand_ins: dict[str, Any] = {
        "typing_extensions": None,  # cannot be imported; `typing` has all that is asked of it
        "platform": Later("platform", system=_system),  # compiles patterns; `uuid` asks only this
        "textwrap": Later("textwrap"),  # compiles patterns, for schemas
        "msgspec.inspect": Later("msgspec.inspect"),  # a class for each type, for schemas
    }
    stand_ins = {name: module for name, module in stand_ins.items() if name not in sys.modules}
    sys.modules.update(stand_ins)
    try:
        import msgspec  # noqa: F401, PLC0415 - only now
    finally:
        for name, module in stand_ins.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]


def _system() -> str:
    return os.uname().sysname
