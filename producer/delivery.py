"""Delivers the shop's events: some late, some twice, and some rubbish (invalid events) among them.

A late event is delivered after 1 to MAX_LAG younger on-time events. A second delivery repeats the same bytes, 1 to
MAX_LAG on-time events later. Faults have their own random numbers, so other shares of faults give the same shop.
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
"""Late events are delivered after on-time events, so there must be some of those."""


@dataclass(frozen=True)
class Faults:
    """Shares from 0 to 1.

    Raises:
        ValueError: a share is out of range, or the shares can't be combined.
    """

    disorder: float = 0.0
    """The late events, as a share of the shop's own events."""
    duplicates: float = 0.0
    """The second deliveries, as a share of all deliveries."""
    rubbish: float = 0.0
    """The invalid events, as a share of all deliveries."""

    def __post_init__(self) -> None:
        if min(self.disorder, self.duplicates, self.rubbish) < 0 or self.disorder > MAX_DISORDER:
            raise ValueError(f"disorder must be from 0 to {MAX_DISORDER}, the other shares from 0 to 1")
        if 2 * self.duplicates + self.rubbish > 1:
            raise ValueError("2 x duplicates + rubbish must be at most 1")

    def counts(self, n: int) -> tuple[int, int, int, int]:
        """For n deliveries: the shop's own events, the late ones of these, second deliveries, rubbish."""
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
    """Exactly n deliveries over one year, with exactly the shares of `faults`.

    Args:
        n: the number of deliveries.
        seed: the same seed gives the same events.
        customers: how many join, if there are enough events; None: about one per hundred events.
        faults: the shares of faults; None: no faults.
        place: where the events will be written; not all rubbish can be written to a file.
    """
    own, late, twice, invalid = (faults or Faults()).counts(n)
    shop = Shop(seed, default_customers(n) if customers is None else customers, own)
    at = times(own, Random(seed * 4 + 2))
    if not (late or twice or invalid):  # The same events, faster.
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
    """Deliveries until the event times end; each time is read when its event happens.

    Args:
        at: event times, such as an endless iterator over `seasons.time_text(now)`.
        seed: the same seed gives the same events, except for their times.
        customers: how many join, one with every twentieth event.
        faults: the shares of faults; None: no faults.
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
    """Events to deliver later: the count of on-time events after which each is due, its number, the event."""
    on_time = 0
    time = ""
    for number, time in enumerate(at):
        while next(is_rubbish, False):
            yield rubbish(random, shop.random_customer_id(random), time, place)
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
            yield rubbish(random, shop.random_customer_id(random), time, place)


def _lag(random: Random) -> int:
    """A delay in events: 1 to MAX_LAG, mostly short."""
    chance = random.random()
    return 1 + int(chance * chance * chance * MAX_LAG)


def _exactly(hits: int, of: int, random: Random) -> Iterator[bool]:
    """Up to `of` booleans, `hits` of them true, all positions equally likely; ends after the last true."""
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
