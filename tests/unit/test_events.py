"""The contract: an event that breaks a rule is invalid, with the rule's reason and field; all others are valid."""

import gc
import json
import time
import weakref
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from itertools import islice
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contract.decode import CHUNK_EVENTS, chunks, decode_event, decode_events
from contract.errors import MAX_DETAIL_CHARS, InvalidEvent
from contract.events import (
    MAX_EVENT_BYTES,
    REASONS,
    CustomerEvent,
    Event,
    EventAsSent,
    ImageEvent,
    OrderEvent,
    SiteVisitEvent,
)

TIME = "2017-01-06T12:46:46.384Z"
AT = datetime(2017, 1, 6, 12, 46, 46, 384000, UTC)
VALID: dict[str, dict[str, Any]] = {
    "CUSTOMER": {"type": "CUSTOMER", "verb": "NEW", "key": "c", "event_time": TIME},
    "SITE_VISIT": {"type": "SITE_VISIT", "verb": "NEW", "key": "p", "event_time": TIME, "customer_id": "c"},
    "IMAGE": {"type": "IMAGE", "verb": "UPLOAD", "key": "i", "event_time": TIME, "customer_id": "c"},
    "ORDER": {
        "type": "ORDER",
        "verb": "NEW",
        "key": "o",
        "event_time": TIME,
        "customer_id": "c",
        "total_amount": "12.34 USD",
    },
}
FIELDS = {
    "type",
    "verb",
    "key",
    "event_time",
    "customer_id",
    "total_amount",
    "last_name",
    "adr_city",
    "adr_state",
    "camera_make",
    "camera_model",
    "tags",
}


def encoded(type_: str, **fields: object) -> bytes:
    """A valid event of this type with some fields changed; `...` removes a field."""
    event = VALID[type_] | fields
    return json.dumps({name: value for name, value in event.items() if value is not ...}).encode()


def cents_in(amount: str) -> int:
    return int(Decimal(amount.removesuffix(" USD")) * 100)


def raw(members: bytes) -> bytes:
    """A valid site visit with further JSON members, given as text, at its end."""
    return json.dumps(VALID["SITE_VISIT"]).encode()[:-1] + b"," + members + b"}"


def refused(value: bytes | None) -> InvalidEvent:
    with pytest.raises(InvalidEvent) as caught:
        decode_event(value)
    return caught.value


def decoded(value: bytes) -> Any:
    return decode_event(value)


# --- valid events ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "event"),
    [
        (encoded("CUSTOMER"), CustomerEvent("NEW", "c", AT)),
        (
            encoded("CUSTOMER", verb="UPDATE", last_name="Ødegård", adr_city="", adr_state="AK"),
            CustomerEvent("UPDATE", "c", AT, "Ødegård", "", "AK"),
        ),
        (encoded("SITE_VISIT"), SiteVisitEvent("NEW", "p", AT, "c")),
        (encoded("SITE_VISIT", tags=[]), SiteVisitEvent("NEW", "p", AT, "c", [])),
        (encoded("IMAGE"), ImageEvent("UPLOAD", "i", AT, "c")),
        (
            encoded("IMAGE", camera_make="Canon", camera_model="EOS 80D"),
            ImageEvent("UPLOAD", "i", AT, "c", "Canon", "EOS 80D"),
        ),
        (encoded("ORDER"), OrderEvent("NEW", "o", AT, "c", 1234)),
        (encoded("ORDER", verb="UPDATE"), OrderEvent("UPDATE", "o", AT, "c", 1234)),
    ],
)
def test_each_type_and_verb_of_the_table_is_valid(value: bytes, event: Event) -> None:
    assert decode_event(value) == event


def test_the_customer_id_of_a_customer_event_is_its_key_and_of_other_events_their_customer_id() -> None:
    assert {decoded(encoded(type_)).customer_id for type_ in VALID} == {"c"}


def test_a_customer_id_beside_a_customers_key_is_an_unknown_extra_field() -> None:
    assert decoded(encoded("CUSTOMER", customer_id="other")).customer_id == "c"


def test_the_order_of_the_fields_does_not_matter() -> None:
    backwards = dict(reversed(VALID["ORDER"].items()))
    assert decoded(json.dumps(backwards).encode()) == decoded(encoded("ORDER"))


def test_spaces_and_newlines_around_the_json_do_not_matter() -> None:
    assert decoded(b" \r\n" + encoded("ORDER") + b"\t\r\n") == decoded(encoded("ORDER"))


