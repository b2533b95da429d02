"""Ids that live in the provider's account, where every tenant behind it could name another's: which JSON path of a request holds one.

Looked for in every dialect at once and at any depth, as a passthrough lane carries what it does not know: by the names that the APIs give
to such fields. What is the client's own data (arguments of calls, JSON schemas, metadata) is never taken for one. The parsed body is
looked at, so no spelling of a name in JSON hides it; texts are never read, so a large body costs no more than a small one.

    file_id, file_ids, container, container_id, vector_store_ids, skill_id, audio.id, voice.id    OpenAI, Anthropic
    conversation, prompt.id, item_reference                                                      OpenAI's Responses
    data_sources                                                                                 Azure
    cachedContent, fileSearchStoreNames, retrieval                                               Gemini
    s3Location, and addresses of buckets and of Google's stores (gs://, s3://, googleapis.com)    Converse, Gemini, and what becomes that

Not among them: `previous_response_id`, whose owner the gateway knows; the ids that whole items repeat of an earlier answer; names of models
and guardrails, which are the configuration's business. Sources: OpenAI, Anthropic, Gemini and Bedrock API references, read 2026-11-25.
"""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec

Holder = dict[str, Any]

_CLIENTS = frozenset(
    {"metadata", "requestMetadata", "labels", "annotations", "args", "arguments", "json", "parameters", "schema", "logit_bias"}
    | {"input_schema", "inputSchema", "output_schema", "responseSchema", "response_schema", "responseJsonSchema", "response_json_schema"}
    | {"parametersJsonSchema", "parameters_json_schema"}
)
"""Data of the client's own, below which no API looks for an id: arguments, schemas, labels; `annotations` are an answer's, sent back."""


def named_object(body: Holder) -> str | None:
    """JSON path of the first such id, None where there is none. Never raises."""
    if _is_plain(body) or not _is_suspect(body):
        return None
    return next(_found(body, ""), None) or _item_without_type(body)


_PLAIN = frozenset(
    {"model", "messages", "stream", "temperature", "top_p", "top_k", "seed", "user", "n", "max_tokens", "max_completion_tokens"}
    | {"presence_penalty", "frequency_penalty", "logprobs", "top_logprobs"}
)


