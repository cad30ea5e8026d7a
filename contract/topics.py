"""The topics: their names and their settings, in one place."""

from dataclasses import dataclass
from typing import Final

DEFAULT_EVENTS_TOPIC: Final = "ltv.events"
DEFAULT_PREFIX: Final = "ltv"
DEFAULT_PARTITIONS: Final = 4
SNAPSHOT_KEY: Final = b"top"
MAX_RECORD_BYTES: Final = 4 * 1024 * 1024
"""The largest record of the consumer's own topics: room for MAX_TOP rows of the longest ids and names."""
MAX_TOP: Final = 1_000

DAY_MS: Final = 24 * 60 * 60 * 1000


@dataclass(frozen=True)
class TopicSpec:
    """One topic as it must be: name, number of partitions, settings that differ from the broker's."""

    name: str
    partitions: int
    settings: dict[str, str]


@dataclass(frozen=True)
class Topics:
    """The names: the events topic is the shop's; the others belong to one application (`prefix`)."""

    events: str = DEFAULT_EVENTS_TOPIC
    prefix: str = DEFAULT_PREFIX

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
        """The global top x: what subscribers read."""
        return f"{self.prefix}.snapshots"

    @property
    def dead_letters(self) -> str:
        """Invalid events as they came, with the reason in the headers."""
        return f"{self.prefix}.dead-letters"

    def events_spec(self, partitions: int) -> TopicSpec:
        """The events topic, as `ltv topics create` makes it; its retention is the owner's choice."""
        return TopicSpec(self.events, partitions, {"cleanup.policy": "delete"})

    def internal_specs(self, partitions: int) -> list[TopicSpec]:
        """The application's own topics for an events topic of so many partitions."""
        # The broker's time: one that the consumer's clock gives, an hour ahead, a broker of today refuses.
        common = {"max.message.bytes": str(MAX_RECORD_BYTES), "message.timestamp.type": "LogAppendTime"}
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
                {"cleanup.policy": "compact,delete", "retention.ms": str(7 * DAY_MS), **common},
            ),
            TopicSpec(
                self.dead_letters,
                partitions,
                {"cleanup.policy": "delete", "retention.ms": str(30 * DAY_MS), **common},
            ),
        ]
