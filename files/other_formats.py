"""Formats that this project does not read, detected from the beginning of a file; the error says how to convert it.

A file in which any whole line is a JSON object is a file of lines: its other lines are invalid events. Text formats
are tested only if there is no such line.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from contract.errors import Fatal

OtherFormat = tuple[str, str]
"""The format's name, and how to convert it."""

_BINARY: Final = (
    (rb"\xfd7zXZ\0", "xz", "decompress it: xz -dc"),
    (rb"PK(\x03\x04|\x05\x06)", "a zip archive", "unpack it: unzip -p"),
    (rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", "bzip2", "decompress it: bzip2 -dc"),
    (rb"(\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18)", "zstd", "decompress it: zstd -dc"),
    (rb"\x04\x22\x4d\x18", "lz4", "decompress it: lz4 -dc"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it: 7z x"),
    (rb"\x1f\x8b", "gzip within gzip", "decompress it once: gzip -dc"),
    (rb"PAR1[\0-\x1f]", "parquet", "export it as JSON, one event per line"),
    (rb"Obj\x01", "avro", "export it as JSON, one event per line"),
    (rb"SQLite format 3\0", "an SQLite database", "export it as JSON, one event per line"),
    (rb"(?s:.{257}ustar)", "a tar archive", "unpack it: tar -xf"),
    (rb"(?i:\s*<(\?xml|!doctype|html))", "XML or HTML", "export the events as JSON, one per line"),
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
    """Refuse a file whose beginning shows another format.

    Args:
        path: the file, for the message.
        head: its first bytes, without byte order mark and leading blank lines.
        is_all: whether `head` is the whole file.

    Raises:
        Fatal: the file has another format; the text names the format and how to convert it.
    """
    other = _among(_BINARY, head) or _text_format(head, _whole_lines(head, is_all=is_all))
    if other:
        name, remedy = other
        raise Fatal(f"{path}: this is {name}; {remedy}")


def _among(table: Iterable[tuple[bytes, str, str]], head: bytes) -> OtherFormat | None:
    return next(((name, remedy) for pattern, name, remedy in table if re.match(pattern, head)), None)


def _whole_lines(head: bytes, *, is_all: bool) -> list[bytes]:
    """The lines that are not blank, without line ends; a line cut by the end of `head` only if it is the only one."""
    lines = head.split(b"\n")
    if not is_all and len(lines) > 1:
        lines.pop()
    return [text for line in lines if (text := line.rstrip())]


def _text_format(head: bytes, lines: list[bytes]) -> OtherFormat | None:
    if not lines:
        return None
    if _commas_end_lines(lines):
        return "one object per line with a comma after each", "remove the commas: sed 's/,[[:space:]]*$//'"
    if any(map(_is_object, lines)):  # Without indentation: an indented object may be part of a larger one.
        return None
    if other := _among(_UNICODE, head):
        return other
    if head.count(b"\0") > _NUL_SHARE * len(head):
        return "binary data", "export it as JSON, one event per line"
    return next((other for detect in _TEXT_FORMATS if (other := detect(lines))), None)


def _is_object(text: bytes) -> bool:
    return text.startswith(b"{") and _decode_error(text) is None


def _decode_error(text: bytes) -> str | None:
    """Why this text is not one JSON object; None if it is one."""
    try:
        _decode_object(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        return str(error)
    return None


def _commas_end_lines(lines: list[bytes]) -> bool:
    """Whether each line is an object and a comma; the last of three or more lines may have no comma."""
    commas = [line.endswith(b",") and _is_object(line[:-1].strip()) for line in lines]
    return len(lines) > 1 and all(commas[:-1]) and (commas[-1] or len(lines) > 2)


def _concatenated(lines: list[bytes]) -> OtherFormat | None:
    found = _TRAILING.search(_decode_error(lines[0]) or "")
    if found and lines[0][int(found[1]) - 1 :].startswith(b"{"):  # msgspec counts bytes from 1.
        return "several JSON objects on one line", "put each on a separate line: jq -c ."
    return None


def _pretty_printed(lines: list[bytes]) -> OtherFormat | None:
    begins = lines[0].startswith(b"{") and "truncated" in (_decode_error(lines[0]) or "")
    if begins and lines[1:] and _GOES_ON.match(lines[1]):
        return "pretty-printed JSON", "put each event on a separate line: jq -c ."
    return None


def _csv(lines: list[bytes]) -> OtherFormat | None:
    header = _CSV_HEADER.fullmatch(lines[0])
    if header and len(lines) > 1:
        count = lines[0].count(header[1])
        if all(line.count(header[1]) >= count and line[:1] not in b"{[" for line in lines):
            return "CSV", "export the events as JSON, one per line"
    return None


_TEXT_FORMATS: Final[tuple[Callable[[list[bytes]], OtherFormat | None], ...]] = (
    _concatenated,
    _pretty_printed,
    _csv,
)
