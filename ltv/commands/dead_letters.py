"""`ltv dead-letters`: show the dead letters."""

from collections import Counter
from itertools import islice
from typing import Annotated, Final

import typer
from rich.text import Text

from contract.topics import DEFAULT_PREFIX, Topics
from files.output import open_output
from ltv.commands.dead_letters_export import export_dead_letters
from ltv.commands.dead_letters_redrive import redrive_dead_letters
from ltv.commands.dead_letters_show import show_dead_letter
from ltv.connected_log_reader import connected_log_reader
from ltv.console.consoles import stderr_console, stdout_console
from ltv.console.letter_view import histogram_lines, letter_text, no_letter_of_reason, summary
from ltv.console.lines import print_line, say
from ltv.letter_options import LetterReason
from ltv.options import BootstrapServers, Prefix

DEFAULT_LIMIT: Final = 50
FETCH_BYTES: Final = 1024 * 1024
"""Fetched at once: what is fetched beyond the letters that are shown is read for nothing."""

dead_letters_app = typer.Typer()


@dead_letters_app.command("list")
def dead_letters_list(
    limit: Annotated[int, typer.Option(min=0, help="How many to show; 0 shows all.")] = DEFAULT_LIMIT,
    reason: LetterReason = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line per dead letter.")] = False,
    bootstrap_servers: BootstrapServers = None,
    prefix: Prefix = DEFAULT_PREFIX,
) -> None:
    """Show the dead letters, newest first: why the event is invalid, where it was read, its key and its payload.

    Unless --limit is 0, the output begins with the numbers of those that are shown, by reason. With --json, a key or
    payload that is not UTF-8 is in key_base64 or payload_base64.
    """
    from subscriber.letters import as_json_line, newest_letters

    topic = Topics(prefix=prefix).dead_letters
    shown: Counter[str] = Counter()
    others: Counter[str] = Counter()

    def is_wanted(found: str) -> bool:
        if reason in {None, found}:
            return True
        others[found] += 1
        return False

    console = stdout_console()
    texts: list[Text] = []
    with connected_log_reader(bootstrap_servers, fetch_bytes=FETCH_BYTES) as reader, open_output("-") as file:
        for letter in islice(newest_letters(reader, topic, is_wanted), limit or None):
            shown[letter.reason] += 1
            if as_json:
                file.write(as_json_line(letter) + b"\n")
            elif limit:
                texts.append(letter_text(letter, console.width))
            else:
                console.print(letter_text(letter, console.width), soft_wrap=not console.is_terminal)
    for line in histogram_lines(shown) if texts else ():
        print_line(line)
    for text in texts:
        console.print(text, soft_wrap=not console.is_terminal)
    if reason and not shown:
        stderr_console().print(no_letter_of_reason(reason, topic, others))
    else:
        stderr_console().print(summary(shown, topic, limited=bool(limit) and shown.total() == limit))
    if shown and console.is_terminal and not as_json:
        say("`ltv dead-letters show PARTITION:OFFSET` shows one whole")


dead_letters_app.command("show")(show_dead_letter)
dead_letters_app.command("export")(export_dead_letters)
dead_letters_app.command("redrive")(redrive_dead_letters)
