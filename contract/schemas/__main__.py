"""`python -m contract.schemas`: write event.schema.json and snapshot.schema.json from the types."""

import re
from pathlib import Path

import msgspec

from contract.events import EventAsSent
from contract.snapshots import Snapshot

HERE = Path(__file__).parent
_PARAMETER = re.compile(rb'(?<=Event)[_[]typing[^"]*')
"""The type parameters that msgspec appends to the name of a generic type."""


def schemas() -> dict[str, bytes]:
    """File name -> the schema as indented JSON text."""
    types = {"event.schema.json": EventAsSent, "snapshot.schema.json": Snapshot}
    return {
        name: _PARAMETER.sub(
            b"",
            msgspec.json.format(
                msgspec.json.encode(
                    {"$schema": "https://json-schema.org/draft/2020-12/schema"} | msgspec.json.schema(of)
                )
            ),
        )
        + b"\n"
        for name, of in types.items()
    }


if __name__ == "__main__":
    for name, text in schemas().items():
        (HERE / name).write_bytes(text)
