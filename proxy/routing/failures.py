"""What kind of failure an error is, and what follows from it: one literal table (docs/failures.md shows it).

A provider's own error is classed by the first of these that says something: its machine words (`code`, `type`, a reason among Google's
details), its message where providers have no word for it, its status. Most rows of the message table are there because a whole family
of servers tells the matter in prose alone.

Sources, read 2026-11-28: OpenAI "Error codes"; Azure OpenAI "Content filtering"; Anthropic "Errors"; Bedrock user guide,
"Troubleshooting Amazon Bedrock API error codes", and botocore's bedrock-runtime model; Gemini API "Troubleshooting"; the error texts of
vLLM, SGLang, llama.cpp, TGI, Mistral, Groq, xAI, DeepSeek, Moonshot, Qwen, Cohere and Ollama in their sources and issue trackers.
"""

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

from proxy.core.errors import BadGateway, ConnectionFailed, EdgeError, ErrorInfo, ProviderRejected, StreamTruncated, UpstreamTimeout
from proxy.routing.health import Outcome
from proxy.routing.rules import FallbackList

FailureClass = Literal[
    "context_length",
    "content_policy",
    "invalid_request",
    "auth",
    "permission",
    "not_found",
    "quota",
    "rate_limited",
    "overloaded",
    "server_error",
    "timeout",
    "deadline",
    "connection",
    "malformed",
    "truncated",
    "gateway",
]


class Handling(msgspec.Struct, frozen=True):
    """What a failure of one class leads to."""

    same: bool
    """The same target may do better, later or with another key."""
    other: bool
    """Another target may do better."""
    outcome: Outcome
    """How it counts for the target's health."""
    meaning: str
    fallbacks: FallbackList | None = None
    """The list of its own, which then stands in for all further targets."""
    waits: bool = False
    """A `Retry-After` (or reset time) of the provider rests the target."""


TABLE: Mapping[FailureClass, Handling] = {
    "context_length": Handling(
        False, False, "client", "The prompt, or prompt and output together, are too long for the model.", "context_window_fallbacks"
    ),
    "content_policy": Handling(False, False, "client", "The provider refuses the content.", "content_policy_fallbacks"),
    "invalid_request": Handling(False, False, "client", "The provider says that the request is wrong."),
    "auth": Handling(False, True, "refused", "The provider does not know the gateway's credential."),
    "permission": Handling(False, True, "refused", "The credential may not do this there."),
    "not_found": Handling(False, True, "refused", "The provider has no such model, or cannot do this at all (404, 405, 410, 501)."),
    "quota": Handling(
        False, True, "refused", "Money, a plan's or a day's quota is used up, or the request alone is above a quota.", waits=True
    ),
    "rate_limited": Handling(True, True, "throttled", "Too many requests or tokens just now (429).", waits=True),
    "overloaded": Handling(True, True, "throttled", "The provider asks to come back later (503, 529, a model that loads).", waits=True),
    "server_error": Handling(True, True, "failed", "Any other error of the provider's own.", waits=True),
    "timeout": Handling(True, True, "failed", "Connecting, the first token, the next chunk, a try or the whole took too long.", waits=True),
    "deadline": Handling(False, False, "cancelled", "The request's time ran out before this try had all of `timeouts.total_s`."),
    "connection": Handling(True, True, "failed", "Refused, reset, TLS, or broken off before a whole answer was in."),
    "malformed": Handling(True, True, "failed", "An answer that breaks its own schema, of a wrong content type, or over the size cap."),
    "truncated": Handling(True, True, "failed", "A stream that ended without its terminal event."),
    "gateway": Handling(False, False, "cancelled", "The gateway's own failure; no target is to blame."),
}

