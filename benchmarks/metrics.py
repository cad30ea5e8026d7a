"""`make bench-metrics`: the CPU that a worker spends on its metrics. Takes a second.

Nothing is counted for each event, so their number does not matter: a commit and a look at the lag set every metric
once, and Prometheus reads them all every 15 s.
"""

import time
from collections.abc import Callable
from typing import Final

from prometheus_client import generate_latest

from consumer.metrics import Metrics
from consumer.stream.lifecycle import Lifecycle
from contract.events import EVENT_TYPES, REASONS

PARTITIONS: Final = 4
COMMITS_PER_S: Final = 1.0
SCRAPES_PER_S: Final = 1 / 15
GOAL: Final = 0.01
"""Share of one core."""


def running_worker(partitions: int) -> Metrics:
    """The metrics of a worker with these partitions."""
    metrics = Metrics()
    for number in range(partitions):
        for state in (Lifecycle.RESTORING, Lifecycle.RUNNING):
            metrics.set_lifecycle(number, state)
    return metrics


def update(metrics: Metrics, partitions: int) -> None:
    """Set what a commit and a look at the lag set, with events of every type and dead letters for every reason."""
    metrics.commits.inc()
    metrics.records.inc(1_000)
    metrics.changelog_bytes.inc(100_000)
    metrics.commit_seconds.observe(0.02)
    metrics.rank_seconds.observe(0.01)
    for kind in EVENT_TYPES:
        metrics.events.labels(kind).inc(100)
    for reason in REASONS:
        metrics.dead_letters.labels(reason).inc()
    metrics.set_state_size(1_000, 5_000)
    by_partition = (metrics.lag, metrics.lag_seconds, metrics.event_time_age, metrics.blocked)
    for gauge in (*by_partition, metrics.consecutive_dead_letters):
        metrics.set_by_partition(gauge, dict.fromkeys(range(partitions), 1.0))


def cpu_s(run: Callable[[], object], times: int = 300) -> float:
    """CPU seconds of one run, the mean of many."""
    run()
    begun = time.process_time()
    for _ in range(times):
        run()
    return (time.process_time() - begun) / times


def measured(partitions: int = PARTITIONS) -> tuple[float, float]:
    """CPU seconds of one update, and of one scrape."""
    metrics = running_worker(partitions)
    return cpu_s(lambda: update(metrics, partitions)), cpu_s(lambda: generate_latest(metrics.registry))


def share_of_a_core(update_s: float, scrape_s: float) -> float:
    """Of one core, with a commit a second and a scrape every 15 s."""
    return update_s * COMMITS_PER_S + scrape_s * SCRAPES_PER_S


def main() -> None:
    """Print the figures; exit with 1 if they miss the goal."""
    update_s, scrape_s = measured()
    share = share_of_a_core(update_s, scrape_s)
    print(f"{PARTITIONS} partitions: update {1e6 * update_s:.0f} us, scrape {1e6 * scrape_s:.0f} us")
    print(f"with a commit a second and a scrape every 15 s: {share:.3%} of a core (goal: below {GOAL:.0%})")
    raise SystemExit(share >= GOAL)


if __name__ == "__main__":
    main()
