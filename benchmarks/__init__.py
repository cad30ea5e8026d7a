"""Benchmarks: each module measures one thing (benchmarks/README.md)."""

import os

# pip compiles what it installs. This variable, which some containers set, makes Python compile ours at each start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
