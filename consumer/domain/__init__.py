"""The rules: no I/O, no clock, no Kafka. `ingest` and `top_x_simple_ltv_customers` are the public functions."""

from consumer.domain.aggregate import Aggregate
from consumer.domain.ingest import ingest
from consumer.domain.top import top_x_simple_ltv_customers

__all__ = ["Aggregate", "ingest", "top_x_simple_ltv_customers"]
