"""Wrong tokens slow their address down, and no other; what is remembered is bounded."""

from dashboard.login_pace import FREE_FAILURES, MAX_ADDRESSES, MAX_WAIT_S, LoginPace


class Clock:
    """A clock that stands."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_each_wrong_token_after_the_free_ones_waits_twice_as_long_up_to_a_minute() -> None:
    clock = Clock()
    pace = LoginPace(clock)
    waits = []
    for _ in range(FREE_FAILURES + 8):
        pace.failed("a")
        waits.append(pace.wait_s("a"))
        clock.now_s += pace.wait_s("a")
        assert pace.wait_s("a") == 0
    assert waits[: FREE_FAILURES - 1] == [0] * (FREE_FAILURES - 1)
    assert waits[FREE_FAILURES - 1 :] == [1, 2, 4, 8, 16, 32, MAX_WAIT_S, MAX_WAIT_S, MAX_WAIT_S]
    assert pace.wait_s("b") == 0


def test_the_right_token_ends_it() -> None:
    pace = LoginPace(Clock())
    for _ in range(FREE_FAILURES - 1):
        pace.failed("a")
    pace.succeeded("a")
    pace.failed("a")
    assert pace.wait_s("a") == 0


def test_of_many_addresses_the_oldest_are_forgotten() -> None:
    pace = LoginPace(Clock())
    for _ in range(FREE_FAILURES):
        for address in ("old", "new"):
            pace.failed(address)
    for number in range(MAX_ADDRESSES - 1):
        pace.failed(str(number))
    assert (pace.wait_s("old"), pace.wait_s("new")) == (0, 1)
    assert len(pace._failures) == MAX_ADDRESSES
