"""What `ltv status` understands of the workers' metrics, and that one which does not answer is left out."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

from prometheus_client import generate_latest

from administration.partition_states import partition_states
from broker.readiness import free_port
from consumer.metrics import Metrics
from consumer.stream.lifecycle import Lifecycle


@contextmanager
def worker(states: dict[int, Lifecycle]) -> Iterator[str]:
    """The address of a port that serves the metrics of a worker with these partitions."""
    metrics = Metrics()
    for number, state in states.items():
        metrics.set_lifecycle(number, state)

    class Port(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(generate_latest(metrics.registry))

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Port) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_each_worker_says_the_state_of_its_partitions_and_a_silent_one_nothing() -> None:
    with (
        worker({0: Lifecycle.RUNNING, 1: Lifecycle.RESTORING}) as one,
        worker({2: Lifecycle.SUSPENDED}) as two,
    ):
        found = partition_states([one, two, f"http://127.0.0.1:{free_port()}", "nonsense"])
    assert found == {0: "running", 1: "restoring", 2: "suspended"}


def test_of_a_partition_that_moves_the_new_owners_state_is_shown() -> None:
    with worker({0: Lifecycle.SUSPENDED}) as former, worker({0: Lifecycle.RESTORING}) as new:
        assert partition_states([former, new]) == {0: "restoring"}
        assert partition_states([new, former]) == {0: "restoring"}


def test_without_workers_nobody_is_asked() -> None:
    assert partition_states([]) == {}
