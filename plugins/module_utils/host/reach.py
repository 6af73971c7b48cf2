# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether TCP ports of other hosts take connections, and how large a packet the link to them carries."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

OPEN, REFUSED, SILENT = "open", "refused", "no answer"
TRY = 2.0  # seconds to wait for one connection
PAUSE = 0.5  # seconds before trying again
IP_MTU = 14  # from the kernel's in.h; the socket module lacks it

Port = tuple[str, int]


def reach(ports: Iterable[Port], seconds: float) -> dict[Port, str]:
    """State of each (address, port), all tried at once until they are open or ``seconds`` have passed."""
    wanted = sorted(set(ports))
    deadline = time.monotonic() + seconds
    with ThreadPoolExecutor(max_workers=max(1, len(wanted))) as pool:
        return dict(zip(wanted, pool.map(lambda port: _until_open(port, deadline), wanted)))


def link_mtu(address: str) -> int:
    """The largest packet in bytes that this host's link towards ``address`` carries; 0 where there is none."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            datagrams.connect((address, 9))  # sends nothing
            return datagrams.getsockopt(socket.IPPROTO_IP, IP_MTU)
    except OSError:
        return 0


def _until_open(port: Port, deadline: float) -> str:
    states = [_connect(port)]
    while states[-1] != OPEN and time.monotonic() + PAUSE < deadline:
        time.sleep(PAUSE)
        states.append(_connect(port))
    # Hosts refuse about once in a second only, so that later tries may get no answer.
    return REFUSED if OPEN not in states and REFUSED in states else states[-1]


def _connect(port: Port) -> str:
    try:
        socket.create_connection(port, timeout=TRY).close()
    except ConnectionRefusedError:
        return REFUSED
    except socket.timeout:
        return SILENT
    except OSError as error:
        return error.strerror or str(error)
    return OPEN
