# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calibration for Gaudi in a real container, in which a stand-in takes the place of vllm-gaudi's script."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.artifacts.artifact import Artifact
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.hub import Hub
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.publish import Publisher
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.transfer.progress import Progress
from ansible_collections.inference.fleet.plugins.module_utils.quantize.calibration_target import Calibration
from ansible_collections.inference.fleet.plugins.module_utils.quantize.gaudi import Options
from ansible_collections.inference.fleet.plugins.module_utils.quantize.make import Maker
from rig.shell import docker

from ...checkpoints import repository, weights
from ..repository import commit_of, lay, tree

STANDIN = Path(__file__).parents[3] / "rig" / "standins" / "gaudi_calibration"
FILES = {**repository(weights(layers=2), shards=1), "config.json": b'{"num_hidden_layers": 2}'}
COMMIT = commit_of(FILES)
TWO = Calibration("g2", 2)
ARTIFACT = Artifact("org/Tiny-inc_fp8", COMMIT, "tiny", quantization="inc_fp8", calibration=TWO)
ROW = {"system_prompt": "Be brief.", "question": "Why is the sky blue?"}
IN_IMAGE = "/workspace/vllm-gaudi/calibration"
WRITE_TABLES = """
import pandas
table = pandas.DataFrame([{"id": 1, "system_prompt": "Be brief.", "question": "Why is the sky blue?"}])
table.to_parquet("/data/a.parquet")
table.to_pickle("/data/a.pkl")
table.drop(columns="question").to_parquet("/data/lacking.parquet")
table.head(0).to_pickle("/data/empty.pkl")
"""


class Program:
    """Opens a file to write as it is unpickled, in a folder that only this host has."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (open, (str(self.marker), "w"))


@pytest.fixture(scope="session")
def gaudi_image(image, tmp_path_factory):
    """One with pandas, as that with vLLM for Gaudi has it, and the stand-in."""
    context = tmp_path_factory.mktemp("context")
    shutil.copytree(STANDIN, context / "calibration")
    (context / "Dockerfile").write_text(f"FROM {image}\nLABEL context={context}\nCOPY calibration {IN_IMAGE}\n")
    made = docker("build", "--quiet", str(context))
    yield made
    docker("image", "rm", made)


@pytest.fixture(scope="session")
def data(gaudi_image, tmp_path_factory):
    """A folder with questions of every kind."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "a.jsonl").write_text(json.dumps(ROW) + "\n")
    (folder / "program.pkl").write_bytes(pickle.dumps(Program(folder / "ran")))
    user = f"--user={os.getuid()}:{os.getgid()}"
    docker("run", "--rm", user, f"--volume={folder}:/data", gaudi_image, "-c", WRITE_TABLES)
    return folder


@pytest.fixture
def made(hub, gaudi_image, data, tmp_path):
    """A function: what is made of org/Tiny at the hub with the questions in ``calibration``, and the errors."""
    lay(tmp_path / "hub" / "org" / "Tiny", FILES)

    def run(calibration=None, wanted=TWO, **options):
        given = Options(gaudi_image, calibration=data / calibration if calibration else None, runtime="runc", **options)
        maker = Maker(tmp_path / "cache", Hub(hub.url, ""), Progress(None), gaudi=given)
        return maker.make([replace(ARTIFACT, calibration=wanted)], check_mode=False)

    return run


@pytest.mark.parametrize("calibration", [None, "a.jsonl", "a.parquet", "a.pkl"])
def test_questions_of_every_kind_are_asked(made, calibration):
    found, errors = made(calibration)
    assert errors == []
    (found,) = found
    config = json.loads(Path(found.path, "inc", "tiny", "maxabs_quant_g2.json").read_text())
    place = f"/models/models--org--Tiny-inc_fp8/snapshots/{COMMIT}/inc"
    assert config["dump_stats_path"] == f"{place}/tiny/g2/inc_output"
    assert {path: content for path, content in tree(found.path).items() if not path.startswith("inc/")} == FILES


@pytest.mark.parametrize(
    ("calibration", "message"),
    [
        ("lacking.parquet", "lacking.parquet has no question, only id, system_prompt. Give it the columns"),
        ("empty.pkl", "the calibration data empty.pkl is empty"),
        ("program.pkl", "program.pkl cannot be read (FileNotFoundError: "),
    ],
)
def test_a_table_without_questions_is_refused_and_a_program_runs_in_the_container_only(
    made, data, calibration, message
):
    found, (error,) = made(calibration)
    assert message in str(error)
    assert found == []
    assert not (data / "ran").exists()


def test_nothing_is_left_of_a_calibration_that_fails(made, tmp_path):
    _found, (error,) = made(wanted=Calibration("g3", 2))
    assert "its devices are g2, and it is to be served on g3" in str(error)
    assert [path.name for path in (tmp_path / "cache").glob("models--*")] == ["models--org--Tiny"]
    assert not [*(tmp_path / "cache").rglob("work")]


def test_hosts_get_what_was_made_for_their_devices_and_nothing_else(made, store, fetch, tmp_path):
    (found,), _errors = made()
    publisher = Publisher(store, None, cache=tmp_path / "cache", progress=Progress(None), check_mode=False)
    (published,), errors = publisher.publish([ARTIFACT])
    assert errors == []
    assert published.key == f"models/tiny/{COMMIT[:7]}-inc_fp8-g2-tp2/org--Tiny-inc_fp8.tar"
    (fetched,), _missing, errors = fetch(ARTIFACT, cache=tmp_path / "host")
    assert errors == []
    assert tree(fetched["path"]) == tree(found.path)

    other = replace(ARTIFACT, calibration=Calibration("g3", 2), given_key=published.key)
    source = {"repo_id": ARTIFACT.repo_id, "revision": COMMIT, "key": published.key, "url": "http://127.0.0.1:9/"}
    source["manifest"] = json.loads(store.read(f"{published.key}.manifest.json"))
    _found, (missing,), (error,) = fetch(other, sources=[source], cache=tmp_path / "other")
    assert missing == other
    assert (
        "it was calibrated for g2 with tensor parallel size 2, and is to be served on g3 with tensor parallel size 2"
        in str(error)
    )
    _found, (error,) = publisher.publish([replace(ARTIFACT, calibration=Calibration("g2", 4))])
    assert "inc_fp8 cannot be made on the way. Make it in a cache first" in str(error)
