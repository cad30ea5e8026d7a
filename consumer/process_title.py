"""The name of a process in `ps` and `top`, by which workers are told apart; Linux only, elsewhere nothing happens."""

import ctypes
import sys
from contextlib import suppress
from typing import Final

PR_SET_NAME: Final = 15
MAX_TITLE_BYTES: Final = 15


def set_process_title(title: str) -> None:
    """Name this process, in at most MAX_TITLE_BYTES; `ps -eo pid,comm` and `top` show it, `ps -f` the command."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_NAME, title.encode()[:MAX_TITLE_BYTES], 0, 0, 0)
