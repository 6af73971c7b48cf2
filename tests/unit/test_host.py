# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.host import system as host
from ansible_collections.inference.fleet.plugins.module_utils.host.disk import free_gib, used_gib

DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nVERSION_ID="13"\nVERSION_CODENAME=trixie\nID=debian\n'
FIB_TRIE = """Main:
  +-- 0.0.0.0/0 3 0 5
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.1
           /32 host LOCAL
     +-- 10.215.0.0/24 2 0 2
        |-- 10.215.0.0
           /24 link UNICAST
        |-- 10.215.0.11
           /32 host LOCAL
Local:
        |-- 10.215.0.11
           /32 host LOCAL
        |-- 172.17.0.1
           /32 host LOCAL
"""
IF_INET6 = (
    "fe8000000000000000fc00fffe000001 04 40 20 80     eth0\n"
    "00000000000000000000000000000001 01 80 10 80       lo\n"
    "fd000000000000000000000000000002 04 40 00 82     eth0\n"
)


def test_os_release_is_read():
    assert host.parse_os_release(DEBIAN) == host.Distribution("debian", "13", "trixie", "Debian GNU/Linux 13 (trixie)")
    assert host.parse_os_release(DEBIAN).release == "debian-13"


def test_a_system_that_does_not_say_what_it_is():
    assert host.parse_os_release("").release == "unknown-unknown"


def test_own_addresses_without_loopback_and_link_local_ones():
    assert host.parse_fib_trie(FIB_TRIE) == ["10.215.0.11", "172.17.0.1"]
    assert host.parse_if_inet6(IF_INET6) == ["fd00::2"]


def test_memory():
    assert host.parse_meminfo("MemTotal:       16777216 kB\nMemFree: 1 kB\n") == 16
    assert host.parse_meminfo("") == 0


def test_this_machine_can_be_observed(tmp_path):
    assert host.observe_host().memory_gib > 0
    assert host.observe_host(tmp_path).cgroup_version == 1


def test_room_for_a_directory_that_is_not_there(tmp_path):
    assert free_gib(tmp_path / "not" / "yet") == pytest.approx(free_gib(tmp_path), abs=0.1)


def test_hard_links_and_symlinks_do_not_count_twice(tmp_path):
    blob = tmp_path / "blob"
    blob.write_bytes(b"x" * 1024 * 1024)
    (tmp_path / "again").hardlink_to(blob) if hasattr(blob, "hardlink_to") else None
    (tmp_path / "snapshot").symlink_to(blob)
    assert used_gib(tmp_path) * host.GIB == pytest.approx(1024 * 1024, rel=0.1)