@pytest.mark.parametrize("extra", [1, "x", None, True, [], {"type": "ORDER"}, [[{}]], 10**30, -1.5e300])
@pytest.mark.parametrize("type_", VALID)
def test_unknown_extra_fields_are_ignored(type_: str, extra: object) -> None:
    assert decoded(encoded(type_, some_field=extra)) == decoded(encoded(type_))


@pytest.mark.parametrize("members", [b'"x":' + b"9" * 5000, b'"x":1e999', b'"x":' + b"[" * 500 + b"]" * 500])
def test_extra_fields_may_hold_huge_numbers_and_some_nesting(members: bytes) -> None:
    assert decoded(raw(members)) == decoded(encoded("SITE_VISIT"))


@pytest.mark.parametrize("number", ["1e999", "-1e400", "9" * 5000, "-" + "9" * 5000, "9" * 5000 + ".5e1"])
def test_a_number_beyond_any_range_in_tags_is_taken_without_the_tags(number: str) -> None:
    event = raw(b'"tags":[{"text":"a"},{"n":%b,"m":null}]' % number.encode())
    assert decoded(event) == decoded(encoded("SITE_VISIT"))
    assert decode_events([event]) == ([decode_event(event)], [])


@pytest.mark.parametrize("field", ["last_name", "adr_city", "adr_state"])
def test_null_means_that_an_optional_field_is_absent(field: str) -> None:
    assert decoded(encoded("CUSTOMER", **{field: None})) == decoded(encoded("CUSTOMER"))


@pytest.mark.parametrize(
    "tags",
    [
        [{"some key": "some value"}],
        [{"name": "a", "value": 1}, {"name": "b", "value": 1.5}, {}, {"": None, "t": True}],
        [{"big": 2**64}, {"small": -(2**64)}],
        [{"same": 1}] * 1000,
    ],
)
def test_tags_are_a_list_of_objects_of_plain_values(tags: list[dict[str, object]]) -> None:
    assert decoded(encoded("SITE_VISIT", tags=tags)).tags == tags


@pytest.mark.parametrize(
    "id_",
    ["x", "x" * 256, "😀" * 256, " ", "0", "a/b:c\\d\"e'", "nul\0inside", "\u202eright to left", "null"],
)
@pytest.mark.parametrize(("field", "attribute"), [("key", "order_id"), ("customer_id", "customer_id")])
def test_an_id_is_any_text_of_1_to_256_characters(field: str, attribute: str, id_: str) -> None:
    assert getattr(decoded(encoded("ORDER", **{field: id_})), attribute) == id_


def test_a_character_written_as_two_escapes_is_one_character() -> None:
    assert decoded(raw(rb'"customer_id":"\ud83d\ude00"')).customer_id == "😀"


def test_of_two_fields_of_one_name_the_last_counts() -> None:
    """RFC 8259 does not decide it; json.loads, orjson and JavaScript do the same."""
    assert decoded(raw(b'"key":"second"')).page_id == "second"


@pytest.mark.parametrize(
    "amount",
    [
        "0 USD",
        "0.00 USD",
        "12 USD",
        "12.3 USD",
        "12.34 USD",
        "00012.34 USD",
        "999999999999999.99 USD",
        "1000000000000000 USD",
        "1000000000000000.0 USD",
        "1000000000000000.00 USD",
        "0001000000000000000.00 USD",
        "0" * 35 + "1 USD",
    ],
)
def test_amounts_of_0_to_10_to_the_15_dollars_are_valid_to_the_cent(amount: str) -> None:
    assert decoded(encoded("ORDER", total_amount=amount)).total_amount == cents_in(amount)


# --- invalid events ----------------------------------------------------------------------------------------------

