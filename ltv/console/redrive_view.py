"""What a redrive does, or has done, in lines: a histogram of reasons, and which dead letters are left and why."""

from typing import Any

from administration.redrive import RedriveTally
from administration.redriven_event import LEFT_BECAUSE
from contract.errors import counted
from ltv.console.letter_view import histogram_lines

DONE = "redriven"
PLANNED = "to redrive"


def redrive_lines(tally: RedriveTally, topic: str, heading: str) -> list[str]:
    """The tally in lines; `heading` is DONE or PLANNED."""
    if not tally.redriven and not tally.left:
        return [f"no dead letters on {topic} match"]
    lines = [f"{heading}: {counted(tally.redriven.total(), 'dead letter')} of {topic}"]
    lines += histogram_lines(tally.redriven)
    if tally.without_headers:
        lines.append(
            f"  {counted(tally.without_headers, 'event')} without some of the original headers, which were too long, "
            "not UTF-8, or of the consumer's own names"
        )
    if tally.null_headers:
        lines.append(
            f"  {counted(tally.null_headers, 'header')} had no value, and {_have(tally.null_headers)} an empty one now"
        )
    if tally.left:
        lines.append(f"left: {counted(tally.left.total(), 'dead letter')}")
        lines += [f"  {number:>9,}  {LEFT_BECAUSE[why]}" for why, number in tally.left.most_common()]
    return lines


def redrive_json(tally: RedriveTally, topic: str, *, dry_run: bool, stopped: bool) -> dict[str, Any]:
    """The tally as one JSON object."""
    return {
        "topic": topic,
        "dry_run": dry_run,
        "stopped": stopped,
        "redriven": dict(tally.redriven),
        "left": dict(tally.left),
        "without_headers": tally.without_headers,
        "null_headers": tally.null_headers,
    }


def _have(number: int) -> str:
    return "has" if number == 1 else "have"
