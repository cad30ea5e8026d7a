"""The HTTP port of a command that publishes events: /metrics, made from the counts that the command keeps anyway."""

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.responses import PlainTextResponse
from starlette.routing import Route, Router

from consumer.http_port import serve_app
from consumer.metric_catalogue import PUBLISHER_METRICS
from contract.events import REASONS
from producer.publisher import Publisher
from web.allowed_hosts import AllowedHosts, HostCheck
from web.exposition import Exposition


def serve_publisher(target: Publisher, invalid: Mapping[str, int], host: str, port: int) -> None:
    """Serve /metrics in a thread, until this process ends.

    Args:
        target: whose counts are served.
        invalid: reason -> how many events were not sent.
        host: the address to listen on; it is allowed as a Host, too.
        port: the port to listen on.

    Raises:
        Fatal: the server can't listen on this host and port.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Counts(target, invalid))
    ProcessCollector(registry=registry)
    router = Router(
        [Route("/metrics", Exposition(registry), methods=["GET"])],
        redirect_slashes=False,
        default=PlainTextResponse("not found; try /metrics\n", 404),
    )
    refusal = PlainTextResponse("this Host is not served; use the address of --metrics-host\n", 421)
    serve_app(HostCheck(router, AllowedHosts([host]), refusal), host, port)


class _Counts(Collector):
    def __init__(self, target: Publisher, invalid: Mapping[str, int]) -> None:
        self._target, self._invalid = target, invalid

    def collect(self) -> Iterator[Metric]:
        target = self._target
        invalid = {reason: self._invalid.get(reason, 0) for reason in REASONS}
        values: dict[str, Mapping[tuple[str, ...], float]] = {
            "ltv_publisher_sent_total": {(): target.sent},
            "ltv_publisher_delivered_total": {(): target.delivered},
            "ltv_publisher_failed_total": {(): target.failed},
            "ltv_publisher_invalid_total": {(reason,): count for reason, count in invalid.items()},
        }
        for entry in PUBLISHER_METRICS:
            family = CounterMetricFamily(entry.name, entry.meaning, labels=entry.labels)
            for labels, value in values[entry.name].items():
                family.add_metric(labels, value)
            yield family