NO_STRINGS: list[object] = [1, True, ["x"], {"x": "y"}]
NO_TEXTS: list[object] = [*NO_STRINGS, "x" * 201]
NO_TAGS: list[object] = ["x", 1, {}, {"a": "b"}, ["a"], [None], [["a"]], [{"a": []}], [{"a": {}}], [{}, 1]]
HUGE = b'"' + b"x" * MAX_EVENT_BYTES + b'"'
BROKEN: list[tuple[bytes | None, str, str]] = [
    (None, "empty", ""),
    (b"", "empty", ""),
    (HUGE, "oversize", ""),
    (b"not json", "undecodable", ""),
    (b"{", "undecodable", ""),
    (b"{'type': 'ORDER'}", "undecodable", ""),
    (encoded("ORDER") + b"x", "undecodable", ""),
    (encoded("ORDER") + b"," + encoded("ORDER"), "undecodable", ""),
    (encoded("ORDER") + b"\n" + encoded("ORDER"), "undecodable", ""),
    (encoded("ORDER")[:-1], "undecodable", ""),
    (encoded("ORDER")[:-1] + b",}", "undecodable", ""),
    (b"\xef\xbb\xbf" + encoded("ORDER"), "undecodable", ""),
    (encoded("ORDER").decode().encode("utf-16"), "undecodable", ""),
    (encoded("ORDER") + b"\0", "undecodable", ""),
    (raw(b'"customer_id":"\xff"'), "undecodable", ""),
    (raw(b'"customer_id":"\xed\xa0\x80"'), "undecodable", ""),
    (raw(b'"extra":"caf\xe9"'), "undecodable", ""),
    (raw(b'"\xff":1'), "undecodable", ""),
    (raw(b'"customer_id":"line\nend"'), "undecodable", ""),
    (raw(rb'"customer_id":"\ud800"'), "undecodable", ""),
    (raw(rb'"customer_id":"\ud800\ud800"'), "undecodable", ""),
    (raw(rb'"customer_id":"\udc00abcdefgh"'), "undecodable", ""),
    (raw(b'"extra":NaN'), "undecodable", ""),
    (raw(b'"extra":' + b"[" * 100_000 + b"]" * 100_000), "undecodable", ""),
    (raw(b'"extra":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000), "undecodable", ""),
    (b"null", "invalid_field", ""),
    (b"[]", "invalid_field", ""),
    (b"[" + encoded("ORDER") + b"]", "invalid_field", ""),
    (b"1", "invalid_field", ""),
    (b'"ORDER"', "invalid_field", ""),
    (b"{}", "missing_field", "type"),
    *((encoded(type_, type=...), "missing_field", "type") for type_ in VALID),
    *(
        (encoded(type_, type=bad), "unknown_type", "type")
        for type_ in VALID
        for bad in ("", "order", "SALE", 1, None)
    ),
    (raw(b'"type":"CUSTOMER"'), "unknown_type", "type"),
    *(
        (encoded(type_, **{name: ...}), "missing_field", name)
        for type_, event in VALID.items()
        for name in event
    ),
    *(
        (encoded(type_, **{name: bad}), "invalid_field", name)
        for type_, event in VALID.items()
        for name in event
        if name != "type"
        for bad in (None, *NO_STRINGS)
    ),
    (encoded("CUSTOMER", verb="UPLOAD"), "unknown_verb", "verb"),
    (encoded("SITE_VISIT", verb="UPDATE"), "unknown_verb", "verb"),
    (encoded("IMAGE", verb="NEW"), "unknown_verb", "verb"),
    (encoded("ORDER", verb="UPLOAD"), "unknown_verb", "verb"),
    *(
        (encoded(type_, verb=bad), "unknown_verb", "verb")
        for type_ in VALID
        for bad in ("", "new", "DELETE", "NEW ")
    ),
    *((encoded(type_, key=bad), "invalid_field", "key") for type_ in VALID for bad in ("", "x" * 257)),
    *(
        (encoded(type_, customer_id=bad), "invalid_field", "customer_id")
        for type_ in ("SITE_VISIT", "IMAGE", "ORDER")
        for bad in ("", "x" * 257)
    ),
    *(
        (encoded(type_, **{name: bad}), "invalid_field", name)
        for type_, names in {
            "CUSTOMER": ("last_name", "adr_city", "adr_state"),
            "IMAGE": ("camera_make", "camera_model"),
        }.items()
        for name in names
        for bad in NO_TEXTS
    ),
    *((encoded("SITE_VISIT", tags=bad), "invalid_field", "tags") for bad in NO_TAGS),
    (raw(b'"tags":[{"a":1e999},1]'), "invalid_field", "tags"),
    (raw(b'"tags":[{"a":1e999,"b":[]}]'), "invalid_field", "tags"),
    (raw(b'"tags":[{"a":1e999},{"b":{}}]'), "invalid_field", "tags"),
    (raw(b'"tags":[{"a":1e999}],x'), "undecodable", ""),
    (raw(b'"tags":[{"a":1e999}],"deep":' + b"[" * 100_000), "undecodable", ""),
    (raw(b'"tags":[{"a":1e999}],"event_time":5'), "invalid_field", "event_time"),
    (raw(b'"tags":[{"a":1e999}],"customer_id":""'), "invalid_field", "customer_id"),
]


@pytest.mark.parametrize(
    ("value", "reason", "field"), BROKEN, ids=[repr((value or b"")[:150]) for value, *_ in BROKEN]
)
def test_an_event_that_breaks_a_rule_is_invalid_with_its_reason_and_its_field(
    value: bytes | None, reason: str, field: str
) -> None:
    error = refused(value)
    assert (error.reason, error.field) == (reason, field)


def test_every_reason_has_a_case_here() -> None:
    """Except two that need the Kafka record's key or partition, which decode_event does not get."""
    assert {reason for _, reason, _ in BROKEN} == set(REASONS) - {"wrong_key", "wrong_partition"}


@pytest.mark.parametrize(
    "amount",
    [
        "1000000000000000.01 USD",
        "1000000000000000.1 USD",
        "1000000000000001 USD",
        "9999999999999999 USD",
        "10000000000000000 USD",
        "-1 USD",
        "-0.00 USD",
        "+1 USD",
        "12.345 USD",
        "12. USD",
        ".5 USD",
        "USD",
        " USD",
        "12,34 USD",
        "1,234.00 USD",
        "1_000 USD",
        "1e3 USD",
        "0x1 USD",
        "NaN USD",
        "12.34",
        "12.34USD",
        "12.34  USD",
        " 12.34 USD",
        "12.34 USD ",
        "12.34 USD\n",
        "12.34 USD\0",
        "12\n.34 USD",
        "12.34\tUSD",
        "12.34\u00a0USD",
        "12.34 usd",
        "12.34 EUR",
        "$12.34",
        "١٢ USD",
        "１２ USD",
        "",
        "0" * 40 + "1 USD",
        12.34,
    ],
)
def test_any_other_amount_is_invalid(amount: object) -> None:
    error = refused(encoded("ORDER", total_amount=amount))
    assert (error.reason, error.field) == ("invalid_field", "total_amount")


# --- times -------------------------------------------------------------------------------------------------------

LAST_MICROSECOND = 999_999


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2017-01-06T12:46:46.384Z", datetime(2017, 1, 6, 12, 46, 46, 384_000)),
        ("2017-01-06T12:46:46Z", datetime(2017, 1, 6, 12, 46, 46)),
        ("2017-01-06T12:46Z", datetime(2017, 1, 6, 12, 46)),
        ("2017-01-06T12:46:46.1Z", datetime(2017, 1, 6, 12, 46, 46, 100_000)),
        ("2017-01-06T12:46:46,5Z", datetime(2017, 1, 6, 12, 46, 46, 500_000)),
        ("2017-01-06T12:46:46.123456Z", datetime(2017, 1, 6, 12, 46, 46, 123_456)),
        ("2017-01-06T12:46:46.000000999Z", datetime(2017, 1, 6, 12, 46, 46)),
        ("2017-01-06T23:59:59.9999999Z", datetime(2017, 1, 6, 23, 59, 59, LAST_MICROSECOND)),
        ("2017-01-06T23:59:59." + "9" * 1000 + "Z", datetime(2017, 1, 6, 23, 59, 59, LAST_MICROSECOND)),
        ("2017-01-06T12:46:46.9999999+02:00", datetime(2017, 1, 6, 10, 46, 46, LAST_MICROSECOND)),
        ("2017-01-06t12:46:46z", datetime(2017, 1, 6, 12, 46, 46)),
        ("2017-01-06T12:46:46.384z", datetime(2017, 1, 6, 12, 46, 46, 384_000)),
        ("2017-01-06 12:46:46Z", datetime(2017, 1, 6, 12, 46, 46)),
        ("20170106T124646Z", datetime(2017, 1, 6, 12, 46, 46)),
        ("20170106t1246z", datetime(2017, 1, 6, 12, 46)),
        ("20170106T124646.25+0130", datetime(2017, 1, 6, 11, 16, 46, 250_000)),
        ("2017-01-06T00:30:00+02:00", datetime(2017, 1, 5, 22, 30)),
        ("2017-01-06T23:30:00-0100", datetime(2017, 1, 7, 0, 30)),
        ("2017-01-06T12:00:00+05", datetime(2017, 1, 6, 7)),
        ("2017-01-06T12:00:00-00:00", datetime(2017, 1, 6, 12)),
        ("2017-01-06T12:00:00+23:59", datetime(2017, 1, 5, 12, 1)),
        ("2017-01-06T20:00:00.000Z", datetime(2017, 1, 6, 20)),
        ("2016-02-29T12:00:00.000Z", datetime(2016, 2, 29, 12)),
        ("2000-02-29T12:00:00Z", datetime(2000, 2, 29, 12)),
        ("2017-01-01T00:00:00+01:00", datetime(2016, 12, 31, 23)),
        ("0001-01-01T00:00:00.000Z", datetime(1, 1, 1)),
        ("0001-01-01T01:00:00+01:00", datetime(1, 1, 1)),
        ("0001-01-01T00:00:00-01:00", datetime(1, 1, 1, 1)),
        ("9999-12-31T23:59:59.9999999Z", datetime(9999, 12, 31, 23, 59, 59, LAST_MICROSECOND)),
        ("9999-12-31T22:59:59-01:00", datetime(9999, 12, 31, 23, 59, 59)),
        ("9999-12-31T23:59:59+01:00", datetime(9999, 12, 31, 22, 59, 59)),
    ],
)
def test_a_time_is_read_in_utc_and_cut_to_microseconds(text: str, instant: datetime) -> None:
    at = decode_event(encoded("IMAGE", event_time=text)).event_time
    assert (at, at.utcoffset()) == (instant.replace(tzinfo=UTC), timedelta(0))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Z",
        "yesterday",
        "1483706806",
        "2017-01-06",
        "2017-01-06Z",
        "2017-01-06T12Z",
        "2017-01-06T12:46:46",
        "2017-01-06T12:46:46.384",
        "2017-01-06T12:46:46.Z",
        "2017-01-06T12:46.5Z",
        "2017-01-06T12:46:46.384Z\n",
        "2017-01-06T12:46:46.384Z\0",
        "\n2017-01-06T12:46:46.384Z",
        " 2017-01-06T12:46:46.384Z",
        "2017-01-06T12:46:46 Z",
        "2017-01-06  12:46:46Z",
        "2017-01-06_12:46:46Z",
        "2017-01-06T12:46:46.384ZZ",
        "2017-01-06T12:46:46 UTC",
        "2017-01-06T12:46:46.384+",
        "2017-01-06T12:46:46+2",
        "2017-01-06T12:46:46+02:0",
        "2017-01-06T12:46:46+02:60",
        "2017-01-06T12:46:46-02:99",
        "2017-01-06T12:46:46+24:00",
        "2017-01-06T12:46:46+02:00:30",
        "2017-01-06T12:46:46+02:00Z",
        "2017-01-06T12:46:46−02:00",
        "2017-1-6T12:46:46Z",
        "17-01-06T12:46:46Z",
        "12017-01-06T12:46:46Z",
        "+2017-01-06T12:46:46Z",
        "-017-01-06T12:46:46.384Z",
        "2017-W01-5T12:46:46Z",
        "2017-W01-5T12:46:46.384Z",
        "2017W015T124646Z",
        "2017-006T12:46:46Z",
        "20170106T12:46:46Z",
        "2017-01-06T124646Z",
        "06.01.2017 12:46:46Z",
        "2017-01-06T1２:46:46.384Z",
        "2017-01-06T12:46:46.38٤Z",
        "2017-01-06T12:46:46.  4Z",
        "2017-01-06T12:46:46.-14Z",
        "2017-01-06T+1:46:46.384Z",
        "2017-02-29T12:00:00.000Z",
        "1900-02-29T12:00:00Z",
        "2017-04-31T12:00:00Z",
        "2017-13-01T12:00:00.000Z",
        "2017-00-01T12:00:00Z",
        "2017-01-00T12:00:00Z",
        "2017-01-32T12:00:00.000Z",
        "2017-01-06T24:00:00Z",
        "2017-01-06T24:00:00.000Z",
        "20170106T2400Z",
        "2017-01-06T25:00:00.000Z",
        "2017-01-06T12:60:00.000Z",
        "2017-01-06T12:00:60Z",
        "2016-12-31T23:59:60.000Z",
        "0000-01-01T00:00:00.000Z",
        "0000-12-31T23:59:59-01:00",
        "0001-01-01T00:00:00+00:01",
        "0001-01-01T00:59:59.999999+01:00",
        "9999-12-31T23:59:59-00:01",
        "9999-12-31T23:00:00.000-01:00",
        "10000-01-01T00:00:00+01:00",
        "2" * 100_000,
        "2017-01-06T12:46:46." + "3" * 100_000,
    ],
    ids=lambda text: repr(text[:40]),
)
def test_any_other_time_is_invalid(text: str) -> None:
    error = refused(encoded("IMAGE", event_time=text))
    assert (error.reason, error.field) == ("invalid_field", "event_time")


