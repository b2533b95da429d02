"""Error answers of providers and servers, one for each thing that they say in their own way.

Sources: the providers' error references and the servers' sources, read 2026-11-28; texts shortened, numbers made up.
"""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from proxy.routing.failures import FailureClass


class Sample(msgspec.Struct, frozen=True):
    kind: str
    """Whose codec reads it."""
    name: FailureClass
    status: int
    body: bytes
    headers: Mapping[str, str] = {}


def _openai(
    name: FailureClass, status: int, message: str, code: str | int | None = None, type: str | None = "invalid_request_error"
) -> Sample:
    error = {"message": message, "type": type, "param": None, "code": code}
    return Sample("openai", name, status, json.dumps({"error": error}).encode())


def _anthropic(name: FailureClass, status: int, type: str, message: str) -> Sample:
    return Sample("anthropic", name, status, json.dumps({"type": "error", "error": {"type": type, "message": message}}).encode())


def _bedrock(name: FailureClass, status: int, type: str, message: str) -> Sample:
    return Sample("bedrock", name, status, json.dumps({"message": message}).encode(), {"x-amzn-errortype": type})


def _gemini(name: FailureClass, code: int, status: str, message: str, *details: dict[str, Any]) -> Sample:
    error: dict[str, Any] = {"code": code, "message": message, "status": status}
    if details:
        error["details"] = details
    return Sample("gemini", name, code, json.dumps({"error": error}).encode())


_QUOTA = "type.googleapis.com/google.rpc.QuotaFailure"
_INFO = "type.googleapis.com/google.rpc.ErrorInfo"

