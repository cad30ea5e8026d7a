"""A simulated shop: customers with different habits, and their events. Pure: seeded, no I/O, no clock.

The same seed gives the same bytes on every machine: the only random method used is `random()`, which is the same in
all versions of Python, and the only float arithmetic is that which IEEE 754 rounds the same everywhere.
"""

from collections.abc import Iterator
from json import dumps
from random import Random
from typing import Final, NamedTuple

from producer.people import CAMERAS, CITIES, LAST_NAMES, PAGES, SOURCES

EVENTS_PER_CUSTOMER: Final = 100
MIN_CUSTOMERS: Final = 10
LIVE_EVENTS_PER_JOIN: Final = 20
REMEMBERED_ORDERS: Final = 4
"""How many of a customer's newest orders may still change."""
CUSTOMERS_PER_VISITOR: Final = 4
"""One customer in this many is in the shop: customers come for some weeks, and stay away for some."""
DRAWS: Final = 4

SHARE_IMAGE: Final = 0.05
SHARE_MOVE: Final = 0.01
CHANGES_PER_ORDER: Final = 0.3

_ID_FACTOR: Final = 0x9E3779B97F4B  # Odd: no two numbers below 2**48 share an id.
_ID_MASK: Final = 2**48 - 1


class ShopEvent(NamedTuple):
    """An event of the shop: the customer id (its Kafka key), the value, and whether it is valid."""

    customer_id: str
    value: bytes
    valid: bool = True


def default_customers(events: int) -> int:
    """About one customer per hundred events, at least ten."""
    return max(MIN_CUSTOMERS, round(events / EVENTS_PER_CUSTOMER))