@given(
    st.datetimes(
        timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
    ),
    st.text("0123456789", max_size=12),
)
def test_any_instant_with_any_offset_and_any_digits_is_read_as_that_instant(
    at: datetime, digits: str
) -> None:
    """The text of isoformat, with more digits after its microseconds, is read as the same microsecond."""
    clock, offset = at.isoformat(timespec="microseconds")[:-6], at.isoformat()[-6:]
    value = encoded("IMAGE", event_time=clock + digits + offset)
    try:
        expected = at.astimezone(UTC)
    except OverflowError:
        assert refused(value).field == "event_time"
    else:
        assert decode_event(value).event_time == expected


# --- error messages ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (encoded("ORDER", type="SALE"), ["type", "'SALE'", "CUSTOMER, SITE_VISIT, IMAGE, ORDER"]),
        (encoded("ORDER", verb="DELETE"), ["verb", "'DELETE'"]),
        (encoded("ORDER", customer_id=...), ["customer_id", "required"]),
        (encoded("ORDER", key=""), ["key", "length >= 1"]),
        (encoded("ORDER", key="x" * 257), ["key", "length <= 256"]),
        (encoded("ORDER", key=5), ["key", "expected `str`, got `int`"]),
        (encoded("ORDER", total_amount=12.34), ["total_amount", '"12.34 USD"']),
        (encoded("ORDER", total_amount="-5 USD"), ["total_amount", "12.34 USD", "not negative", "10^15"]),
        (
            encoded("ORDER", event_time="2017-02-29T12:00:00Z"),
            ["event_time", "'2017-02-29T12:00:00Z'", "ISO 8601"],
        ),
        (encoded("SITE_VISIT", tags=["x"]), ["tags", "expected `object`, got `str`"]),
        (b"[]", ["expected `object`, got `array`"]),
        (b"hello", ["not JSON"]),
        (b'{"caf\xe9":1}', ["UTF-8", "0xe9"]),
        (HUGE, ["1,000,002", "1,000,000"]),
        (None, ["no value"]),
    ],
    ids=lambda part: repr(part[:40]) if isinstance(part, bytes) else None,
)
def test_an_error_says_where_and_what_is_wrong(value: bytes | None, words: list[str]) -> None:
    text = str(refused(value))
    assert [word for word in words if word not in text] == []