SAMPLES: tuple[Sample, ...] = (
    # OpenAI
    _openai(
        "context_length", 400, "This model's maximum context length is 8192 tokens. However, you requested 9000.", "context_length_exceeded"
    ),
    _openai("context_length", 400, "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 509178 tokens."),
    _openai("invalid_request", 400, "Invalid 'user': string too long. Expected maximum length 64.", "string_above_max_length"),
    _openai("content_policy", 400, "Your request was rejected as a result of our safety system.", "content_policy_violation"),
    _openai("content_policy", 400, "Invalid prompt: your prompt was flagged as potentially violating our usage policy.", "invalid_prompt"),
    _openai("quota", 429, "You exceeded your current quota, please check your plan.", "insufficient_quota", "insufficient_quota"),
    _openai("quota", 400, "Billing hard limit has been reached", "billing_hard_limit_reached"),
    _openai(
        "quota",
        429,
        "Request too large for gpt-4o in organization o on tokens per min (TPM): Limit 30000, Requested 40000.",
        "rate_limit_exceeded",
    ),
    _openai("quota", 429, "Rate limit reached for x on tokens per day (TPD): Limit 500000, Used 499000", "rate_limit_exceeded"),
    _openai("rate_limited", 429, "Rate limit reached for gpt-4o on requests per min (RPM): Limit 3", "rate_limit_exceeded", "requests"),
    _openai("overloaded", 429, "The engine is currently overloaded, please try again later", None, "server_error"),
    _openai("overloaded", 503, "Slow down", "slow_down", "server_error"),
    _openai("server_error", 500, "The server had an error while processing your request", None, "server_error"),
    _openai("auth", 401, "Your account has been deactivated", "account_deactivated"),
    _openai("permission", 403, "Country, region, or territory not supported", "unsupported_country_region_territory"),
    _openai("not_found", 404, "The model `x` does not exist or you do not have access to it.", "model_not_found"),
    _openai("invalid_request", 404, "Previous response with id 'r' not found.", "previous_response_not_found"),
    # Azure
    _openai(
        "content_policy",
        400,
        "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
        "content_filter",
    ),
    _openai("content_policy", 400, "filtered", "ResponsibleAIPolicyViolation"),
    _openai("not_found", 404, "The API deployment for this resource does not exist.", "DeploymentNotFound"),
    # servers and other providers that speak OpenAI's dialect
    _openai(
        "context_length",
        400,
        "This model's maximum context length is 32768 tokens. However, you requested 33077 tokens (1077 in the messages).",
        400,
    ),
    _openai("context_length", 400, "The decoder prompt (length 9000) is longer than the maximum model length of 8192.", 400),
    _openai("context_length", 400, "The input (9000 tokens) is longer than the model's context length (8192 tokens)."),
    _openai("context_length", 400, "the request exceeds the available context size. try increasing it", 400, "exceed_context_size_error"),
    _openai("context_length", 500, "the request exceeds the available context size", None, "server_error"),
    _openai("context_length", 422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097. Given: 5000"),
    _openai(
        "context_length",
        400,
        "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
        "3051",
    ),
    _openai("context_length", 400, "Please reduce the length of the messages or completion.", "context_length_exceeded"),
    _openai("context_length", 400, "This model's maximum prompt length is 131072 but the request contains 537812 tokens.", None, None),
    _openai("context_length", 400, "Invalid request: Your request exceeded model token limit: 8192"),
    _openai("context_length", 400, "Range of input length should be [1, 30720]", "InvalidParameter"),
    _openai("context_length", 400, "prompt too long; exceeded max context length by 4 tokens"),
    _openai("context_length", 400, "Trying to keep the first 9000 tokens, which is greater than the context length of 4096"),
    _openai("context_length", 400, "too many tokens: total number of tokens in the request exceeds 4081"),
    _openai("content_policy", 403, "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_X", None, None),
    _openai("content_policy", 400, "Content Exists Risk"),
    _openai("content_policy", 400, "Input data may contain inappropriate content.", "data_inspection_failed"),
    _openai("quota", 402, "Insufficient Balance", "invalid_request_error", "unknown_error"),
    _openai("quota", 429, "Your team has either used all available credits or reached its monthly spending limit.", None, None),
    _openai("quota", 429, "Your account is suspended, please check your plan", None, "exceeded_current_quota_error"),
    _openai(
        "quota",
        413,
        "Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 7000",
        "rate_limit_exceeded",
        "tokens",
    ),
    _openai("overloaded", 498, "Flex tier capacity exceeded", "capacity_exceeded", "flex"),
    _openai("overloaded", 429, "Service tier capacity exceeded for this model.", "3505", "service_tier_capacity_exceeded"),
    _openai("overloaded", 503, "Model x is currently loading", None, None),
    _openai("not_found", 400, "The model `x` has been decommissioned", "model_decommissioned"),
    _openai("not_found", 400, "Invalid model: mistral-huge", "1500", "invalid_model"),
    Sample("openai", "server_error", 502, b"<html><head><title>502 Bad Gateway</title></head></html>"),
    Sample("openai", "timeout", 524, b"error code: 524"),
    Sample("openai", "context_length", 413, b"<html>413 Request Entity Too Large</html>"),
    # Anthropic
    _anthropic("context_length", 400, "invalid_request_error", "prompt is too long: 214850 tokens > 200000 maximum"),
    _anthropic(
        "context_length", 400, "invalid_request_error", "input length and `max_tokens` exceed context limit: 199211 + 20000 > 200000"
    ),
    _anthropic("context_length", 413, "request_too_large", "Request exceeds the maximum size"),
    _anthropic("content_policy", 400, "invalid_request_error", "Output blocked by content filtering policy"),
    _anthropic("quota", 400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
    _anthropic("quota", 400, "invalid_request_error", "You have reached your specified API usage limits."),
    _anthropic("quota", 402, "billing_error", "payment required"),
    _anthropic("overloaded", 529, "overloaded_error", "Overloaded"),
    _anthropic("overloaded", 500, "overloaded_error", "Overloaded"),
    _anthropic(
        "rate_limited", 429, "rate_limit_error", "This request would exceed your organization's rate limit of 50 requests per minute"
    ),
    _anthropic("permission", 403, "permission_error", "Your API key does not have permission"),
    _anthropic("server_error", 500, "api_error", "Internal server error"),
    _anthropic("invalid_request", 400, "invalid_request_error", "max_tokens: Field required"),
    # Bedrock
    _bedrock("context_length", 400, "ValidationException", "Input is too long for requested model."),
    _bedrock(
        "context_length", 400, "ValidationException", "The model returned the following errors: prompt is too long: 9 tokens > 8 maximum"
    ),
    _bedrock("context_length", 400, "ValidationException", "Input Tokens Exceeded: Number of input tokens exceeds maximum length."),
    _bedrock("content_policy", 400, "ValidationException", "This request has been blocked by our content filters."),
    _bedrock("not_found", 400, "ValidationException", "Invocation of model ID x with on-demand throughput isn\u2019t supported."),
    _bedrock("not_found", 404, "ResourceNotFoundException", "Model use case details have not been submitted"),
    _bedrock("rate_limited", 429, "ThrottlingException", "Too many requests, please wait before trying again."),
    _bedrock("quota", 429, "ThrottlingException", "Too many tokens per day, please wait before trying again."),
    _bedrock("quota", 400, "ServiceQuotaExceededException", "Your request exceeds the service quota for your account"),
    _bedrock("overloaded", 429, "ModelNotReadyException", "Model is not ready for inference. Wait and try your request again."),
    _bedrock("overloaded", 503, "ServiceUnavailableException", "Bedrock is unable to process your request."),
    _bedrock("server_error", 424, "ModelErrorException", "The request failed due to an error while processing the model."),
    _bedrock("timeout", 408, "ModelTimeoutException", "The request took too long to process."),
    _bedrock("permission", 403, "AccessDeniedException", "You don't have access to the model with the specified model ID."),
    _bedrock("auth", 403, "ExpiredTokenException:http://internal.amazon.com/", "The security token included in the request is expired"),
    # Gemini
    _gemini(
        "context_length", 400, "INVALID_ARGUMENT", "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576)."
    ),
    _gemini(
        "context_length",
        400,
        "INVALID_ARGUMENT",
        "Unable to submit request because the input token count is 40000 but model only supports up to 32000.",
    ),
    _gemini("rate_limited", 429, "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing details."),
    _gemini(
        "rate_limited",
        429,
        "RESOURCE_EXHAUSTED",
        "Quota exceeded",
        {"@type": _QUOTA, "violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel"}]},
    ),
    _gemini(
        "quota",
        429,
        "RESOURCE_EXHAUSTED",
        "Quota exceeded",
        {"@type": _QUOTA, "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]},
    ),
    _gemini("rate_limited", 429, "RESOURCE_EXHAUSTED", "Quota exceeded", {"@type": _QUOTA, "violations": "?"}),
    _gemini(
        "auth", 400, "INVALID_ARGUMENT", "API key not valid.", {"@type": _INFO, "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
    ),
    _gemini("permission", 403, "PERMISSION_DENIED", "Permission denied on resource project x."),
    _gemini("not_found", 404, "NOT_FOUND", "models/x is not found for API version v1beta"),
    _gemini("overloaded", 503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    _gemini("timeout", 504, "DEADLINE_EXCEEDED", "The service is unable to finish processing within the deadline."),
    _gemini("server_error", 500, "INTERNAL", "An internal error has occurred."),
    _gemini("invalid_request", 400, "INVALID_ARGUMENT", "Request contains an invalid argument."),
)
