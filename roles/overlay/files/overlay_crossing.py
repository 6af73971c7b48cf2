# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of packets from this host's anchor to others and back.

Reads ``{"peers": [...], "seconds": N}`` from standard input and prints the result for each of those peers.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import threading
import time
from contextlib import suppress
from fcntl import ioctl

from overlay_anchor import ANSWER, ASK, PATIENCE, PORT, STREAM, datagram_socket, receive

NONCE = 8  # bytes
HEADERS = 28  # bytes of IPv4 and UDP
SMALL = 64  # bytes
SMALLEST, STEP = 576, 10  # bytes; between it and the whole MTU lies the size that a narrow link carries
LARGEST = 65535  # bytes of an IPv4 packet; loopback's MTU is more
TRY = 0.5  # seconds to wait for an answer before asking again
IP_MTU, SIOCGIFADDR, SIOCGIFMTU = 14, 0x8915, 0x8921  # from the kernel's in.h and sockios.h


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
    return {
        "address": None,
        "mtu": 0,
        "carried": 0,
        "small": False,
        "full": False,
        "stream": False,
        "rtt_ms": None,
    }


def probe_peer(peer: str, deadline: float) -> dict[str, object]:
    """Resolve, then a full-size datagram, then a stream.

    Small datagrams tell a narrow link from a dead one, and datagrams of all sizes how narrow it is.
    """
    result = nothing()
    address = resolve(peer, deadline)
    if address is None:
        return result
    result["address"] = address
    result["mtu"] = mtu = mtu_towards(address)
    rtt = exchange(address, mtu - HEADERS, deadline)
    if rtt is not None:
        result["full"] = True
        rtt = exchange(address, mtu - HEADERS, time.monotonic()) or rtt  # the first also waits for the peer to be found
        result["carried"] = mtu
        result["stream"] = exchange_stream(address, deadline)
    else:
        rtt = exchange(address, SMALL, time.monotonic() + 2 * TRY)
    result["small"] = rtt is not None
    if rtt is not None:
        result["rtt_ms"] = round(rtt * 1000, 3)
        result["carried"] = result["carried"] or largest(address, mtu)
    if not result["full"] and result["carried"] == mtu:  # late, not lost
        result["full"] = True
        result["stream"] = exchange_stream(address, time.monotonic())
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


def mtu_towards(address: str) -> int:
    """The MTU of the interface that leads to ``address``; the kernel's own answer is less once a path was narrow."""
    with datagram_socket() as datagrams:
        datagrams.connect((address, PORT))
        local = datagrams.getsockname()[0]
        for _index, name in socket.if_nameindex():
            request = struct.pack("16s24x", name.encode())
            with suppress(OSError):  # an interface without an address
                if socket.inet_ntoa(ioctl(datagrams, SIOCGIFADDR, request)[20:24]) == local:
                    return min(LARGEST, int(struct.unpack_from("i", ioctl(datagrams, SIOCGIFMTU, request), 16)[0]))
        return datagrams.getsockopt(socket.IPPROTO_IP, IP_MTU)


def exchange(address: str, size: int, deadline: float) -> float | None:
    """In how many seconds a datagram of ``size`` bytes of payload came back; None if none did before the deadline."""
    with datagram_socket() as datagrams:
        datagrams.connect((address, PORT))
        datagrams.settimeout(TRY)
        while True:
            content = os.urandom(NONCE).ljust(size - 1, b".")
            began = time.monotonic()
            try:
                datagrams.send(ASK + content)
                if datagrams.recv(65535) == ANSWER + content:
                    return time.monotonic() - began
            except OSError:  # no answer, or the peer does not listen yet
                time.sleep(TRY / 10)
            if time.monotonic() > deadline:
                return None


def largest(address: str, mtu: int) -> int:
    """Size of the largest packet that comes back, 0 for none of at least SMALLEST; all sizes are tried at once."""
    nonce = os.urandom(NONCE)
    carried = 0
    deadline = time.monotonic() + TRY
    with datagram_socket() as datagrams:
        datagrams.connect((address, PORT))
        datagrams.settimeout(TRY / 10)
        for size in range(mtu, SMALLEST, -STEP):
            with suppress(OSError):  # a router on the way may have said that the one before was too large
                datagrams.send(ASK + nonce.ljust(size - HEADERS - 1, b"."))
        while time.monotonic() < deadline:
            with suppress(OSError):
                packet = datagrams.recv(65535)
                if packet.startswith(ANSWER + nonce):
                    carried = max(carried, len(packet) + HEADERS)
    return carried


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


if __name__ == "__main__":
    json.dump(probe(**json.load(sys.stdin)), sys.stdout)
