"""Ask for new records so that a partition without any does not hold up the others."""

from math import inf
from typing import Any

from kafka import TopicPartition
from kafka.consumer.fetcher import Fetcher


class _PromptFetcher(Fetcher):  # type: ignore[misc]
    """kafka-python's fetcher, with another choice of what to ask for.

    It has one fetch under way to each broker. A broker answers a fetch at once if one of its partitions has records,
    else when one gets some, or after `fetch_max_wait_ms`. kafka-python asks for all partitions whose records are used
    up, while it still hands out those of another. If all it asks for are at their end, then the one that is behind
    gets its next records only after that wait.
    """

    ends: dict[TopicPartition, int]
    """The end of the committed records of a partition, by its broker's newest answer."""

    def _handle_fetch_response(
        self, node_id: int, fetch_offsets: Any, send_time: float, response: Any
    ) -> None:
        for topic in response.responses:
            for each in topic.partitions:
                if each.last_stable_offset >= 0:  # Errors have none.
                    self.ends[TopicPartition(topic.topic, each.partition_index)] = each.last_stable_offset
        super()._handle_fetch_response(node_id, fetch_offsets, send_time, response)

    def _fetchable_partitions(self) -> list[TopicPartition]:
        """Partitions at their end only together with one that is behind, or once their broker's records are used up."""
        fetchable: list[TopicPartition] = super()._fetchable_partitions()
        in_hand = set(self._subscriptions.fetchable_partitions()).difference(fetchable)
        if not in_hand:
            return fetchable
        behind = {self._select_read_replica(tp) for tp in fetchable if self._is_behind(tp)}
        busy = {self._select_read_replica(tp) for tp in in_hand} - behind
        return [tp for tp in fetchable if self._select_read_replica(tp) not in busy]

    def _is_behind(self, tp: TopicPartition) -> bool:
        """Whether committed records follow the position, by the newest answer; before the first one, they may."""
        position: int = self._subscriptions.assignment[tp].position.offset
        return position < self.ends.get(tp, inf)


def fetch_promptly(consumer: Any) -> None:
    """Make a kafka-python consumer (read_committed) ask so."""
    consumer._fetcher.__class__ = _PromptFetcher
    consumer._fetcher.ends = {}
