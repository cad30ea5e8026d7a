"""Prints the table of docs/threat-model.md: `python -m tests.faults.hostile_table`, with words of blows to choose some.

Each blow strikes a consumer of its own; a blow that the consumer does not survive has a row, too.
"""

import argparse
import json
import random
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

from tests.faults.brokers import one_node
from tests.faults.harness import application, last_line
from tests.faults.hostile import BLOWS, OPTIONS
from tests.faults.invariants import hold
from tests.faults.strike import TOPIC, Target

HEADINGS: Final = (
    "blow",
    "peak MiB above idle",
    "of that kept after a restart",
    "seconds to progress",
    "the log's last line",
)
SHOWN: Final = 240
"""Characters of a log's line."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="only blows whose names have one of these words")
    parser.add_argument("--within-s", type=float, default=60.0, help="the deadline of progress")
    chosen = parser.parse_args()
    names = [name for name in BLOWS if not chosen.words or any(word in name for word in chosen.words)]
    print(_line(*HEADINGS), _line(*("---" for _ in HEADINGS)), sep="\n")
    with one_node() as broker, tempfile.TemporaryDirectory() as directory:
        for name in names:
            print(row(broker.bootstrap_servers, Path(directory), name, chosen.within_s), flush=True)


def row(servers: str, directory: Path, name: str, within_s: float) -> str:
    """Strike a new consumer, and check the invariants; the row of the table.

    The consumer has its default settings, but for the intervals of the fault tests and OPTIONS.
    """
    seed = random.randrange(10**6)
    options = OPTIONS.get(name, ())
    with (
        application(servers, directory, seed, **TOPIC) as app,
        closing(Target(app, *options, within_s=within_s)) as target,
    ):
        target.start()
        try:
            struck = target.strike(BLOWS[name]())
            hold(app, events=target.written)
        except AssertionError as error:
            print(f"{name}: {error}", file=sys.stderr, flush=True)
            cause, said = str(error).splitlines()[0], last_line(target.worker.log)
            return _line(name, f"{target.peak_mib:,.0f} in all", "", f"fails: {cause}", _event(said))
        memory = (f"{mib:,.0f}" for mib in (struck.peak_mib, max(0.0, struck.restarted_mib)))
        return _line(name, *memory, f"{struck.seconds:.1f}", _event(struck.last_line))


def _line(*cells: str) -> str:
    """One line of a Markdown table."""
    return f"| {' | '.join(_short(cell) for cell in cells)} |"


def _event(line: str) -> str:
    """A line of the log without its time; an error message as it is."""
    try:
        return " ".join(str(value) for name, value in json.loads(line).items() if name in {"event", "cause"})
    except ValueError:
        return line


def _short(text: str) -> str:
    line = " ".join(text.split()).replace("|", "/")
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}..."


if __name__ == "__main__":
    main()