class _Turn(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    role: str
    content: str


class _Turns(msgspec.Struct, gc=False):
    messages: list[_Turn]


def _is_plain(body: Holder) -> bool:
    """Turns of a role and a text, and numbers: what most requests are. msgspec tells in a tenth of the time of the walk, whatever their
    number."""
    if not body.keys() <= _PLAIN:
        return False
    try:
        msgspec.convert(body, _Turns)
    except msgspec.ValidationError:
        return False
    return True


def _is_suspect(body: Holder) -> bool:
    """The same walk without paths: about a microsecond for a plain chat."""
    nodes: list[Any] = [body]
    for node in nodes:
        if type(node) is dict:
            if not _WATCHED.isdisjoint(node):
                for key in _WATCHED.intersection(node):
                    if _JUDGES[key](node, node[key]) is not None:
                        return True
            for key, value in node.items():
                kind = type(value)
                if kind is str:
                    continue
                if (kind is list or kind is dict) and key not in _CLIENTS and not (node is not body and _is_data(node, key)):
                    nodes.append(value)
            continue
        for item in node:
            if type(item) is dict:
                if len(item) == 2 and type(item.get("content")) is str and type(item.get("role")) is str:
                    continue  # a turn of a role and a text, which is most of them
                nodes.append(item)
            elif type(item) is list:
                nodes.append(item)
    return "input" in body and _item_without_type(body) is not None


def _found(node: Any, path: str) -> Iterator[str]:
    """As deep as the envelope lets a body nest."""
    if type(node) is dict:
        for key, value in node.items():
            where = f"{path}.{key}" if path else key
            if key in _JUDGES and (rest := _JUDGES[key](node, value)) is not None:
                yield f"{path or key}" if rest == _HOLDER else where + rest
            if type(value) in (dict, list) and key not in _CLIENTS and not (path and _is_data(node, key)):
                yield from _found(value, where)
    elif type(node) is list:
        for i, item in enumerate(node):
            yield from _found(item, f"{path}[{i}]")


def _is_data(holder: Holder, key: str) -> bool:
    """What a model told a tool, and a function's answer; `holder` is not the request itself."""
    if key == "input":
        return "toolUseId" in holder or str(holder.get("type")).endswith("tool_use")
    return key == "response" and "name" in holder


_HOLDER = "\0"
"""The id is the object itself, not a field of it."""


def _is_id(value: Any) -> bool:
    return (type(value) is str and value != "") or type(value) in (int, float)


def _id(_holder: Holder, value: Any) -> str | None:
    return "" if _is_id(value) else None


def _ids(_holder: Holder, value: Any) -> str | None:
    return "" if _is_id(value) or (type(value) is list and value) else None


def _id_within(_holder: Holder, value: Any) -> str | None:
    """`{"id": …}`."""
    return ".id" if type(value) is dict and _is_id(value.get("id")) else None


def _id_or_within(holder: Holder, value: Any) -> str | None:
    return "" if _is_id(value) else _id_within(holder, value)


def _skill(holder: Holder, value: Any) -> str | None:
    """Anthropic's own skills are everybody's."""
    return "" if _is_id(value) and holder.get("type") != "anthropic" else None


def _given(_holder: Holder, value: Any) -> str | None:
    return "" if value else None


def _reference(_holder: Holder, value: Any) -> str | None:
    return _HOLDER if value == "item_reference" else None


def _address(_holder: Holder, value: Any) -> str | None:
    """What the provider reads with the account's rights."""
    if type(value) is not str or value[:5].lower() == "data:":
        return None
    head = value[:2048].strip().lower()
    if head.startswith(("https:", "http:")):
        return "" if "googleapis" in head and _is_googles(head) else None
    return "" if head.startswith(("s3:", "gs:")) else None


def _file_uri(holder: Holder, value: Any) -> str | None:
    """Anything but a public address, a bare name (`files/…`) too."""
    if type(value) is not str or value == "":
        return None
    return _address(holder, value) if value.strip().lower().startswith(("https:", "http:")) else ""


def _is_googles(url: str) -> bool:
    """Also where it cannot be told. Cloud Storage's addresses are public ones, or signed."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return True
    if host is None or not host.isascii():
        return True
    host = host.rstrip(".")
    return host.endswith("googleapis.com") and not host.endswith("storage.googleapis.com")


_JUDGES: dict[str, Callable[[Holder, Any], str | None]] = {
    "file_id": _id,
    "file_ids": _ids,
    "container": _id_or_within,
    "container_id": _id,
    "vector_store_ids": _ids,
    "skill_id": _skill,
    "audio": _id_within,
    "voice": _id_within,
    "conversation": _id_or_within,
    "prompt": _id_within,
    "type": _reference,
    "cachedContent": _id,
    "cached_content": _id,
    "fileSearchStoreNames": _ids,
    "file_search_store_names": _ids,
    "retrieval": _given,
    "data_sources": _given,
    "s3Location": _given,
    "url": _address,
    "image_url": _address,
    "file_url": _address,
    "uri": _address,
    "fileUri": _file_uri,
    "file_uri": _file_uri,
}
"""Field name → what of its value is an id: "" the value itself, `.id` a field of it, None nothing."""
_WATCHED = frozenset(_JUDGES)


def _item_without_type(body: Holder) -> str | None:
    """In the Responses API's `input` a bare `{"id": …}` is an item_reference."""
    items = body.get("input")
    if type(items) is not list:
        return None
    for i, item in enumerate(items):
        if type(item) is dict and "id" in item and item.get("type") is None and "role" not in item:
            return f"input[{i}].id"
    return None
