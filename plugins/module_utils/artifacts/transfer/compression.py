# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compression in frames that can be read one by one; all of them in a row are an ordinary .zst or .gz file.

zstd is the system's library (dpkg needs it, so every host has it): no Python before 3.14 brings it.
"""

from __future__ import annotations

import ctypes
import zlib
from abc import ABC, abstractmethod
from functools import lru_cache
from typing import Any

ZSTD_LIBRARY = "libzstd.so.1"
ZSTD_LEVEL = 1  # weights hardly shrink any further
ZSTD_SKIPPABLE = (0x184D2A50).to_bytes(4, "little")  # begins a frame that readers pass over (RFC 8878, 3.1.2)
GZIP_LEVEL = 1
GZIP = 16 + zlib.MAX_WBITS  # zlib's way to ask for gzip's header
SUFFIX = {"none": "", "zstd": ".zst", "gzip": ".gz"}


class CompressionError(Exception):
    """A frame is not what it should be, or the library is not there."""


class Codec(ABC):
    @abstractmethod
    def compress(self, content: memoryview, at_least: int) -> memoryview:
        """A frame of ``content``, padded to ``at_least`` bytes: S3 takes no smaller part."""

    @abstractmethod
    def decompress(self, frame: memoryview, content: memoryview) -> None:
        """Fill ``content`` with what ``frame`` holds."""


def find_codec(name: str) -> Codec | None:
    """The codec called ``name``; None for "none"."""
    return {"none": None, "zstd": Zstd(), "gzip": Gzip()}[name]


class Zstd(Codec):
    def compress(self, content: memoryview, at_least: int) -> memoryview:
        library = _zstd()
        frame = bytearray(max(library.ZSTD_compressBound(len(content)), at_least + 8))
        size = _checked(
            library.ZSTD_compress(_array(frame), len(frame), _array(content), len(content), ZSTD_LEVEL), library
        )
        missing = at_least - size
        if missing > 0:
            frame[size : size + 8] = ZSTD_SKIPPABLE + missing.to_bytes(4, "little")
            frame[size + 8 : size + 8 + missing] = bytes(missing)
            size += 8 + missing
        return memoryview(frame)[:size]

    def decompress(self, frame: memoryview, content: memoryview) -> None:
        library = _zstd()
        size = _checked(library.ZSTD_decompress(_array(content), len(content), _array(frame), len(frame)), library)
        if size != len(content):
            raise CompressionError(f"a frame holds {size} bytes instead of {len(content)}")


class Gzip(Codec):
    def compress(self, content: memoryview, at_least: int) -> memoryview:
        frame = _gzip(content, GZIP_LEVEL)
        if len(frame) < at_least <= len(content):
            frame = _gzip(content, 0)
        return memoryview(frame)

    def decompress(self, frame: memoryview, content: memoryview) -> None:
        try:
            plain = zlib.decompress(frame, GZIP)
        except zlib.error as error:
            raise CompressionError(str(error)) from error
        if len(plain) != len(content):
            raise CompressionError(f"a frame holds {len(plain)} bytes instead of {len(content)}")
        content[:] = plain


def _gzip(content: memoryview, level: int) -> bytes:
    compressor = zlib.compressobj(level, wbits=GZIP)
    return compressor.compress(content) + compressor.flush()


@lru_cache(maxsize=1)
def _zstd() -> Any:
    try:
        library = ctypes.CDLL(ZSTD_LIBRARY)
    except OSError as error:
        raise CompressionError(f"{error}: install the package libzstd1") from error
    size, pointer = ctypes.c_size_t, ctypes.c_void_p
    library.ZSTD_compressBound.restype = size
    library.ZSTD_compressBound.argtypes = [size]
    library.ZSTD_compress.restype = size
    library.ZSTD_compress.argtypes = [pointer, size, pointer, size, ctypes.c_int]
    library.ZSTD_decompress.restype = size
    library.ZSTD_decompress.argtypes = [pointer, size, pointer, size]
    library.ZSTD_isError.argtypes = [size]
    library.ZSTD_getErrorName.argtypes = [size]
    library.ZSTD_getErrorName.restype = ctypes.c_char_p
    return library


def _array(content: bytearray | memoryview) -> Any:
    return (ctypes.c_char * len(content)).from_buffer(content)


def _checked(size: int, library: Any) -> int:
    if library.ZSTD_isError(size):
        raise CompressionError(library.ZSTD_getErrorName(size).decode())
    return size
