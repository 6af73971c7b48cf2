# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tensor is for, by the names that checkpoints give."""

from __future__ import annotations

import re

OTHER_TOWERS = re.compile(r"(?:^|\.)(?:vision_\w+|visual|vision|audio_\w+|multi_modal_projector|mm_projector)\.")
EMBEDDING = re.compile(  # of the vocabulary
    r"(?:^|\.)(?:(?:embed_tokens|embed_in|tok_embeddings|wte|word_embeddings|embeddings)\.|(?:embedding|shared)\.weight$)"
)
OTHER_EMBEDDING = re.compile(  # of places, of kinds of tokens, of what a layer adds
    r"(?:^|\.)(?:embed_positions|wpe|position_embeddings?|token_type_embeddings|embed_tokens_per_layer)\."
)
HEAD = re.compile(r"(?:^|\.)(?:(?:lm_head|embed_out)\.|output\.weight)")
ROUTER = re.compile(r"\.(?:router|shared_expert_gate|gate)\.")
