# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.artifacts.artifact import Artifact
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.selection import select
from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError

OTHERS = ["README.md", "config.json", "sub/tokenizer.json"]
SAFETENSORS = ["model-1.safetensors", "model.safetensors.index.json"]
BIN = ["pytorch_model-1.bin", "pytorch_model.bin.index.json"]
FOREIGN = ["flax_model.msgpack", "onnx/model.onnx", "tf_model.h5"]


def chosen(paths, **options):
    return select(paths, Artifact("org/m", "main", **options))


@pytest.mark.parametrize(
    ("paths", "options", "weights"),
    [
        pytest.param(SAFETENSORS + BIN + FOREIGN, {}, SAFETENSORS, id="safetensors where there are any"),
        pytest.param(BIN + FOREIGN, {}, BIN, id="else bin"),
        pytest.param(["m.gguf"], {}, ["m.gguf"], id="else what there is"),
        pytest.param(SAFETENSORS + BIN, {"formats": ("bin",)}, BIN, id="what is asked for"),
        pytest.param(SAFETENSORS + BIN, {"formats": ("bin", "safetensors")}, SAFETENSORS + BIN, id="or both"),
        pytest.param(BIN + FOREIGN, {"include": ("onnx/*",)}, [*BIN, "onnx/model.onnx"], id="include adds"),
        pytest.param(BIN, {"exclude": ("*.bin",)}, BIN[1:], id="exclude has the last word"),
        pytest.param([], {}, [], id="no weights at all"),
    ],
)
def test_one_format_of_the_weights_and_all_that_is_none(paths, options, weights):
    assert chosen([*paths, *OTHERS], **options) == sorted(weights + OTHERS)


def test_an_absent_format_is_an_error_that_says_what_there_is():
    with pytest.raises(FleetError, match="no gguf files but safetensors, bin"):
        chosen(SAFETENSORS + BIN, formats=("gguf",))
