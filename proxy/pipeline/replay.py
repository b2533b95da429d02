"""Serving a stored answer: the stored bytes with id, created and metadata spliced; as a stream from a whole answer and the reverse.

Stored bytes are searched for their own id and creation time. Where those stand exactly once (or, in a stream, in every chunk), they
are replaced in place; an answer that also quotes them in its content is taken apart and put together again instead.
"""

import re

import orjson

from proxy.cache.entry import CacheEntry
from proxy.codecs.accumulate import Accumulator
from proxy.codecs.base import Codec
from proxy.codecs.bedrock_invoke.chunks import with_id
from proxy.codecs.bedrock_invoke.family import DIALECT as INVOKE
from proxy.core.errors import BadGateway
from proxy.core.ids import trace_id

_PREFIX = {"openai_chat": "chatcmpl-", "openai_completions": "cmpl-", "anthropic_messages": "msg_", "openai_responses": "resp_"}
_ID_FIELDS = dict.fromkeys(_PREFIX, "id") | {"gemini_generate": "responseId"}
"""Converse has no ids in its bodies; InvokeModel only in Claude's, within its frames' base64."""
_CREATED = {
    "openai_chat": re.compile(rb'("created"\s*:\s*)(\d+)'),
    "openai_completions": re.compile(rb'("created"\s*:\s*)(\d+)'),
    "openai_responses": re.compile(rb'("created_at"\s*:\s*)(\d+)'),
}
"""When it was made, in Unix seconds, where the dialect says that."""


def whole(entry: CacheEntry, codec: Codec, now: float) -> bytes:
    """As the body of a non-streaming answer."""
    body = entry.body if entry.kind == "json" else _assembled(entry, codec)
    return _fresh_object(body, entry, now)


def stream(entry: CacheEntry, codec: Codec, now: float) -> tuple[bytes, bytes]:
    """As (events, usage chunk): the dialect's last word is not in it."""
    body, tail = entry.body, entry.tail
    if entry.kind == "json":
        encoder = codec.stream_encoder()
        body = b"".join(encoder.encode(event) for event in codec.response_to_events(codec.decode_response(body)))
        tail = encoder.usage_chunk
    new_id_ = new_id(entry.dialect)
    created = _CREATED[entry.dialect].search(body) if entry.dialect in _CREATED else None
    field, old_id = _ID_FIELDS.get(entry.dialect), entry.response_id
    if field is None:
        return (with_id(body, new_id_) if entry.dialect == INVOKE else body), tail
    return _fresh_events(body, field, old_id, new_id_, created, now), _fresh_events(tail, field, old_id, new_id_, created, now)


def _assembled(entry: CacheEntry, codec: Codec) -> bytes:
    accumulator = Accumulator()
    decoder = codec.stream_decoder()
    for event in [*decoder.feed(entry.body), *decoder.feed(entry.tail), *decoder.close()]:
        accumulator.add(event)
    return orjson.dumps(codec.encode_response(accumulator.response()).body)


def new_id(dialect: str) -> str:
    """For an answer whose own id cannot be shown, or that has none."""
    return ("msg_" if dialect == INVOKE else _PREFIX.get(dialect, "")) + trace_id()


def own_id(dialect: str, given: str) -> str:
    """A provider's id as the client's dialect forms its own: `msg_01X` is `chatcmpl-01X` to a chat client, the same each time."""
    prefix = "msg_" if dialect == INVOKE else _PREFIX.get(dialect)  # Claude's form; the others' show no id
    if not given:
        return new_id(dialect)
    if prefix is None or given.startswith(prefix):
        return given
    foreign = next((known for known in _PREFIX.values() if given.startswith(known)), "")
    return prefix + given.removeprefix(foreign)


def _fresh_object(body: bytes, entry: CacheEntry, now: float) -> bytes:
    field = _ID_FIELDS.get(entry.dialect)
    if field is None:
        if entry.dialect != INVOKE or not entry.response_id:
            return body
        field = "id"
    old = entry.response_id.encode()
    times = _CREATED.get(entry.dialect)
    created = list(times.finditer(body)) if times is not None else []
    if body.count(old) == 1 and len(created) == (entry.created is not None and times is not None):
        body = body.replace(old, new_id(entry.dialect).encode())
        return times.sub(lambda m: m[1] + b"%d" % now, body) if times is not None else body
    answer = orjson.loads(body)
    if not isinstance(answer, dict):
        raise BadGateway("a stored answer is not an object")
    answer[field] = new_id(entry.dialect)
    for name in ("created", "created_at"):
        if name in answer:
            answer[name] = int(now)
    return orjson.dumps(answer)


def _fresh_events(body: bytes, field: str, old_id: str, new_id: str, created: re.Match[bytes] | None, now: float) -> bytes:
    """Quotes inside content are escaped, so `"id":"<old>"` only ever is a member; likewise `created` with the old time."""
    if not body:
        return body
    name = field.encode()
    now_b = b"%d" % now
    for colon in (b":", b": "):
        body = body.replace(b'"%b"%b"%b"' % (name, colon, old_id.encode()), b'"%b"%b"%b"' % (name, colon, new_id.encode()))
        if created is not None:
            key = created[1].split(b":")[0].rstrip() + colon
            body = body.replace(key + created[2], key + now_b)
    return body
