# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving pieces on several threads, each with a buffer of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from .digests import Digests, StoppedError
from .pieces import Piece

WORKERS = 8
MEMORY = 160 * 1024 * 1024  # bytes that all buffers together take at most

Step = Callable[[Piece, memoryview], None]


def move(pieces: Iterable[Piece], step: Step, digests: Digests, *, copies: int = 1) -> None:
    """``step`` for each piece, with a buffer of its size; it reads, writes, and updates ``digests``.

    Pieces are begun in their order, up to WORKERS at a time, fewer where they would take more than MEMORY; a step holds
    ``copies`` of its piece, with the buffer.
    The first error ends all of it and is raised when every thread has stopped.
    """
    pieces = list(pieces)
    largest = max((piece.size for piece in pieces), default=1)
    waiting = iter(pieces)
    lock = threading.Lock()
    errors: list[Exception] = []

    def work() -> None:
        buffer = memoryview(bytearray(largest))
        while not errors:
            with lock:
                piece = next(waiting, None)
            if piece is None:
                return
            try:
                step(piece, buffer[: piece.size])
            except StoppedError:
                return
            except Exception as error:
                errors.append(error)
                digests.stop()

    count = max(1, min(WORKERS, MEMORY // (largest * copies), len(pieces)))
    threads = [threading.Thread(target=work, daemon=True) for _worker in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
