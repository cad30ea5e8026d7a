"""The JSON Schemas for producers and subscribers match the types that the code enforces."""

from pathlib import Path

import contract.schemas
from contract.schemas.__main__ import schemas

FOLDER = Path(contract.schemas.__file__).parent


def test_the_schema_files_match_the_types() -> None:
    """If this fails, run `python -m contract.schemas` and commit the files."""
    assert {path.name: path.read_bytes() for path in FOLDER.glob("*.json")} == schemas()
