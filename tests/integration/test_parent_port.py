"""One port answers for all workers of `ltv consume --workers N`, also after a worker was killed."""

import json
import urllib.request
from urllib.error import HTTPError, URLError

import psutil
from prometheus_client.parser import text_string_to_metric_families

from broker.readiness import free_ports_in_a_row
from tests.integration.application import shop
from tests.integration.conftest import NewApplication, NewTopic
from tests.waiting import wait_until

EVENTS = 300


def get(port: int, path: str) -> tuple[int, str]:
    """Status and body; 0 if nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except URLError:
        return 0, ""


def samples(port: int, name: str) -> dict[str, float]:
    """Worker -> the sum of a metric over its other labels."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(get(port, "/metrics")[1]):
        for sample in family.samples:
            if sample.name == name:
                worker = sample.labels["worker"]
                found[worker] = found.get(worker, 0.0) + sample.value
    return found


def test_the_parent_answers_for_both_workers_and_counts_a_restart(
    new_topic: NewTopic, new_application: NewApplication
) -> None:
    records = shop(EVENTS, seed=81)
    application, port = new_application(new_topic(records)), free_ports_in_a_row(3)
    parent = application.start("one", "--workers", "2", "--metrics-port", str(port))
    application.wait_for_events(len(records), parent)
    wait_until(lambda: get(port, "/ready")[0] == 200, "both workers are ready", failing=parent.failing)
    wait_until(
        lambda: sum(samples(port, "ltv_records_total").values()) >= EVENTS,
        "the records of both workers",
        failing=parent.failing,
    )
    wait_until(
        lambda: samples(port, "ltv_lag_records") == {"0": 0, "1": 0},
        "no lag",
        failing=parent.failing,
    )
    assert samples(port, "ltv_worker_restarts_total") == {"0": 0, "1": 0}
    customer = application.snapshots()[-1]["rows"][0]
    status, found = get(port, f"/customers/{customer['customer_id']}")
    assert (status, json.loads(found)["ltv"]) == (200, customer["ltv"])

    names = {process.name(): process for process in parent.workers()}
    if psutil.LINUX:
        assert names.keys() == {"ltv worker 0", "ltv worker 1"}
    next(iter(names.values())).kill()
    wait_until(
        lambda: sum(samples(port, "ltv_worker_restarts_total").values()) == 1,
        "the restart is counted",
        failing=parent.failing,
    )
    wait_until(lambda: get(port, "/ready")[0] == 200, "both workers are ready again", failing=parent.failing)
    assert get(port, "/live")[0] == 200
    assert parent.stop().code == 0
