# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs in vLLM's container: a request on standard input, an answer on standard output, both JSON.

It imports nothing of the collection, for its source is all that the container is given. The request has ``model`` (a
folder), ``text`` and ``length`` (tokens of it at most). The answer has ``nll``, the mean negative logarithm of the
probability that the model gives to each token of the text.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

BATCH = 192  # tokens at a time: a CPU unpacks FP8 for each batch


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed
    request = json.load(sys.stdin)
    model = load(request)
    json.dump({"nll": nll(model, request)}, answers)
    answers.flush()
    os._exit(0)  # the engine's processes end with the container; where they are asked to, some end in a crash


def load(request: dict[str, Any]) -> Any:
    from vllm import LLM

    return LLM(
        model=request["model"],
        max_model_len=int(request["length"]) + 1,
        max_num_seqs=1,
        max_num_batched_tokens=BATCH,
        enable_chunked_prefill=True,
        enforce_eager=True,
    )


def nll(model: Any, request: dict[str, Any]) -> float:
    from vllm import SamplingParams

    tokens = model.get_tokenizer().encode(request["text"])[: int(request["length"])]
    wanted = SamplingParams(max_tokens=1, prompt_logprobs=0)
    (output,) = model.generate([{"prompt_token_ids": tokens}], wanted, use_tqdm=False)
    found: list[float] = [entry[token].logprob for token, entry in zip(tokens[1:], output.prompt_logprobs[1:])]
    return -sum(found) / len(found)


if __name__ == "__main__":
    main()
