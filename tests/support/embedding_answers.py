"""Embedding answers of the three kinds of providers, made from what was asked: a text's vector tells its text."""

import base64
import struct
from typing import Any

from tests.support.upstream import Call, Handler


def vector_of(text: str, dimensions: int = 3) -> list[float]:
    """Exact in 32 bits."""
    return [float(len(text)), *(float(ord(char)) / 4 for char in text.ljust(dimensions, "~"))][:dimensions]


def packed(values: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def openai_embeddings(body: dict[str, Any]) -> dict[str, Any]:
    """In the encoding asked for; token ids as their text."""
    given = body["input"]
    inputs = [given] if isinstance(given, str) or isinstance(given[0], int) else given
    vectors = [vector_of(item if isinstance(item, str) else str(item), body.get("dimensions", 3)) for item in inputs]
    data = [
        {"object": "embedding", "index": i, "embedding": packed(values) if body.get("encoding_format") == "base64" else values}
        for i, values in enumerate(vectors)
    ]
    usage = {"prompt_tokens": 2 * len(data), "total_tokens": 2 * len(data)}
    return {"object": "list", "data": data, "model": body["model"], "usage": usage}


def titan_embedding(body: dict[str, Any]) -> dict[str, Any]:
    values = vector_of(body["inputText"], body.get("dimensions", 3))
    return {"embedding": values, "embeddingsByType": {"float": values}, "inputTextTokenCount": 2}


def gemini_embeddings(body: dict[str, Any]) -> dict[str, Any]:
    made = [
        {"values": vector_of(item["content"]["parts"][0]["text"], item.get("outputDimensionality", 3))}
        for item in body.get("requests", [body])
    ]
    return {"embeddings": made} if "requests" in body else {"embedding": made[0]}


def answering() -> Handler:
    """By the path."""

    async def handle(call: Call) -> None:
        if "/invoke" in call.path:
            await call.answer(200, titan_embedding(call.json), {"x-amzn-requestid": "req-titan"})
        elif "mbedContent" in call.path:
            await call.answer(200, gemini_embeddings(call.json))
        else:
            await call.answer(200, openai_embeddings(call.json), {"x-request-id": "req-openai"})

    return handle
