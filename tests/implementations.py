"""Both implementations of a partition's state, for tests that hold for either."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

import pytest

from contract import native_core

Implementation = Literal["python", "native"]
NATIVE: Final = native_core.core
BOTH: Final[tuple[Implementation, ...]] = ("python", "native")


@contextmanager
def in_use(implementation: Implementation) -> Iterator[None]:
    """Use this implementation; the test is skipped if it is not installed."""
    if implementation == "native" and NATIVE is None:
        pytest.skip("the native core is not installed (make native)")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native_core, "core", NATIVE if implementation == "native" else None)
        yield
