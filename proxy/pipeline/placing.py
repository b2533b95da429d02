"""Where a request of the Responses API may go: what hangs on an answer, a conversation or a prompt in a provider's account goes to that
account, or to a provider that has such things at all."""

from typing import Any

from proxy.core.errors import BadRequest, ClientFault, NotFound, Unsupported
from proxy.pipeline.deps import Pipeline
from proxy.providers.base import Provider
from proxy.providers.key_pool import Credential
from proxy.routing.target import Route
from proxy.storage.responses import ResponseRecord

DIALECT = "openai_responses"
"""A provider that speaks it keeps responses."""

_AT_PROVIDER = ("background", "conversation", "prompt")
"""Fields that only such a provider understands."""


class ResponseNotFound(NotFound):
    """Unknown, expired, deleted, or another tenant's: the client cannot tell which."""

    code = "response_not_found"


class ResponseGone(ClientFault):
    """It is the tenant's own, but where it was made is no longer configured."""

    status = 410
    code = "response_gone"


def not_found(response_id: str) -> ResponseNotFound:
    return ResponseNotFound(f"Response with id '{response_id[:100]}' not found.")


def previous_not_found(response_id: str) -> ResponseNotFound:
    """In OpenAI's words, which clients look for."""
    return ResponseNotFound(
        f"Previous response with id '{response_id[:100]}' not found.",
        code="previous_response_not_found",
        param="previous_response_id",
    )


def place(pipe: Pipeline, body: dict[str, Any], route: Route, previous: ResponseRecord | None) -> Route:
    """The route, less the targets that cannot do it. `previous`: the answer that is followed up, where its provider keeps it. Raises
    BadRequest, ResponseGone, Unsupported."""
    if previous is not None:
        account_of(pipe, previous)
        targets = tuple(target for target in route.targets if target.provider == previous.provider)
        exact = tuple(target for target in targets if target.model == previous.model)
        if not targets:
            raise BadRequest(
                f"the previous response was made at {previous.provider}, which does not serve this model: take another, or send all input",
                param="model",
            )
        return route.only(exact or targets)
    needed = next((name for name in _AT_PROVIDER if body.get(name)), None)
    if needed is None:
        return route
    targets = tuple(target for target in route.targets if DIALECT in pipe.providers[target.provider].dialects)
    if not targets:
        raise Unsupported(f"{needed} needs a provider that speaks the Responses API itself, and none serves this model", param=needed)
    return route.only(targets)


def can_take(provider: Provider, body: dict[str, Any], previous: ResponseRecord | None) -> bool:
    """Whether a provider beyond the asked entry can do it: never what follows up an answer that another one keeps."""
    if previous is not None:
        return False
    return DIALECT in provider.dialects or not any(body.get(name) for name in _AT_PROVIDER)


def account_of(pipe: Pipeline, record: ResponseRecord) -> tuple[Provider, Credential]:
    """Where the provider keeps it. Raises ResponseGone: never another account."""
    provider = pipe.providers.get(record.provider)
    member = provider.keys.of_account(record.account) if provider is not None and DIALECT in provider.dialects else None
    if provider is None or member is None:
        raise ResponseGone(
            f"the response was made at {record.provider} with a credential or settings that are not configured any more: send all input"
        )
    return provider, member
