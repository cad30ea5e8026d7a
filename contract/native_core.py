"""The native core, an optional package (`native/`): in use where it is installed, unless LTV_NATIVE is 0."""

import os
from importlib import import_module
from typing import Any, Final

from contract.errors import Fatal

NATIVE_VARIABLE: Final = "LTV_NATIVE"
INTERFACE: Final = 2
"""A core with another number belongs to another version of this program, and is not used."""


class NativeCoreFailed(Fatal):
    """A mistake in the native core. The state that it belongs to can't be used any more."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"the native core failed: {cause}. To run without it, set {NATIVE_VARIABLE}=0")


def _installed() -> Any:
    if os.environ.get(NATIVE_VARIABLE) == "0":
        return None
    try:
        found = import_module("ltv_native")
    except ModuleNotFoundError:
        return None
    return found if getattr(found, "INTERFACE", None) == INTERFACE else None


core: Any = _installed()
"""The native core's module (`native/src/lib.rs`); None: Python is in use."""


def core_in_use() -> str:
    """`python` or `native`."""
    return "python" if core is None else "native"
