"""The weeks of a customer as a set, however the aggregate keeps them."""

from consumer.domain.table import MAX_SPAN_WEEKS, Customer
from contract.weeks import FAR_BLOCK_WEEKS


def active_weeks(customer: Customer) -> set[int]:
    """The numbers of the customer's active weeks."""
    near = {customer.first_week + i for i in range(MAX_SPAN_WEEKS) if customer.week_bits >> i & 1}
    far = (customer.far_weeks or {}).items()
    return near | {
        block * FAR_BLOCK_WEEKS + i for block, bits in far for i in range(FAR_BLOCK_WEEKS) if bits >> i & 1
    }