_WORDS: Mapping[str, FailureClass] = {
    "context_length_exceeded": "context_length",
    "exceed_context_size_error": "context_length",  # llama.cpp
    "context_window_exceeded": "context_length",
    "model_context_window_exceeded": "context_length",
    "request_too_large": "context_length",  # Anthropic's 413
    "content_filter": "content_policy",
    "content_policy_violation": "content_policy",
    "responsibleaipolicyviolation": "content_policy",  # Azure
    "moderation_blocked": "content_policy",
    "data_inspection_failed": "content_policy",  # Qwen
    "datainspectionfailed": "content_policy",
    "invalid_api_key": "auth",
    "authentication_error": "auth",
    "account_deactivated": "auth",
    "unrecognizedclientexception": "auth",
    "invalidsignatureexception": "auth",
    "expiredtokenexception": "auth",
    "missingauthenticationtokenexception": "auth",
    "api_key_invalid": "auth",  # Google, with status 400
    "accessdeniedexception": "permission",
    "permission_error": "permission",
    "model_not_found": "not_found",  # with status 400 in the Responses API
    "model_decommissioned": "not_found",
    "deploymentnotfound": "not_found",
    "insufficient_quota": "quota",  # with status 429
    "billing_hard_limit_reached": "quota",
    "billing_not_active": "quota",
    "billing_error": "quota",
    "exceeded_current_quota_error": "quota",  # Moonshot
    "servicequotaexceededexception": "quota",
    "overloaded_error": "overloaded",
    "engine_overloaded": "overloaded",
    "engine_overloaded_error": "overloaded",
    "slow_down": "overloaded",
    "modelnotreadyexception": "overloaded",
    "serviceunavailableexception": "overloaded",
    "modelerrorexception": "server_error",
    "modelstreamerrorexception": "server_error",
    "modeltimeoutexception": "timeout",
    "previous_response_not_found": "invalid_request",
}
"""Machine words that say it whatever the status: the lower-cased `code` or `type`, or a reason of Google's ErrorInfo."""

_REFUSALS = frozenset({400, 402, 403, 413, 422, 429})
_MESSAGES: tuple[tuple[FailureClass, frozenset[int], re.Pattern[str]], ...] = (
    (
        "quota",
        _REFUSALS,
        re.compile(
            r"credit balance is too low|insufficient (?:balance|funds|credits)|requires more credits|used all available credits"
            r"|monthly spending limit|specified api usage limits|tokens per day|requests per day|^request too large for",
            re.IGNORECASE,
        ),
    ),
    (
        "context_length",
        frozenset({400, 413, 422, 500}),
        re.compile(
            r"prompt (?:is )?too long|input is too long|maximum context length|maximum (?:prompt|model) length"
            r"|context length (?:is )?exceeded"
            r"|(?:longer|larger|greater|more) than the (?:model's |maximum )?(?:model|context|input)[ -](?:context )?(?:length|size|window)"
            r"|exceeds? (?:the |its |this |available |model(?:'s)? |maximum |supported |allowed )*context (?:length|window|size|limit)"
            r"|exceeds the (?:maximum number of tokens|maximum input length)|exceeded model token limit"
            r"|number of input tokens exceeds maximum|input tokens? exceed|input token count is \d+ but"
            r"|`inputs` tokens \+ `max_new_tokens` must be|model's maximum context limit|range of input length should be"
            r"|prompt exceeds max length|context window is full|please reduce the length of the|^too many tokens: (?!.*per )",
            re.IGNORECASE,
        ),
    ),
    (
        "content_policy",
        frozenset({400, 403, 422, 500}),
        re.compile(
            r"content management policy|content[ _-]filter(?:s\b|ing policy)"
            r"|violat\w+ (?:our |the |of )*(?:usage|content|safety) (?:polic|guideline)"
            r"|content policy|content violates usage|flagged as potentially violating|content exists risk|safety system",
            re.IGNORECASE,
        ),
    ),
    (
        "not_found",
        frozenset({400}),
        re.compile(
            r"model identifier is invalid|^invalid model\b|on-demand throughput isn.t supported|model .{0,100}does not exist", re.IGNORECASE
        ),
    ),
    (
        "overloaded",
        frozenset({424, 429, 498, 500}),
        re.compile(r"overloaded|capacity exceeded|(?:is|not) (?:currently |still )?(?:loading|ready)\b|at capacity", re.IGNORECASE),
    ),
)
"""Class, the statuses at which a message can tell it, and what it says. The first that fits."""

