"""Who owns a partition: fields of its partial, for readers who ask the owner for a customer."""

from msgspec import Struct


class PartitionOwner(Struct, frozen=True, kw_only=True):
    """The worker that has counted a partition up to `next_offset`."""

    next_offset: int
    """All records before this offset are counted, and no others."""
    owner: str | None = None
    """The address at which the worker answers, such as http://10.0.0.7:9400; None if it serves no HTTP."""
    worker_id: str = ""
    """Distinguishes the worker from others that may answer at this address; "" if it serves no HTTP."""
    partitioner: str = ""
    """The partitioner of the events topic; "" from programs that did not say."""
