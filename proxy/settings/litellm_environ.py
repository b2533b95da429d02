"""What the litellm package reads of the environment: made safe before it is imported, and its secrets known before it can quote one."""

import os
import re
from collections.abc import Mapping, MutableMapping

FIXED = {
    # Else the import fetches a price list from the network, and waits for it.
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    # Else it loads `.env` of the working directory into this process's environment, which children inherit.
    "LITELLM_MODE": "PRODUCTION",
    # Else a call that asks for no retries makes two where an adapter takes 0 for "not said" (OpenAI's embeddings).
    "DEFAULT_MAX_RETRIES": "0",
}
_SECRET_NAME = re.compile(r"(?:.*_)?(?:KEY|KEY_ID|TOKEN|SECRET|PASSWORD|CREDENTIALS)", re.IGNORECASE)
_MIN_LENGTH = 8
"""Shorter values would blot out words of ordinary messages."""


def prepare_litellm_environ(environ: MutableMapping[str, str] | None = None) -> None:
    """The one place where the gateway sets variables: the package has no other switch for these. `environ` None: the process's own."""
    target = os.environ if environ is None else environ
    target.update(FIXED)


def litellm_secrets(environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Values that the package may take credentials from (`GROQ_API_KEY`, `AWS_SECRET_ACCESS_KEY`), the longest first."""
    source = os.environ if environ is None else environ
    found = {value for name, value in source.items() if len(value) >= _MIN_LENGTH and _SECRET_NAME.fullmatch(name)}
    return tuple(sorted(found, key=lambda value: (-len(value), value)))
