"""A week runs from Sunday 00:00 to Saturday 24:00, UTC; every day from 0001-01-01 to 9999-12-31 is in one."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.domain import Aggregate, ingest
from contract.weeks import sunday_of, week_number, week_of_day, weeks_between

SUNDAY = 7


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def wednesday_of(day: date) -> date:
    """The week's Wednesday, by date arithmetic; every week of the years 1 to 9999 has one."""
    return day + timedelta(days=3 - day.isoweekday() % SUNDAY)


def active_weeks(*event_times: str) -> int:
    """The distinct weeks of a customer who looked at a page at these times."""
    state = Aggregate()
    for text in event_times:
        ingest(
            {"type": "SITE_VISIT", "verb": "NEW", "key": "p", "customer_id": "c", "event_time": text}, state
        )
    return state.customers["c"].weeks


@pytest.mark.parametrize(
    ("times", "weeks"),
    [
        (["2017-01-07T23:59:59.999999Z", "2017-01-08T00:00:00Z"], 2),
        (["2017-01-07T23:59:59.9999999999Z", "2017-01-01T00:00:00Z"], 1),
        (["2017-01-08T00:00:00Z", "2017-01-14T23:59:59.999Z"], 1),
        (["2017-01-08T00:00:00Z", "2017-01-15T00:00:00Z"], 2),
        (["2017-01-08T01:59:59+02:00", "2017-01-07T12:00:00Z"], 1),
        (["2017-01-08T02:00:00+02:00", "2017-01-07T12:00:00Z"], 2),
        (["2017-01-07T23:00:00-01:00", "2017-01-08T12:00:00Z"], 1),
        (["2017-01-07T22:59:59-01:00", "2017-01-08T12:00:00Z"], 2),
        (["2016-12-31T23:59:59Z", "2017-01-01T00:00:00Z"], 2),
        (["2013-12-31T12:00:00Z", "2014-01-01T12:00:00Z"], 1),
        (["2016-02-28T12:00:00Z", "2016-02-29T12:00:00Z", "2016-03-01T12:00:00Z", "2016-03-05T23:59:59Z"], 1),
        (["2020-02-29T23:59:59Z", "2020-03-01T00:00:00Z"], 2),
        (["0001-01-01T00:00:00Z", "0001-01-06T23:59:59Z"], 1),
        (["0001-01-06T23:59:59Z", "0001-01-07T00:00:00Z"], 2),
        (["9999-12-25T23:59:59Z", "9999-12-26T00:00:00Z"], 2),
        (["9999-12-26T00:00:00Z", "9999-12-31T23:59:59.999999Z"], 1),
        (["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"], 2),
        (["2017-01-01T00:00:00Z"] * 5, 1),
        (["2017-01-22T00:00:00Z", "2017-01-08T00:00:00Z", "2017-01-15T00:00:00Z", "2017-01-08T00:00:00Z"], 3),
    ],
)
def test_events_fall_into_this_number_of_weeks(times: list[str], weeks: int) -> None:
    assert active_weeks(*times) == weeks
    assert active_weeks(*reversed(times)) == weeks


def test_in_400_years_the_week_changes_on_each_sunday_and_on_no_other_day() -> None:
    """The Gregorian calendar repeats after 400 years."""
    day = date(1801, 1, 1)
    while day < date(2201, 1, 1):
        yesterday, day = day, day + timedelta(days=1)
        assert week_number(noon(day)) - week_number(noon(yesterday)) == (day.isoweekday() == SUNDAY), day


def test_around_each_new_year_from_1_to_9999_the_week_changes_on_sundays_only() -> None:
    for year in range(2, 10_000):
        day = date(year - 1, 12, 28)
        for _ in range(8):
            yesterday, day = day, day + timedelta(days=1)
            assert week_number(noon(day)) - week_number(noon(yesterday)) == (day.isoweekday() == SUNDAY), day


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_the_weeks_of_a_time_frame_are_those_from_the_first_to_the_last_both_included(
    a: datetime, b: datetime
) -> None:
    first, last = min(a, b), max(a, b)
    days = wednesday_of(last.date()) - wednesday_of(first.date())
    assert weeks_between(first, last) == days.days // 7 + 1


@given(st.datetimes(timezones=st.just(UTC)), st.integers(-15, 15))
def test_two_instants_are_in_one_week_if_their_wednesdays_are_equal(at: datetime, days: int) -> None:
    try:
        other = at + timedelta(days=days)
    except OverflowError:
        other = at
    same = wednesday_of(at.date()) == wednesday_of(other.date())
    assert (week_number(at) == week_number(other)) == same


def test_there_are_fewer_than_2_to_the_19_weeks() -> None:
    """The exact order of the ranking depends on it (see contract.lifetime_value)."""
    everything = weeks_between(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
    assert everything == 521_723 < 2**19


def test_without_events_there_is_no_week() -> None:
    assert weeks_between(None, None) == 0


@given(st.dates())
def test_a_week_is_written_as_its_sunday_and_read_back(day: date) -> None:
    week = week_number(noon(day))
    sunday = date.fromisoformat(sunday_of(week))
    assert week_of_day(sunday.isoformat()) == week
    assert sunday <= day
    assert sunday.isoweekday() == SUNDAY or sunday == date.min
