"""Snapshots of an invented shop, for a page: seeded, with moves, newcomers and exact lifetime values."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Final

from msgspec import structs

from contract.customers import CustomerDetail, OrderDetail
from contract.lifetime_value import ltv_cents, rank_position
from contract.money import divide_half_even, money
from contract.snapshots import Coverage, PartitionCoverage, Row, Snapshot, Totals
from contract.times import time_text

NAMES: Final = (
    "Abdi",
    "Berger",
    "Castro",
    "Dubois",
    "Eriksen",
    "Fischer",
    "García",
    "Hansen",
    "Ito",
    "Jansen",
)
EVENTS_A_SECOND: Final = 2_900
PARTITIONS: Final = 4


class InventedShop:
    """Customers that buy; each snapshot follows the one before."""

    def __init__(
        self, x: int = 10, customers: int = 60, seed: int = 7, *, now: datetime | None = None
    ) -> None:
        self._random = random.Random(seed)
        self._x = x
        self.now = (now or datetime.now(UTC)).replace(microsecond=0)
        self.sequence = 0
        self._events = 0
        self._ranks: dict[str, int] = {}
        self._names: dict[str, str | None] = {
            f"c-{self._random.randrange(10_000, 99_999)}-{number}": self._random.choice([*NAMES, None])
            for number in range(customers)
        }
        self._weeks = {each: self._random.randrange(1, 30) for each in self._names}
        self._spend = {
            each: weeks * self._random.randrange(2_000, 9_000) for each, weeks in self._weeks.items()
        }

    def snapshot(
        self, *, after_s: float = 1.0, coverage: Coverage | None = None, favour: str = "", rich: bool = False
    ) -> Snapshot:
        """The next snapshot, this many seconds after the one before.

        Args:
            after_s: since the snapshot before.
            coverage: what it counts; None: everything.
            favour: this customer spends so much that it leads.
            rich: all spend a thousand times as much.
        """
        self.now += timedelta(seconds=after_s)
        for each in self._random.sample(sorted(self._spend), k=min(6, len(self._spend))):
            self._spend[each] += self._weeks[each] * self._random.randrange(10, 200)
        if favour:
            self._spend[favour] += 100 * max(self._spend.values())
        if rich:
            self._spend = {each: 1_000 * spend for each, spend in self._spend.items()}
        self.sequence += 1
        self._events += int(after_s * (EVENTS_A_SECOND + self._random.randrange(-400, 400)))
        listed = sorted(
            self._spend, key=lambda each: rank_position(each, self._spend[each], self._weeks[each], "active")
        )
        rows = [self._row(rank, each) for rank, each in enumerate(listed[: self._x], 1)]
        self._ranks = {row.customer_id: row.rank for row in rows}
        return Snapshot(
            sequence=self.sequence,
            emitted_at=time_text(self.now) or "",
            x=self._x,
            basis="active",
            timeframe_weeks=30,
            event_time_min=time_text(self.now - timedelta(weeks=29)),
            event_time_max=time_text(self.now - timedelta(seconds=0.4)),
            coverage=coverage or complete(self.now),
            totals=Totals(
                events=self._events,
                customers=len(self._spend),
                orders=3 * len(self._spend),
                revenue=money(sum(self._spend.values())),
                dead_letters=self._events // 100,
            ),
            rows=rows,
        )

    def _row(self, rank: int, customer_id: str) -> Row:
        spend, weeks = self._spend[customer_id], self._weeks[customer_id]
        visits = 3 * weeks + rank % 9
        return Row(
            rank=rank,
            previous_rank=self._ranks.get(customer_id),
            customer_id=customer_id,
            last_name=self._names[customer_id],
            ltv=money(ltv_cents(spend, weeks)),
            total_spend=money(spend),
            weeks=weeks,
            orders=2 + rank % 5,
            visits=visits,
            revenue_per_visit=money(divide_half_even(spend, visits)),
            visits_per_week=round(visits / weeks, 4),
        )

    def quiet_snapshot(self, since: timedelta) -> Snapshot:
        """The next snapshot; there was no event since."""
        return structs.replace(self.snapshot(), event_time_max=time_text(self.now - since))

    def history(self, count: int, every_s: float = 5.0, *, rich: bool = False) -> list[Snapshot]:
        """This number of snapshots; the last one is emitted now."""
        end = self.now
        self.now -= timedelta(seconds=(count) * every_s)
        snapshots = [self.snapshot(after_s=every_s, rich=rich and each == 0) for each in range(count)]
        self.now = end
        return snapshots

    def rename(self, row: Row, customer_id: str, name: str | None) -> None:
        """Give a customer another id and name."""
        self._names[customer_id] = name
        self._spend[customer_id] = self._spend.pop(row.customer_id)
        self._weeks[customer_id] = self._weeks.pop(row.customer_id)


def complete(now: datetime) -> Coverage:
    counted_to = time_text(now)
    partitions = [
        PartitionCoverage(partition=each, next_offset=1_000 + each, lag_records=0, counted_to=counted_to)
        for each in range(PARTITIONS)
    ]
    return Coverage(complete=True, behind_s=0.0, lag_records=0, partitions=partitions)


def behind(now: datetime, *, missing: int | None = None, blocked_s: float | None = None) -> Coverage:
    """Partition 2 is 45 s behind; with `missing`, this partition has not reported."""
    whole = complete(now)
    late = structs.replace(
        whole.partitions[2],
        lag_records=12_480,
        counted_to=time_text(now - timedelta(seconds=45)),
        blocked_s=blocked_s,
    )
    partitions = [late if each.partition == 2 else each for each in whole.partitions]
    if missing is None:
        return Coverage(complete=False, behind_s=45.2, lag_records=12_480, partitions=partitions)
    gone = PartitionCoverage(partition=missing, next_offset=None, lag_records=None, counted_to=None)
    partitions = [gone if each.partition == missing else each for each in partitions]
    return Coverage(complete=False, behind_s=None, lag_records=None, partitions=partitions)


def detail(row: Row, *, orders: int = 14, source: str = "owner") -> CustomerDetail:
    """The customer of this row, on demand."""
    spend = int(row.total_spend.replace(".", ""))
    amounts = [spend // orders + (number < spend % orders) for number in range(orders)]
    day = datetime(2026, 6, 1, 9, 30, tzinfo=UTC)
    return CustomerDetail(
        customer_id=row.customer_id,
        last_name=row.last_name,
        partition=2,
        next_offset=48_211,
        source="changelog" if source == "changelog" else "owner",
        total_spend=row.total_spend,
        weeks=row.weeks,
        visits=row.visits,
        orders=orders,
        order_list=[
            OrderDetail(
                order_id=f"o-{7_000 - number}",
                amount=money(amount),
                event_time=time_text(day - timedelta(days=4 * number)) or "",
                verb="UPDATE" if number % 4 == 1 else "NEW",
            )
            for number, amount in enumerate(amounts)
        ],
        active_weeks=[
            (date(2026, 5, 31) - timedelta(weeks=(5 * number) // 3)).isoformat()
            for number in reversed(range(row.weeks))
        ],
        ltv=row.ltv,
    )
