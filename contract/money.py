"""Money is exact: whole cents (int) in the program, text with two decimals on topics; quotients round half-even."""


def money(cents: int) -> str:
    """Cents as text: 1234 -> "12.34". `cents` is not negative."""
    return f"{cents // 100}.{cents % 100:02d}"


def parse_money(text: str) -> int:
    """The cents of a text that `money` wrote."""
    return int(text[:-3]) * 100 + int(text[-2:])


def divide_half_even(numerator: int, denominator: int) -> int:
    """The quotient of two non-negative whole numbers, rounded half-even."""
    quotient, remainder = divmod(numerator, denominator)
    twice = 2 * remainder
    return quotient + (twice > denominator or (twice == denominator and quotient & 1))
