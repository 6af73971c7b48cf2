# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""llm-compressor's two ways to FP8_DYNAMIC, run in its container: WAY SOURCE TARGET; prints what it cost as JSON."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path

WORKERS = 2


def by_oneshot(source: str, target: str) -> None:
    from llmcompressor import oneshot
    from llmcompressor.modifiers.quantization import QuantizationModifier
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(source, dtype="auto")
    oneshot(model=model, recipe=QuantizationModifier(targets="Linear", scheme="FP8_DYNAMIC", ignore=["lm_head"]))
    model.save_pretrained(target, save_compressed=True)


def by_model_free_ptq(source: str, target: str) -> None:
    from llmcompressor import model_free_ptq

    ignored = ["lm_head", "re:.*embed_tokens$"]
    model_free_ptq(source, target, scheme="FP8_DYNAMIC", ignore=ignored, max_workers=WORKERS, device="cpu")


def seconds_since_start() -> float:
    """Of this process, Python's own start included."""
    ticks = int(Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def main() -> None:
    way, source, target = sys.argv[1:]
    {"oneshot": by_oneshot, "model_free_ptq": by_model_free_ptq}[way](source, target)
    used = resource.getrusage(resource.RUSAGE_SELF)
    cost = {
        "wall": seconds_since_start(),
        "cpu": used.ru_utime + used.ru_stime,
        "rss": used.ru_maxrss * 1024 / 10**6,
    }
    print(f"\n{json.dumps(cost)}")


if __name__ == "__main__":
    main()
