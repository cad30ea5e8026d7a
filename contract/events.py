"""The events that a shop may send: one struct per type.

The types are the rules: msgspec enforces them while it decodes (`contract/decode.py`), and `python -m contract.schemas`
writes the JSON Schemas in `contract/schemas/` from them.
"""

from datetime import datetime
from typing import Annotated, Final, Generic, Literal, TypeVar, get_args, get_origin

from msgspec import Meta, Raw, Struct

from contract.amounts import AMOUNT_PATTERN, MAX_AMOUNT_CHARS

MAX_EVENT_BYTES: Final = 1_000_000
MAX_ID_CHARS: Final = 256
MAX_TEXT_CHARS: Final = 200

Id = Annotated[
    str, Meta(min_length=1, max_length=MAX_ID_CHARS, description=f"An id of 1 to {MAX_ID_CHARS} characters.")
]
Text = Annotated[str, Meta(max_length=MAX_TEXT_CHARS)]
EventTime = Annotated[
    str,
    Meta(
        description="ISO 8601 / RFC 3339 with Z or an offset, within the years 1 to 9999 in UTC; "
        "digits beyond microseconds are cut.",
        examples=["2017-01-06T12:46:46.384Z", "2017-01-06T14:46:46+02:00"],
    ),
]
Amount = Annotated[
    str,
    Meta(
        max_length=MAX_AMOUNT_CHARS,
        pattern=AMOUNT_PATTERN,
        description="Digits, optionally a point and one or two decimals, a space, USD; up to 10^15 dollars.",
        examples=["12.34 USD"],
    ),
]
Scalar = str | int | float | bool | None


Time = TypeVar("Time")
"""The type of an event's time: text on the topic, a datetime in UTC once decoded."""
Paid = TypeVar("Paid")
"""The type of an order's amount: text on the topic, whole cents once decoded."""


class _Event(Struct, Generic[Time], tag_field="type", gc=False):
    pass


class CustomerEvent(_Event[Time], tag="CUSTOMER", rename={"customer_id": "key"}):
    """A customer joined or changed. `key` is the customer id."""

    verb: Literal["NEW", "UPDATE"]
    customer_id: Id
    event_time: Time
    last_name: Text | None = None
    adr_city: Text | None = None
    adr_state: Text | None = None


class UntaggedSiteVisit(_Event[Time], tag="SITE_VISIT", rename={"page_id": "key"}):
    """A site visit, whatever its tags are."""

    verb: Literal["NEW"]
    page_id: Id
    event_time: Time
    customer_id: Id


class SiteVisitEvent(UntaggedSiteVisit[Time], tag="SITE_VISIT", rename={"page_id": "key"}):
    """A customer looked at a page. `key` is the page id."""

    tags: list[dict[str, Scalar]] | None = None
    """Nobody reads them: where one is a number beyond a float's range, all are left out."""


class RawTags(Struct):
    """The tags of a site visit, their values as they stand."""

    tags: list[dict[str, Raw]]


class ImageEvent(_Event[Time], tag="IMAGE", rename={"image_id": "key"}):
    """A customer uploaded an image. `key` is the image id."""

    verb: Literal["UPLOAD"]
    image_id: Id
    event_time: Time
    customer_id: Id
    camera_make: Text | None = None
    camera_model: Text | None = None


class OrderEvent(_Event[Time], Generic[Time, Paid], tag="ORDER", rename={"order_id": "key"}):
    """A customer ordered, or changed an order. `key` is the order id, unique within its customer."""

    verb: Literal["NEW", "UPDATE"]
    order_id: Id
    event_time: Time
    customer_id: Id
    total_amount: Paid


AnyEvent = CustomerEvent[Time] | SiteVisitEvent[Time] | ImageEvent[Time] | OrderEvent[Time, Paid]
EventAsSent = AnyEvent[EventTime, Amount]
"""A valid event on the topic."""
EventToCheck = AnyEvent[Annotated[datetime, Meta(tz=True)], str]
"""An event as msgspec decodes it; `contract/decode.py` checks the time's zone and the amount."""
Event = AnyEvent[datetime, int]
"""A decoded event: the time in UTC, the amount in cents."""

EVENT_TYPES: Final = tuple(str(get_origin(each).__struct_config__.tag) for each in get_args(AnyEvent))
"""The values of `type`."""

REASONS: Final = {
    "empty": "no value at all (a tombstone)",
    "oversize": f"longer than {MAX_EVENT_BYTES:,} bytes",
    "undecodable": "not JSON, or not UTF-8",
    "unknown_type": f"type is not {', '.join(EVENT_TYPES[:-1])} or {EVENT_TYPES[-1]}",
    "unknown_verb": "the verb does not exist for this type",
    "missing_field": "a required field is not there",
    "invalid_field": "a field is there but breaks its rule",
    "wrong_key": "the Kafka key is not the event's customer id: its customer would be split over partitions",
    "wrong_partition": "the producer's partitioner is not the topic's: its customer would be split over partitions",
}
"""The values of `InvalidEvent.reason` for one event, and their meanings."""

BATCH_REASONS: Final = {
    "oversize_batch": "a record batch unpacks to more bytes than --max-batch-bytes; stands for all its records",
    "undecodable_batch": "a record batch is damaged: it can't be unpacked or parted; stands for its records",
}
"""The same for a whole batch of records on the topic."""
