"""The Kafka key that an event should have: its customer's id, also where the event is invalid otherwise."""

import msgspec


class _Ids(msgspec.Struct):
    type: str | None = None
    key: str | None = None
    customer_id: str | None = None


_decode_ids = msgspec.json.Decoder(_Ids).decode


def readable_key(value: bytes) -> bytes | None:
    """The customer id of an unchecked event in UTF-8, if it can be decoded; otherwise None."""
    try:
        ids = _decode_ids(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    customer_id = ids.key if ids.type == "CUSTOMER" else ids.customer_id
    return customer_id.encode() if customer_id else None
