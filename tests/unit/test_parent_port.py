"""The parent's port answers for all workers; the workers are ports in this process, without Kafka."""

import time
import urllib.request
from collections.abc import Callable
from urllib.error import HTTPError

import pytest
from prometheus_client.parser import text_string_to_metric_families

from broker.readiness import free_port
from consumer.customer_page import CustomerAnswers
from consumer.http_port import serve
from consumer.metrics import Metrics
from consumer.parent_metrics import ParentMetrics
from consumer.parent_port import live_of_all, ready_of_all, serve_parent, with_worker_labels
from consumer.process_title import MAX_TITLE_BYTES, set_process_title
from consumer.worker_views import STARTING_S, WorkerAnswer, WorkerView
from contract.customers import CustomerDetail, NotOwned
from tests.unit.test_customer_page import find as finds

HOST = "127.0.0.1"
UP = WorkerAnswer(200, b'{"ok":true,"reason":"well"}', "application/json")
WEDGED = WorkerAnswer(503, b'{"ok":false,"reason":"the loop has not turned for 200 s"}', "application/json")


def finds_nobody(_customer_id: str) -> CustomerDetail:
    raise NotOwned("another worker has it")


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


class Parent:
    """A parent's port, and the metrics of the two workers that it asks."""

    def __init__(self) -> None:
        self.workers = [Metrics(), Metrics()]
        self.metrics = ParentMetrics(2)
        self.views = [WorkerView(number, HOST, free_port(), is_running=True) for number in (0, 1)]
        finders: list[Callable[[str], CustomerDetail]] = [finds_nobody, finds]
        for view, metrics, find in zip(self.views, self.workers, finders, strict=True):
            serve(metrics, HOST, view.port, (), CustomerAnswers(find, f"w{view.number}"))
        self.port = free_port()
        serve_parent(self.views, self.metrics, HOST, self.port, [])

    def sample(self, name: str, **labels: str) -> float | None:
        families = text_string_to_metric_families(get(self.port, "/metrics")[1])
        samples = [s for f in families for s in f.samples if (s.name, s.labels) == (name, labels)]
        assert len(samples) <= 1
        return samples[0].value if samples else None


@pytest.fixture(scope="module")
def parent() -> Parent:
    return Parent()


def test_the_metrics_of_each_worker_have_its_number(parent: Parent) -> None:
    parent.workers[0].commits.inc(3)
    parent.workers[1].commits.inc(4)
    parent.workers[1].lag.labels(7).set(5)
    assert parent.sample("ltv_commits_total", worker="0") == 3
    assert parent.sample("ltv_commits_total", worker="1") == 4
    assert parent.sample("ltv_lag_records", worker="1", partition="7") == 5
    assert parent.sample("ltv_worker_up", worker="0") == 1


def test_a_restart_is_counted_for_its_worker(parent: Parent) -> None:
    parent.metrics.restarts.labels(1).inc()
    assert parent.sample("ltv_worker_restarts_total", worker="0") == 0
    assert parent.sample("ltv_worker_restarts_total", worker="1") == 1


def test_it_is_ready_once_every_worker_is_and_says_which_is_not(parent: Parent) -> None:
    parent.workers[0].set_ready()
    parent.workers[1].set_not_ready("restoring")
    assert get(parent.port, "/ready") == (503, '{"ok":false,"reason":"worker 1: restoring"}\n')
    parent.workers[1].set_ready()
    assert get(parent.port, "/ready") == (200, '{"ok":true,"reason":"every worker is ready"}\n')
    assert get(parent.port, "/live")[0] == 200


def test_a_customer_is_found_on_whichever_worker_has_its_partition(parent: Parent) -> None:
    assert get(parent.port, "/customers/c") == get(parent.views[1].port, "/customers/c")
    assert get(parent.port, "/customers?id=c") == get(parent.port, "/customers/c")
    assert get(parent.port, "/customers/unknown")[0] == 404
    assert get(parent.port, "/customers/c?worker=w1")[0] == 200
    assert get(parent.port, "/customers/c?worker=another")[0] == 421


def test_a_worker_that_does_not_answer_costs_no_other_worker_its_metrics(parent: Parent) -> None:
    silent = WorkerView(2, HOST, free_port(), is_running=True)
    parent.views.append(silent)
    try:
        assert parent.sample("ltv_worker_up", worker="2") == 0
        assert parent.sample("ltv_worker_up", worker="0") == 1
        assert parent.sample("ltv_partitions", worker="0") == 0
        assert get(parent.port, "/ready") == (503, '{"ok":false,"reason":"worker 2 does not answer"}\n')
        assert get(parent.port, "/live") == (503, '{"ok":false,"reason":"worker 2 does not answer"}\n')
    finally:
        parent.views.remove(silent)


def test_a_name_that_is_not_its_own_is_refused(parent: Parent) -> None:
    request = urllib.request.Request(f"http://{HOST}:{parent.port}/live", headers={"Host": "evil.example"})
    with pytest.raises(HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    with refused.value as error:
        assert error.code == 421


def test_a_wedged_worker_makes_the_whole_not_alive() -> None:
    views = [WorkerView(number, HOST, 1, is_running=True) for number in (0, 1)]
    answer = live_of_all([(views[0], UP), (views[1], WEDGED)])
    assert (answer.ok, answer.reason) == (False, "worker 1: the loop has not turned for 200 s")


def test_a_worker_that_starts_or_is_restarted_is_no_reason_to_kill_the_others() -> None:
    started = WorkerView(0, HOST, 1, started_at=time.monotonic(), is_running=True)
    died = WorkerView(1, HOST, 1, is_running=False)
    assert live_of_all([(started, None), (died, None)]).ok
    assert not ready_of_all([(started, None), (died, None)]).ok
    started.started_at -= STARTING_S
    assert not live_of_all([(started, None)]).ok


def test_a_worker_that_is_done_is_not_waited_for() -> None:
    done = WorkerView(1, HOST, 1, done=True)
    assert ready_of_all([(WorkerView(0, HOST, 1), UP), (done, None)]).ok


def test_one_family_of_several_workers_has_one_head() -> None:
    text = "# HELP a_total A.\n# TYPE a_total counter\na_total 1.0\n"
    merged = with_worker_labels({"0": text, "1": text}).decode()
    assert merged == (
        '# HELP a_total A.\n# TYPE a_total counter\na_total{worker="0"} 1.0\na_total{worker="1"} 1.0\n'
    )


def test_a_long_title_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    named: list[bytes] = []

    class Library:
        def prctl(self, _option: int, name: bytes, *_: int) -> None:
            named.append(name)

    monkeypatch.setattr("ctypes.CDLL", lambda _name: Library())
    monkeypatch.setattr("sys.platform", "linux")
    set_process_title("a title that is too long")
    assert named == [b"a title that is"]
    assert len(named[0]) == MAX_TITLE_BYTES
