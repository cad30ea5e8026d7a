"""The metrics of a parent of several workers."""

from consumer.metric_catalogue import PARENT_METRICS
from web.catalogued_registry import CataloguedRegistry


class ParentMetrics:
    """Which workers run, and how often each was restarted."""

    def __init__(self, workers: int) -> None:
        made = CataloguedRegistry(PARENT_METRICS)
        self.registry = made.registry
        self.up = made.gauge("ltv_worker_up")
        self.restarts = made.counter("ltv_worker_restarts_total")
        for number in range(workers):
            self.restarts.labels(number)
