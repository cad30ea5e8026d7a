"""CDNOW's history as events: 69,659 purchases of 23,570 customers of a music shop, 1997 and 1998.

Each line of the file becomes one ORDER: the line number (from 1, without the header) is its id, noon UTC its time.
`ltv generate --cdnow -o cdnow.ndjson` writes the events to a file.
"""

import gzip
from collections.abc import Iterator
from importlib.resources import files


def events() -> Iterator[tuple[str, bytes]]:
    """Every purchase, in the file's order: the customer id and the event."""
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
