"""Benchmarks: each module measures one thing (benchmarks/README.md)."""

import os

# An installed program has its bytecode. With this variable, which some containers set, every start would compile anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
