"""A catalogue of metrics: registries, the tables in docs/metrics.md and tests are made from its entries."""

from typing import Literal, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

Kind = Literal["counter", "gauge", "histogram"]


class CatalogueEntry(NamedTuple):
    """One metric."""

    name: str
    kind: Kind
    unit: str
    labels: tuple[str, ...]
    meaning: str


class CataloguedRegistry:
    """A registry in which each metric is made from its entry, and none is without one."""

    def __init__(self, entries: tuple[CatalogueEntry, ...]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._entries = {entry.name: entry for entry in entries}

    def gauge(self, name: str) -> Gauge:
        """The gauge of this name."""
        entry = self._take(name, "gauge")
        return Gauge(name, entry.meaning, entry.labels, registry=self.registry)

    def counter(self, name: str) -> Counter:
        """The counter of this name."""
        entry = self._take(name, "counter")
        return Counter(name, entry.meaning, entry.labels, registry=self.registry)

    def histogram(self, name: str) -> Histogram:
        """The histogram of this name."""
        entry = self._take(name, "histogram")
        return Histogram(name, entry.meaning, entry.labels, registry=self.registry)

    def _take(self, name: str, kind: Kind) -> CatalogueEntry:
        entry = self._entries.pop(name)
        if entry.kind != kind:
            raise TypeError(f"{name} is a {entry.kind}")
        return entry
