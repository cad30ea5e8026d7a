"""`ltv dead-letters redrive`: send the events of dead letters back to their topic, each once."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from contract.dead_letters import DEFAULT_MAX_ATTEMPTS
from contract.errors import LtvError
from contract.partitioners import DEFAULT_PARTITIONER
from contract.topics import DEFAULT_PREFIX, Topics
from ltv.connected_log_reader import connected_log_reader
from ltv.console.json_line import print_json
from ltv.console.lines import print_line, say
from ltv.exit_codes import STOPPED
from ltv.letter_options import (
    LetterCustomer,
    LetterReason,
    LetterSource,
    LettersSince,
    letter_filter,
    since_ms_of,
)
from ltv.options import AsJson, BootstrapServers, Prefix, TopicPartitioner
from ltv.stop_signals import StopFlag

if TYPE_CHECKING:
    from cluster.settings import Cluster
    from cluster.transactional_client import TransactionalClient

FETCH_BYTES: Final = 1024 * 1024
"""Each batch reads on from where the last one ended."""
PATIENCE_S: Final = 60.0
"""How long to wait for what a redrive that was killed has left open."""
TRANSACTION_TIMEOUT_S: Final = 30.0
"""While a transaction is open, the consumer can't read what comes behind it."""


def redrive_dead_letters(
    reason: LetterReason = None,
    since: LettersSince = None,
    customer: LetterCustomer = None,
    source: LetterSource = None,
    set_key: Annotated[
        bool, typer.Option("--set-key", help="Give an event with a wrong key its customer's id as key.")
    ] = False,
    max_attempts: Annotated[
        int,
        typer.Option(min=1, help="Leave events that were redriven this often and were invalid each time."),
    ] = DEFAULT_MAX_ATTEMPTS,
    rate: Annotated[
        float | None, typer.Option(min=0.1, help="Events a second at most.", show_default="no limit")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be redriven and left; send nothing.")
    ] = False,
    as_json: AsJson = False,
    partitioner: TopicPartitioner = DEFAULT_PARTITIONER,
    bootstrap_servers: BootstrapServers = None,
    prefix: Prefix = DEFAULT_PREFIX,
) -> None:
    """Send the events of dead letters back to their topic: the original bytes, key and headers, on the right partition.

    First mend the cause. Each event is sent once, however often the command dies or is run: run it again, and it goes
    on. A second run stops the first. The header ltv.attempts counts how often an event was redriven. An event that is
    still invalid becomes a dead letter again. Dead letters that are not whole are left; the output says why.
    """
    from administration.redrive import Redrive, RedriveOptions
    from administration.redriven_marks import read_marks
    from cluster.settings import Cluster

    topics, cluster = Topics(prefix=prefix), Cluster.at(bootstrap_servers)
    options = RedriveOptions(
        letters=letter_filter(reason, customer, source),
        since_ms=since_ms_of(since),
        set_key=set_key,
        max_attempts=max_attempts,
        partitioner=partitioner,
        rate=rate,
    )
    with connected_log_reader(bootstrap_servers, fetch_bytes=FETCH_BYTES, patience_s=PATIENCE_S) as reader:
        reader.partitions(topics.dead_letters)
        if dry_run:
            survey = Redrive(reader, topics, options, read_marks(reader, topics), _limit_of(cluster)).survey()
            _print(survey, topics, as_json=as_json, dry_run=True)
            return
        stop = StopFlag(_stopped_without_answer)
        with _writer(cluster, topics) as writer:
            redrive = Redrive(reader, topics, options, read_marks(reader, topics), _limit_of(cluster))
            if not as_json:
                _print(redrive.survey(), topics, as_json=False, dry_run=True)
            try:
                redrive.run(writer, should_stop=stop, clock=time.monotonic, sleep=time.sleep)
            except LtvError:
                say(
                    f"redriven before the error: {redrive.tally.redriven.total():,}; run it again for the rest"
                )
                raise
        _print(redrive.tally, topics, as_json=as_json, stopped=stop())
    if stop():
        raise typer.Exit(STOPPED)


def _stopped_without_answer() -> int:
    say("stopped while Kafka does not answer; run it again for the rest")
    return STOPPED


@contextmanager
def _writer(cluster: "Cluster", topics: Topics) -> Iterator["TransactionalClient"]:
    """The topic of the marks, and a client that has fenced every other redrive of this prefix."""
    from kafka import KafkaAdminClient

    from cluster.diagnose import connecting
    from cluster.errors import client_errors
    from cluster.topic_setup import ensure_topics
    from cluster.transactional_client import TransactionalClient

    with connecting(cluster, "creating topics"), closing(KafkaAdminClient(**_settings(cluster))) as admin:
        ensure_topics(admin, [topics.redriven_spec()])
    with client_errors("beginning a redrive"):
        client = TransactionalClient(cluster, f"{topics.prefix}-redrive", TRANSACTION_TIMEOUT_S)
    with closing(client):
        yield client


def _settings(cluster: "Cluster") -> dict[str, Any]:
    return cluster.client_settings("ltv-redrive-admin")


def _limit_of(cluster: "Cluster") -> Any:
    from cluster.topic_setup import max_message_bytes

    return lambda topic: max_message_bytes(cluster, topic)


def _print(
    tally: Any, topics: Topics, *, as_json: bool, dry_run: bool = False, stopped: bool = False
) -> None:
    from ltv.console.redrive_view import DONE, PLANNED, redrive_json, redrive_lines

    if as_json:
        print_json(redrive_json(tally, topics.dead_letters, dry_run=dry_run, stopped=stopped))
        return
    for line in redrive_lines(tally, topics.dead_letters, PLANNED if dry_run else DONE):
        print_line(line)
    if stopped:
        say("stopped; run it again for the rest")