@pytest.mark.parametrize(
    ("type_given", "verb_given"),
    [("missing required field `key`", "NEW"), ("ORDER", "x - at `$.key`"), ("x' - at `$.verb", "NEW")],
)
def test_an_event_cannot_forge_the_reason_of_its_own_error(type_given: str, verb_given: str) -> None:
    """msgspec's messages quote the event: quoted text that looks like a message must not count."""
    error = refused(encoded("ORDER", type=type_given, verb=verb_given))
    expected = ("unknown_verb", "verb") if type_given == "ORDER" else ("unknown_type", "type")
    assert (error.reason, error.field) == expected


@pytest.mark.parametrize("field", ["type", "verb", "event_time", "total_amount", "key"])
@pytest.mark.parametrize(
    "text",
    ["x" * 900_000, "line\nend\0\x1b[2J\u202e" * 1000, "'`\"" * 1000],
    ids=["long", "control characters", "quotes"],
)
def test_an_error_text_is_short_and_printable_whatever_the_event_holds(field: str, text: str) -> None:
    error = refused(encoded("ORDER", **{field: text}))
    assert len(error.detail) <= MAX_DETAIL_CHARS
    assert str(error).isprintable()
    assert str(error).startswith(f"{field}: ")


@pytest.mark.parametrize("field", ["type", "verb", "event_time", "total_amount"])
@pytest.mark.parametrize(
    "start", ["", " - at `$", " - at `$.", "Invalid value '", "0", "2017-01-06T12:46:46."]
)
def test_no_text_makes_the_decoder_slow(field: str, start: str) -> None:
    """Quadratic time over 100,000 characters would take seconds, and a stalled consumer loses its partitions."""
    value = encoded("ORDER", **{field: start + "0" * 100_000})
    began = time.process_time()
    refused(value)
    assert time.process_time() - began < 1


