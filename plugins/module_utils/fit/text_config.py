# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of a ``config.json`` that describes the language model, with what its files leave to defaults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

# What files of these models leave out, as their configuration classes in transformers 5.23 fill it in.
TIED = (
    *("cohere", "cohere2", "ernie4_5", "ernie4_5_moe", "falcon", "gemma", "gemma2", "lfm2", "lfm2_moe", "minicpm3"),
    *("opt", "smollm3", "starcoder2"),
)
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    **{kind: {"tie_word_embeddings": True} for kind in TIED},
    "gemma3_text": {
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "vocab_size": 262208,
        "max_position_embeddings": 131072,
        "sliding_window": 4096,
        "tie_word_embeddings": True,
    },
    "mistral": {"sliding_window": 4096},
}
NESTED = ("text_config", "llm_config", "language_config")
KV_HEADS = ("n_head_kv", "num_kv_heads", "num_key_value_heads", "multi_query_group_num", "num_attention_groups")


class Text:
    """The keys of a language model; KeyError names one that is missing."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.model_type = str(values.get("model_type", ""))

    def __getitem__(self, name: str) -> Any:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """What stands at ``name``, or what it defaults to in this kind of model; a null that is written counts."""
        value = self._values.get(name, None if name in self._values else DEFAULTS.get(self.model_type, {}).get(name))
        return default if value is None else value

    def first(self, names: Iterable[str]) -> Any:
        """The first value that there is."""
        return next((self.get(name) for name in names if self.get(name) is not None), None)

    @property
    def depth(self) -> int:
        depth = int(self["num_hidden_layers"])
        if depth < 1:
            raise ValueError(f"it has {depth} layers")
        return depth

    @property
    def heads(self) -> int:
        return int(self.get("num_attention_heads", 0))

    @property
    def kv_heads(self) -> int:
        if self.get("multi_query") and not self.get("new_decoder_architecture"):
            return 1  # as of Falcon 7B; newer ones have the key too, and do not mean it
        return int(self.first(KV_HEADS) or self.heads)

    @property
    def head_dim(self) -> int:
        given = self.first(("head_dim", "attention_head_dim", "hidden_size_per_head"))
        return int(given or int(self["hidden_size"]) // self.heads)


def text_config(raw: Any) -> Text:
    """Of the decoded ``config.json``; models that also see or hear nest it."""
    if not isinstance(raw, Mapping):
        raise TypeError("it is not a JSON object")
    for name in NESTED:
        if isinstance(raw.get(name), Mapping):
            return Text(raw[name])
    return Text(raw)
