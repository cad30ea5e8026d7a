"""Where one customer stands in a snapshot, and what would bring it to the next rank."""

from msgspec import Struct

from contract.customers import CustomerDetail
from contract.lifetime_value import ltv_cents
from contract.money import money, parse_money
from contract.snapshots import Basis, Money, Row, Snapshot


class NextRank(Struct, frozen=True, kw_only=True):
    """The next better rank."""

    rank: int
    """From 1."""
    customer_id: str
    """Who has it in the snapshot."""
    more_spend: Money
    """How much more the customer would have to spend for it, in the weeks that are counted already."""


class Standing(Struct, frozen=True, kw_only=True):
    """One customer beside a snapshot's ranking."""

    sequence: int
    """The snapshot's number."""
    rank: int | None
    """The customer's rank in the snapshot; null if it is not listed."""
    ltv: Money
    """52 x (total spend / weeks) x 10 from the customer's present figures, with the weeks of the snapshot's basis."""
    basis: Basis
    """Whose weeks are counted: the customer's active ones, or those of the whole time frame."""
    weeks: int
    """How many weeks are counted."""
    next: NextRank | None
    """Null for the first of the ranking, and where nobody is listed."""


def standing(customer: CustomerDetail, snapshot: Snapshot) -> Standing:
    """Compare the customer's figures with the snapshot's rows. Both are exact, perhaps at different moments."""
    weeks = max(1, customer.weeks if snapshot.basis == "active" else snapshot.timeframe_weeks)
    spend = parse_money(customer.total_spend)
    rank = next((row.rank for row in snapshot.rows if row.customer_id == customer.customer_id), None)
    better = [row for row in snapshot.rows if rank is None or row.rank < rank]
    return Standing(
        sequence=snapshot.sequence,
        rank=rank,
        ltv=money(ltv_cents(spend, weeks)),
        basis=snapshot.basis,
        weeks=weeks,
        next=_next_rank(customer.customer_id, spend, weeks, better[-1], snapshot) if better else None,
    )


def _next_rank(customer_id: str, spend: int, weeks: int, ahead: Row, snapshot: Snapshot) -> NextRank:
    """What is missing to be before the next one: as much a week, and a cent more if the ids decide against it."""
    weeks_ahead = ahead.weeks if snapshot.basis == "active" else weeks
    needed = -(-parse_money(ahead.total_spend) * weeks // weeks_ahead)
    equal = needed * weeks_ahead == parse_money(ahead.total_spend) * weeks
    needed += equal and customer_id > ahead.customer_id
    return NextRank(rank=ahead.rank, customer_id=ahead.customer_id, more_spend=money(max(0, needed - spend)))
