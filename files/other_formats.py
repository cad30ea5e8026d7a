"""Formats that are not ours, told by how a file begins: one line says which it is and how to convert it.

A file in which any whole line is a JSON object is a file of lines, whatever else stands in it: its broken lines are
invalid events. Only where there is none, the text is looked at more closely.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from contract.errors import Fatal

Other = tuple[str, str]
"""What it is, and what to do about it."""

_BINARY: Final = (
    (rb"\xfd7zXZ\0", "xz", "decompress it: xz -dc"),
    (rb"PK(\x03\x04|\x05\x06)", "a zip archive", "unpack it: unzip -p"),
    (rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", "bzip2", "decompress it: bzip2 -dc"),
    (rb"(\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18)", "zstd", "decompress it: zstd -dc"),
    (rb"\x04\x22\x4d\x18", "lz4", "decompress it: lz4 -dc"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it: 7z x"),
    (rb"\x1f\x8b", "gzip within gzip", "decompress it once: gzip -dc"),
    (rb"PAR1[\0-\x1f]", "parquet", "export it as JSON, one event a line"),
    (rb"Obj\x01", "avro", "export it as JSON, one event a line"),
    (rb"SQLite format 3\0", "an SQLite database", "export it as JSON, one event a line"),
    (rb"(?s:.{257}ustar)", "a tar archive", "unpack it: tar -xf"),
    (rb"(?i:\s*<(\?xml|!doctype|html))", "XML or HTML", "export the events as JSON, one a line"),
)
_UNICODE: Final = tuple(
    (pattern, name, f"convert it: iconv -f {name} -t UTF-8")
    for pattern, name in (
        (rb"(\xff\xfe\0\0|\0\0\xfe\xff)", "UTF-32"),
        (rb"([\t-~]\0\0\0){2}", "UTF-32LE"),
        (rb"(\0\0\0[\t-~]){2}", "UTF-32BE"),
        (rb"\xff\xfe[\t-~]\0|\xfe\xff\0[\t-~]", "UTF-16"),
        (rb"([\t-~]\0){2}", "UTF-16LE"),
        (rb"(\0[\t-~]){2}", "UTF-16BE"),
    )
)
_NAME: Final = rb'(?:"[^"\r\n]*"|[A-Za-z_][\w .-]*)'
_CSV_HEADER: Final = re.compile(rb"%b(?:([,;\t])%b)(?:\1%b)*" % (_NAME, _NAME, _NAME))
_GOES_ON: Final = re.compile(rb'\s*(?:"[^"]*"\s*:|\})')
_TRAILING: Final = re.compile(r"trailing characters \(byte (\d+)\)")
_NUL_SHARE: Final = 0.01

_decode_object: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def refuse_other_formats(path: str, head: bytes, *, is_all: bool) -> None:
    """Look at how a file begins.

    Args:
        path: the file, for the message.
        head: its first bytes, without byte order mark and blank lines.
        is_all: nothing follows them.

    Raises:
        Fatal: it has a format that can't be read; says which, and what to do.
    """
    other = _among(_BINARY, head) or _text_format(head, _whole_lines(head, is_all=is_all))
    if other:
        name, remedy = other
        raise Fatal(f"{path}: this is {name}; {remedy}")


def _among(table: Iterable[tuple[bytes, str, str]], head: bytes) -> Other | None:
    return next(((name, remedy) for pattern, name, remedy in table if re.match(pattern, head)), None)


def _whole_lines(head: bytes, *, is_all: bool) -> list[bytes]:
    """Those that are not blank, without their ends; one that the head cuts off only where it is the only one."""
    lines = head.split(b"\n")
    if not is_all and len(lines) > 1:
        lines.pop()
    return [text for line in lines if (text := line.rstrip())]


def _text_format(head: bytes, lines: list[bytes]) -> Other | None:
    if not lines:
        return None
    if _commas_end_lines(lines):
        return "one object a line with a comma behind each", "take the commas off: sed 's/,[[:space:]]*$//'"
    if any(map(_is_object, lines)):  # Indented ones may be parts of a larger one.
        return None
    if other := _among(_UNICODE, head):
        return other
    if head.count(b"\0") > _NUL_SHARE * len(head):
        return "binary data", "export it as JSON, one event a line"
    return next((other for looks_like in _LOOKS if (other := looks_like(lines))), None)


def _is_object(text: bytes) -> bool:
    return text.startswith(b"{") and _trouble(text) is None


def _trouble(text: bytes) -> str | None:
    """What keeps this text from being one JSON object."""
    try:
        _decode_object(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        return str(error)
    return None


def _commas_end_lines(lines: list[bytes]) -> bool:
    """Each line is an object and a comma; of three or more the last one may be without."""
    commas = [line.endswith(b",") and _is_object(line[:-1].strip()) for line in lines]
    return len(lines) > 1 and all(commas[:-1]) and (commas[-1] or len(lines) > 2)


def _glued(lines: list[bytes]) -> Other | None:
    found = _TRAILING.search(_trouble(lines[0]) or "")
    if found and lines[0][int(found[1]) - 1 :].startswith(b"{"):  # The byte is counted from 1.
        return "JSON objects glued together on one line", "put each on a line of its own: jq -c ."
    return None


def _pretty_printed(lines: list[bytes]) -> Other | None:
    begins = lines[0].startswith(b"{") and "truncated" in (_trouble(lines[0]) or "")
    if begins and lines[1:] and _GOES_ON.match(lines[1]):
        return "pretty-printed JSON", "put each event on a line of its own: jq -c ."
    return None


def _csv(lines: list[bytes]) -> Other | None:
    header = _CSV_HEADER.fullmatch(lines[0])
    if header and len(lines) > 1:
        count = lines[0].count(header[1])
        if all(line.count(header[1]) >= count and line[:1] not in b"{[" for line in lines):
            return "CSV", "export the events as JSON, one a line"
    return None


_LOOKS: Final[tuple[Callable[[list[bytes]], Other | None], ...]] = (_glued, _pretty_printed, _csv)