def joins(customers: int, events: int | None) -> Iterator[int]:
    """The numbers of the events, from 0, with which customers join; ascending.

    A quarter of the customers join within the first twentieth of the events, the rest until nine tenths. If there are
    fewer than five events per customer, they join evenly; if `events` is None, with every twentieth event.
    """
    early = customers // 4
    for number in range(customers):
        if events is None:
            yield number * LIVE_EVENTS_PER_JOIN
        elif events < 5 * customers:
            yield max(number, number * events // customers)
        elif number < early:
            yield number * events // (20 * early)
        else:
            yield events // 20 * (early > 0) + (number - early) * (events * 17 // 20) // (customers - early)


def json_text(value: object) -> str:
    """JSON without spaces, non-ASCII letters not escaped."""
    return dumps(value, ensure_ascii=False, separators=(",", ":"))


def _tags() -> Iterator[str]:
    for page in PAGES:
        yield ""
        yield f',"tags":{json_text([{"page": page}])}'
        for source in SOURCES:
            yield f',"tags":{json_text([{"page": page}, {"source": source, "returning": source == "direct"}])}'


_TAGS: Final = tuple(_tags())


class ShopCustomer:
    """One customer and its habits, all drawn when it joins."""

    __slots__ = (
        *("activity", "basket", "camera", "field", "gone", "id", "image_below", "last_name", "leaving"),
        *("order_below", "orders", "staying_away", "update_below", "visit_below"),
    )

    def __init__(self, customer_id: str, random: Random) -> None:
        draw = random.random
        ordering = 0.06 + 0.3 * draw() * draw()
        self.id = customer_id
        self.field = f',"customer_id":"{customer_id}"'
        self.last_name: str | None = LAST_NAMES[int(draw() * len(LAST_NAMES))] if draw() < 0.97 else None
        make, model = CAMERAS[int(draw() * len(CAMERAS))]
        self.camera = f',"camera_make":{json_text(make)},"camera_model":{json_text(model)}'
        self.activity = int(1 / (0.05 + draw())) or 1
        """1 to 20; most customers have a small one."""
        self.basket = 700 + int(25_000 * draw() * draw() * draw())
        """The mean of its orders, in cents."""
        self.leaving = 0.02 + 0.1 * draw()
        """The probability that the customer leaves the shop after an event."""
        self.staying_away = 0.05 + 0.3 * draw()
        """The probability that it then hardly ever returns."""
        self.gone = False
        self.orders: list[tuple[str, int]] = []
        """Id and cents of the newest orders."""
        # One draw decides the kind of an event: a visit below the first bound, and so on; above the last, a move.
        self.update_below = 1 - SHARE_MOVE
        self.order_below = self.update_below - ordering * CHANGES_PER_ORDER
        self.image_below = self.order_below - ordering
        self.visit_below = self.image_below - SHARE_IMAGE


class Shop:
    """All customers, and the visitors: those who are in the shop.

    Args:
        seed: 0 or more.
        customers: how many will join; at least one.
        events: how many events there will be; None: not known.
    """

    def __init__(self, seed: int, customers: int, events: int | None = None) -> None:
        self._random = Random(seed * 4)
        self._salt = int(self._random.random() * 2**48)
        self._joins = joins(customers, events)
        self._next_join = next(self._joins, -1)
        self._events = 0
        self._ids = 0
        self._visitors: list[ShopCustomer] = []
        self._by_activity: list[ShopCustomer] = []
        """Each customer `activity` times."""
        self.customers = 0
        """The number of customers who have joined."""

    def event(self, at: str) -> ShopEvent:
        """The next event, with this event time."""
        self._events += 1
        if self._events > self._next_join >= 0:
            return self._join(at)
        random = self._random.random
        place = int(random() * len(self._visitors))
        customer = self._visitors[place]
        what = random()
        if what < customer.visit_below:
            text = self._visit(customer, at)
        elif what < customer.image_below:
            text = (
                f'{{"type":"IMAGE","verb":"UPLOAD","key":"{self._id()}","event_time":"{at}"'
                f"{customer.field}{customer.camera}}}"
            )
        elif what < customer.order_below:
            text = self._order(customer, at)
        elif what < customer.update_below:
            text = self._change(customer, at) if customer.orders else self._visit(customer, at)
        else:
            if random() < 0.2:
                customer.last_name = LAST_NAMES[int(random() * len(LAST_NAMES))]
            text = self._profile(customer, at, "UPDATE")
        if random() < customer.leaving:
            customer.gone = random() < customer.staying_away
            self._visitors[place] = self._next_visitor()
        return ShopEvent(customer.id, text.encode())

    def random_customer_id(self, random: Random) -> str:
        """The id of a customer, drawn with the caller's random numbers; "nobody" if none has joined."""
        joined = self._by_activity
        return joined[int(random.random() * len(joined))].id if joined else "nobody"

    def _id(self) -> str:
        self._ids += 1
        return f"{(self._ids * _ID_FACTOR + self._salt) & _ID_MASK:012x}"

    def _join(self, at: str) -> ShopEvent:
        self._next_join = next(self._joins, -1)
        customer = ShopCustomer(self._id(), self._random)
        self.customers += 1
        self._by_activity += [customer] * customer.activity
        if len(self._visitors) <= self.customers // CUSTOMERS_PER_VISITOR:
            self._visitors.append(customer)
        else:
            self._visitors[int(self._random.random() * len(self._visitors))] = customer
        return ShopEvent(customer.id, self._profile(customer, at, "NEW").encode())

    def _next_visitor(self) -> ShopCustomer:
        """The customer who enters: active ones more often, those who are `gone` hardly ever."""
        random, by_activity = self._random.random, self._by_activity
        for _ in range(DRAWS):
            customer = by_activity[int(random() * len(by_activity))]
            if not customer.gone:
                break
        customer.gone = False
        return customer

    def _visit(self, customer: ShopCustomer, at: str) -> str:
        tags = _TAGS[int(self._random.random() * len(_TAGS))]
        return f'{{"type":"SITE_VISIT","verb":"NEW","key":"{self._id()}","event_time":"{at}"{customer.field}{tags}}}'

    def _order(self, customer: ShopCustomer, at: str) -> str:
        key = self._id()
        cents = int(customer.basket * (0.3 + 1.4 * self._random.random()))
        if at[5:7] == "12":
            cents += cents // 3  # Christmas presents.
        customer.orders.append((key, cents))
        if len(customer.orders) > REMEMBERED_ORDERS:
            del customer.orders[0]
        return _order_text("NEW", key, at, customer, cents)

    def _change(self, customer: ShopCustomer, at: str) -> str:
        """A new amount of an earlier order: more, less, or 0 if it is cancelled."""
        random = self._random.random
        place = int(random() * len(customer.orders))
        key, cents = customer.orders[place]
        cents = 0 if random() < 0.1 else int(cents * (0.4 + random())) + 100
        customer.orders[place] = (key, cents)
        return _order_text("UPDATE", key, at, customer, cents)

    def _profile(self, customer: ShopCustomer, at: str, verb: str) -> str:
        city, state = CITIES[int(self._random.random() * len(CITIES))]
        name = f',"last_name":{json_text(customer.last_name)}' if customer.last_name else ""
        return (
            f'{{"type":"CUSTOMER","verb":"{verb}","key":"{customer.id}","event_time":"{at}"{name}'
            f',"adr_city":{json_text(city)},"adr_state":"{state}"}}'
        )


def _order_text(verb: str, key: str, at: str, customer: ShopCustomer, cents: int) -> str:
    return (
        f'{{"type":"ORDER","verb":"{verb}","key":"{key}","event_time":"{at}"{customer.field}'
        f',"total_amount":"{cents // 100}.{cents % 100:02d} USD"}}'
    )
