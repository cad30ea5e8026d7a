"""Prints the table of docs/threat-model.md: `python -m tests.faults.hostile_table`, with words of blows to choose some.

Each blow strikes a consumer of its own; a blow that the consumer does not survive has a row, too.
"""

import argparse
import random
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

from tests.faults.brokers import one_node
from tests.faults.harness import application, last_line
from tests.faults.hostile import BLOWS
from tests.faults.invariants import hold
from tests.faults.strike import TOPIC, Target

SHOWN: Final = 240
"""Characters of a log's line."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="only blows whose names have one of these words")
    parser.add_argument("--within-s", type=float, default=60.0, help="the deadline of progress")
    chosen = parser.parse_args()
    names = [name for name in BLOWS if not chosen.words or any(word in name for word in chosen.words)]
    print(
        "| blow | peak MiB above idle | seconds to progress | the log's last line |\n| --- | --- | --- | --- |"
    )
    with one_node() as broker, tempfile.TemporaryDirectory() as directory:
        for name in names:
            print(row(broker.bootstrap_servers, Path(directory), name, chosen.within_s), flush=True)


def row(servers: str, directory: Path, name: str, within_s: float) -> str:
    """Strike a new consumer, and check the invariants; the row of the table."""
    seed = random.randrange(10**6)
    with application(servers, directory, seed, **TOPIC) as app, closing(Target(app, within_s)) as target:
        target.start()
        try:
            struck = target.strike(BLOWS[name]())
            hold(app, events=target.written)
            return f"| {name} | {struck.peak_mib:,.0f} | {struck.seconds:.1f} | {_short(struck.last_line)} |"
        except AssertionError as error:
            print(f"{name}: {error}", file=sys.stderr, flush=True)
            cause, said = str(error).splitlines()[0], last_line(target.worker.log)
            return f"| {name} | {target.peak_mib:,.0f} in all | fails: {_short(cause)} | {_short(said)} |"


def _short(text: str) -> str:
    line = " ".join(text.split()).replace("|", "/")
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}..."


if __name__ == "__main__":
    main()
