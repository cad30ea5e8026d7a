"""Strikes a running consumer with a blow amid ordinary load, and measures memory and progress.

Only a `Target` writes to its events topic, by hand, so it knows every record: no client reads the hostile ones back.
"""

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple
from uuid import uuid4

from tests.faults import memory
from tests.faults.codecs import NONE
from tests.faults.harness import CUSTOMERS, Application, Process, last_line
from tests.faults.hostile import PARTITIONS, Batch, partition_of
from tests.faults.load import RUBBISH, events
from tests.faults.raw_client import Answer, RawClient
from tests.faults.record_batches import Field, Fill, RawRecord, whole_of
from tests.faults.topics import Record
from tests.faults.worker_port import WorkerPort
from tests.waiting import DEADLINE_S, wait_until

ORDINARY: Final = 300
"""Ordinary events before a blow, after it, and after the restart."""
TRANSACTION_MS: Final = 60_000
TOPIC: Final = {"partitions": PARTITIONS, "message_timestamp_after_max_ms": str(2**63 - 1)}
"""The events topic: as the broker has it by default, but its records may claim to be of the future."""


class Struck(NamedTuple):
    """What a blow did: the highest peak and the restarted worker's memory, both above the worker's before the blow; the
    slowest progress; and the log's last line."""

    peak_mib: float
    restarted_mib: float
    seconds: float
    last_line: str


class Target:
    """A consumer with an events topic that only this object writes to."""

    def __init__(self, app: Application, *options: str, within_s: float = DEADLINE_S) -> None:
        """`options` are of the consumer, `within_s` is the deadline of every wait for progress."""
        self.app = app
        self.written: list[Record] = []
        """Every record on the events topic; in batches that no consumer reads, without repeated bytes."""
        self._options = options
        self._within_s = within_s
        self._client = RawClient(app.cluster.servers)
        self._ordinary = events(app.seed, CUSTOMERS)
        self._port = WorkerPort()
        self.peak_mib = 0.0
        """The highest peak of the workers since the last blow began."""
        self.worker: Process

    def close(self) -> None:
        self._client.close()

    def start(self) -> None:
        """Start a worker; the last one must have ended."""
        self.worker = self.app.start("one", *self._options, *self._port.options)

    def strike(self, batches: Iterable[Batch]) -> Struck:
        """Send the batches amid ordinary events, wait until all is counted, kill the worker, and wait again.

        Every wait fails after its deadline, and as soon as the worker ends.
        """
        self.send(self._ordinary_batches())
        self._await_progress()
        memory.reset_peak(self.worker.pid)
        idle_mib, self.peak_mib = memory.resident_mib(self.worker.pid), 0.0
        self.send(batches)
        self.send(self._ordinary_batches())
        struck_s, said = self._await_progress(), last_line(self.worker.log)
        self.worker.kill()
        self.start()
        self.send(self._ordinary_batches())
        restarted_s = self._await_progress()
        restarted_mib = memory.resident_mib(self.worker.pid)
        return Struck(self.peak_mib - idle_mib, restarted_mib - idle_mib, max(struck_s, restarted_s), said)

    def send(self, batches: Iterable[Batch]) -> None:
        """Send these batches, and note their records."""
        for batch in batches:
            answer = self._sent(batch)
            assert answer.error == 0, f"the broker refuses a batch: {answer}"
            if batch.end != "abort":
                self.written += _records(batch, answer.base_offset)

    def _sent(self, batch: Batch) -> Answer:
        client, topic, number = self._client, self.app.events, batch.partition
        if not batch.end:
            return client.produce(topic, number, batch.wire())
        name = f"hostile-{uuid4()}"
        producing = client.begin(name, topic, number, TRANSACTION_MS)
        answer = client.produce(topic, number, batch.wire(producing=producing), name)
        client.end(name, producing, commit=batch.end == "commit")
        return answer

    def _ordinary_batches(self) -> Iterator[Batch]:
        of_partition: list[list[RawRecord]] = [[] for _ in range(PARTITIONS)]
        for sent in islice(self._ordinary, ORDINARY):
            of_partition[partition_of(sent.key or b"")].append(RawRecord(sent.key, sent.value, sent.valid))
        return (Batch(number, records, NONE) for number, records in enumerate(of_partition) if records)

    def _await_progress(self) -> float:
        """Wait until a snapshot counts everything, the worker is ready and has no lag; returns the seconds."""
        began = time.monotonic()
        steps = (
            (self._is_counted, f"all {len(self.written)} records in a snapshot"),
            (self._port.is_ready, "the worker is ready"),
            (self._has_no_lag, "no lag"),
        )
        for holds, what in steps:
            wait_until(holds, what, within_s=self._within_s, failing=self._ended)
        self._see_peak()
        return time.monotonic() - began

    def _see_peak(self) -> None:
        self.peak_mib = max(self.peak_mib, memory.peak_mib(self.worker.pid))

    def _ended(self) -> str:
        """How the worker has ended; "" while it runs."""
        self._see_peak()  # An ended process has none any more.
        return self.worker.ended()

    def _is_counted(self) -> bool:
        return self.app.covered() >= len(self.written)

    def _has_no_lag(self) -> bool:
        lags = self._port.metric("ltv_lag_records")
        return len(lags) == PARTITIONS and not any(lags)


def _records(batch: Batch, base_offset: int) -> Iterator[Record]:
    """The batch's records as a reader would see them."""
    is_read = batch.is_read
    for i, record in enumerate(batch.records):
        headers = {} if record.valid and is_read else {RUBBISH: b"1"}
        key, value = (_kept(field, is_read) for field in (record.key, record.value))
        yield Record(batch.partition, base_offset + i, key, value, headers)


def _kept(field: Field, is_read: bool) -> bytes | None:
    """All of a field; of one that no consumer reads, which may be of any length, nothing."""
    if isinstance(field, Fill):
        return whole_of(field) if is_read else b""
    return field
