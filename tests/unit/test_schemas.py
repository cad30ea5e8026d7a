"""The JSON Schemas for producers and subscribers match the types that the code enforces."""

import json
from pathlib import Path

import pytest

import contract.schemas
from contract.schemas.__main__ import schemas

FOLDER = Path(contract.schemas.__file__).parent


def test_the_schema_files_match_the_types() -> None:
    """If this fails, run `python -m contract.schemas` and commit the files."""
    assert {path.name: path.read_bytes() for path in FOLDER.glob("*.json")} == schemas()


@pytest.mark.parametrize("name", ["snapshot.schema.json", "customer.schema.json"])
def test_every_field_of_what_subscribers_get_is_described(name: str) -> None:
    definitions = json.loads((FOLDER / name).read_bytes())["$defs"]
    fields = {
        f"{struct}.{field}": schema.get("description", "")
        for struct, definition in definitions.items()
        for field, schema in definition["properties"].items()
    }
    assert len(fields) > 10
    assert [field for field, text in fields.items() if not text] == []
    assert all(text[0].isupper() or text[0].isdigit() for text in fields.values())
    assert all(text.endswith(".") for text in fields.values())
