"""The top x, updated with each commit's changes, and exact.

A lifetime value falls when its customer is active in a new week, so a heap of only x customers would be wrong. Instead
a pool holds every customer ranked at a bound or better, some hundreds more than x. A changed customer enters or leaves
the pool; when fewer than x customers are left in it, it is refilled from the full table.
"""

from collections.abc import Collection, Iterable
from heapq import nsmallest
from typing import Final

from consumer.domain.coverage import WHOLE_FILES
from consumer.domain.partial import merge, partial_of
from consumer.domain.state import State
from consumer.domain.table import Change, Customer
from contract.lifetime_value import rank_position
from contract.snapshots import Basis, Row

MIN_POOL: Final = 1_000
POOL_PER_X: Final = 4
SHRINK_AT: Final = 4


class Top:
    """The best x of a growing set of customers."""

    def __init__(self, x: int, basis: Basis) -> None:
        self.x = x
        self.basis: Basis = basis
        self._size = max(MIN_POOL, POOL_PER_X * x)
        self._pool: dict[Customer, tuple[int, str]] = {}
        self._bound: tuple[int, str] | None = None
        """All customers outside the pool rank behind this position; None: all customers are in the pool."""

    def _position(self, customer: Customer) -> tuple[int, str]:
        # `Customer.weeks` without the call, where there are no far weeks.
        weeks = customer.week_bits.bit_count() if customer.far_weeks is None else customer.weeks
        return rank_position(customer.id, customer.spend, weeks, self.basis)

    def update(self, changed: Iterable[Change], everyone: Collection[Customer]) -> None:
        """Apply the changes (new customers too); `everyone` is the full table, from which the pool is refilled."""
        pool, bound = self._pool, self._bound
        # Without a changed order, a customer has not risen; a new customer without an order ranks at zero.
        zero_is_in = bound is None or bound[0] == 0
        for customer, orders in changed:
            if orders or zero_is_in or customer in pool:
                position = self._position(customer)
                if bound is None or position <= bound:
                    pool[customer] = position
                else:
                    pool.pop(customer, None)
        if len(pool) < min(self.x, len(everyone)):
            self._keep_best((self._position(c), c) for c in everyone)
        elif len(pool) > SHRINK_AT * self._size:
            self._keep_best((position, c) for c, position in pool.items())

    def _keep_best(self, candidates: Iterable[tuple[tuple[int, str], Customer]]) -> None:
        best = nsmallest(self._size, candidates, key=lambda pair: pair[0])
        self._pool = {customer: position for position, customer in best}
        self._bound = best[-1][0] if len(best) == self._size else None

    def best(self) -> list[Customer]:
        """The top x, best first."""
        pool = self._pool
        return nsmallest(self.x, pool, key=pool.__getitem__)


def top_x_simple_ltv_customers(x: int, D: State, basis: Basis = "active") -> list[Row]:  # noqa: N803
    """The x customers with the highest simple lifetime value, best first; ties go by customer id.

    Args:
        x: the largest number of rows; at least 1.
        D: the state that `ingest` filled.
        basis: `active`, each customer's distinct weeks, or `timeframe`, the weeks of all events for all customers.

    Raises:
        ValueError: x is less than 1.
    """
    if x < 1:
        raise ValueError(f"x must be at least 1, not {x}")
    partial = partial_of(D.totals(), D.top(x, basis), x=x, basis=basis)
    return merge(
        [partial], x=x, basis=basis, coverage=WHOLE_FILES, sequence=0, emitted_at="", previous_ranks={}
    ).rows
