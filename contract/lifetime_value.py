"""Simple lifetime value = 52 x (total spend / weeks) x 10: exact to the cent, and ranked by its exact value."""

from typing import Final

from contract.money import divide_half_even
from contract.snapshots import Basis

WEEKS_PER_YEAR: Final = 52
LIFESPAN_YEARS: Final = 10
KEY_BITS: Final = 40


def ltv_cents(spend: int, weeks: int) -> int:
    """Lifetime value in cents, half-even; `spend` in cents, `weeks` at least 1."""
    return divide_half_even(WEEKS_PER_YEAR * LIFESPAN_YEARS * spend, weeks)


def rank_position(customer_id: str, spend: int, weeks: int, basis: Basis) -> tuple[int, str]:
    """A customer's sort key in the ranking: smaller is better. No float, no rounding: exact values are compared.

    On the basis `active` the value is spend / weeks. It is compared as floor(spend x 2^40 / weeks): the years 1 to
    9999 have fewer than 2^19 weeks, so two different fractions are more than 2^-38 apart and their floors differ;
    equal fractions have equal floors. On `timeframe` all customers have the same weeks, so spend decides.
    """
    return -((spend << KEY_BITS) // weeks if basis == "active" else spend), customer_id
