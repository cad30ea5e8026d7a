"""Every way in which a producer may compress a batch, some that no client library uses among them."""

import struct
import zlib
from collections.abc import Iterable
from typing import Any, Final

import cramjam
import lz4.frame
import zstandard

from tests.faults.record_batches import Codec

GZIP_FORMAT: Final = 31
"""zlib's number for a gzip file with the largest window."""
XERIAL_HEADER: Final = b"\x82SNAPPY\x00" + struct.pack(">ii", 1, 1)
XERIAL_BLOCK_BYTES: Final = 32 * 1024
HUGE_WINDOW_LOG: Final = 27
"""128 MiB, the largest window that zstd's decompressors accept without being told."""


def _gzip(pieces: Iterable[bytes]) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, GZIP_FORMAT)
    return b"".join([*map(packer.compress, pieces), packer.flush()])


def _in_two(pieces: Iterable[bytes], pack: Any) -> bytes:
    """Two compressed streams, one after the other."""
    whole = b"".join(pieces)
    half = len(whole) // 2
    return bytes(pack([whole[:half]]) + pack([whole[half:]]))


def _snappy_raw(pieces: Iterable[bytes]) -> bytes:
    return bytes(cramjam.snappy.compress_raw(b"".join(pieces)))


def _snappy_xerial(pieces: Iterable[bytes]) -> bytes:
    whole, packed = b"".join(pieces), [XERIAL_HEADER]
    for start in range(0, len(whole), XERIAL_BLOCK_BYTES):
        block = _snappy_raw([whole[start : start + XERIAL_BLOCK_BYTES]])
        packed += [struct.pack(">i", len(block)), block]
    return b"".join(packed)


def _lz4(pieces: Iterable[bytes], **options: Any) -> bytes:
    packer = lz4.frame.LZ4FrameCompressor(block_linked=False, **options)
    return b"".join([packer.begin(), *map(packer.compress, pieces), packer.flush()])


def _zstd(pieces: Iterable[bytes], **parameters: Any) -> bytes:
    level = zstandard.ZstdCompressionParameters.from_level(3, write_content_size=0, **parameters)
    packer = zstandard.ZstdCompressor(compression_params=level).compressobj()
    return b"".join([*map(packer.compress, pieces), packer.flush()])


def _zstd_with_size(pieces: Iterable[bytes]) -> bytes:
    return zstandard.ZstdCompressor(write_content_size=True).compress(b"".join(pieces))


def _zstd_with_false_size(pieces: Iterable[bytes]) -> bytes:
    """A frame whose header claims 2^40 bytes (RFC 8878, 3.1.1.1): in 8 bytes, after the window's descriptor."""
    packed = _zstd(pieces)
    magic, descriptor, window = packed[:4], packed[4], packed[5:6]
    return magic + bytes([descriptor | 0xC0]) + window + struct.pack("<Q", 1 << 40) + packed[6:]


NONE: Final = Codec(0, b"".join)
CODECS: Final = {
    "none": NONE,
    "gzip": Codec(1, _gzip),
    "gzip, two members": Codec(1, lambda pieces: _in_two(pieces, _gzip)),
    "snappy, xerial blocks": Codec(2, _snappy_xerial),
    "snappy, raw": Codec(2, _snappy_raw),
    "lz4": Codec(3, _lz4),
    "lz4, blocks of 4 MiB": Codec(3, lambda pieces: _lz4(pieces, block_size=lz4.frame.BLOCKSIZE_MAX4MB)),
    "zstd": Codec(4, _zstd),
    "zstd, with its size": Codec(4, _zstd_with_size),
    "zstd, two frames": Codec(4, lambda pieces: _in_two(pieces, _zstd)),
    "zstd, a window of 128 MiB": Codec(4, lambda pieces: _zstd(pieces, window_log=HUGE_WINDOW_LOG)),
}
"""Brokers accept all of these."""
REFUSED: Final = {"zstd, a false size": Codec(4, _zstd_with_false_size)}
GZIP, ZSTD, LZ4 = CODECS["gzip"], CODECS["zstd"], CODECS["lz4"]
