# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for vLLM where its weight would be in the way: answers at once, says which replica it is.

Speaks as much HTTP as a gateway needs: `/health`, and `POST` of anything under `/v1`, streamed when asked. Needs only
the standard library. Set VLLM_API_KEY to have it ask for a key, as vLLM does.

    python tests/standin/openai_server.py --port 8000 --model tiny --name replica-a --seconds 0
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os

CHUNKS = 5  # of a streamed answer


class Server:
    """What it was told on its command line."""

    def __init__(self, options: argparse.Namespace, key: str) -> None:
        self.options = options
        self.expected = f"authorization: bearer {key}".lower() if key else ""

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests on one connection until the peer leaves."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = 0
                for line in head.lower().split("\r\n"):
                    if line.startswith("content-length:"):
                        length = int(line.partition(":")[2])
                body = await reader.readexactly(length)
                await self.answer(head, body, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(self, head: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        if head.startswith("GET /health"):
            return await send(writer, 200, b"")
        if self.expected and self.expected not in head.lower():
            return await send(writer, 401, b'{"error": "Unauthorized"}')
        if head.startswith("GET /v1/models"):
            listed = {"object": "list", "data": [{"id": self.options.model, "object": "model"}]}
            return await send(writer, 200, json.dumps(listed).encode())
        await asyncio.sleep(self.options.seconds)
        if b'"stream": true' in body or b'"stream":true' in body:
            return await self.stream(writer)
        message = {"role": "assistant", "content": self.options.name}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        answer = {"id": "1", "object": "chat.completion", "created": 0, "model": self.options.model}
        return await send(writer, 200, json.dumps({**answer, "choices": [choice], "usage": usage}).encode())

    async def stream(self, writer: asyncio.StreamWriter) -> None:
        """A streamed answer, a chunk every fifth of a second."""
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        writer.write(head)
        for number in range(CHUNKS):
            delta = {"index": 0, "delta": {"content": f"{self.options.name} {number} "}, "finish_reason": None}
            event = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": self.options.model}
            line = f"data: {json.dumps({**event, 'choices': [delta]})}\n\n".encode()
            writer.write(b"%x\r\n%s\r\n" % (len(line), line))
            await writer.drain()
            await asyncio.sleep(0.2)
        line = b"data: [DONE]\n\n"
        writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(line), line))
        await writer.drain()


async def send(writer: asyncio.StreamWriter, status: int, body: bytes) -> None:
    """Send an answer whose body is known."""
    head = f"HTTP/1.1 {status} OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()


async def serve(options: argparse.Namespace) -> None:
    """Serve until killed."""
    handler = Server(options, os.environ.get("VLLM_API_KEY", "")).talk
    server = await asyncio.start_server(handler, "0.0.0.0", options.port, backlog=2048)  # noqa: S104 - in a container
    await server.serve_forever()


def main() -> None:
    """Serve what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--model", required=True)
    parser.add_argument("--name", default="replica", help="what it answers to every question")
    parser.add_argument("--seconds", type=float, default=0.0, help="how long it thinks about a question")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
