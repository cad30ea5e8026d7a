"""`python -m contract.schemas`: write the JSON Schemas of events, snapshots and customers from the types."""

import re
from pathlib import Path
from typing import Any

import msgspec

from contract.customers import CustomerDetail
from contract.events import EventAsSent
from contract.schemas.descriptions import describe, structs_in
from contract.snapshots import Snapshot

HERE = Path(__file__).parent
_PARAMETER = re.compile(rb'(?<=Event)[_[]typing[^"]*')
"""The type parameters that msgspec appends to the name of a generic type."""


def schemas() -> dict[str, bytes]:
    """File name -> the schema as indented JSON text."""
    types: dict[str, Any] = {
        "event.schema.json": EventAsSent,
        "snapshot.schema.json": Snapshot,
        "customer.schema.json": CustomerDetail,
    }
    return {name: _PARAMETER.sub(b"", _text(of)) + b"\n" for name, of in types.items()}


def _text(of: Any) -> bytes:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | msgspec.json.schema(of)
    if isinstance(of, type):
        describe(schema, structs_in(of))
    return msgspec.json.format(msgspec.json.encode(schema))


if __name__ == "__main__":
    for name, text in schemas().items():
        (HERE / name).write_bytes(text)
