# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import socket

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.host.ports import KERNEL, Holder, holders, parse_sockets

TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0FA0 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 103 1 0
   1: 0100007F:232A 0100007F:0FA0 01 00000000:00000000 00:00000000 00000000     0        0 27004 1 0
"""


def test_only_listening_sockets_count():
    assert list(parse_sockets(TABLE, "0A")) == [(4000, "103")]


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_listener_of_this_process_is_found_with_its_name(kind):
    with socket.socket(socket.AF_INET, kind) as listener:
        listener.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            listener.listen()
        proto = "tcp" if kind == socket.SOCK_STREAM else "udp"
        assert holders()[listener.getsockname()[1], proto].pid == os.getpid()


def test_a_socket_without_a_process_is_the_kernels(tmp_path):
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").write_text(TABLE)
    assert holders(tmp_path) == {(4000, "tcp"): Holder(KERNEL)}


def test_holders_read_well():
    assert str(Holder("nginx", 812)) == "nginx (pid 812)"
    assert str(Holder("web", container=True)) == "container web"