def test_a_long_detail_is_cut_with_an_ellipsis() -> None:
    assert InvalidEvent("undecodable", "", "x" * 1000).detail == "x" * (MAX_DETAIL_CHARS - 3) + "..."


def test_the_largest_valid_event_has_exactly_the_limit() -> None:
    padding = MAX_EVENT_BYTES - len(raw(b'"x":""'))
    largest = raw(b'"x":"' + b"x" * padding + b'"')
    assert decoded(largest) == decoded(encoded("SITE_VISIT"))
    assert refused(largest + b" ").reason == "oversize"


# --- properties --------------------------------------------------------------------------------------------------

ids = st.text(min_size=1, max_size=256)
texts = st.none() | st.text(max_size=200)
times = st.datetimes(timezones=st.just(UTC)).map(lambda at: at.isoformat())
amounts = st.integers(0, 10**17).map(lambda cents: f"{cents // 100}.{cents % 100:02d} USD")
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
)
tag_lists = st.none() | st.lists(
    st.dictionaries(st.text(max_size=5), scalars | st.text(max_size=5), max_size=3)
)
events: st.SearchStrategy[EventAsSent] = st.one_of(
    st.builds(CustomerEvent, st.sampled_from(["NEW", "UPDATE"]), ids, times, texts, texts, texts),
    st.builds(SiteVisitEvent, st.just("NEW"), ids, times, ids, tag_lists),
    st.builds(ImageEvent, st.just("UPLOAD"), ids, times, ids, texts, texts),
    st.builds(OrderEvent, st.sampled_from(["NEW", "UPDATE"]), ids, times, ids, amounts),
)
json_values = st.recursive(
    scalars | st.floats() | st.text() | st.sampled_from([TIME, "NEW", "ORDER", "1 USD", ""]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=3) | st.sampled_from(sorted(FIELDS)), inner, max_size=6)
    ),
    max_leaves=12,
)


