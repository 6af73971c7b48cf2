# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in the anchor, a container that each host keeps on the overlay network: answers what other hosts' anchors send.

A full-size datagram must not be fragmented, neither on its way nor on its way back, so one exchange says that both
directions carry the network's whole MTU.
"""

from __future__ import annotations

import socket
import threading

import overlay_throughput

PORT = 10007
ASK, ANSWER = b"?", b"!"  # only what asks is answered, so that two anchors cannot answer each other for ever
STREAM = 256 * 1024  # bytes; some 180 full-size packets, each way
PATIENCE = 5.0  # seconds that a stream may take
IP_MTU_DISCOVER, IP_PMTUDISC_PROBE = 10, 3  # from the kernel's in.h; the socket module lacks them


def serve(address: str = "") -> None:
    """Answer datagrams and streams until the process ends."""
    datagrams = datagram_socket()
    datagrams.bind((address, PORT))
    threading.Thread(target=answer_datagrams, args=(datagrams,), daemon=True).start()
    threading.Thread(target=overlay_throughput.serve, args=(address,), daemon=True).start()
    with socket.create_server((address, PORT), backlog=256) as streams:
        while True:
            connection, _address = streams.accept()
            threading.Thread(target=answer_stream, args=(connection,), daemon=True).start()


def answer_datagrams(datagrams: socket.socket) -> None:
    """Send every question back, at its full size."""
    while True:
        packet, peer = datagrams.recvfrom(65535)
        if packet.startswith(ASK):
            try:
                datagrams.sendto(ANSWER + packet[1:], peer)
            except OSError as error:
                print(f"cannot answer {peer[0]}: {error}", flush=True)


def answer_stream(connection: socket.socket) -> None:
    """Read one stream to its end, then send it back."""
    with connection:
        connection.settimeout(PATIENCE)
        try:
            connection.sendall(receive(connection, STREAM))
        except OSError as error:
            print(f"a stream broke: {error}", flush=True)


def receive(connection: socket.socket, size: int) -> bytes:
    """Exactly ``size`` bytes."""
    received = bytearray()
    while len(received) < size:
        block = connection.recv(min(65536, size - len(received)))
        if not block:
            raise ConnectionError(f"it ended after {len(received)} of {size} bytes")
        received += block
    return bytes(received)


def datagram_socket() -> socket.socket:
    """A socket whose packets may not be fragmented, whatever was learnt of the path."""
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
    return datagrams


if __name__ == "__main__":
    serve()
