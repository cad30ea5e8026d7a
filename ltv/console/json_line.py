"""A command's result for scripts: one JSON line on standard output."""

import msgspec

from files.output import open_output


def print_json(result: object) -> None:
    """Print what msgspec can encode; a terminal gets what it would obey escaped."""
    with open_output("-") as file:
        file.write(msgspec.json.encode(result) + b"\n")
