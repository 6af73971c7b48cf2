# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in the anchor, a container that each host keeps on the overlay network.

``serve`` answers what the other hosts' anchors send; ``probe`` reads ``{"peers": [...], "seconds": N}`` from standard
input and prints what became of packets to each of those peers. A full-size datagram must not be fragmented, neither on
its way nor on its way back, so one exchange says that both directions carry the network's whole MTU.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time

PORT = 10007
ASK, ANSWER = b"?", b"!"  # only what asks is answered, so that two anchors cannot answer each other for ever
NONCE = 8  # bytes
HEADERS = 28  # bytes of IPv4 and UDP
SMALL = 64  # bytes
STREAM = 256 * 1024  # bytes; some 180 full-size packets, each way
TRY = 0.5  # seconds to wait for an answer before asking again
PATIENCE = 5.0  # seconds that a stream may take
IP_MTU_DISCOVER, IP_PMTUDISC_PROBE, IP_MTU = 10, 3, 14  # from the kernel's in.h; the socket module lacks them


def serve(address: str = "") -> None:
    """Answer datagrams and streams until the process ends."""
    datagrams = datagram_socket()
    datagrams.bind((address, PORT))
    threading.Thread(target=answer_datagrams, args=(datagrams,), daemon=True).start()
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


def probe(peers: list[str], seconds: float) -> dict[str, dict[str, object]]:
    """What became of packets to each of ``peers``, all tried at once until they arrive or ``seconds`` have passed."""
    deadline = time.monotonic() + seconds
    results: dict[str, dict[str, object]] = {}
    threads = [
        threading.Thread(target=lambda peer=peer: results.update({peer: probe_peer(peer, deadline)}), daemon=True)
        for peer in peers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline + 2 * PATIENCE - time.monotonic()))
    return {peer: results.get(peer) or nothing() for peer in peers}


def nothing() -> dict[str, object]:
    """The result for a peer of which nothing was heard."""
    return {"address": None, "mtu": 0, "small": False, "full": False, "stream": False}


def probe_peer(peer: str, deadline: float) -> dict[str, object]:
    """Resolve, then a full-size datagram, then a stream; a small datagram tells a narrow link from a dead one."""
    result = nothing()
    address = resolve(peer, deadline)
    if address is None:
        return result
    result["address"] = address
    result["mtu"] = mtu = mtu_towards(address)
    result["full"] = result["small"] = exchange(address, mtu - HEADERS, deadline)
    if result["full"]:
        result["stream"] = exchange_stream(address, deadline)
    else:
        result["small"] = exchange(address, SMALL, time.monotonic() + 2 * TRY)
    return result


def resolve(name: str, deadline: float) -> str | None:
    """The peer's address; a peer that has just joined is known after a moment."""
    while not (found := lookup(name)) and time.monotonic() + TRY < deadline:
        time.sleep(TRY / 2)
    return found


def lookup(name: str) -> str | None:
    """The address that the network's DNS has for ``name`` now."""
    try:
        return str(socket.getaddrinfo(name, PORT, socket.AF_INET, socket.SOCK_DGRAM)[0][4][0])
    except OSError:
        return None


def datagram_socket() -> socket.socket:
    """A socket whose packets may not be fragmented, whatever was learnt of the path."""
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
    return datagrams


def mtu_towards(address: str) -> int:
    """The MTU of the interface that leads to ``address``."""
    with datagram_socket() as datagrams:
        datagrams.connect((address, PORT))
        return datagrams.getsockopt(socket.IPPROTO_IP, IP_MTU)


def exchange(address: str, size: int, deadline: float) -> bool:
    """Whether a datagram of ``size`` bytes of payload came back before the deadline."""
    with datagram_socket() as datagrams:
        datagrams.connect((address, PORT))
        datagrams.settimeout(TRY)
        while True:
            content = os.urandom(NONCE).ljust(size - 1, b".")
            try:
                datagrams.send(ASK + content)
                if datagrams.recv(65535) == ANSWER + content:
                    return True
            except OSError:  # no answer, or the peer does not listen yet
                time.sleep(TRY / 10)
            if time.monotonic() > deadline:
                return False


def exchange_stream(address: str, deadline: float) -> bool:
    """Whether a stream came back whole before the deadline, or in one try after it."""
    content = os.urandom(STREAM)
    while True:
        try:
            with socket.create_connection((address, PORT), timeout=PATIENCE) as connection:
                connection.sendall(content)
                if receive(connection, STREAM) == content:
                    return True
        except OSError:
            time.sleep(TRY / 10)
        if time.monotonic() > deadline:
            return False


def main() -> None:
    """Serve or probe, as the command line says."""
    if sys.argv[1:] == ["serve"]:
        serve()
    elif sys.argv[1:] == ["probe"]:
        json.dump(probe(**json.load(sys.stdin)), sys.stdout)
    else:
        sys.exit(f"usage: {sys.argv[0]} serve|probe")


if __name__ == "__main__":
    main()
