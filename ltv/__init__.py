"""The `ltv` command: where the parts are put together. The parts themselves live beside this package."""
