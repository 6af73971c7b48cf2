# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tensor is for, by the names that checkpoints give."""

from __future__ import annotations

import re

OTHER_TOWERS = re.compile(r"(?:^|\.)(?:vision_\w+|visual|vision|audio_\w+|multi_modal_projector|mm_projector)\.")
EMBEDDING = re.compile(r"(?:^|\.)(?:embed_tokens|tok_embeddings|wte|word_embeddings|embeddings)\.")
HEAD = re.compile(r"(?:^|\.)(?:lm_head|output)\.")
ROUTER = re.compile(r"\.(?:router|shared_expert_gate|gate)\.")
