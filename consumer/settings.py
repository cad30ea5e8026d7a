"""What `ltv consume` can be told, in one place. Flags and LTV_* variables fill it (consumer/cli/consume.py)."""

from dataclasses import dataclass, field
from typing import Literal

from cluster.settings import Cluster
from contract.partitioners import DEFAULT_PARTITIONER, Partitioner
from contract.snapshots import Basis
from contract.topics import DEFAULT_SNAPSHOT_RETENTION_DAYS, Topics

Transport = Literal["kafka-python", "confluent"]


@dataclass(frozen=True)
class Settings:
    """One consumer process (a worker), or the template of several."""

    cluster: Cluster
    topics: Topics = field(default_factory=Topics)
    group: str = "ltv"
    instance_id: str = "ltv"
    """Stable over restarts: group.instance.id, and part of the transactional.id."""
    partitioner: Partitioner = DEFAULT_PARTITIONER
    """Of the events topic's producers: a customer on another partition than it says is not counted."""
    top: int = 10
    basis: Basis = "active"
    snapshot_interval_s: float = 5.0
    commit_interval_s: float = 1.0
    session_timeout_s: float = 45.0
    transaction_timeout_s: float = 15.0
    snapshot_retention_days: float = DEFAULT_SNAPSHOT_RETENTION_DAYS
    """How long ltv.snapshots keeps them, where the consumer creates it."""
    complete_within_s: float = 10.0
    """A snapshot is complete if the oldest record that it does not count is at most so old."""
    until_end: bool = False
    connect_timeout_s: float = 60.0
    """With until_end: how long to wait for the first connection to the cluster; without it there is no limit."""
    transport: Transport = "kafka-python"
    """Which client talks to Kafka; confluent is faster, and an extra to install."""
    max_dead_letters: int | None = None
    """Stop when this run has set aside more than so many."""
    max_dead_letter_ratio: float = 0.5
    """Stop when more than this share of the last some thousand records was invalid; 1 = never."""

    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = None
    """Of the first worker; the others count up from it. None: no metrics are served."""

    @property
    def transactional_id(self) -> str:
        """Unique per application and instance: what a restarted worker fences its dead self by."""
        return f"{self.topics.prefix}-{self.instance_id}"
