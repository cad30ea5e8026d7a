"""`python -m contract.schemas`: write event.schema.json and snapshot.schema.json from the types."""

from pathlib import Path

import msgspec

from contract.events import Event
from contract.snapshots import Snapshot

HERE = Path(__file__).parent


def schemas() -> dict[str, bytes]:
    """File name -> the schema's JSON text, indented."""
    types = {"event.schema.json": Event, "snapshot.schema.json": Snapshot}
    return {
        name: msgspec.json.format(
            msgspec.json.encode(
                {"$schema": "https://json-schema.org/draft/2020-12/schema"} | msgspec.json.schema(of)
            )
        )
        + b"\n"
        for name, of in types.items()
    }


if __name__ == "__main__":
    for name, text in schemas().items():
        (HERE / name).write_bytes(text)
