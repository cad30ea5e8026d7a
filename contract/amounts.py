"""Amounts: text such as "12.34 USD" to whole cents."""

import re
from typing import Final

MAX_AMOUNT_CHARS: Final = 40
# `(?!\n)`: Python's `$` alone would accept a newline at the end.
AMOUNT_PATTERN: Final = r"^(0*[0-9]{1,15}(\.[0-9]{1,2})?|0*10{15}(\.0{1,2})?) USD$(?!\n)"
"""Digits, optionally a point and one or two decimals, a space, USD; up to 10^15 dollars."""

_match: Final = re.compile(AMOUNT_PATTERN).match
# The two parts of the common form, "12" and ".34 USD". Looking them up takes a third of the time of parsing, and
# checks the rule, too.
_DOLLARS: Final = {str(dollars): dollars * 100 for dollars in range(10_000)}
_DECIMALS: Final = {f".{cents:02d} USD": cents for cents in range(100)}


def cents_of(text: str) -> int:
    """Whole cents of an amount.

    Raises:
        ValueError: it breaks the contract.
    """
    dollars, cents = _DOLLARS.get(text[:-7]), _DECIMALS.get(text[-7:])
    if dollars is not None and cents is not None:
        return dollars + cents
    if len(text) > MAX_AMOUNT_CHARS or not _match(text):
        raise ValueError(text)
    whole, _, decimals = text[:-4].partition(".")
    return int(whole) * 100 + int((decimals + "00")[:2])
