"""The settings of a consumer, in one place. `ltv consume` fills them from options and LTV_* variables."""

from dataclasses import dataclass, field

from cluster.record_batch import DEFAULT_MAX_BATCH_BYTES
from cluster.settings import Cluster
from contract.access_token import AccessToken
from contract.partitioners import DEFAULT_PARTITIONER, Partitioner
from contract.snapshots import Basis
from contract.topics import DEFAULT_SNAPSHOT_RETENTION_DAYS, Topics


@dataclass(frozen=True)
class Settings:
    """The settings of one consumer process (a worker), or the template for several."""

    cluster: Cluster
    topics: Topics = field(default_factory=Topics)
    group: str = "ltv"
    instance_id: str = "ltv"
    """The same after a restart: group.instance.id, and part of the transactional.id."""
    partitioner: Partitioner = DEFAULT_PARTITIONER
    """The partitioner of the events topic's producers: customers on other partitions than it says are not counted."""
    top: int = 10
    basis: Basis = "active"
    snapshot_interval_s: float = 5.0
    commit_interval_s: float = 1.0
    session_timeout_s: float = 45.0
    transaction_timeout_s: float = 15.0
    snapshot_retention_days: float = DEFAULT_SNAPSHOT_RETENTION_DAYS
    """How long ltv.snapshots keeps snapshots; used only when the consumer creates the topic."""
    complete_within_s: float = 10.0
    """A snapshot is complete if the oldest record that it does not count is at most this old."""
    max_batch_bytes: int = DEFAULT_MAX_BATCH_BYTES
    """A record batch of the events topic that unpacks to more bytes becomes one dead letter."""
    max_event_time_ahead_s: float | None = None
    """Events later than their record's timestamp by more than this are invalid; None: no limit."""
    blocked_after_s: float = 60.0
    """How long an open transaction may hold records back; then the log and snapshots say so, and until_end fails."""
    until_end: bool = False
    connect_timeout_s: float = 60.0
    """With until_end: how long to wait for the first connection to the cluster; without until_end, no limit."""
    max_dead_letters: int | None = None
    """Stop when this run has found more invalid events than this; None: no limit."""
    max_dead_letter_ratio: float = 0.5
    """Stop when more than this share of the last 1,000 to 10,000 records is invalid; 1: never."""
    max_consecutive_dead_letters: int | None = None
    """Stop when more invalid events than this follow each other on a partition; None: no limit."""
    metrics_host: str = "127.0.0.1"
    metrics_allowed_hosts: tuple[str, ...] = ()
    """Names that requests to the metrics port may have as Host, beside those that `AllowedHosts` has of itself."""
    metrics_port: int | None = None
    """The port of a single worker, or of the parent of several, which have the ports after it. None: nothing served."""

    advertised_url: str | None = None
    """The address at which this worker's HTTP port is reached, for subscribers; None: it serves none."""
    worker_id: str = ""
    """Distinguishes this worker from any other that may answer at the same address."""
    access_token: AccessToken | None = None
    """Required of those who ask for a customer; None: nothing is required."""

    @property
    def transactional_id(self) -> str:
        """Unique per application and instance; with it, a restarted worker fences its predecessor."""
        return f"{self.topics.prefix}-{self.instance_id}"
