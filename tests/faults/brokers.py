"""Real brokers for fault injection: one node, one node behind a proxy, three nodes."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from broker.embedded import EmbeddedBroker
from broker.properties import HOST
from broker.readiness import free_ports

QUICK: Final[Mapping[str, str]] = {
    "group.min.session.timeout.ms": "1000",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
}
"""Settings that shorten a test's waits."""


@contextmanager
def one_node(
    settings: Mapping[str, str] | None = None, data_dir: Path | None = None, port: int | None = None
) -> Iterator[EmbeddedBroker]:
    """A broker for one test: it can be killed, and restarted with its data."""
    with EmbeddedBroker(port, data_dir, {**QUICK, **(settings or {})}) as broker:
        yield broker


@contextmanager
def proxied_node(proxy_port: int, behind_port: int) -> Iterator[EmbeddedBroker]:
    """A broker that advertises `proxy_port` to clients of `behind_port`, and its own port to others."""
    port, controller = [free for free in free_ports(3) if free != behind_port][:2]
    settings = {
        **QUICK,
        "listeners": f"PLAINTEXT://{HOST}:{port},PROXIED://{HOST}:{behind_port},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port},PROXIED://{HOST}:{proxy_port}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.quorum.voters": f"1@{HOST}:{controller}",
    }
    with EmbeddedBroker(port=port, settings=settings) as broker:
        yield broker


@contextmanager
def three_nodes() -> Iterator[list[EmbeddedBroker]]:
    """Three brokers, each also a controller; topics have three replicas, and min.insync.replicas is 2."""
    free = free_ports(6)
    ports = list(zip(free[:3], free[3:], strict=True))
    voters = ",".join(f"{i}@{HOST}:{controller}" for i, (_, controller) in enumerate(ports, 1))
    with ExitStack() as opened:
        nodes = [
            EmbeddedBroker(
                port=port,
                settings={
                    **QUICK,
                    "node.id": str(number),
                    "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller}",
                    "controller.quorum.voters": voters,
                    "default.replication.factor": "3",
                    "min.insync.replicas": "2",
                    "offsets.topic.replication.factor": "3",
                    "transaction.state.log.replication.factor": "3",
                    "transaction.state.log.min.isr": "2",
                    # A dead leader is detected within 3 s instead of 9, a lagging follower within 5 s instead of 30.
                    "broker.session.timeout.ms": "3000",
                    "broker.heartbeat.interval.ms": "500",
                    "replica.lag.time.max.ms": "5000",
                },
            )
            for number, (port, controller) in enumerate(ports, 1)
        ]
        for node in nodes:
            opened.callback(node.close)
        # No node becomes ready before two of them run.
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(EmbeddedBroker.start, nodes))
        yield nodes
