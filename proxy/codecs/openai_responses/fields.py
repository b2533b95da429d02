"""The dialect's name, and the words that its modules share."""

from typing import Any

DIALECT = "openai_responses"

LOGPROBS = "message.output_text.logprobs"
"""The word in `include` that asks for log probabilities."""
ENCRYPTED = "reasoning.encrypted_content"
"""The word in `include` that asks for reasoning that the client can send back: other dialects' signatures come unasked."""


def filled(**fields: Any) -> dict[str, Any]:
    """Without those that are None."""
    return {key: value for key, value in fields.items() if value is not None}
