"""How the shop's events arrive: some late, some twice, and rubbish among them.

Late: at least one and at most MAX_LAG events that are younger and on time come first. Redelivered: the same bytes
once more, equally later. The chance that decides it is not the shop's: with other shares, it is the same shop.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random
from typing import Final

from producer.rubbish import Place, rubbish
from producer.seasons import times
from producer.shop import Shop, ShopEvent, default_customers

MAX_LAG: Final = 1_000
MAX_DISORDER: Final = 0.9
"""Late events wait for those on time: there must be some."""


@dataclass(frozen=True)
class Faults:
    """Shares from 0 to 1.

    Raises:
        ValueError: they can't be had together.
    """

    disorder: float = 0.0
    """Of the shop's own events: come late."""
    duplicates: float = 0.0
    """Of all that is delivered: second deliveries."""
    rubbish: float = 0.0
    """Of all that is delivered: invalid."""

    def __post_init__(self) -> None:
        if min(self.disorder, self.duplicates, self.rubbish) < 0 or self.disorder > MAX_DISORDER:
            raise ValueError(f"disorder is from 0 to {MAX_DISORDER}, the other shares are from 0 to 1")
        if 2 * self.duplicates + self.rubbish > 1:
            raise ValueError("twice the duplicates and the rubbish are more than all there is")

    def counts(self, n: int) -> tuple[int, int, int, int]:
        """Of n deliveries: the shop's own events, those of them late, second deliveries, rubbish."""
        invalid = round(n * self.rubbish)
        twice = min(round(n * self.duplicates), (n - invalid) // 2)
        own = n - invalid - twice
        return own, round(own * self.disorder), twice, invalid


def generated(
    n: int,
    seed: int = 0,
    customers: int | None = None,
    faults: Faults | None = None,
    *,
    place: Place = "line",
) -> Iterator[ShopEvent]:
    """Exactly n deliveries over one year, with exactly the shares asked for.

    Args:
        n: how many.
        seed: the same one gives the same events.
        customers: how many join, unless there are fewer events; about one per hundred unless told.
        faults: what goes wrong; nothing unless told.
        place: where they will stand: not all rubbish can stand in a file.
    """
    own, late, twice, invalid = (faults or Faults()).counts(n)
    shop = Shop(seed, default_customers(n) if customers is None else customers, own)
    at = times(own, Random(seed * 4 + 2))
    if not (late or twice or invalid):  # The same events, without looking for faults at each.
        yield from map(shop.event, at)
        return
    random = Random(seed * 4 + 1)
    yield from _delivered(
        shop,
        at,
        random,
        is_late=_exactly(late, own, random),
        is_twice=_exactly(twice, own, random),
        is_rubbish=_exactly(invalid, own + invalid, random),
        place=place,
    )


def live(
    at: Iterable[str], seed: int = 0, customers: int = 1_000, faults: Faults | None = None
) -> Iterator[ShopEvent]:
    """Deliveries for as long as there are event times; each is taken when its event happens.

    Args:
        at: event times, such as `seasons.time_text(now)` for ever.
        seed: the same one gives the same events but for their times.
        customers: how many join, one with every twentieth event.
        faults: what goes wrong; nothing unless told.
    """
    faults = faults or Faults()
    random = Random(seed * 4 + 1)
    own = 1 - faults.duplicates - faults.rubbish
    yield from _delivered(
        Shop(seed, customers),
        at,
        random,
        is_late=_about(faults.disorder, random),
        is_twice=_about(faults.duplicates / own if own else 0, random),
        is_rubbish=_about(faults.rubbish / (own + faults.rubbish), random),
        place="record",
    )


def _delivered(
    shop: Shop,
    at: Iterable[str],
    random: Random,
    *,
    is_late: Iterator[bool],
    is_twice: Iterator[bool],
    is_rubbish: Iterator[bool],
    place: Place,
) -> Iterator[ShopEvent]:
    held: list[tuple[int, int, ShopEvent]] = []
    """When due (after so many on time), in which order, what."""
    on_time = 0
    time = ""
    for number, time in enumerate(at):
        while next(is_rubbish, False):
            yield rubbish(random, shop.somebody(random), time, place)
        event = shop.event(time)
        due = on_time
        if next(is_late, False):
            due += _lag(random)
            heappush(held, (due, number, event))
        else:
            on_time += 1
            due += 1
            yield event
        if next(is_twice, False):
            heappush(held, (due + _lag(random), number, event))
        while held and held[0][0] <= on_time:
            yield heappop(held)[2]
    while held:
        yield heappop(held)[2]
    for more in is_rubbish:
        if more:
            yield rubbish(random, shop.somebody(random), time, place)


def _lag(random: Random) -> int:
    """1 to MAX_LAG, mostly short."""
    chance = random.random()
    return 1 + int(chance * chance * chance * MAX_LAG)


def _exactly(hits: int, of: int, random: Random) -> Iterator[bool]:
    """At most `of` answers, `hits` of them yes, every choice equally likely; ends with the last yes."""
    draw = random.random
    for left in range(of, 0, -1):
        if not hits:
            return
        hit = draw() * left < hits
        hits -= hit
        yield hit


def _about(share: float, random: Random) -> Iterator[bool]:
    while share:
        yield random.random() < share
