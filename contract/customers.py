"""One customer on demand: the figures as of an offset, and why there are none."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal
from urllib.parse import quote

from msgspec import Meta, Struct

from contract.errors import LtvError
from contract.snapshots import Money

MAX_ORDERS_LISTED: Final = 1_000
MAX_SHOWN_CHARS: Final = 60
"""How much of an id an error shows."""

LOST_IN_PATHS: Final = frozenset({".", ".."})
"""Ids that clients and proxies resolve in a path, percent-encoded, too."""

Day = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


class OrderDetail(Struct, frozen=True, kw_only=True):
    """One order: the version that counts."""

    order_id: str
    """Unique within the customer."""
    amount: Money
    """What counts for this order."""
    event_time: str
    """When this version happened; RFC 3339 in UTC."""
    verb: Literal["NEW", "UPDATE"]
    """Whether this version is the order's first one or a change of it."""


class CustomerDetail(Struct, frozen=True, kw_only=True):
    """One customer, exact for all records of its partition before `next_offset`."""

    customer_id: str
    """The customer's id, as in its events."""
    last_name: str | None
    """The newest known last name; null if no event had one."""
    partition: int
    """The events partition that has the customer's events."""
    next_offset: int
    """All records of the partition before this offset are counted, and no others."""
    source: Literal["owner", "changelog"]
    """Who answered: the worker that owns the partition, or the changelog, which is a commit older at most."""
    total_spend: Money
    """The sum of all orders."""
    weeks: int
    """Distinct weeks (Sunday to Saturday, UTC) in which the customer was active; the length of active_weeks."""
    visits: int
    """Site visits."""
    orders: int
    """How many orders there are; order_list may be shorter."""
    order_list: Annotated[list[OrderDetail], Meta(max_length=MAX_ORDERS_LISTED)]
    """The newest orders, newest first."""
    active_weeks: list[Day]
    """The weeks in which the customer was active, each by its Sunday, ascending."""
    ltv: Money
    """52 x (total_spend / weeks) x 10, whatever the basis of the snapshots is."""


class UnknownCustomer(LtvError):
    """No event of the customer is among the records that were looked at.

    Attributes:
        looked_at: partition -> the offset before which all its records were looked at.
    """

    def __init__(self, customer_id: str, looked_at: Mapping[int, int]) -> None:
        shown = customer_id if len(customer_id) <= MAX_SHOWN_CHARS else f"{customer_id[:MAX_SHOWN_CHARS]}..."
        places = ", ".join(
            f"offset {next_offset} of partition {partition}"
            for partition, next_offset in sorted(looked_at.items())
        )
        super().__init__(f"no customer {shown!r}: none of its events was counted before {places}")
        self.looked_at = dict(looked_at)


class StateUnavailable(LtvError):
    """The customer may exist, but the state of its partition can't be read now; the text says why."""


class NotOwned(LtvError):
    """The worker that was asked does not have the customer's partition."""


def customer_address(customer_id: str) -> str:
    """The path of a customer on an HTTP port, and for an id that is lost in paths, its query."""
    if customer_id in LOST_IN_PATHS:
        return f"/customers?id={customer_id}"
    return f"/customers/{quote(customer_id, safe='', errors='replace')}"
