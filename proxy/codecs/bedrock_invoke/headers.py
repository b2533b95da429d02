"""What InvokeModel has in headers: settings of a request, and the counts of an answer.

Source: botocore 1.44.5, bedrock-runtime service model (InvokeModel, InvokeModelWithResponseStream); Bedrock user guide, "Monitor your token
usage", read 2026-11-25.
"""

from collections.abc import Iterable, Mapping

from proxy.codecs.bedrock_converse.usage import tier_of
from proxy.core.response import Usage

_PREFIX = b"x-amzn-bedrock-"
CONTENT_TYPE = (b"x-amzn-bedrock-content-type", b"application/json")
"""Of the events within a stream's chunks."""
_SHAPING = (b"x-amzn-bedrock-guardrailidentifier", b"x-amzn-bedrock-guardrailversion", b"x-amzn-bedrock-trace")
"""They change the answer, so the cache's key holds them."""
PASSED = (
    *_SHAPING,
    b"x-amzn-bedrock-performanceconfig-latency",
    b"x-amzn-bedrock-service-tier",
    b"x-amzn-bedrock-request-metadata",
)
_DEFAULTS = frozenset((b"", b"disabled", b"standard", b"default"))
"""Values that ask for what every provider does anyway."""
_INPUT = b"x-amzn-bedrock-input-token-count"
_OUTPUT = b"x-amzn-bedrock-output-token-count"
_CACHE_READ = b"x-amzn-bedrock-cache-read-input-token-count"
_CACHE_WRITE = b"x-amzn-bedrock-cache-write-input-token-count"


def shaping_of(headers: Mapping[bytes, bytes]) -> str:
    """For the cache's key; "" where a request has none of them."""
    return "\n".join(f"{name.decode()}:{headers[name].decode('latin-1')}" for name in _SHAPING if name in headers)


def lost_of(headers: Mapping[bytes, bytes]) -> list[str]:
    """The settings that nobody but an InvokeModel of Bedrock's knows, by their names."""
    return [name.decode() for name in PASSED if headers.get(name, b"").lower() not in _DEFAULTS]


def usage_of(headers: Iterable[tuple[bytes, bytes]]) -> Usage | None:
    """Bedrock's counts of an answer, whatever its body says; None: it has none."""
    counts = {name: int(value) for name, value in headers if name.startswith(_PREFIX) and value.isdigit()}
    if _INPUT not in counts and _OUTPUT not in counts:
        return None
    prompt, output, read, write = (counts.get(name, 0) for name in (_INPUT, _OUTPUT, _CACHE_READ, _CACHE_WRITE))
    return Usage(input_tokens=prompt, output_tokens=output, cache_read_tokens=read, cache_write_tokens=write)


def tier_in(head: Mapping[bytes, bytes]) -> str | None:
    """The tier that an answer is billed at, where its head says so, by `pricing.billed_tier`."""
    tier, latency = head.get(b"x-amzn-bedrock-service-tier"), head.get(b"x-amzn-bedrock-performanceconfig-latency")
    if tier is None and latency is None:
        return None
    return tier_of({"type": (tier or b"").decode("latin-1")}, {"latency": (latency or b"").decode("latin-1").lower()})


def usage_headers(usage: Usage) -> list[tuple[bytes, bytes]]:
    """As Bedrock counts: the prompt's cached parts apart."""
    counts = [(_INPUT, usage.input_tokens), (_OUTPUT, usage.output_tokens)]
    cached = [(_CACHE_READ, usage.cache_read_tokens), (_CACHE_WRITE, usage.cache_write_tokens)]
    return [(name, b"%d" % count) for name, count in (*counts, *(pair for pair in cached if pair[1]))]
