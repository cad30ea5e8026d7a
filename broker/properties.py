"""The settings of a single node that is both broker and controller: small, quick to start, on 127.0.0.1 only."""

from collections.abc import Mapping
from typing import Final

HOST: Final = "127.0.0.1"
DATA_FOLDER: Final = "data"
"""Relative to the working directory."""

SINGLE_NODE: Final[Mapping[str, str]] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "log.dirs": DATA_FOLDER,
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),  # From the heap; Kafka's default is 128 MiB.
}


def properties(port: int, controller_port: int, settings: Mapping[str, str]) -> str:
    """The text of server.properties; `settings` override the others."""
    ours = {
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
    }
    return "".join(f"{name}={value}\n" for name, value in {**SINGLE_NODE, **ours, **settings}.items())
