"""All commands of `ltv`: summary, examples, and the module with the code.

A command's module is imported only when that command runs: `ltv batch` never loads Kafka.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

START: Final = "Start here"
FILES: Final = "Files"
KAFKA: Final = "Kafka"
READING: Final = "Reading"


@dataclass(frozen=True)
class Entry:
    """One command; `target` is "module:attribute": a function, or a Typer app if there are `subcommands`."""

    target: str
    panel: str
    summary: str
    examples: tuple[str, ...]
    subcommands: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Subcommand -> its examples; empty if the command is not a group."""


COMMANDS: Final[Mapping[str, Entry]] = {
    "demo": Entry(
        "ltv.commands.demo:demo",
        START,
        "Watch a real Kafka broker, a shop and a consumer rank the shop's customers live.",
        ("ltv demo", "ltv demo --cdnow --rate 5000 --top 20", "ltv demo --snapshots 5"),
    ),
    "generate": Entry(
        "ltv.commands.generate:generate",
        FILES,
        "Write the events of a simulated shop to a file.",
        (
            "ltv generate 100000 -o events.ndjson",
            "ltv generate 1000000 --customers 5000 --seed 7 -o events.ndjson.gz",
            "ltv generate 1000 --disorder 0.2 --duplicates 0.05 --rubbish 0.01 -o -",
            "ltv generate --cdnow -o cdnow.ndjson",
        ),
    ),
    "batch": Entry(
        "ltv.commands.batch:batch",
        FILES,
        "Rank the customers of event files, without Kafka.",
        (
            "ltv batch events.ndjson --top 10",
            "ltv batch january.json.gz february.ndjson --basis timeframe",
            "ltv batch events.json -o top.json",
            "ltv batch events.ndjson --top 1000 -o top.parquet",
            "ltv generate 1000 -o - | ltv batch - --json",
            "ltv batch events.ndjson --strict --rejects rejects.ndjson",
        ),
    ),
    "report": Entry(
        "ltv.commands.report:report",
        FILES,
        "Write pictures of the customers as one page: distributions, cohorts, leaders.",
        (
            "ltv report events.ndjson",
            "ltv report january.json.gz february.ndjson -o winter.html",
            "ltv report --from-topic -o report.html",
        ),
    ),
    "broker": Entry(
        "ltv.commands.broker:broker_app",
        KAFKA,
        "Run a real Apache Kafka broker on this machine, for trials and tests.",
        ("ltv broker start", "ltv broker fetch"),
        {
            "start": ("ltv broker start", "ltv broker start --port 9092 --data ./kafka-data"),
            "stop": ("ltv broker stop", "ltv broker stop --port 9092"),
            "fetch": ("ltv broker fetch",),
        },
    ),
    "topics": Entry(
        "ltv.commands.topics:topics_app",
        KAFKA,
        "Create the topics, or show how existing topics differ from the required settings.",
        ("ltv topics create", "ltv topics check"),
        {
            "create": (
                "ltv topics create",
                "ltv topics create --partitions 8",
                "ltv topics create --fix --snapshot-retention-days 30",
            ),
            "check": ("ltv topics check", "ltv topics check --json"),
        },
    ),
    "publish": Entry(
        "ltv.commands.publish:publish",
        KAFKA,
        "Send the events of files to Kafka.",
        (
            "ltv publish events.ndjson",
            "ltv publish january.json.gz february.ndjson",
            "ltv publish raw.ndjson --as-is",
        ),
    ),
    "produce": Entry(
        "ltv.commands.produce:produce",
        KAFKA,
        "Send the events of a simulated shop to Kafka, live.",
        ("ltv produce", "ltv produce --rate 3000", "ltv produce --count 100000"),
    ),
    "consume": Entry(
        "ltv.commands.consume:consume",
        KAFKA,
        "Read events from Kafka and emit a snapshot of the top customers every few seconds.",
        (
            "ltv consume",
            "ltv consume --workers 4 --top 100 --snapshot-interval-s 5",
            "ltv consume --until-end",
        ),
    ),
    "reset": Entry(
        "ltv.commands.reset:reset",
        KAFKA,
        "Forget what was counted, so that the consumer counts all events again, or those since a time.",
        (
            "ltv reset --to-earliest --dry-run",
            "ltv reset --to-earliest --yes",
            "ltv reset --to-time 2026-01-31T12:00Z --yes",
        ),
    ),
    "top": Entry(
        "ltv.commands.top:top",
        READING,
        "Show the newest snapshot of the top customers, an earlier one, or each new one.",
        (
            "ltv top",
            "ltv top --top 3 --follow",
            "ltv top --json",
            "ltv top --at 2026-01-31T12:00Z",
            "ltv top --at 4711 --csv",
            "ltv top --since 2026-01-31 --json",
        ),
    ),
    "customer": Entry(
        "ltv.commands.customer:customer",
        READING,
        "Show one customer: lifetime value and how it comes about, orders, active weeks.",
        (
            "ltv customer 96f55c7d8f42",
            "ltv customer 96f55c7d8f42 --orders 100",
            "ltv customer 96f55c7d8f42 --json",
        ),
    ),
    "status": Entry(
        "ltv.commands.status:status",
        KAFKA,
        "Show on one screen how the consumer is: members, lag, snapshot, dead letters, topics.",
        ("ltv status", "ltv status --json", "ltv status --max-behind-s 300 --prefix ltv"),
    ),
    "verify": Entry(
        "ltv.commands.verify:verify",
        KAFKA,
        "Recompute a snapshot from the events it counts, by independent code, and compare.",
        (
            "ltv verify",
            "ltv verify --sequence 4711 --json",
            "ltv verify --from-files january.ndjson.gz --from-files february.ndjson.gz",
        ),
    ),
    "config": Entry(
        "ltv.commands.config:config",
        KAFKA,
        "Show the settings in effect and where each comes from.",
        ("ltv config", "ltv config dashboard", "ltv config --json"),
    ),
    "dashboard": Entry(
        "ltv.commands.dashboard:dashboard",
        READING,
        "Serve a live page of the top customers, and its HTTP API and stream.",
        (
            "ltv dashboard",
            "ltv dashboard --host 0.0.0.0 --port 80 --allowed-hosts top.example.com",
            "ltv dashboard --allow-origin https://shop.example --frame-ancestors https://intranet.example",
        ),
    ),
    "dead-letters": Entry(
        "ltv.commands.dead_letters:dead_letters_app",
        READING,
        "Show the dead letters, the invalid events, and send them again once their cause is mended.",
        ("ltv dead-letters list", "ltv dead-letters list --reason wrong_key"),
        {
            "list": (
                "ltv dead-letters list",
                "ltv dead-letters list --reason wrong_key --limit 5",
                "ltv dead-letters list --json --limit 1000",
            ),
            "show": ("ltv dead-letters show 2:4711", "ltv dead-letters show 2:4711 --json"),
            "export": (
                "ltv dead-letters export -o letters.ndjson.gz",
                "ltv dead-letters export --events --reason invalid_field",
            ),
            "redrive": (
                "ltv dead-letters redrive --dry-run",
                "ltv dead-letters redrive --reason wrong_key --set-key",
                "ltv dead-letters redrive --since 2026-01-31 --rate 100",
                "ltv dead-letters redrive --source 2:4711",
            ),
        },
    ),
}


def epilog(examples: tuple[str, ...], *, boxed: bool) -> str:
    """The examples at the end of a command's help; without boxes, a backspace keeps Click from joining the lines."""
    return ("Examples:\n\n" if boxed else "\b\nExamples:\n") + "\n".join(f"  {line}" for line in examples)