_STATUSES: Mapping[int, FailureClass] = {
    401: "auth",
    402: "quota",
    403: "permission",
    404: "not_found",
    405: "not_found",
    408: "timeout",
    409: "overloaded",
    410: "not_found",
    413: "context_length",
    425: "overloaded",
    429: "rate_limited",
    498: "overloaded",  # Groq's flex tier
    501: "not_found",
    503: "overloaded",
    504: "timeout",
    522: "timeout",  # Cloudflare's
    524: "timeout",
    529: "overloaded",
}
_ABOUT_THE_KEY = frozenset({"refused", "throttled"})
_READ = 2000
"""Characters of a message that are looked at; providers quote prompts behind what they have to say."""


def classify(error: EdgeError) -> FailureClass:
    if isinstance(error, ProviderRejected):
        return _told(error.provider)
    if isinstance(error, UpstreamTimeout):
        return "timeout"
    if isinstance(error, StreamTruncated):
        return "truncated"
    if isinstance(error, ConnectionFailed):
        return "connection"
    if isinstance(error, BadGateway):
        return "malformed"
    if error.blame == "client":
        return "invalid_request"
    return "gateway" if error.blame == "gateway" else "server_error"


def _told(info: ErrorInfo) -> FailureClass:
    """Of what a provider said."""
    for word in (info.code, info.type, *_reasons(info)):
        if word is not None and (known := _WORDS.get(word.lower())) is not None:
            return known
    status, message = info.status, info.message[:_READ]
    if status == 429 and _daily(info):
        return "quota"
    for name, statuses, pattern in _MESSAGES:
        if status in statuses and pattern.search(message):
            return name
    found = _STATUSES.get(status)
    if found is not None:
        return found
    if status >= 500 or (status == 424 and info.retryable):
        return "server_error"
    return "overloaded" if info.retryable else "invalid_request"  # a 4xx with `x-should-retry: true`


def _reasons(info: ErrorInfo) -> list[str]:
    return [reason for detail in info.details if isinstance(reason := detail.get("reason"), str)]


def _daily(info: ErrorInfo) -> bool:
    """Google's quotas of a day are told from those of a minute by their ids alone."""
    for detail in info.details:
        violations = detail.get("violations")
        for violation in violations if isinstance(violations, list) else ():
            if isinstance(violation, dict) and "PerDay" in str(violation.get("quotaId")):
                return True
    return False


def same_target_may_help(error: EdgeError, name: FailureClass) -> bool:
    """A provider that says not to retry (`x-should-retry: false`) is taken at its word; another key of its pool may be tried where it is
    the key that was refused or throttled."""
    row = TABLE[name]
    if isinstance(error, ProviderRejected):
        return (error.another_key and row.outcome in _ABOUT_THE_KEY) or (row.same and error.retryable)
    return row.same


def outcome_of(error: EdgeError | None) -> Outcome:
    """Of a try that was not cancelled."""
    return "ok" if error is None else outcome_as(error, classify(error))


def wished(error: EdgeError | None, name: str | None) -> float | None:
    """For how long the target is to be left alone, in seconds, where the class honours that."""
    if error is None or not error.retry_after_s or not any(known == name and row.waits for known, row in TABLE.items()):
        return None
    return error.retry_after_s


def outcome_as(error: EdgeError, name: FailureClass) -> Outcome:
    """A 503 that names no time to come back is a failure like any other: a target that says nothing else is to be left alone."""
    if name == "overloaded" and error.status == 503 and error.retry_after_s is None:
        return "failed"
    return TABLE[name].outcome


def table() -> str:
    """For docs/failures.md."""
    lines = [
        "| class | what | same target again | another target | list of its own | health | waits for `Retry-After` |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in TABLE.items():
        own = "-" if row.fallbacks is None else f"`{row.fallbacks}`"
        answers = [("no", "yes")[flag] for flag in (row.same, row.other, row.waits)]
        lines.append(f"| `{name}` | {row.meaning} | {answers[0]} | {answers[1]} | {own} | {row.outcome} | {answers[2]} |")
    return "\n".join(lines) + "\n"
