"""Records that break the contract: key, value, and the reason in their dead letter."""

from typing import Final

_REST: Final = b'"event_time":"2026-01-01T00:00:00Z","customer_id":"c1"'


def _order(amount: bytes) -> bytes:
    return b'{"type":"ORDER","verb":"NEW","key":"o1",%s,"total_amount":"%s"}' % (_REST, amount)


def _visit(rest: bytes = _REST) -> bytes:
    return b'{"type":"SITE_VISIT","verb":"NEW","key":"p1",%s}' % rest


RUBBISH: Final[list[tuple[bytes | None, bytes | None, str]]] = [
    (b"c1", None, "empty"),
    (None, None, "empty"),
    (b"c1", b"", "empty"),
    (b"c1", b"{not JSON", "undecodable"),
    (None, b"plain text", "undecodable"),
    (b"c1", _visit()[:-1], "undecodable"),
    (b"c1", b"\xff\xfe\x00", "undecodable"),
    (b"c1", _visit(_REST + b',"unknown":"\xc3"'), "undecodable"),
    (b"c1", b"[]", "invalid_field"),
    (b"c1", b'{"verb":"NEW"}', "missing_field"),
    (b"c1", _visit().replace(b"SITE_VISIT", b"REFUND"), "unknown_type"),
    (b"c1", _visit().replace(b"NEW", b"DELETE"), "unknown_verb"),
    (b"c1", _visit(b'"event_time":"2026-01-01T00:00:00Z"'), "missing_field"),
    (b"c1", _visit(b'"customer_id":"c1"'), "missing_field"),
    (b"c1", b'{"type":"ORDER","verb":"NEW","key":"o1",%s}' % _REST, "missing_field"),
    (b"c1", _visit(b'"event_time":"yesterday","customer_id":"c1"'), "invalid_field"),
    (b"c1", _visit(b'"event_time":"2026-01-01T00:00:00","customer_id":"c1"'), "invalid_field"),
    (b"", _visit(b'"event_time":"2026-01-01T00:00:00Z","customer_id":""'), "invalid_field"),
    (b"c1", _order(b"-1.00 USD"), "invalid_field"),
    (b"c1", _order(b"1.00 EUR"), "invalid_field"),
    (b"c2", _visit(), "wrong_key"),
    (None, _visit(), "wrong_key"),
    (b"\xff", _visit(), "wrong_key"),
    (b"c1", _visit(_REST + b',"tags":[{"x":"' + b"y" * 1_000_000 + b'"}]'), "oversize"),
    (b"c1", b"z" * 2_000_000, "oversize"),
]
