"""Options that choose dead letters, for the subcommands of `ltv dead-letters`."""

import re
from typing import TYPE_CHECKING, Annotated, Final

import typer

from contract.events import BATCH_REASONS, REASONS
from ltv.options import time_option

if TYPE_CHECKING:
    from administration.redriven_event import LetterFilter

ALL_REASONS: Final = (*REASONS, *BATCH_REASONS)
_PLACE: Final = re.compile(r"([0-9]+):([0-9]+)")


def _checked_reason(reason: str | None) -> str | None:
    if reason is not None and reason not in ALL_REASONS:
        raise typer.BadParameter(f"{reason!r} is not one of {', '.join(ALL_REASONS)}")
    return reason


LetterReason = Annotated[
    str | None,
    typer.Option(
        "--reason",
        metavar="REASON",
        callback=_checked_reason,
        help=f"Only dead letters with this reason: {', '.join(ALL_REASONS)}.",
        show_default=False,
    ),
]
LettersSince = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIME",
        help="Only dead letters set aside at this time or later, by the broker's clock.",
        show_default=False,
    ),
]
LetterCustomer = Annotated[
    str | None,
    typer.Option(
        "--customer",
        metavar="ID",
        help="Only dead letters with this customer's id in the event or as the key.",
        show_default=False,
    ),
]
LetterSource = Annotated[
    str | None,
    typer.Option(
        "--source",
        metavar="PARTITION:OFFSET|TOPIC",
        help="Only the dead letter of this record of the events topic, or only those from this topic.",
        show_default=False,
    ),
]


def letter_filter(reason: str | None, customer: str | None, source: str | None) -> "LetterFilter":
    """The filter that these options make."""
    from administration.redriven_event import LetterFilter

    place = _PLACE.fullmatch(source) if source else None
    return LetterFilter(
        reason=reason,
        customer_id=customer,
        source_topic=None if place else source,
        source_place=(int(place[1]), int(place[2])) if place else None,
    )


def since_ms_of(since: str | None) -> int | None:
    """The time of --since in ms since 1970."""
    return None if since is None else int(time_option(since, "--since").timestamp() * 1000)


def place_argument(text: str) -> tuple[int, int]:
    """The partition and the offset of PARTITION:OFFSET.

    Raises:
        typer.BadParameter: it has another form.
    """
    place = _PLACE.fullmatch(text)
    if place is None:
        raise typer.BadParameter(f"{text!r} is not a partition and an offset such as 2:4711")
    return int(place[1]), int(place[2])
