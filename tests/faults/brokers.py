"""Real brokers that are there to be hurt: one node, with an address through a proxy, three nodes."""

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
"""What a test may wait for comes sooner."""


@contextmanager
def one_node(
    settings: Mapping[str, str] | None = None, data_dir: Path | None = None, port: int | None = None
) -> Iterator[EmbeddedBroker]:
    """A broker of this test's own: it can be killed, and started again with its data."""
    with EmbeddedBroker(port, data_dir, {**QUICK, **(settings or {})}) as broker:
        yield broker


@contextmanager
def proxied_node(proxy_port: int, behind_port: int) -> Iterator[EmbeddedBroker]:
    """A broker that tells clients who come to `behind_port` to come to `proxy_port`, and others its own port."""
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
    """Three brokers, each a controller too; every topic is kept three times, and two must have a record."""
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
                    # A dead leader is noticed in 3 s instead of 9, a follower that lags in 5 s instead of 30.
                    "broker.session.timeout.ms": "3000",
                    "broker.heartbeat.interval.ms": "500",
                    "replica.lag.time.max.ms": "5000",
                },
            )
            for number, (port, controller) in enumerate(ports, 1)
        ]
        for node in nodes:
            opened.callback(node.close)
        # None is ready before two of them are.
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(EmbeddedBroker.start, nodes))
        yield nodes
