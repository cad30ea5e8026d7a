"""A connected log reader, for the commands that read the consumer's topics."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cluster.log_reader import LogReader


@contextmanager
def connected_log_reader(bootstrap_servers: str | None, **settings: Any) -> Iterator["LogReader"]:
    """A `LogReader` with these settings, closed after the block; the Kafka client is imported only here."""
    from cluster.diagnose import silence_client_logs
    from cluster.log_reader import LogReader
    from cluster.settings import Cluster

    silence_client_logs()
    with LogReader(Cluster.at(bootstrap_servers), **settings) as reader:
        yield reader
