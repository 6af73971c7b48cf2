# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes of the tensors that models have which also see, beside those of their language model."""

from __future__ import annotations


def with_biases(layers):
    """A linear layer's or norm's weights, by its name, each with its bias."""
    found = {f"{name}.weight": shape for name, shape in layers.items()}
    return found | {f"{name}.bias": shape[:1] for name, shape in layers.items()}


def gemma3(raw, language):
    """SigLIP, whose picture is projected to what the language model takes."""
    vision = raw["vision_config"]
    hidden, wide, patch = vision["hidden_size"], vision["intermediate_size"], vision["patch_size"]
    parts = {
        "embeddings.patch_embedding": (hidden, vision["num_channels"], patch, patch),
        "post_layernorm": (hidden,),
    }
    for place in range(vision["num_hidden_layers"]):
        at = f"encoder.layers.{place}"
        parts |= {f"{at}.self_attn.{part}_proj": (hidden, hidden) for part in ("q", "k", "v", "out")}
        parts |= {f"{at}.layer_norm{number}": (hidden,) for number in (1, 2)}
        parts |= {f"{at}.mlp.fc1": (wide, hidden), f"{at}.mlp.fc2": (hidden, wide)}
    found = {f"language_model.{name}": shape for name, shape in language.items()}
    found |= {f"vision_tower.vision_model.{name}": shape for name, shape in with_biases(parts).items()}
    places = (vision["image_size"] // patch) ** 2
    return found | {
        "vision_tower.vision_model.embeddings.position_embedding.weight": (places, hidden),
        "multi_modal_projector.mm_input_projection_weight": (hidden, raw["text_config"]["hidden_size"]),
        "multi_modal_projector.mm_soft_emb_norm.weight": (hidden,),
    }


def qwen3_vl(raw, language):
    """A tower that passes on what it sees from several of its blocks."""
    vision = raw["vision_config"]
    hidden, wide, patch = vision["hidden_size"], vision["intermediate_size"], vision["patch_size"]
    merged, out = hidden * vision["spatial_merge_size"] ** 2, vision["out_hidden_size"]
    parts = {
        "patch_embed.proj": (hidden, vision["in_channels"], vision["temporal_patch_size"], patch, patch),
        "merger.norm": (hidden,),
    }
    mergers = ["merger"]
    for place in range(len(vision["deepstack_visual_indexes"])):
        mergers.append(f"deepstack_merger_list.{place}")
        parts[f"{mergers[-1]}.norm"] = (merged,)
    for at in mergers:
        parts |= {f"{at}.linear_fc1": (merged, merged), f"{at}.linear_fc2": (out, merged)}
    for place in range(vision["depth"]):
        at = f"blocks.{place}"
        parts |= {f"{at}.attn.qkv": (3 * hidden, hidden), f"{at}.attn.proj": (hidden, hidden)}
        parts |= {f"{at}.norm{number}": (hidden,) for number in (1, 2)}
        parts |= {f"{at}.mlp.linear_fc1": (wide, hidden), f"{at}.mlp.linear_fc2": (hidden, wide)}
    found = {name.replace("model.", "model.language_model.", 1): shape for name, shape in language.items()}
    found |= {f"model.visual.{name}": shape for name, shape in with_biases(parts).items()}
    return found | {"model.visual.pos_embed.weight": (vision["num_position_embeddings"], hidden)}


SEEING = {"gemma3": gemma3, "qwen3_vl_moe": qwen3_vl}
