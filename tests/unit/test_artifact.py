# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.artifacts.artifact import artifacts, manifest_key
from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError

COMMIT = "cf4b3c42ce2fdfe24f753f0f0d179202fea59c99"
FALCON = {"repo_id": "tiiuae/falcon-7b-instruct", "revision": COMMIT, "family": "falcon", "name": "falcon"}


def only(**changes):
    (artifact,) = artifacts([{**FALCON, **changes}], family_needed=True)
    return artifact


def test_the_key_is_the_documented_one():
    assert only().key(COMMIT) == "models/falcon/cf4b3c4/tiiuae--falcon-7b-instruct.tar"
    assert manifest_key(only().key(COMMIT)) == "models/falcon/cf4b3c4/tiiuae--falcon-7b-instruct.tar.manifest.json"
    assert only(key="elsewhere.tar").key(COMMIT) == "elsewhere.tar"


def test_a_branch_is_no_commit():
    assert only().pinned
    assert not only(revision="main").pinned
    assert only(revision="main").ref_key() == "models/falcon/refs/tiiuae--falcon-7b-instruct/main.json"


CALIBRATED = {"quantization": "inc_fp8", "device_generation": "g2", "tensor_parallel_size": 2}


def test_what_is_for_some_devices_only_has_a_key_for_them():
    key = only(**CALIBRATED).key(COMMIT)
    assert key == "models/falcon/cf4b3c4-inc_fp8-g2-tp2/tiiuae--falcon-7b-instruct-inc_fp8.tar"
    assert only(**CALIBRATED).source == only()
    assert only(quantization="fp8_dynamic", device_generation="g2").calibration is None


def test_it_cannot_be_for_two_kinds_of_devices():
    entries = [{**FALCON, **CALIBRATED}, {**FALCON, **CALIBRATED, "device_generation": "g3"}]
    with pytest.raises(FleetError, match="is there twice, for g2 with tensor parallel size 2 and for g3 with tensor"):
        artifacts(entries, family_needed=True)


def test_an_entry_that_is_there_twice_counts_once():
    assert len(artifacts([FALCON, {**FALCON, "name": "again", "size_gib": 14}], family_needed=True)) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"repo_id": "falcon/../../etc"}, "not of the form org/name"),
        ({"repo_id": ""}, "not of the form org/name"),
        ({"revision": ""}, "is not a commit, branch or tag"),
        ({"revision": "../x"}, "is not a commit, branch or tag"),
        ({"family": ""}, "is not a folder name"),
        ({"family": "a/b"}, "is not a folder name"),
        (
            {**CALIBRATED, "device_generation": "gaudi2"},
            "needs the device_generation g2 or g3 and a tensor_parallel_size",
        ),
        ({**CALIBRATED, "tensor_parallel_size": "two"}, "that it is to be served on"),
        (
            {"quantization": "fp8dynamic"},
            "quantization 'fp8dynamic' of tiiuae/falcon-7b-instruct is none of fp8_dynamic",
        ),
        ({"formats": ["safetensor"]}, "format safetensor of tiiuae/falcon-7b-instruct is none of safetensors, bin"),
    ],
)
def test_what_cannot_be_meant_is_named(changes, said):
    with pytest.raises(FleetError, match="entry 1: ") as raised:
        only(**changes)
    assert said in str(raised.value)


def test_all_mistakes_are_told_together():
    with pytest.raises(FleetError) as raised:
        artifacts([{**FALCON, "family": ""}, FALCON, {**FALCON, "formats": ["bin"]}], family_needed=True)
    assert "entry 1: " in str(raised.value)
    assert "entry 3: " in str(raised.value)


def test_a_host_needs_no_family():
    assert artifacts([{**FALCON, "family": ""}], family_needed=False)
