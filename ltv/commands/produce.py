"""`ltv produce`: send the events of a simulated shop to Kafka, live."""

import time
from typing import Annotated

import typer

from cluster.settings import Cluster
from contract.errors import counted
from contract.partitioners import DEFAULT_PARTITIONER
from contract.topics import DEFAULT_EVENTS_TOPIC
from ltv.console.json_line import print_json
from ltv.console.lines import say
from ltv.options import (
    DEFAULT_PUBLISHER_HOST,
    AsJson,
    BootstrapServers,
    EventsTopic,
    PublisherHost,
    PublisherPort,
    TopicPartitioner,
)
from ltv.stop_signals import StopFlag
from producer.delivery import MAX_DISORDER, Faults
from producer.live_shop import run_shop
from producer.publisher import Publisher, publisher


def produce(
    rate: Annotated[float, typer.Option(min=0.001, envvar="LTV_RATE", help="Events per second.")] = 100,
    count: Annotated[
        int | None, typer.Option(min=1, help="Stop after this many events.", show_default="until Ctrl-C")
    ] = None,
    customers: Annotated[
        int, typer.Option(min=1, help="How many customers the shop has; they arrive one by one.")
    ] = 1_000,
    seed: Annotated[
        int | None, typer.Option(help="The same seed gives the same shop.", show_default="the clock")
    ] = None,
    disorder: Annotated[
        float, typer.Option(min=0, max=MAX_DISORDER, help="Share of events that are late.")
    ] = 0.0,
    duplicates: Annotated[float, typer.Option(min=0, max=0.5, help="Share of second deliveries.")] = 0.0,
    rubbish: Annotated[float, typer.Option(min=0, max=1, help="Share of invalid events.")] = 0.0,
    events_topic: EventsTopic = DEFAULT_EVENTS_TOPIC,
    partitioner: TopicPartitioner = DEFAULT_PARTITIONER,
    metrics_port: PublisherPort = None,
    metrics_host: PublisherHost = DEFAULT_PUBLISHER_HOST,
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Send the events of a simulated shop to Kafka as they happen, until Ctrl-C; then print how many were delivered."""
    try:
        faults = Faults(disorder, duplicates, rubbish)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    connected: Publisher | None = None

    def stopped_without_answer() -> int:
        say(f"ltv: {connected.undelivered() if connected else 'stopped while Kafka does not answer'}")
        return 1

    should_stop = StopFlag(stopped_without_answer)
    with publisher(Cluster.at(bootstrap_servers), events_topic, partitioner=partitioner) as target:
        connected = target
        if metrics_port is not None:
            from ltv.publisher_port import serve_publisher

            serve_publisher(target, {}, metrics_host, metrics_port)
        seed = time.time_ns() if seed is None else seed
        run_shop(target, rate, count, should_stop, seed=seed, customers=customers, faults=faults)
        target.finish()
    if as_json:
        print_json({"topic": events_topic, "delivered": target.delivered})
    else:
        say(f"{counted(target.delivered, 'event')} delivered to {events_topic}")
