# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes of what every text model can: completing, chatting, streaming, log probabilities, its context, embeddings."""

from __future__ import annotations

import json
import math

from ..client import AnswerError, quoted
from .asking import BrokenError, SkipError, Subject, choice_of, count_of, message_of, text_of

QUESTION = "What is the capital of France?"
WORD = " a"  # a token to nearly every model; how many tokens it is, is measured
SAMPLES = (8, 24)  # words
SURE = 1.001  # a probability, with what rounding adds


def completion(subject: Subject) -> str:
    """Text goes on, and is counted."""
    answer = subject.complete("The capital of France is", max_tokens=8)
    text = choice_of(answer).get("text")
    if not isinstance(text, str) or not text:
        raise BrokenError(f"the choice has no text: {quoted(json.dumps(answer), 120)}")
    return f"{quoted(text, 60)}, {count_of(answer, 'completion_tokens')} tokens"


def chat(subject: Subject) -> str:
    """A question is answered by the assistant."""
    answer = subject.chat(QUESTION, max_tokens=16)
    message, _reason = message_of(answer)
    if message.get("role") != "assistant":
        raise BrokenError(f"the message's role is {message.get('role')!r}, not assistant")
    return f"{quoted(text_of(message), 60)}, {count_of(answer, 'completion_tokens')} tokens"


def stream(subject: Subject) -> str:
    """The answer comes in chunks, ends as it should, and is counted."""
    chunks = subject.chat_stream(QUESTION, max_tokens=16)
    choices = [choice for chunk in chunks for choice in chunk.get("choices") or []]
    text = "".join((choice.get("delta") or {}).get("content") or "" for choice in choices)
    if not text.strip():
        raise BrokenError(f"{len(chunks)} chunks, and no text in them")
    if not any(choice.get("finish_reason") for choice in choices):
        raise BrokenError("no chunk says why the answer ended (finish_reason)")
    usages = [chunk for chunk in chunks if chunk.get("usage")]
    if not usages:
        raise BrokenError("the stream has no usage, though stream_options asked for it")
    return f"{len(chunks)} chunks, {count_of(usages[-1], 'completion_tokens')} tokens"


def logprobs(subject: Subject) -> str:
    """Each token comes with its probability and those of others."""
    choice = choice_of(subject.chat(QUESTION, max_tokens=4, logprobs=True, top_logprobs=3))
    tokens = (choice.get("logprobs") or {}).get("content")
    if not isinstance(tokens, list) or not tokens:
        raise BrokenError("the choice has no logprobs, though they were asked for")
    for token in tokens:
        try:
            likely = [float(other["logprob"]) for other in token["top_logprobs"]]
            chosen = float(token["logprob"])
        except (KeyError, TypeError, ValueError) as error:
            raise BrokenError(f"a token has no logprobs: {quoted(json.dumps(token), 120)}") from error
        if len(likely) < 3 or sum(map(math.exp, likely)) > SURE or math.exp(chosen) > SURE:
            raise BrokenError(f"what a token comes with are no probabilities: {quoted(json.dumps(token), 160)}")
    return f"{len(tokens)} tokens, each with {len(tokens[0]['top_logprobs'])} more"


def context(subject: Subject) -> str:
    """A prompt that fills the context is taken, one beyond it is refused as the client's mistake."""
    longest = subject.max_model_len
    if longest is None:
        raise SkipError("the server does not say its max_model_len")
    few, more = (count_of(subject.complete(WORD * words, max_tokens=1), "prompt_tokens") for words in SAMPLES)
    tokens_per_word = (more - few) / (SAMPLES[1] - SAMPLES[0])
    if tokens_per_word <= 0:
        raise BrokenError(f"{SAMPLES[0]} words are {few} tokens, {SAMPLES[1]} words are {more}")

    def words_of(tokens: int) -> int:
        return SAMPLES[0] + math.floor((tokens - few) / tokens_per_word)

    try:
        subject.complete(WORD * (words_of(longest) + 2), max_tokens=1)
    except AnswerError as error:
        if error.status != 400:
            raise BrokenError(f"a prompt beyond {longest} tokens is not refused with 400: {error}") from error
    else:
        raise BrokenError(f"a prompt beyond {longest} tokens is taken, though that is max_model_len")
    taken = count_of(subject.complete(WORD * words_of(longest - 1), max_tokens=1), "prompt_tokens")
    if not longest - 1 - tokens_per_word <= taken < longest:
        raise BrokenError(f"of a prompt of {longest - 1} tokens {taken} were taken")
    return f"{taken} tokens taken, more than {longest} refused"


def embeddings(subject: Subject) -> str:
    """Texts become vectors, near each other where they mean the same."""
    texts = ["A cat sleeps on the sofa.", "A kitten naps on the couch.", "The central bank raised interest rates."]
    body = {"model": subject.model, "input": texts}
    answer = subject.client.post("embeddings", body, subject.timeout)
    try:
        vectors = [[float(number) for number in entry["embedding"]] for entry in answer["data"]]
    except (KeyError, TypeError, ValueError) as error:
        raise BrokenError(f"the answer holds no vectors: {quoted(json.dumps(answer), 120)}") from error
    norms = [math.sqrt(sum(number * number for number in vector)) for vector in vectors]
    if len(vectors) != len(texts) or len({len(vector) for vector in vectors}) != 1 or not all(map(_is_length, norms)):
        raise BrokenError(f"{len(texts)} texts became vectors of {[len(v) for v in vectors]} numbers, lengths {norms}")
    near, far = _cosine(vectors[0], vectors[1]), _cosine(vectors[0], vectors[2])
    if near <= far:
        raise BrokenError(f"what means the same is no nearer ({near:.3f}) than what does not ({far:.3f})")
    return f"{len(vectors[0])} numbers each; cosine {near:.3f} for the same meaning, {far:.3f} for another"


def _is_length(norm: float) -> bool:
    return math.isfinite(norm) and norm > 0


def _cosine(left: list[float], right: list[float]) -> float:
    product = sum(a * b for a, b in zip(left, right))
    return product / (math.sqrt(sum(a * a for a in left)) * math.sqrt(sum(b * b for b in right)))
