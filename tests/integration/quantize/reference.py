# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in llm-compressor's container: small models with random weights, and what that library makes of them.

``python reference.py FOLDER`` writes FOLDER/MODEL/{source,oneshot,model_free} for each model.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import transformers
from llmcompressor import model_free_ptq, oneshot
from llmcompressor.modifiers.quantization import QuantizationModifier
from models import MODELS, SHAPE, SPOKEN
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import BPE

IGNORED = ("lm_head", "embed_out", "re:.*gate$")
EMBEDDINGS = "re:.*embed_(tokens|in)$"  # model_free_ptq does not know a linear layer from an embedding


def make(name: str, folder: Path) -> None:
    kind, options = MODELS[name]
    torch.manual_seed(len(name))
    config = getattr(transformers, f"{kind}Config")(**{"tie_word_embeddings": False, **SHAPE, **options})
    model = getattr(transformers, f"{kind}ForCausalLM")(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.02)
            parameter *= torch.exp(0.5 * torch.randn(parameter.shape[:-1])).unsqueeze(-1)  # rows of unlike size
        if name == "llama-extreme":
            make_extreme(model.model.layers[0].mlp)
    dtype = {"llama-float16": torch.float16, "llama-float32": torch.float32}.get(name, torch.bfloat16)
    config.dtype = dtype
    size = "200KB" if name.endswith("sharded") else "1GB"
    model.to(dtype).save_pretrained(folder, max_shard_size=size)
    if name == SPOKEN:
        make_tokenizer().save_pretrained(folder)


def make_tokenizer() -> transformers.PreTrainedTokenizerFast:
    """A token for each byte."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(BPE({letter: number for number, letter in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    template = "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, chat_template=template)


def make_extreme(mlp: torch.nn.Module) -> None:
    """Rows of zeros of either sign, of the smallest and of the largest numbers, and a whole tensor of zeros."""
    rows = mlp.up_proj.weight
    noise = torch.randn_like(rows)
    rows[0] = 0
    rows[1] = -0.0
    for row, size in enumerate((1e-39, 3e-38, 1e-30, 1e-12, 1e6, 1e37), start=2):
        rows[row] = noise[row] * size
    rows[8] = 3e38
    mlp.down_proj.weight.zero_()


def main() -> None:
    for name in MODELS:
        folder = Path(sys.argv[1], name)
        source = folder / "source"
        make(name, source)
        model = transformers.AutoModelForCausalLM.from_pretrained(source, dtype="auto")
        oneshot(model=model, recipe=QuantizationModifier(targets="Linear", scheme="FP8_DYNAMIC", ignore=list(IGNORED)))
        model.save_pretrained(folder / "oneshot", save_compressed=True)
        ignored = [*IGNORED, EMBEDDINGS]
        model_free_ptq(source, folder / "model_free", scheme="FP8_DYNAMIC", ignore=ignored, device="cpu")


if __name__ == "__main__":
    main()
