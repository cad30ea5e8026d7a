"""`python -m ltv`: the same as the console script `ltv`."""

from ltv.cli import main

if __name__ == "__main__":
    main()
