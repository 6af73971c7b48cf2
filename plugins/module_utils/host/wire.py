# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of an overlay network crosses this host's interfaces: ESP, VXLAN in clear text, and swarm's gossip.

A packet socket sees what enters an interface before the firewall and IPsec do, and what leaves it after them. So what
is encrypted shows as ESP in both directions, and a packet that shows but is not delivered was dropped by this host.
"""

from __future__ import annotations

import ctypes
import select
import socket
import struct
import threading
from collections import Counter
from types import TracebackType

GOSSIP_PORT, VXLAN_PORT = 7946, 4789
PROBE_PORT = 10007  # of the anchors
ASK, ANSWER = b"?", b"!"
ETH_P_ALL = 3  # only taps on all protocols are shown what leaves
SO_ATTACH_FILTER, SO_RCVBUFFORCE = 26, 33  # from the kernel's socket.h; the socket module lacks them
BUFFER = 8 * 1024 * 1024  # bytes
KEPT = 160  # bytes of each packet: all headers with their options, and the first byte of the probe's datagram
QUIET = 0.05  # seconds without a packet after which none is left to be read

SYN, ACK = 0x02, 0x10  # TCP flags

# Lets through ESP, and TCP and UDP to either port; a packet begins at its IP header.
FILTER = (
    (0x30, 0, 0, 9),  # protocol
    (0x15, 7, 0, socket.IPPROTO_ESP),
    (0x15, 1, 0, socket.IPPROTO_TCP),
    (0x15, 0, 4, socket.IPPROTO_UDP),
    (0xB1, 0, 0, 0),  # the IP header's length
    (0x48, 0, 0, 2),  # destination port
    (0x15, 2, 0, VXLAN_PORT),
    (0x15, 1, 0, GOSSIP_PORT),
    (0x06, 0, 0, 0),
    (0x06, 0, 0, KEPT),
)

# By direction ("in", "out") and kind: "esp"; "ask", "answer" and "vxlan" in clear text; "gossip" over UDP, and "call",
# a new connection to gossip's TCP port.
Seen = Counter[tuple[str, str]]


class Wire:
    """Counts, while it is entered, what passes between ``local`` and each other address; ``vni`` is the network's.

    ``reason`` says why nothing could be counted, and is empty otherwise.
    """

    def __init__(self, local: str, vni: int | None) -> None:
        self.reason = "" if vni is not None else "the network's VXLAN id is not known on this host"
        self._local = local
        self._vni = vni
        self._seen: dict[str, Seen] = {}
        self._stopped = threading.Event()
        self._reader: threading.Thread | None = None

    def __enter__(self) -> Wire:
        try:
            socket.inet_pton(socket.AF_INET, self._local)
            tap = _tap()
        except OSError as error:
            self.reason = self.reason or f"no capture on {self._local or 'a host without an address'} ({error})"
            return self
        self._reader = threading.Thread(target=self._read, args=(tap,), daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        if self._reader:
            self._reader.join()

    def between(self, address: str) -> Seen | None:
        """What passed between this host and ``address``; None where that could not be seen."""
        return None if self.reason else self._seen.get(address, Counter())

    def count(self, packet: bytes) -> None:
        """Count one packet, which begins at its IPv4 header."""
        found = classify(packet, self._vni)
        if found is None:
            return
        source, destination, kind = found
        if source == self._local:
            self._seen.setdefault(destination, Counter())["out", kind] += 1
        elif destination == self._local:
            self._seen.setdefault(source, Counter())["in", kind] += 1

    def _read(self, tap: socket.socket) -> None:
        with tap:
            try:
                while (more := select.select([tap], [], [], QUIET)[0]) or not self._stopped.is_set():
                    if more:
                        self.count(tap.recv(KEPT))
            except OSError as error:  # an interface went down
                self.reason = f"the capture broke off ({error})"


def classify(packet: bytes, vni: int | None) -> tuple[str, str, str] | None:
    """Source, destination and kind of an IPv4 ``packet``; None for what is not of the overlay, or not of ``vni``."""
    header = _ip_header(packet)
    if header is None:
        return None
    length, protocol = header
    if protocol == socket.IPPROTO_ESP:
        kind = "esp"
    elif protocol == socket.IPPROTO_TCP:
        kind = _tcp_kind(packet[length:])
    else:
        kind = _udp_kind(packet[length:], vni)
    return (socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20]), kind) if kind else None


def _tcp_kind(segment: bytes) -> str:
    if len(segment) < 14 or struct.unpack_from("!H", segment, 2)[0] != GOSSIP_PORT:
        return ""
    return "call" if segment[13] & (SYN | ACK) == SYN else ""


def _udp_kind(datagram: bytes, vni: int | None) -> str:
    if len(datagram) < 8:
        return ""
    port = struct.unpack_from("!H", datagram, 2)[0]
    if port == GOSSIP_PORT:
        return "gossip"
    if port != VXLAN_PORT or len(datagram) < 16 or int.from_bytes(datagram[12:15], "big") != vni:
        return ""
    return _inner_kind(datagram[16 + 14 :])


def _inner_kind(packet: bytes) -> str:
    """``ask`` or ``answer`` for the probe's datagrams, ``vxlan`` for all else that the network carries."""
    header = _ip_header(packet)
    if header is None or header[1] != socket.IPPROTO_UDP or len(packet) < header[0] + 9:
        return "vxlan"
    source, destination = struct.unpack_from("!HH", packet, header[0])
    first = packet[header[0] + 8 : header[0] + 9]
    if destination == PROBE_PORT and first == ASK:
        return "ask"
    return "answer" if source == PROBE_PORT and first == ANSWER else "vxlan"


def _ip_header(packet: bytes) -> tuple[int, int] | None:
    """Length and protocol; None for what is not IPv4 and for fragments but the first, which have no ports."""
    if len(packet) < 20 or packet[0] >> 4 != 4 or struct.unpack_from("!H", packet, 6)[0] & 0x1FFF:
        return None
    return (packet[0] & 15) * 4, packet[9]


def _tap() -> socket.socket:
    """A packet socket on all interfaces; what it got before it had its filter does no harm."""
    instructions = b"".join(struct.pack("HBBI", *instruction) for instruction in FILTER)
    held = ctypes.create_string_buffer(instructions, len(instructions))
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    try:
        tap.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(FILTER), ctypes.addressof(held)))
        tap.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    except OSError:
        tap.close()
        raise
    return tap
