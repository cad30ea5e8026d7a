"""What the workers say of their partitions' states: asked on their metrics ports, whose addresses the partials have."""

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPException
from typing import Final

from cluster.deadline import answer_within
from contract.errors import Retriable
from subscriber.owner_client import ANSWER_WITHIN_S, get

MAX_AT_ONCE: Final = 16
LEAST_TO_MOST_TELLING: Final = ("suspended", "restoring", "running")
"""While a partition moves, its former owner may have it suspended, and the new one already restores it."""
_IN_STATE: Final = re.compile(
    r'^ltv_partition_state\{partition="(\d{1,9})",state="(suspended|restoring|running)"\} 1(?:\.0)?$',
    re.MULTILINE,
)


def partition_states(addresses: Iterable[str]) -> dict[int, str]:
    """Partition -> restoring, running or suspended; without those of workers that do not answer.

    Args:
        addresses: those of the workers' metrics ports, such as http://10.0.0.7:9400.
    """
    with ThreadPoolExecutor(MAX_AT_ONCE) as pool:
        found = [pair for text in pool.map(_metrics, set(addresses)) for pair in _IN_STATE.findall(text)]
    found.sort(key=lambda pair: LEAST_TO_MOST_TELLING.index(pair[1]))
    return {int(number): state for number, state in found}


def _metrics(address: str) -> str:
    """The worker's metrics; none if it does not answer."""
    try:
        ask = partial(get, address, "/metrics", ANSWER_WITHIN_S)
        _, answer = answer_within(ANSWER_WITHIN_S, ask, f"asking {address}")
    except (Retriable, OSError, HTTPException, ValueError):
        return ""
    return answer.decode(errors="replace")