@given(events)
def test_an_encoded_event_decodes_to_itself(event: EventAsSent) -> None:
    at = datetime.fromisoformat(event.event_time)
    expected: Any = msgspec.structs.replace(event, event_time=at)
    if isinstance(expected, OrderEvent):
        expected.total_amount = cents_in(expected.total_amount)
    assert decode_event(msgspec.json.encode(event)) == expected


def check_refusal(error: InvalidEvent) -> None:
    assert error.reason in REASONS
    assert error.field in FIELDS | {""}
    assert 0 < len(error.detail) <= MAX_DETAIL_CHARS
    assert str(error).isprintable()
    assert str(error).encode().decode() == str(error)


def check_refusal_among_many(value: bytes, error: InvalidEvent) -> None:
    events, [(i, found)] = decode_events([value])
    assert (events, i) == ([], 0)
    assert vars(found) == vars(error)


def as_sent(event: Any) -> Any:
    if not isinstance(event, OrderEvent):
        return event
    return msgspec.structs.replace(event, total_amount=f"{event.total_amount / Decimal(100):.2f} USD")


def returns_or_refuses(value: bytes) -> None:
    """decode_event returns a valid event or raises a complete InvalidEvent; decode_events gives the same."""
    try:
        event = decode_event(value)
    except InvalidEvent as error:
        check_refusal(error)
        check_refusal_among_many(value, error)
    else:
        assert event.event_time.tzinfo is UTC
        assert 1 <= len(event.customer_id) <= 256
        assert decode_event(msgspec.json.encode(as_sent(event))) == event
        assert decode_events([value]) == ([event], [])


@given(st.binary(max_size=300))
@settings(max_examples=300)
@example(b"\x00")
def test_any_bytes_are_decoded_or_invalid(value: bytes) -> None:
    returns_or_refuses(value)


@given(json_values)
@settings(max_examples=300)
def test_any_json_is_decoded_or_invalid(value: object) -> None:
    returns_or_refuses(json.dumps(value).encode())


@given(
    st.sampled_from(sorted(VALID)),
    st.dictionaries(st.sampled_from(sorted(FIELDS)), json_values | st.just(...)),
)
@settings(max_examples=300)
def test_a_valid_event_with_any_fields_changed_or_removed_is_decoded_or_invalid(
    type_: str, changes: dict[str, object]
) -> None:
    returns_or_refuses(encoded(type_, **changes))


