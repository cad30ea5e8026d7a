"""`make fuzz`: everything that reads what others wrote, given random bytes for a number of minutes.

Each target has a share of the time. A check is made from a seed, which a failure names with the bytes:
`python -m tests.fuzz --only events --seed 7` makes it again. What is found becomes a case of a unit test.
"""

import random
import sys
import time
import traceback
from collections import Counter
from typing import Annotated, Final

import typer

from tests.fuzz.targets import TARGETS, Target

FAILED: Final = 1


class Run:
    """The checks of one target."""

    def __init__(self, name: str, target: Target) -> None:
        self.name = name
        self._target = target
        self.seconds = 0.0
        self.outcomes: Counter[str] = Counter()
        self.failed = False

    @property
    def debt(self) -> float:
        """The greater, the less of its share the target has had."""
        return -self.seconds / self._target.share

    def check(self, seed: int) -> None:
        """Make one check; a failure is printed, and the target's last."""
        begin = time.monotonic()
        try:
            self.outcomes += self._target.check(random.Random(seed))
        except Exception:
            traceback.print_exc()
            print(
                f"{self.name} failed: python -m tests.fuzz --only {self.name} --seed {seed}", file=sys.stderr
            )
            self.failed = True
        self.seconds += time.monotonic() - begin

    def __str__(self) -> str:
        outcomes = ", ".join(f"{count:,} {name}" for name, count in sorted(self.outcomes.items()))
        return f"{self.name:<18} {self.seconds:>5,.0f} s  {outcomes}{'  FAILED' if self.failed else ''}"


def main(
    minutes: Annotated[float, typer.Option(help="For how long, all targets together.")] = 1.0,
    only: Annotated[list[str] | None, typer.Option(help=f"Of {', '.join(TARGETS)}; may be repeated.")] = None,
    seed: Annotated[int | None, typer.Option(help="Only the checks of this seed.")] = None,
) -> None:
    """Give random bytes to everything that reads what others wrote, from random seeds."""
    if unknown := set(only or []) - TARGETS.keys():
        raise typer.BadParameter(f"no such target: {', '.join(sorted(unknown))}", param_hint="--only")
    runs = [Run(name, target) for name, target in TARGETS.items() if not only or name in only]
    if seed is not None:
        for run in runs:
            run.check(seed)
    else:
        _share(runs, 60 * minutes)
    for run in runs:
        print(run)
    if any(run.failed for run in runs):
        raise typer.Exit(FAILED)


def _share(runs: list[Run], seconds: float) -> None:
    """Always check the target that has had the least of its share; each once at least."""
    until = time.monotonic() + seconds
    seeds = random.SystemRandom()
    while left := [run for run in runs if not run.failed]:
        run = max(left, key=lambda run: run.debt)
        if run.seconds and time.monotonic() >= until:
            return
        run.check(seeds.randrange(1 << 40))


if __name__ == "__main__":
    typer.run(main)
