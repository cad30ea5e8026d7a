"""The `ltv` command: it wires the other packages together."""
