#!/usr/bin/python
# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quantize models that are in a Hugging Face cache."""

from __future__ import annotations

DOCUMENTATION = r"""
module: model_quantize
short_description: Quantize models that are in a Hugging Face cache
description:
  - Makes of each model a quantized one in the same cache, which is called C(<org>/<name>-<scheme>) there and has the
    commit of its source. M(inference.fleet.model_archive) publishes it from that cache.
  - V(fp8_dynamic) is made by the collection itself, byte for byte as llm-compressor does it, with numpy alone, and in
    memory that does not depend on the size. M(inference.fleet.model_archive) can make it on the way from the hub
    to the store, without a cache.
  - V(inc_fp8), for Gaudi, is the model itself with a folder of measurements, which vLLM quantizes it with as it loads
    it. The script of vllm-gaudi takes them, on this machine's devices, in a container without a network. They are good
    for one generation of devices and tensor parallel size only, which each of O(models) names with C(device_generation)
    (V(g2) or V(g3)) and C(tensor_parallel_size). Measurements for others are replaced.
  - All other schemes run the model, so they go through llm-compressor, in a container without a network.
  - Nothing appears before each tensor is proven to be near its source, or equal to it where it is not quantized. With
    O(vllm_image), source and result are run, too, and must find the same text as probable. The proof, the source's
    digests and the versions of the tools stand in the model's manifest.
  - What they are made of is brought from the hub where the cache does not have it. A model that is there is not made
    again. A branch or tag is what the hub says that it is now, or what the cache knows where the hub cannot be reached.
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
requirements:
  - numpy
  - Docker, for schemes other than V(fp8_dynamic) and for O(vllm_image)
extends_documentation_fragment:
  - inference.fleet.store.models
  - inference.fleet.store.hub
  - inference.fleet.progress
attributes:
  check_mode:
    support: full
    description: Looks which models are there, makes none.
  diff_mode:
    support: full
    description: Shows the snapshots that appear.
options:
  cache_dir:
    description: The Hugging Face cache, the folder that holds C(models--org--name).
    type: path
    required: true
  image:
    description: Container image with llm-compressor for its C(python), best by digest.
    type: str
  calibration:
    description:
      - A file with lines of JSON, each with C(text), C(prompt) or C(messages), for the schemes that are calibrated.
      - Without one, some text of many kinds that the collection has.
    type: path
  samples:
    description: How many of its lines, or of the questions for Gaudi, are used at most.
    type: int
    default: 512
  length:
    description: How many tokens of each are used at most.
    type: int
    default: 2048
  memory:
    description: The most memory that a container which quantizes may take, as Docker writes it (V(64g)).
    type: str
  gaudi:
    description: How V(inc_fp8) is made.
    type: dict
    suboptions:
      image:
        description: Container image with vLLM for Gaudi and its calibration script, best by digest.
        type: str
        required: true
      script:
        description: The script in the image.
        type: path
        default: /workspace/vllm-gaudi/calibration/calibrate_model.sh
      script_digest:
        description:
          - What the programs and templates in the script's folder must hash to, as the manifest of an earlier result
            says it (V(sha256:…)); anything where it is not given.
        type: str
      devices:
        description: The devices that may be used, as C(HABANA_VISIBLE_DEVICES).
        type: str
        default: all
      measured_on:
        description:
          - How many devices measure, a multiple of the tensor parallel size, whose results are then unified; as many as
            serve the model where it is not given.
        type: int
      expert_parallel:
        description:
          - Whether the devices share the experts of a model out while they measure. Then O(gaudi.measured_on) must be
            more than serve it.
        type: bool
        default: false
      batch_size:
        description: How many questions are asked at a time.
        type: int
        default: 32
      calibration:
        description:
          - Questions with C(system_prompt) and C(question), as lines of JSON (V(.jsonl)), or as a table in Parquet
            (V(.parquet)) or a pickle of pandas (V(.pkl)). The container reads tables. A pickle is a program, which is
            run nowhere else.
          - Without one, some text of many kinds that the collection has.
        type: path
  gpus:
    description: The GPUs that containers may use, as Docker writes it (V(all), V(device=0)); the CPU without them.
    type: str
  vllm_image:
    description: Container image with vLLM, to run source and result with.
    type: str
"""

