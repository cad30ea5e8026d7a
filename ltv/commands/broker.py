"""`ltv broker start` and `ltv broker fetch`. What they need beyond the core is imported when they run."""

import sys
import time
from pathlib import Path
from typing import Annotated, Final

import typer

from ltv.console.progress import download_progress
from ltv.stop_signals import StopSignals

DEFAULT_PORT: Final = 9092

broker_app = typer.Typer(no_args_is_help=True, help="Run a real Apache Kafka broker on this machine.")


@broker_app.command()
def start(
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Where clients connect, on 127.0.0.1.")
    ] = DEFAULT_PORT,
    data: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="Keep the data here.", show_default="gone at the end"),
    ] = None,
) -> None:
    """Run Apache Kafka in the foreground, until Ctrl-C or SIGTERM."""
    from broker import jars
    from broker.embedded import EmbeddedBroker

    jars.fetch(progress=download_progress)
    started = time.monotonic()
    try:
        with StopSignals().watched(), EmbeddedBroker(port, data) as broker:
            print(f"Apache Kafka {jars.KAFKA_VERSION} at {broker.bootstrap_servers}", flush=True)
            _say(f"ready in {time.monotonic() - started:.1f} s; data in {broker.data_dir}")
            _say(f"in other terminals: export KAFKA_BOOTSTRAP_SERVERS={broker.bootstrap_servers}")
            _say("Ctrl-C stops it")
            broker.wait()
    except KeyboardInterrupt:
        _say("stopped")


@broker_app.command()
def fetch() -> None:
    """Download what the broker needs, once, and check it against its checksums."""
    from broker import jars

    paths = jars.fetch(progress=download_progress)
    _say(f"Apache Kafka {jars.KAFKA_VERSION}: {len(paths)} jars here, checksums right")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
