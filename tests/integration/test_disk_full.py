# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose disk is too small: it is told, nothing half stays, and what is served is untouched."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
from dataclasses import replace

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.artifacts import cache_filling

from ..checkpoints import repository as checkpoint
from ..checkpoints import weights
from .repository import TINY, WANTED, WEIGHTS, lay, tree

DISK = 2_000_000  # bytes
SMALL_FILES = {"config.json": b"{}", "model.safetensors": bytes(100_000)}
SMALL = replace(TINY, repo_id="org/small", revision="main", name="small")


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """A folder on a disk of DISK bytes; where none can be mounted, writes fail as on one that is full."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode == 0:
        yield folder
        subprocess.run(["umount", str(folder)], check=True)
        return
    write, written = os.pwrite, []

    def write_some(descriptor, content, position):
        written.append(len(content))
        if sum(written) > DISK:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, content, position)

    monkeypatch.setattr("os.pwrite", write_some)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: shutil._ntuple_diskusage(DISK, 0, DISK))
    yield folder


@pytest.fixture(params=["fetched", "downloaded"])
def bring(request, hub, repository, publish, fetch, download, disk):
    """A function that brings artifacts onto the disk, from the store or from the hub; its errors."""
    assert hub.url
    lay(repository.with_name("small"), SMALL_FILES)
    if request.param == "downloaded":
        return lambda *artifacts: download(*artifacts, cache=disk)[1]
    assert publish(SMALL, TINY)[1] == []
    return lambda *artifacts: fetch(*artifacts, cache=disk)[2]


def assert_only_small_is_there(disk):
    (snapshot,) = disk.glob("models--org--small/snapshots/*")
    assert tree(snapshot) == SMALL_FILES
    assert not [*disk.glob("models--org--tiny/snapshots/*")]


def test_it_is_told_before_anything_is_read(bring, disk, hub, wire, monkeypatch):
    assert bring(SMALL) == []
    monkeypatch.setattr(cache_filling, "SPARE", 256 * 1024 * 1024)
    hub.exchanges.clear()
    wire.exchanges.clear()
    (error,) = bring(TINY)
    assert "GiB free" in str(error)
    assert "Make room there, or set model_cache_dir" in str(error)
    assert hub.asked("GET", "/resolve/") == wire.asked("GET", ".tar?") == []
    assert_only_small_is_there(disk)


def test_one_that_fills_up_on_the_way_gets_its_room_back(bring, disk, monkeypatch):
    assert bring(SMALL) == []
    roomy = shutil.disk_usage(disk)._replace(free=1 << 40)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: roomy)
    (error,) = bring(TINY)
    assert "No space left on device" in str(error)
    assert "What was in the cache before is untouched" in str(error)
    assert not [path for pattern in ("*.partial", "*.pieces") for path in disk.rglob(pattern)]
    kept = {path.name: path.stat().st_size for path in disk.glob("models--org--tiny/blobs/*")}
    whole = {hashlib.sha256(body).hexdigest(): len(body) for body in WEIGHTS}
    assert kept.items() <= whole.items() | {(name, size) for name, size in kept.items() if size < 1000}
    assert_only_small_is_there(disk)


def test_a_publisher_whose_cache_is_full_says_so(hub, repository, publish, disk, monkeypatch, keys):
    assert repository.is_dir()
    roomy = shutil.disk_usage(disk)._replace(free=1 << 40)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: roomy)
    _found, (error,) = publish(TINY, cache=disk, fill_cache=True)
    assert "No space left on device" in str(error)
    assert not [*disk.rglob("*.partial")]
    assert [key for key in keys() if not key.endswith(".upload.json")] == []
    assert publish(TINY)[1] == [], "without the cache it goes on"
    assert sum(exchange.moved for exchange in hub.asked("GET", "/resolve/")) < 2 * sum(map(len, WANTED.values()))


def test_a_disk_that_fills_up_while_a_model_is_quantized_gets_its_room_back(hub, download, disk, tmp_path, monkeypatch):
    assert hub.url
    lay(tmp_path / "hub" / "org" / "large", checkpoint(weights(layers=60)))
    large = replace(TINY, repo_id="org/large-fp8_dynamic", revision="main", quantization="fp8_dynamic")
    roomy = shutil.disk_usage(disk)._replace(free=1 << 40)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: roomy)
    _found, (error,) = download(large, cache=disk)
    assert "org/large-fp8_dynamic at main" in str(error)
    assert "No space left on device" in str(error)
    assert not [path for path in disk.rglob("*") if path.is_file() and path.stat().st_size > 100_000]
    assert not [*disk.glob("models--org--large*/snapshots/[!.]*")]
