"""The private members of kafka-python that we use exist in the installed version, whose minor version is pinned.

If one was removed or renamed, read kafka-python's change, fix the module named here, and raise pyproject.toml's pin.
"""

import inspect
import re
from functools import cache
from pathlib import Path
from typing import Any

import kafka
import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.cluster import ClusterMetadata
from kafka.consumer.fetcher import Fetcher
from kafka.coordinator.consumer import ConsumerCoordinator
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.transport import KafkaTCPTransport
from kafka.producer.sender import Sender
from kafka.producer.transaction_manager import TransactionManager
from kafka.protocol.parser import KafkaProtocol
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.memory_records import MemoryRecords

VERIFIED = "3.0"
PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"

USED: list[tuple[type[Any], str, str]] = [
    *(
        (KafkaConsumer, name, "consumer/stream/transport/kafka_python.py, cluster/log_reader.py")
        for name in ("_cluster", "_coordinator", "_fetcher")
    ),
    *(
        (KafkaProducer, name, "cluster/transactional_client.py, kafka_python.py")
        for name in ("_sender", "_transaction_manager")
    ),
    *(
        (ClusterMetadata, name, "cluster/log_reader.py, kafka_python.py")
        for name in ("set_topics", "topic_id", "leader_for_partition")
    ),
    *(
        (ConsumerCoordinator, name, "consumer/stream/transport/kafka_python.py: joins and fenced instances")
        for name in (
            *("_handle_metadata_update", "_cluster", "_join_task", "_heartbeat_enabled"),
            *(
                "request_rejoin",
                "stable",
                "state",
                "rejoining",
                "rejoin_needed",
                "_lock",
                "_net",
                "_generation",
            ),
            *("_enable_heartbeat", "_on_join_complete_async"),
        )
    ),
    *(
        (TransactionManager, name, "cluster/transactional_client.py: transactions with a deadline")
        for name in ("send_offsets_to_transaction", "begin_commit", "begin_abort")
    ),
    *(
        (TransactionManager, name, "consumer/stream/transport/kafka_python.py: the group's coordinator")
        for name in ("_consumer_group_coordinator", "_lookup_coordinator")
    ),
    *(
        (Sender, name, "transactional_client.py, producer/publisher.py: closing, waking, keeping requests")
        for name in ("wakeup", "force_close", "join", "add_topic", "_client")
    ),
    *((KafkaNetClient, name, "transactional_client.py: _keep_requests") for name in ("await_ready", "poll")),
    *(
        (Fetcher, name, "consumer/stream/transport/fetches.py")
        for name in (
            "_handle_fetch_response",
            "_fetchable_partitions",
            "_select_read_replica",
            "_subscriptions",
        )
    ),
    *(
        (Fetcher.PartitionRecords, name, "cluster/fetched.py")
        for name in (
            *(
                "take",
                "_maybe_skip_record",
                "_unpack_records",
                "drain",
                "record_iterator",
                "_next_inline_exception",
            ),
            *("_consume_aborted_transactions_up_to", "_contains_abort_marker", "_is_batch_aborted"),
            *("aborted_producer_ids", "check_crcs", "fetch_offset", "next_fetch_offset", "leader_epoch"),
            *("bytes_read", "records_read"),
        )
    ),
    *(
        (KafkaTCPTransport, name, "cluster/frames.py")
        for name in (
            *("_read_from_sock", "_read", "_closed", "_net", "_sock", "_protocol", "last_read", "abort"),
        )
    ),
    (KafkaProtocol, "_rbuffer", "cluster/frames.py"),
    (KafkaConnectionManager, "_build_transport", "cluster/frames.py"),
    *(
        (DefaultRecordBatch, name, "cluster/fetched.py, cluster/record_batch.py")
        for name in (
            *("_buffer", "attributes", "records_count", "base_offset", "last_offset", "last_offset_delta"),
            *("next_offset", "has_producer_id", "producer_id", "is_control_batch", "validate_crc", "magic"),
            *("leader_epoch", "size_in_bytes", "timestamp_type", "first_timestamp", "max_timestamp"),
            "HEADER_STRUCT",
        )
    ),
    *((MemoryRecords, name, "cluster/fetched.py") for name in ("_next_slice", "_cache_next")),
]


@cache
def members(of: type[Any]) -> frozenset[str]:
    """The members of the class and its bases, and the attributes that their methods set."""
    found: set[str] = set()
    for each in of.__mro__[:-1]:
        found |= vars(each).keys()
        found.update(re.findall(r"\bself\.(\w+)\s*(?:,[^=\n]*)?=", inspect.getsource(each)))
    return frozenset(found)


@pytest.mark.parametrize(("of", "name", "where"), USED, ids=[f"{of.__name__}.{name}" for of, name, _ in USED])
def test_the_member_exists(of: type[Any], name: str, where: str) -> None:
    assert name in members(of), (  # type: ignore[arg-type]  # mypy: a type is not hashable.
        f"kafka-python {kafka.__version__} has no {of.__module__}.{of.__name__}.{name} any more; used in {where}"
    )


def test_a_removed_member_would_be_found() -> None:
    assert "_no_such_member" not in members(ConsumerCoordinator)


def test_the_verified_minor_version_is_pinned() -> None:
    assert kafka.__version__.startswith(f"{VERIFIED}."), f"verify the members above with {kafka.__version__}"
    assert re.search(r'"kafka-python>=3\.0\.\d+,<3\.1"', PYPROJECT.read_text())
