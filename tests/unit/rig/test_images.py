# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

import io
import tarfile

import pytest

from rig import images
from rig.fleet import ALL_IMAGES, ON_REQUEST, PREFIXES, fleet
from rig.images import IMAGES


@pytest.fixture(autouse=True)
def some_machine(monkeypatch):
    monkeypatch.setattr(images, "machine_fingerprint", lambda: "a machine")


@pytest.mark.parametrize("name", IMAGES)
def test_every_image_can_be_built_and_says_what_from(name):
    with tarfile.open(fileobj=io.BytesIO(images._context(IMAGES[name]))) as tar:
        names = tar.getnames()
    assert "Dockerfile" in names
    dockerfile = (IMAGES[name].context / "Dockerfile").read_text()
    assert ("requirements.txt" in names) == ("${WHEELS}" in dockerfile) == ("AS python" in dockerfile)


def test_a_tag_follows_from_the_content(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "HERE", tmp_path)
    folder = tmp_path / "images" / "haproxy"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM scratch")
    before = IMAGES["haproxy"].tag
    assert IMAGES["haproxy"].tag == before
    (folder / "Dockerfile").write_text("FROM other")
    changed = IMAGES["haproxy"].tag
    assert changed != before
    monkeypatch.setattr(images, "machine_fingerprint", lambda: "another machine")
    assert IMAGES["haproxy"].tag not in (before, changed)


@pytest.mark.parametrize("name", ["vllm-cpu", "litellm", "llmcompressor", "standins"])
def test_requirements_are_pinned_once_each(name):
    lines = (images.HERE / "images" / name / "requirements.txt").read_text().splitlines()
    pins = [line.split("==") for line in lines if line and not line.startswith("#")]
    assert all(len(pin) == 2 and pin[1] for pin in pins)
    assert len({pin[0].lower() for pin in pins}) == len(pins)


def test_fleets_do_not_overlap():
    fleets = [fleet(name) for name in PREFIXES]
    for of in ("subnet", "state", "network", "registry", "endpoint"):
        assert len({getattr(each, of) for each in fleets}) == len(fleets)
    assert all(set(each.images) <= set(ALL_IMAGES) <= set(IMAGES) for each in fleets)


def test_no_fleet_waits_for_what_is_made_on_request():
    assert set(ON_REQUEST) <= set(IMAGES)
    assert not any(set(fleet(name).images) & set(ON_REQUEST) for name in PREFIXES)
