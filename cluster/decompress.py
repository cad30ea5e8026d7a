"""Decompress a record batch, but never to more than a number of bytes: Kafka limits only its compressed size."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import lz4.frame
import snappy
import zstandard

PIECE_BYTES: Final = 1024 * 1024
MAX_ZSTD_WINDOW_BYTES: Final = 1 << 27
"""The largest window that Kafka's Java clients accept."""

_XERIAL_MAGIC: Final = b"\x82SNAPPY\0"
_XERIAL_HEADER_BYTES: Final = 16
_GZIP: Final = 31  # zlib's number for the gzip format with the largest window.


class TooLarge(Exception):
    """The data unpacks to more bytes than allowed."""


def decompress(codec: int, data: memoryview, max_bytes: int) -> bytes:
    """The data of a record batch, uncompressed.

    Args:
        codec: the number in the batch's attributes.
        data: the compressed records.
        max_bytes: how many bytes they may unpack to.

    Raises:
        TooLarge: they unpack to more.
        ValueError: they are not in the codec's format, or the codec is unknown.
    """
    if codec == 0:
        return bytes(data)
    pieces_of = _CODECS.get(codec)
    if pieces_of is None:
        raise ValueError(f"unknown compression codec {codec}")
    pieces: list[bytes] = []
    size = 0
    try:
        for piece in pieces_of(bytes(data), max_bytes):
            size += len(piece)
            if size > max_bytes:
                raise TooLarge
            pieces.append(piece)
    except (
        zlib.error,
        RuntimeError,
        zstandard.ZstdError,
        snappy.UncompressError,
        struct.error,
        EOFError,
    ) as error:
        raise ValueError(f"damaged {_NAMES[codec]} data: {error}") from None
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _gzip(data: bytes, _max_bytes: int) -> Iterator[bytes]:
    """The pieces of all members."""
    while data:
        member = zlib.decompressobj(_GZIP)
        while not member.eof:
            piece = member.decompress(data, PIECE_BYTES)
            data = member.unconsumed_tail
            if not piece and not data and not member.eof:
                raise EOFError("it is cut short")
            yield piece
        data = member.unused_data.lstrip(b"\0")


def _zstd(data: bytes, max_bytes: int) -> Iterator[bytes]:
    """The pieces of all frames."""
    declared = zstandard.get_frame_parameters(data).content_size
    if declared != zstandard.CONTENTSIZE_UNKNOWN and declared > max_bytes:
        raise TooLarge
    unpacker = zstandard.ZstdDecompressor(max_window_size=MAX_ZSTD_WINDOW_BYTES)
    with unpacker.stream_reader(io.BytesIO(data), read_across_frames=True) as reader:
        while piece := reader.read(PIECE_BYTES):
            yield piece


def _lz4(data: bytes, _max_bytes: int) -> Iterator[bytes]:
    """The pieces of all frames."""
    while data:
        frame = lz4.frame.LZ4FrameDecompressor()
        piece = frame.decompress(data, PIECE_BYTES)
        yield piece
        while not frame.eof:
            if frame.needs_input:
                raise EOFError("it is cut short")
            yield frame.decompress(b"", PIECE_BYTES)
        data = frame.unused_data or b""


def _snappy(data: bytes, max_bytes: int) -> Iterator[bytes]:
    """The blocks of the framing of Java's clients, or the one block of others."""
    if not data.startswith(_XERIAL_MAGIC):
        yield _snappy_block(data, max_bytes)
        return
    at = _XERIAL_HEADER_BYTES
    while at < len(data):
        (size,) = struct.unpack_from("!i", data, at)
        block = data[at + 4 : at + 4 + size]
        if size < 0 or len(block) != size:
            raise EOFError("it is cut short")
        yield _snappy_block(block, max_bytes)
        at += 4 + size


def _snappy_block(block: bytes, max_bytes: int) -> bytes:
    """A block, which begins with its uncompressed size."""
    size = shift = 0
    for byte in block[:5]:
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    if size > max_bytes:
        raise TooLarge
    unpacked: bytes = snappy.uncompress(block)
    return unpacked


_NAMES: Final = {1: "gzip", 2: "snappy", 3: "lz4", 4: "zstd"}
_CODECS: Final[Mapping[int, Callable[[bytes, int], Iterator[bytes]]]] = {
    1: _gzip,
    2: _snappy,
    3: _lz4,
    4: _zstd,
}