EXAMPLES = r"""
- name: This machine has the model in 8-bit integers
  inference.fleet.model_quantize:
    cache_dir: /var/lib/inference.fleet/hub
    models:
      - repo_id: NousResearch/Hermes-3-Llama-3.1-8B
        revision: 896ea440e5a9e6070e3d8a2774daf2b481ab425b
        quantization: int8_w8a8
    image: registry.example.com/llmcompressor:0.14.0.1

- name: This machine, which has Gaudi 2, has the model for two of them
  inference.fleet.model_quantize:
    cache_dir: /var/lib/inference.fleet/hub
    models:
      - repo_id: Intel/neural-chat-7b-v3-3
        revision: bdd31cf498d13782cc7497cba5896996ce429f91
        quantization: inc_fp8
        device_generation: g2
        tensor_parallel_size: 2
    gaudi:
      image: registry.example.com/vllm-gaudi@sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
      calibration: /srv/calibration/questions.jsonl
"""

RETURN = r"""
models:
  description: The quantized models that the cache has now, or in check mode would have.
  returned: always
  type: list
  elements: dict
  sample:
    - name: hermes-3-8b
      repo_id: NousResearch/Hermes-3-Llama-3.1-8B-int8_w8a8
      revision: 896ea440e5a9e6070e3d8a2774daf2b481ab425b
      commit: 896ea440e5a9e6070e3d8a2774daf2b481ab425b
      path: /cache/models--NousResearch--Hermes-3-Llama-3.1-8B-int8_w8a8/snapshots/896ea440e5a9e6070e3d8a2774daf2b481a…
      bytes_read: 9083284480
      changed: true
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.artifacts.answer import end
from ..module_utils.artifacts.artifact import artifacts
from ..module_utils.artifacts.hub import Hub
from ..module_utils.artifacts.transfer.progress import Progress
from ..module_utils.errors import FleetError
from ..module_utils.quantize import gaudi
from ..module_utils.quantize.comparison import Runner
from ..module_utils.quantize.llmcompressor import Options
from ..module_utils.quantize.make import Maker

GAUDI = {
    "image": {"type": "str", "required": True},
    "script": {"type": "path", "default": "/workspace/vllm-gaudi/calibration/calibrate_model.sh"},
    "script_digest": {"type": "str"},
    "devices": {"type": "str", "default": "all"},
    "measured_on": {"type": "int"},
    "expert_parallel": {"type": "bool", "default": False},
    "batch_size": {"type": "int", "default": 32},
    "calibration": {"type": "path"},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "cache_dir": {"type": "path", "required": True},
            "models": {"type": "list", "elements": "dict", "required": True},
            "image": {"type": "str"},
            "calibration": {"type": "path"},
            "samples": {"type": "int", "default": 512},
            "length": {"type": "int", "default": 2048},
            "memory": {"type": "str"},
            "gpus": {"type": "str"},
            "gaudi": {"type": "dict", "options": GAUDI},
            "vllm_image": {"type": "str"},
            "hub_url": {"type": "str"},
            "hub_token": {"type": "str", "no_log": True},
            "hub_ca": {"type": "str"},
            "progress_file": {"type": "path"},
        },
        supports_check_mode=True,
    )
    p = module.params
    gpus = p["gpus"] or ""
    options = Options(
        image=p["image"] or "",
        calibration=Path(p["calibration"]) if p["calibration"] else None,
        samples=p["samples"],
        length=p["length"],
        memory=p["memory"] or "",
        gpus=gpus,
    )
    maker = Maker(
        Path(p["cache_dir"]),
        Hub(p["hub_url"] or "", p["hub_token"] or "", p["hub_ca"] or ""),
        Progress(p["progress_file"]),
        options,
        _gaudi(p) if p["gaudi"] else gaudi.Options(),
        Runner(p["vllm_image"], gpus) if p["vllm_image"] else None,
    )
    try:
        found, errors = maker.make(artifacts(p["models"], family_needed=False), check_mode=module.check_mode)
    except FleetError as error:
        module.fail_json(msg=str(error), models=[])
    end(module, found, errors, [model.path for model in found if model.changed])


def _gaudi(p: Mapping[str, Any]) -> gaudi.Options:
    given = p["gaudi"]
    return gaudi.Options(
        image=given["image"],
        script=given["script"],
        digest=given["script_digest"] or "",
        devices=given["devices"],
        measured_on=given["measured_on"] or 0,
        experts=given["expert_parallel"],
        calibration=Path(given["calibration"]) if given["calibration"] else None,
        samples=p["samples"],
        batch=given["batch_size"],
        memory=p["memory"] or "",
    )


if __name__ == "__main__":
    main()
