"""How much of an over-long event is handed on."""

from typing import Final

from contract.events import MAX_EVENT_BYTES

MAX_KEPT_BYTES: Final = MAX_EVENT_BYTES + 1
"""Of a longer event so much is handed on: enough for it to be called oversize."""
