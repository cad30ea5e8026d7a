"""`ltv dead-letters export`: dead letters as JSON lines, or the original events, into a file."""

from collections import Counter
from typing import Annotated

import typer

from contract.errors import counted
from contract.topics import DEFAULT_PREFIX, Topics
from files.output import open_output
from ltv.connected_log_reader import connected_log_reader
from ltv.console.lines import say
from ltv.letter_options import (
    LetterCustomer,
    LetterReason,
    LetterSource,
    LettersSince,
    letter_filter,
    since_ms_of,
)
from ltv.options import BootstrapServers, Prefix


def export_dead_letters(
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="Where to; - is standard output.")
    ] = "-",
    events: Annotated[
        bool, typer.Option("--events", help="Write the original events, one a line, in place of JSON.")
    ] = False,
    reason: LetterReason = None,
    since: LettersSince = None,
    customer: LetterCustomer = None,
    source: LetterSource = None,
    bootstrap_servers: BootstrapServers = None,
    prefix: Prefix = DEFAULT_PREFIX,
) -> None:
    """Write dead letters to a file, oldest first within a partition: JSON lines with all headers, as `show --json`.

    With --events each line is an event's original bytes, for mending and `ltv publish`. Events that are no line (cut,
    empty, with a line end, or a whole batch) are left out, and counted on standard error.
    """
    from administration.exported_event import event_line
    from administration.letter_range import LetterRange
    from subscriber.letters import as_json_line, whole_letter_of

    written: Counter[str] = Counter()
    left_out = 0
    topic = Topics(prefix=prefix).dead_letters
    with connected_log_reader(bootstrap_servers) as reader, open_output(output) as file:
        for record in LetterRange(
            reader, topic, letter_filter(reason, customer, source), since_ms_of(since)
        ).letters():
            whole = whole_letter_of(record)
            line = event_line(record) if events else as_json_line(whole)
            if line is None:
                left_out += 1
                continue
            file.write(line + b"\n")
            written[whole.letter.reason] += 1
    say(f"{counted(written.total(), 'dead letter')} of {topic} exported" + _by_reason(written))
    if left_out:
        say(f"{counted(left_out, 'dead letter')} left out: no event that is one line")


def _by_reason(written: Counter[str]) -> str:
    return (
        ": " + ", ".join(f"{reason} {number:,}" for reason, number in written.most_common())
        if written
        else ""
    )
