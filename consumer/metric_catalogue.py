"""Every metric of consumers and publishers; the dashboard's are in `dashboard/dashboard_metrics.py`.

A consumer counts nothing for each event: its metrics change at commits, rebalances and restores, and once a second.
"""

from typing import Final

from web.catalogued_registry import CatalogueEntry

_OF_PARTITION: Final = ("partition",)

WORKER_METRICS: Final = (
    CatalogueEntry(
        "ltv_build_info",
        "gauge",
        "",
        ("version", "python", "core"),
        "1; the build, and its core (python or native), run here",
    ),
    CatalogueEntry("ltv_ready", "gauge", "", (), "1 while every assigned partition is restored and running"),
    CatalogueEntry("ltv_partitions", "gauge", "partitions", (), "Events partitions assigned to this worker"),
    CatalogueEntry(
        "ltv_partition_state",
        "gauge",
        "",
        ("partition", "state"),
        "1 for the partition's state: restoring, running or suspended (a rebalance has revoked it)",
    ),
    CatalogueEntry(
        "ltv_rebalances_total", "counter", "rebalances", (), "Assignments received from the group"
    ),
    CatalogueEntry("ltv_customers", "gauge", "customers", (), "Customers in this worker's state"),
    CatalogueEntry("ltv_orders", "gauge", "orders", (), "Orders in this worker's state"),
    CatalogueEntry(
        "ltv_state_bytes", "gauge", "bytes", (), "Memory of the state, estimated from customers and orders"
    ),
    CatalogueEntry(
        "ltv_records_total", "counter", "records", (), "Records committed: events ingested and dead letters"
    ),
    CatalogueEntry("ltv_events_total", "counter", "events", ("type",), "Events ingested and committed"),
    CatalogueEntry(
        "ltv_dead_letters_total", "counter", "records", ("reason",), "Records committed as dead letters"
    ),
    CatalogueEntry(
        "ltv_consecutive_dead_letters",
        "gauge",
        "records",
        _OF_PARTITION,
        "Dead letters at the end of what is committed, without a valid event between them",
    ),
    CatalogueEntry(
        "ltv_lag_records",
        "gauge",
        "records",
        _OF_PARTITION,
        "Records of the partition that no commit counts yet; 0 if only markers and aborted records are left",
    ),
    CatalogueEntry(
        "ltv_lag_seconds",
        "gauge",
        "seconds",
        _OF_PARTITION,
        "Age of the oldest record of the partition that no commit counts yet; 0 if there is none",
    ),
    CatalogueEntry(
        "ltv_event_time_age_seconds",
        "gauge",
        "seconds",
        _OF_PARTITION,
        "Time since the latest event_time of the partition's events; 0 if that is in the future",
    ),
    CatalogueEntry(
        "ltv_blocked_by_transaction_seconds",
        "gauge",
        "seconds",
        _OF_PARTITION,
        "Time for which an open transaction has kept records of the partition from being read",
    ),
    CatalogueEntry("ltv_commits_total", "counter", "commits", (), "Transactions committed"),
    CatalogueEntry(
        "ltv_aborted_commits_total", "counter", "commits", (), "Transactions begun whose commit failed"
    ),
    CatalogueEntry(
        "ltv_commit_seconds", "histogram", "seconds", (), "From the beginning of a transaction to its commit"
    ),
    CatalogueEntry(
        "ltv_rank_seconds", "histogram", "seconds", (), "Making a snapshot: its ranking, and its coverage"
    ),
    CatalogueEntry("ltv_changelog_bytes_total", "counter", "bytes", (), "Bytes written to the changelog"),
    CatalogueEntry(
        "ltv_changelog_rewrites_total",
        "counter",
        "rewrites",
        (),
        "Rewrites of a changelog partition completed",
    ),
    CatalogueEntry("ltv_snapshots_total", "counter", "snapshots", (), "Snapshots emitted"),
    CatalogueEntry(
        "ltv_snapshot_timestamp_seconds",
        "gauge",
        "seconds since 1970",
        (),
        "When this worker emitted its last snapshot; 0 if another worker emits them",
    ),
    CatalogueEntry(
        "ltv_snapshot_sequence", "gauge", "", (), "Sequence of that snapshot; 0 if another worker emits them"
    ),
    CatalogueEntry(
        "ltv_snapshot_behind_seconds",
        "gauge",
        "seconds",
        (),
        "behind_s of that snapshot; 0 if another worker emits them, or not every partition reports",
    ),
    CatalogueEntry(
        "ltv_restored_rows_total", "counter", "rows", (), "Customers and orders restored from the changelog"
    ),
    CatalogueEntry("ltv_restore_seconds_total", "counter", "seconds", (), "Time spent restoring"),
    CatalogueEntry(
        "ltv_restore_records_left",
        "gauge",
        "records",
        _OF_PARTITION,
        "Records of the changelog left to restore; a record has up to 1,000 rows",
    ),
    CatalogueEntry(
        "ltv_failed_sessions_total",
        "counter",
        "sessions",
        ("cause",),
        "Sessions that an error of the cluster ended, each followed by a retry",
    ),
)
"""The metrics of a worker, without those of its process (process_*), which the Prometheus client adds."""

PARENT_METRICS: Final = (
    CatalogueEntry("ltv_worker_up", "gauge", "", ("worker",), "1 if the worker's own port has answered"),
    CatalogueEntry(
        "ltv_worker_restarts_total", "counter", "restarts", ("worker",), "Restarts of a worker that died"
    ),
)
"""What the parent of several workers adds."""


PUBLISHER_METRICS: Final = (
    CatalogueEntry(
        "ltv_publisher_sent_total", "counter", "events", (), "Events handed to the Kafka client for sending"
    ),
    CatalogueEntry(
        "ltv_publisher_delivered_total", "counter", "events", (), "Events acknowledged by all replicas"
    ),
    CatalogueEntry(
        "ltv_publisher_failed_total", "counter", "events", (), "Events that could not be delivered"
    ),
    CatalogueEntry(
        "ltv_publisher_invalid_total", "counter", "events", ("reason",), "Invalid events, which were not sent"
    ),
)
"""Those of `ltv publish` and `ltv produce`."""
