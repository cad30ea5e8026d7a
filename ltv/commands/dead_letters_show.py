"""`ltv dead-letters show`: one dead letter, whole, with all its headers."""

from typing import Annotated

import typer

from contract.errors import Fatal
from contract.topics import DEFAULT_PREFIX, Topics
from files.output import open_output
from ltv.connected_log_reader import connected_log_reader
from ltv.console.consoles import stdout_console
from ltv.console.letter_view import whole_letter_text
from ltv.letter_options import place_argument
from ltv.options import BootstrapServers, Prefix


def show_dead_letter(
    place: Annotated[
        str,
        typer.Argument(
            metavar="PARTITION:OFFSET",
            help="Where the invalid event was read, as `list` shows it.",
            show_default=False,
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as one JSON line.")] = False,
    bootstrap_servers: BootstrapServers = None,
    prefix: Prefix = DEFAULT_PREFIX,
) -> None:
    """Show the dead letter of one event, whole: why, where from, all headers, key and payload.

    If the event was set aside several times, because the consumer's position was reset, the newest is shown. The exit
    code is 1 if there is none.
    """
    from subscriber.letters import as_json_line, newest_letter_of, whole_letter_of

    partition, offset = place_argument(place)
    topic = Topics(prefix=prefix).dead_letters
    with connected_log_reader(bootstrap_servers) as reader:
        record = newest_letter_of(reader, topic, partition, offset)
    if record is None:
        raise Fatal(
            f"no dead letter on {topic} of the event at partition {partition}, offset {offset}: the event was valid, "
            "or is not read yet, or the topic's retention has deleted the dead letter. `ltv dead-letters list` "
            "shows the newest"
        )
    whole = whole_letter_of(record)
    if as_json:
        with open_output("-") as file:
            file.write(as_json_line(whole) + b"\n")
    else:
        stdout_console().print(whole_letter_text(whole), soft_wrap=True)
