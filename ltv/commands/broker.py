"""`ltv broker start` and `ltv broker fetch`. They import the packages of the extra `embedded` only when they run."""

import os
import time
from pathlib import Path
from typing import Annotated, Final

import typer

from contract.errors import counted
from ltv.console.json_line import print_json
from ltv.console.lines import print_line, say
from ltv.console.progress import download_progress
from ltv.options import AsJson
from ltv.stop_signals import StopSignals

DEFAULT_PORT: Final = 9092

broker_app = typer.Typer()


@broker_app.command()
def start(
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Port for clients, on 127.0.0.1.")
    ] = DEFAULT_PORT,
    data: Annotated[
        Path | None,
        typer.Option(
            file_okay=False,
            help="Keep the data in this folder.",
            show_default="a temporary folder",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run Apache Kafka in the foreground, until Ctrl-C or SIGTERM."""
    from broker import jars
    from broker.embedded import EmbeddedBroker
    from broker.running import brokers_folder, noted_as_running

    jars.fetch(progress=download_progress)
    started = time.monotonic()
    try:
        with (
            StopSignals().watched(),
            noted_as_running(port, brokers_folder()),
            EmbeddedBroker(port, data) as broker,
        ):
            if as_json:
                print_json(
                    {
                        "bootstrap_servers": broker.bootstrap_servers,
                        "version": jars.KAFKA_VERSION,
                        "data": str(broker.data_dir),
                        "pid": os.getpid(),
                    }
                )
            else:
                print_line(f"Apache Kafka {jars.KAFKA_VERSION} at {broker.bootstrap_servers}")
            say(f"ready in {time.monotonic() - started:.1f} s; data in {broker.data_dir}")
            say(f"in other terminals: export KAFKA_BOOTSTRAP_SERVERS={broker.bootstrap_servers}")
            say("Ctrl-C stops the broker, or `ltv broker stop`")
            broker.wait()
    except KeyboardInterrupt:
        say("stopped")


@broker_app.command()
def stop(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The broker's port.")] = DEFAULT_PORT,
    as_json: AsJson = False,
) -> None:
    """Stop the broker that `ltv broker start` of this user runs on a port, and wait until it has ended."""
    from broker.running import brokers_folder, stop_broker_of

    stop_broker_of(port, brokers_folder())
    if as_json:
        print_json({"port": port, "stopped": True})
    else:
        say(f"the broker on port {port} is stopped")


@broker_app.command()
def fetch(as_json: AsJson = False) -> None:
    """Download the broker's jars, once, and check their checksums."""
    from broker import jars

    paths = jars.fetch(progress=download_progress)
    if as_json:
        print_json({"version": jars.KAFKA_VERSION, "jars": len(paths)})
        return
    say(f"Apache Kafka {jars.KAFKA_VERSION}: {counted(len(paths), 'jar')} present, checksums correct")
