"""`ltv report`: pictures of the customers, as one page."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from contract.errors import InvalidEvent, counted
from contract.partitioners import DEFAULT_PARTITIONER, Partitioner
from contract.topics import DEFAULT_EVENTS_TOPIC
from files.input import check_inputs
from files.output import open_output
from files.same_file import refuse_same_files
from ltv.connected_log_reader import connected_log_reader
from ltv.console.consoles import stderr_console
from ltv.console.lines import say
from ltv.console.progress import file_progress, offset_progress
from ltv.gc_pause import gc_paused
from ltv.options import BootstrapServers, EventsTopic, TopicPartitioner
from ltv.report_when_stopped import report_when_stopped

if TYPE_CHECKING:
    from report.customer_figures import CustomerFigures


def report(
    files: Annotated[
        list[str] | None,
        typer.Argument(help="Files of events, as for `ltv batch`; - is standard input.", show_default=False),
    ] = None,
    from_topic: Annotated[
        bool, typer.Option("--from-topic", help="Read the events of the topic, up to its present end.")
    ] = False,
    out: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="The page; - is standard output.")
    ] = "report.html",
    partitioner: TopicPartitioner = DEFAULT_PARTITIONER,
    events_topic: EventsTopic = DEFAULT_EVENTS_TOPIC,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Write pictures of the customers as one page: distributions, cohorts, both bases, the leaders over time.

    The page needs no network and no script, can be printed, follows the reader's light or dark setting, and has a text
    for each picture. Invalid events are left out, and counted.
    """
    from report.page import report_page

    if from_topic == bool(files):
        raise typer.BadParameter("give files of events, or --from-topic", param_hint="FILES, --from-topic")
    check_inputs(files or [])
    refuse_same_files(files or [], [out])
    with report_when_stopped(lambda: f"{out} was not written"):
        if files:
            figures, source = _of_files(files), ", ".join(files)
        else:
            figures, source = (
                _of_topic(bootstrap_servers, events_topic, partitioner),
                f"the topic {events_topic}",
            )
        with open_output(out) as file:
            file.write(report_page(figures, source, datetime.now(UTC)).encode())
    say(f"{counted(figures.events, 'event')} of {counted(figures.customers, 'customer')} in pictures: {out}")


def _of_files(paths: list[str]) -> "CustomerFigures":
    from consumer.batch import Batch
    from consumer.domain.aggregate import Aggregate
    from report.customer_figures import figures_of

    state = Aggregate(notes_changes=False)
    run = Batch(on_rejected=_count_only, state=state)
    with file_progress(paths, stderr_console()) as progress, gc_paused():
        for path in paths:
            progress.file(path)
            for size in run.ingest_file(path):
                progress.advance(size, lambda: state.events)
        return figures_of([state], run.rejected)


def _count_only(path: str, line: int, value: bytes, error: InvalidEvent) -> None:
    """`Batch` counts them."""


def _of_topic(bootstrap_servers: str | None, topic: str, partitioner: Partitioner) -> "CustomerFigures":
    from report.customer_figures import figures_of
    from report.topic_states import TopicStates

    with connected_log_reader(bootstrap_servers) as reader:
        counting = TopicStates(reader, topic, partitioner)
        with offset_progress(counting.offsets) as advance, gc_paused():
            for passed in counting.read():
                advance(passed)
            return figures_of(list(counting.states.values()), counting.invalid)
