"""CDNOW's history as events: 69,659 purchases of 23,570 customers of a music shop, 1997 and 1998.

One line of the file is one ORDER: its number (from 1, without the header) the order id, noon UTC its time.
`python -m producer.cdnow -o cdnow.ndjson` writes them to a file.
"""

import gzip
from collections.abc import Iterator
from importlib.resources import files
from typing import Annotated

import typer

from contract.files import open_events
from terminal.console import notes, plain


def events() -> Iterator[tuple[str, bytes]]:
    """Every purchase in the file's order: the customer id, and the event."""
    packed = files("producer").joinpath("data", "CDNOW_master.txt.gz").read_bytes()
    lines = gzip.decompress(packed).decode("ascii").splitlines()
    for number, line in enumerate(lines[1:], 1):
        customer, day, _, dollars = line.split()
        yield (
            customer,
            (
                f'{{"type":"ORDER","verb":"NEW","key":"{number}"'
                f',"event_time":"{day[:4]}-{day[4:6]}-{day[6:]}T12:00:00.000Z"'
                f',"customer_id":"{customer}","total_amount":"{dollars} USD"}}'
            ).encode(),
        )


def main(
    out: Annotated[
        str,
        typer.Option(
            "-o", "--output", metavar="FILE", help=".json or .ndjson, either with .gz; - is stdout."
        ),
    ],
) -> None:
    """Write CDNOW's history as events."""
    values = [value for _, value in events()]
    with open_events(out) as write:
        write(values)
    notes().print(f"{len(values):,} events written to {'standard output' if out == '-' else plain(out)}")


if __name__ == "__main__":
    typer.run(main)
