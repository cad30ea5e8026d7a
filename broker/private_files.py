"""Files and folders that only this user can read: a broker's data, log and settings."""

import os
from pathlib import Path
from typing import IO, Any, Final

UMASK: Final = 0o077
"""For processes that write such files."""


def make_private_folder(folder: Path) -> None:
    """Make the folder, for this user only, if it is not there; one that is there stays as it is."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def open_private(path: Path, mode: str, encoding: str | None = None) -> IO[Any]:
    """Open a file for writing, as `open` does; only this user can read it from now on."""
    return open(path, mode, encoding=encoding, opener=_private)


def _private(path: str, flags: int) -> int:
    opened = os.open(path, flags, 0o600)
    os.fchmod(opened, 0o600)
    return opened
