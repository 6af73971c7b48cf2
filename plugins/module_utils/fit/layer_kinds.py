# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kind each layer of a model is, in the words of its family's configuration."""

from __future__ import annotations

from ..errors import FleetError
from .layers import Attention, Latent, Layer, State
from .text_config import Text

MLA = ("deepseek_v2", "deepseek_v3", "glm4_moe_lite", "kimi_k2", "pangu_ultra_moe")
# Keys that stand for caches whose size is not accounted for here.
BEYOND = {
    "compress_ratios": "compressed sparse attention",
    "index_topk": "an index of its tokens beside the cache",
    "linear_attn_config": "layers of Kimi's linear attention",
    "num_kv_shared_layers": "layers that share their cache",
    "global_head_dim": "heads of another size in some layers",
    "cross_attention_layers": "layers that attend to images",
    "is_encoder_decoder": "an encoder",
    "block_configs": "layers that differ in their heads",
}
SLIDING = "sliding_attention"
MAMBA2 = 3  # blocks that a request holds of such a layer: one more, for a checkpoint within a prompt


def layers_of(text: Text, label: str) -> tuple[Layer, ...]:
    """What each layer keeps, in order; FleetError for a kind of model that is not known here."""
    odd = next((told for key, told in BEYOND.items() if text.get(key)), "")
    if 0 in text.get("attn_type_list", ()):  # of MiniMax; 1 is attention
        odd = "layers of lightning attention"
    if odd:
        raise FleetError(
            f"Failed to account for the memory of {label}", f"it has {odd}, which is not accounted for", "Start it."
        )
    pattern = text.get("hybrid_override_pattern")
    if pattern:  # Nemotron-H: M is Mamba, * attention, anything else keeps nothing
        kinds: dict[str, Layer] = {"M": (_mamba2_of_nemotron(text),), "*": (_attention(text),)}
        return tuple(kinds.get(letter, ()) for letter in pattern)
    if text.model_type in MLA and text.get("kv_lora_rank"):
        return ((Latent(int(text["kv_lora_rank"]) + int(text["qk_rope_head_dim"])),),) * text.depth
    if text.model_type == "falcon_h1":
        return ((_mamba2(text), _attention(text)),) * text.depth
    return tuple((_kept(text, place, kind),) for place, kind in enumerate(_kinds(text)))


def _kept(text: Text, place: int, kind: str) -> Attention | State:
    if kind == "mamba":
        return _mamba2(text) if text.get("mamba_n_heads") else _mamba1(text)
    if kind == "linear_attention":
        return _gated_delta_net(text)
    if kind == "conv":
        return State(int(text.first(("conv_dim", "hidden_size"))), int(text["conv_L_cache"]))
    return _attention(text, _window(text, place, kind))


def _kinds(text: Text) -> list[str]:
    """The kind of each layer in the words of ``layer_types``; "attention" where nothing tells."""
    given = text.get("layer_types") or text.get("layers_block_type")
    places = range(text.depth)
    if given:
        if len(given) < text.depth:
            raise ValueError(f"it names the kinds of {len(given)} layers and has {text.depth}")
        return [str(kind) for kind in given][: text.depth]
    if text.get("full_attention_interval"):  # Qwen3-Next
        every = int(text["full_attention_interval"])
        return ["full_attention" if (place + 1) % every == 0 else "linear_attention" for place in places]
    if text.get("attn_layer_indices") is not None:  # Bamba
        attending = list(text["attn_layer_indices"])
        return ["attention" if place in attending else "mamba" for place in places]
    if text.get("attn_layer_period"):  # Jamba
        every, first = int(text["attn_layer_period"]), int(text.get("attn_layer_offset", 0))
        return ["attention" if place % every == first else "mamba" for place in places]
    return ["attention"] * text.depth


def _window(text: Text, place: int, kind: str) -> int | None:
    window = int(text.get("sliding_window", 0)) or None
    family = text.model_type
    unused = not text.get("use_sliding_window", True)  # as the families of Qwen and MiMo write
    if window is None or unused or kind in ("full_attention", "chunked_attention"):
        return None
    if family == "gpt_oss":
        return window if place % 2 == 0 else None
    if family == "cohere2":  # its window reaches one token further
        sliding = kind == SLIDING or (place + 1) % int(text.get("sliding_window_pattern", 4)) != 0
        return window + 1 if sliding else None
    if kind == SLIDING:
        return window
    if family == "gemma2":
        return window if place % 2 == 0 else None
    if family == "gemma3_text":
        return window if (place + 1) % int(text.get("sliding_window_pattern", 6)) else None
    if family.startswith(("qwen2", "qwen3")):
        return window if text.get("use_sliding_window") and place >= int(text.get("max_window_layers", 28)) else None
    return window


def _attention(text: Text, window: int | None = None) -> Attention:
    return Attention(text.kv_heads, text.head_dim, int(text.get("v_head_dim", text.head_dim)), window)


def _mamba2(text: Text) -> State:
    inner = int(text.get("mamba_d_ssm") or int(text["mamba_expand"] * text["hidden_size"]))
    groups, state = int(text["mamba_n_groups"]), int(text["mamba_d_state"])
    recurrent = int(text["mamba_n_heads"]) * int(text["mamba_d_head"]) * state
    return State(inner + 2 * groups * state, int(text["mamba_d_conv"]), recurrent, groups, 2 * state, held=MAMBA2)


def _mamba2_of_nemotron(text: Text) -> State:
    inner = int(text["mamba_num_heads"]) * int(text["mamba_head_dim"])
    groups, state = int(text["n_groups"]), int(text["ssm_state_size"])
    kept = str(text.get("mamba_ssm_cache_dtype", "float32"))
    return State(inner + 2 * groups * state, int(text["conv_kernel"]), inner * state, groups, 2 * state, kept, MAMBA2)


def _mamba1(text: Text) -> State:
    inner = int(text["mamba_expand"] * text["hidden_size"])
    return State(inner, int(text["mamba_d_conv"]), inner * int(text["mamba_d_state"]))


def _gated_delta_net(text: Text) -> State:
    key, value = int(text["linear_key_head_dim"]), int(text["linear_value_head_dim"])
    key_heads, value_heads = int(text["linear_num_key_heads"]), int(text["linear_num_value_heads"])
    convolved = 2 * key * key_heads + value * value_heads
    kept = str(text.get("mamba_ssm_dtype", ""))
    return State(convolved, int(text["linear_conv_kernel_dim"]), value_heads * value * key, recurrent_dtype=kept)