@given(
    events,
    st.lists(
        st.tuples(
            st.floats(0, 1),
            st.integers(0, 6),
            st.binary(max_size=3)
            | st.sampled_from([b'"', b"{", b"}", b",", b"\\u", b"\\ud800", b"\xff", b"\0", b"9" * 50]),
        ),
        min_size=1,
        max_size=4,
    ),
)
@settings(max_examples=600)
def test_a_valid_event_with_bytes_removed_and_inserted_is_decoded_or_invalid(
    event: EventAsSent, edits: list[tuple[float, int, bytes]]
) -> None:
    value = msgspec.json.encode(event)
    for where, cut, put in edits:
        at = int(where * len(value))
        value = value[:at] + put + value[at + cut :]
    returns_or_refuses(value)


# --- many at once ------------------------------------------------------------------------------------------------


@given(
    st.sampled_from(["T", "t", " ", "_"]),
    st.sampled_from(["", ":46", ":46.", ":46,5", ":60"]) | st.integers(1, 10**8).map(lambda n: f":46.{n}"),
    st.sampled_from(["Z", "z", "", "+00:00", "-00:00", "+0200", "+02", "-23:59", "+24:00", "+01:00"]),
    st.sampled_from(["2017-01-06", "2017-02-30", "0001-01-01", "9999-12-31", "20170106"]),
    st.sampled_from(["12", "00", "23", "24"]),
)
@settings(max_examples=500)
def test_a_time_in_any_form_means_the_same_alone_and_among_many(
    separator: str, seconds: str, offset: str, day: str, hour: str
) -> None:
    returns_or_refuses(encoded("IMAGE", event_time=f"{day}{separator}{hour}:46{seconds}{offset}"))


def test_the_errors_of_invalid_events_keep_no_values_in_memory() -> None:
    """A traceback would keep the frame, and with it every value of the chunk, until the next garbage collection."""
    _, invalid = decode_events([None, b"{}", b"[" * 1_000])
    assert [error.__traceback__ for _, error in invalid] == [None] * 3


def test_invalid_events_among_many_are_named_by_their_index() -> None:
    good = encoded("IMAGE")
    events, invalid = decode_events([good, None, b"{}", good, b"\xff", b"x" * (MAX_EVENT_BYTES + 1)])
    assert events == [decode_event(good)] * 2
    assert [(i, error.reason) for i, error in invalid] == [
        (1, "empty"),
        (2, "missing_field"),
        (4, "undecodable"),
        (5, "oversize"),
    ]


@pytest.mark.parametrize("others", [[], [None], [b"\xff"]])
def test_an_event_under_another_customers_key_is_invalid(others: list[bytes | None]) -> None:
    customer, order = encoded("CUSTOMER"), encoded("ORDER", customer_id="ø")
    values = [customer, order, customer, order, order, *others]
    events, invalid = decode_events(values, [b"c", "ø".encode(), b"C", None, b"", *([b"c"] * len(others))])
    assert events == [decode_event(customer), decode_event(order)]
    assert [(i, error.reason) for i, error in invalid[:3]] == [(i, "wrong_key") for i in (2, 3, 4)]
    assert len(invalid) == 3 + len(others)


def test_a_newline_in_a_customer_id_does_not_make_another_key_valid() -> None:
    values = [encoded("IMAGE", customer_id="a\nb"), encoded("IMAGE", customer_id="c")]
    _, invalid = decode_events(values, [b"a", b"b\nc"])
    assert [(i, error.reason) for i, error in invalid] == [(0, "wrong_key"), (1, "wrong_key")]
    events, invalid = decode_events(values, [b"a\nb", b"c"])
    assert ([event.customer_id for event in events], invalid) == (["a\nb", "c"], [])


def test_invalid_events_are_freed_without_the_garbage_collector() -> None:
    """The commands and the consumer run without it."""
    gc.disable()
    try:
        _, [(_, error)] = decode_events([b"{}"])
        freed = weakref.ref(error)
        del error, _
        assert freed() is None
    finally:
        gc.enable()


def test_a_chunk_has_a_bounded_number_of_events_and_ends_where_its_bytes_are_reached() -> None:
    small = [(line, b"x" * 100) for line in range(2 * CHUNK_EVENTS + 1)]
    assert [len(chunk) for chunk in chunks(small)] == [CHUNK_EVENTS, CHUNK_EVENTS, 1]
    large = [(line, b"x" * 600_000) for line in range(5)]
    assert [len(chunk) for chunk in chunks(large)] == [2, 2, 1]
    assert [event for chunk in chunks(large) for event in chunk] == large
    assert list(chunks([])) == []


def test_chunks_are_read_one_at_a_time() -> None:
    endless = ((line, b"x" * 600_000) for line in iter(int, 1))
    assert [len(chunk) for chunk in islice(chunks(endless), 2)] == [2, 2]
