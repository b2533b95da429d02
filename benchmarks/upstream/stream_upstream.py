"""The same upstream for streams as stream_upstream.c, for machines without a C compiler: PORT INTERVAL_MS CHUNKS."""

import asyncio
import re
import sys
import time
from typing import cast

from benchmarks.load.__main__ import new_loop

_CHUNKS = re.compile(rb'max_(?:completion_)?tokens"\s*:\s*(\d+)')
_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n"
)
_FRAME = (
    b'data: {"id":"chatcmpl-bench0000000000000000","object":"chat.completion.chunk","created":1700000000,"model":"bench","choices":%s}\n\n'
)
_CONTENT = b'[{"index":0,"delta":{%s"content":"@%016d"},"logprobs":null,"finish_reason":null}]'
_LAST = b'[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]'
_USAGE = b'[],"usage":{"prompt_tokens":60,"completion_tokens":150,"total_tokens":210}'
_M_START = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_bench0000000000000000","type":"message","role":"assistant",'
    b'"model":"bench","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":60,"output_tokens":1}}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
)
_M_CHUNK = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"@%016d"}}\n\n'
_M_LAST = (
    b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},'
    b'"usage":{"output_tokens":150}}\n\n'
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
)


class Paced(asyncio.Protocol):
    def __init__(self, interval_s: float, chunks: int) -> None:
        self._interval_s = interval_s
        self._default = chunks
        self._left = 0
        self._due = 0.0
        self._request = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._request += data
        end = self._request.find(b"\r\n\r\n")
        if end < 0 or self._transport is None:
            return
        length = _LENGTH.search(self._request, 0, end)
        if length and len(self._request) < end + 4 + int(length[1]):
            return
        if self._request.startswith(b"GET "):
            self._request = b""
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            return
        found = _CHUNKS.search(self._request)
        self._left = int(found[1]) if found else self._default
        self._transport.write(_HEAD)
        self._due = asyncio.get_running_loop().time()
        self._tick(b'"role":"assistant",')

    def _tick(self, role: bytes = b"") -> None:
        if self._transport is None:
            return
        messages = self._request.startswith(b"POST /v1/messages")
        if messages:
            self._write((_M_START if role else b"") + _M_CHUNK % time.monotonic_ns())
        else:
            self._write(_FRAME % (_CONTENT % (role, time.monotonic_ns())))
        self._left -= 1
        if self._left > 0:
            self._due += self._interval_s
            asyncio.get_running_loop().call_at(self._due, self._tick)
            return
        usage = _FRAME % _USAGE if b"include_usage" in self._request else b""
        self._write(_M_LAST if messages else _FRAME % _LAST + usage + b"data: [DONE]\n\n", b"0\r\n\r\n")
        self._request = b""

    def _write(self, event: bytes, after: bytes = b"") -> None:
        if self._transport is not None:
            self._transport.write(b"%x\r\n%s\r\n%s" % (len(event), event, after))


async def serve(port: int, interval_s: float, chunks: int) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Paced(interval_s, chunks), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(serve(int(sys.argv[1]), float(sys.argv[2]) / 1000, int(sys.argv[3])))
