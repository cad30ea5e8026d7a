"""The HTTP port of a parent of several workers: one place for the metrics, the health and the customers of all."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from consumer.customer_page import ABOUT
from consumer.health import HealthAnswer
from consumer.http_port import NOT_FOUND, WRONG_HOST, health_response, serve_app
from consumer.parent_metrics import ParentMetrics
from consumer.worker_views import WorkerAnswer, WorkerView, ask_each
from web.allowed_hosts import AllowedHosts, HostCheck

NOT_HERE: Final = 421
UNAVAILABLE: Final = 503


def serve_parent(
    views: Sequence[WorkerView], metrics: ParentMetrics, host: str, port: int, allowed_hosts: Sequence[str]
) -> None:
    """Serve the pages in a thread, until this process ends.

    Args:
        views: the workers.
        metrics: the parent's own.
        host: the address to listen on; it is allowed as a Host, too.
        port: the port to listen on.
        allowed_hosts: names, beside those of `AllowedHosts`, that requests may have as Host.

    Raises:
        Fatal: the server can't listen on this host and port.
    """
    serve_app(parent_app(views, metrics, AllowedHosts([host, *allowed_hosts])), host, port)


def parent_app(views: Sequence[WorkerView], metrics: ParentMetrics, hosts: AllowedHosts) -> ASGIApp:
    """The pages, for requests whose Host is allowed. Each asks the workers' own ports."""

    def exposition(_request: Request) -> Response:
        texts: dict[str, str] = {}
        for view, answer in ask_each(views, "/metrics"):
            metrics.up.labels(view.number).set(answer is not None)
            if answer:
                texts[str(view.number)] = answer.body.decode()
        body = with_worker_labels(texts) + generate_latest(metrics.registry)
        return Response(body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    def live(_request: Request) -> Response:
        return health_response(live_of_all(ask_each(views, "/live")))

    def ready(_request: Request) -> Response:
        return health_response(ready_of_all(ask_each(views, "/ready")))

    def customer(request: Request) -> Response:
        return _customer(views, request)

    pages = [
        Route("/metrics", exposition),
        Route("/live", live),
        Route("/ready", ready),
        Route("/customers", customer),
        Route("/customers/{customer_id:path}", customer),
    ]
    router = Router(pages, redirect_slashes=False, default=PlainTextResponse(NOT_FOUND, 404))
    return HostCheck(router, hosts, PlainTextResponse(WRONG_HOST, 421))


Answers = Sequence[tuple[WorkerView, WorkerAnswer | None]]


def live_of_all(answers: Answers) -> HealthAnswer:
    """Live if every worker is that runs; the parent restarts the others."""
    for view, answer in answers:
        if answer is None:
            if not view.may_be_silent():
                return HealthAnswer(False, f"worker {view.number} does not answer")
        elif answer.status != 200:
            return HealthAnswer(False, f"worker {view.number}: {_reason(answer)}")
    return HealthAnswer(True, "every worker's loop turns")


def ready_of_all(answers: Answers) -> HealthAnswer:
    """Ready if every worker is that has not ended with --until-end."""
    for view, answer in answers:
        if answer is None:
            if not view.done:
                return HealthAnswer(False, f"worker {view.number} does not answer")
        elif answer.status != 200:
            return HealthAnswer(False, f"worker {view.number}: {_reason(answer)}")
    return HealthAnswer(True, "every worker is ready")


def _reason(answer: WorkerAnswer) -> str:
    try:
        return msgspec.json.decode(answer.body, type=HealthAnswer).reason
    except msgspec.DecodeError:
        return f"answers {answer.status}"


def with_worker_labels(texts: Mapping[str, str]) -> bytes:
    """One exposition of several, each sample labelled with its worker.

    Args:
        texts: worker -> its exposition.
    """
    families: dict[str, Metric] = {}
    for worker, text in texts.items():
        for family in text_string_to_metric_families(text):
            whole = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            whole.samples += [
                sample._replace(labels={"worker": worker, **sample.labels}) for sample in family.samples
            ]
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(families))
    return generate_latest(registry)


class _Families(Collector):
    def __init__(self, families: Mapping[str, Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        return iter(self._families.values())


def _customer(views: Sequence[WorkerView], request: Request) -> Response:
    """The answer of the worker that has the customer's partition; else of one that can't tell now."""
    target = request.scope["raw_path"].decode("latin-1")
    if request.url.query:
        target += f"?{request.url.query}"
    login = request.headers.get("authorization")
    asked = ask_each(views, target, {"Authorization": login} if login else {})
    answers = sorted((answer for _, answer in asked if answer), key=_rank)
    if not answers:
        return PlainTextResponse("no worker answers\n", UNAVAILABLE, {**ABOUT, "Retry-After": "1"})
    best = answers[0]
    return Response(best.body, best.status, headers=ABOUT, media_type=best.media_type)


def _rank(answer: WorkerAnswer) -> int:
    """An answer that says more comes first."""
    return {UNAVAILABLE: 1, NOT_HERE: 2}.get(answer.status, 0)
