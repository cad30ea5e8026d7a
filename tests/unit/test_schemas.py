"""The JSON Schemas that producers and subscribers get are the types that the code enforces."""

from pathlib import Path

import contract.schemas
from contract.schemas.__main__ import schemas

FOLDER = Path(contract.schemas.__file__).parent


def test_the_schema_files_are_what_the_types_give() -> None:
    """If this fails, run `python -m contract.schemas` and commit what it writes."""
    assert {path.name: path.read_bytes() for path in FOLDER.glob("*.json")} == schemas()
