"""The topics: their names and their settings, in one place."""

import re
from dataclasses import dataclass
from typing import Final

from contract.errors import Fatal

DEFAULT_EVENTS_TOPIC: Final = "ltv.events"
DEFAULT_PREFIX: Final = "ltv"
DEFAULT_PARTITIONS: Final = 4
MAX_PARTITIONS: Final = 10_000
"""The most partitions of a new topic: brokers reject requests for more."""
MAX_TOPIC_CHARS: Final = 249
_TOPIC_NAME: Final = re.compile(r"[a-zA-Z0-9._-]+")
SNAPSHOT_KEY: Final = b"top"
MAX_RECORD_BYTES: Final = 4 * 1024 * 1024
"""The largest record on the consumer's own topics; enough for MAX_TOP rows with the longest ids and names."""
MAX_TOP: Final = 1_000

DAY_MS: Final = 24 * 60 * 60 * 1000
DEFAULT_SNAPSHOT_RETENTION_DAYS: Final = 7.0
DEAD_LETTERS_BYTES: Final = 1024 * 1024 * 1024
"""How much of ltv.dead-letters is kept, for each partition: the broker compresses it, and deletes the oldest."""
MIN_SEGMENT_MS: Final = 60_000
"""Kafka deletes a segment as a whole, once its newest record is old enough."""


_COMMON_SETTINGS: Final = {
    "max.message.bytes": str(MAX_RECORD_BYTES),
    # The broker's time: Kafka 4 brokers reject timestamps more than an hour ahead of the broker's clock.
    "message.timestamp.type": "LogAppendTime",
}


def check_topic_name(option: str, name: str, max_chars: int = MAX_TOPIC_CHARS) -> None:
    """Check that Kafka allows this topic name, or prefix of topic names, of at most `max_chars` characters.

    Raises:
        Fatal: Kafka does not allow it; the text begins with `option`.
    """
    if not name:
        raise Fatal(f"{option} is empty: give it a name")
    if name in {".", ".."} or not _TOPIC_NAME.fullmatch(name):
        raise Fatal(
            f"{option} {name!a}: a topic name has only the characters a-z, A-Z, 0-9, '.', '_' and '-', "
            "and is not '.' or '..'"
        )
    if len(name) > max_chars:
        raise Fatal(f"{option} has {len(name)} characters: at most {max_chars} are allowed")


@dataclass(frozen=True)
class TopicSpec:
    """A topic's required name, number of partitions, and settings that differ from the broker's defaults."""

    name: str
    partitions: int
    settings: dict[str, str]


@dataclass(frozen=True)
class Topics:
    """The topic names: the events topic belongs to the shop, the others to one application (`prefix`)."""

    events: str = DEFAULT_EVENTS_TOPIC
    prefix: str = DEFAULT_PREFIX

    def __post_init__(self) -> None:
        """Check the names.

        Raises:
            Fatal: Kafka does not allow a name, or the events topic is one of the application's own.
        """
        own = self.own
        check_topic_name("--events-topic", self.events)
        check_topic_name("--prefix", self.prefix, MAX_TOPIC_CHARS - max(map(len, own)) + len(self.prefix))
        if self.events in own:
            raise Fatal(
                f"--events-topic {self.events}: the application with --prefix {self.prefix} writes this topic itself; "
                "choose another events topic or prefix"
            )

    @property
    def changelog(self) -> str:
        """Packed rows of state; partition i belongs to events partition i."""
        return f"{self.prefix}.changelog"

    @property
    def partials(self) -> str:
        """Each events partition's own top x and totals."""
        return f"{self.prefix}.partials"

    @property
    def snapshots(self) -> str:
        """The global top x, for subscribers."""
        return f"{self.prefix}.snapshots"

    @property
    def dead_letters(self) -> str:
        """Invalid events unchanged, with the reason in the headers."""
        return f"{self.prefix}.dead-letters"

    @property
    def redriven(self) -> str:
        """Which dead letters were redriven."""
        return f"{self.prefix}.redriven"

    @property
    def own(self) -> tuple[str, ...]:
        """All topics of the application."""
        return (self.changelog, self.partials, self.snapshots, self.dead_letters, self.redriven)

    def events_spec(self, partitions: int) -> TopicSpec:
        """The events topic, as `ltv topics create` creates it; the owner chooses its retention."""
        return TopicSpec(self.events, partitions, {"cleanup.policy": "delete"})

    def internal_specs(
        self, partitions: int, snapshot_retention_days: float = DEFAULT_SNAPSHOT_RETENTION_DAYS
    ) -> list[TopicSpec]:
        """The application's own topics.

        Args:
            partitions: the number of partitions of the events topic.
            snapshot_retention_days: how long subscribers can look back.
        """
        snapshots_ms = int(snapshot_retention_days * DAY_MS)
        common = _COMMON_SETTINGS
        return [
            TopicSpec(
                self.changelog,
                partitions,
                {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1", **common},
            ),
            TopicSpec(self.partials, 1, {"cleanup.policy": "compact", "segment.ms": str(DAY_MS), **common}),
            TopicSpec(
                self.snapshots,
                1,
                {
                    "cleanup.policy": "delete",
                    "retention.ms": str(snapshots_ms),
                    "segment.ms": str(max(MIN_SEGMENT_MS, min(DAY_MS, snapshots_ms // 4))),
                    **common,
                },
            ),
            TopicSpec(
                self.dead_letters,
                partitions,
                {
                    "cleanup.policy": "delete",
                    "retention.ms": str(30 * DAY_MS),
                    "retention.bytes": str(DEAD_LETTERS_BYTES),
                    "segment.bytes": str(DEAD_LETTERS_BYTES // 8),
                    "compression.type": "zstd",
                    **common,
                },
            ),
        ]

    def redriven_spec(self) -> TopicSpec:
        """The topic of the marks, which the first redrive creates."""
        return TopicSpec(self.redriven, 1, {"cleanup.policy": "compact", **_COMMON_SETTINGS})
