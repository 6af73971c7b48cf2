# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast a TCP stream between two anchors is, each way.

Every anchor serves. Run as a program it reads ``{"addresses": [...]}`` from standard input and prints MB/s (of 10^6
bytes) by address, null where a stream broke. The side that receives takes the time, so buffers do not count as speed.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
import time

PORT = 10008
TAKE, GIVE = b">", b"<"  # what the side that connects wants of the other
SECONDS, BYTES = 0.3, 32 * 1024 * 1024  # what ends a stream, whichever comes first
BLOCK = 64 * 1024  # bytes
PATIENCE = 3.0  # seconds without a byte after which a stream is broken
RATE = struct.Struct("!d")  # bytes per second
TCP_NOTSENT_LOWAT = 25  # from the kernel's tcp.h; the socket module of old Pythons lacks it


def serve(address: str = "") -> None:
    """Take and give streams until the process ends."""
    with socket.create_server((address, PORT), backlog=256) as streams:
        while True:
            connection, _address = streams.accept()
            threading.Thread(target=answer, args=(connection,), daemon=True).start()


def answer(connection: socket.socket) -> None:
    """Do what the other side asks for."""
    with connection:
        connection.settimeout(PATIENCE)
        try:
            wanted = connection.recv(1)
            if wanted == TAKE:
                connection.sendall(RATE.pack(take(connection)))
            elif wanted == GIVE:
                give(connection)
        except OSError as error:
            print(f"a stream broke: {error}", flush=True)


def give(connection: socket.socket) -> None:
    """Send until time or bytes are spent."""
    # Little waits to be sent, so that a slow link is not busy for long with what was written at once.
    connection.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, 2 * BLOCK)
    block = bytes(BLOCK)
    deadline = time.monotonic() + SECONDS
    sent = 0
    while sent < BYTES and time.monotonic() < deadline:
        connection.sendall(block)
        sent += BLOCK
    connection.shutdown(socket.SHUT_WR)


def take(connection: socket.socket) -> float:
    """Bytes per second of a stream that is read to its end."""
    taken = len(connection.recv(BLOCK))
    began = time.monotonic()
    while block := connection.recv(BLOCK):
        taken += len(block)
    if taken < BLOCK:
        raise ConnectionError(f"it ended after {taken} bytes")
    return taken / max(time.monotonic() - began, 1e-6)


def measure(address: str) -> dict[str, float | None]:
    """MB/s to and from ``address``, one after the other."""
    return {"mb_per_s_to": _rate(address, TAKE), "mb_per_s_from": _rate(address, GIVE)}


def _rate(address: str, wanted: bytes) -> float | None:
    try:
        with socket.create_connection((address, PORT), timeout=PATIENCE) as connection:
            connection.sendall(wanted)
            if wanted == GIVE:
                rate = take(connection)
            else:
                give(connection)
                (rate,) = RATE.unpack(connection.recv(RATE.size, socket.MSG_WAITALL))
    except (OSError, struct.error):
        return None
    return float(round(rate / 1e6, 1))


if __name__ == "__main__":
    json.dump({address: measure(address) for address in json.load(sys.stdin)["addresses"]}, sys.stdout)
