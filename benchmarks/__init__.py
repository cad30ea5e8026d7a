"""The benchmarks: each figure in the README comes from a command here."""
