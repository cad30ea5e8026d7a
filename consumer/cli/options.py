"""The flags that every command which reads from Kafka shares."""

from typing import Annotated

import typer

from contract.topics import DEFAULT_PREFIX

BootstrapServers = Annotated[
    str | None,
    typer.Option(
        envvar="KAFKA_BOOTSTRAP_SERVERS",
        metavar="HOST:PORT,...",
        help="The Kafka brokers; localhost:9092 unless told. Further settings come from "
        "KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_*, KAFKA_SSL_*.",
        show_default=False,
    ),
]
Prefix = Annotated[
    str,
    typer.Option(
        envvar="LTV_PREFIX",
        help=f"What the application's topic names begin with ({DEFAULT_PREFIX}.snapshots).",
    ),
]
