# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""vLLM's API server without an engine behind it: reads a chat request and writes its answer as vLLM does, at once.

Runs in vLLM's image: `uvicorn vllm_api:app --port 8000`, with the key in VLLM_API_KEY.
"""

from __future__ import annotations

import os

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest, ChatCompletionResponse

AUTHORIZATION = f"Bearer {os.environ['VLLM_API_KEY']}"
MESSAGE = {"role": "assistant", "content": "Paris"}
ANSWER = {
    "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}

app = FastAPI()


@app.get("/health")
async def health() -> JSONResponse:
    """It lives."""
    return JSONResponse({})


@app.post("/v1/chat/completions")
async def answer(request: ChatCompletionRequest, raw: Request) -> JSONResponse:
    """One answer to one request."""
    if raw.headers.get("authorization") != AUTHORIZATION:
        return JSONResponse({"error": "Unauthorized"}, status_code=401)
    return JSONResponse(ChatCompletionResponse(model=request.model or "", **ANSWER).model_dump())
