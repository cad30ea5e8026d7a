"""Money is exact: whole cents (int) inside, text with two decimals outside, rounded half-even."""


def parse_amount(text: str) -> int:
    """Cents of an amount that the contract has let through, such as "12.34 USD"."""
    if text[-7:-6] == ".":  # The common form: two decimals.
        return int(text[:-7]) * 100 + int(text[-6:-4])
    dollars, _, decimals = text[:-4].partition(".")
    return int(dollars) * 100 + int((decimals + "00")[:2])


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
