"""Money is exact: whole cents (int) inside, text with two decimals outside, rounded half-even."""


def money(cents: int) -> str:
    """Cents as text: 1234 -> "12.34". No sum of amounts is negative."""
    return f"{cents // 100}.{cents % 100:02d}"


def parse_money(text: str) -> int:
    """Cents of what `money` wrote."""
    return int(text[:-3]) * 100 + int(text[-2:])


def divide_half_even(numerator: int, denominator: int) -> int:
    """The quotient of two non-negative whole numbers, rounded half-even."""
    quotient, remainder = divmod(numerator, denominator)
    twice = 2 * remainder
    return quotient + (twice > denominator or (twice == denominator and quotient & 1))
