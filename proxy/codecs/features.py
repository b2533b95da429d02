"""What a request may ask and an answer may say, as one closed list for all dialects; and how a dialect declares what it can say of it.

Each generation codec has a `declares.py`: its places for these features. `translation.py` makes the outcome of each pair of dialects out
of two declarations, and docs/translation.md is written from them; tests/unit/codecs/test_translation.py sends a sample of each feature
through each pair and compares.
"""

from collections.abc import Mapping
from enum import Enum

import msgspec


class Asked(Enum):
    """Features of requests, each with a sentence for the documentation."""

    SYSTEM = "instructions before the conversation"
    SYSTEM_MIDWAY = "instructions in the middle of the conversation"
    SPEAKER_NAME = "the name of a message's speaker"
    TEXT = "text of a turn"
    IMAGE_INLINE = "an image's bytes"
    IMAGE_URL = "an image by public URL"
    IMAGE_DETAIL = "how closely the model looks at an image"
    DOCUMENT_INLINE = "a PDF's bytes"
    DOCUMENT_TEXT = "a document that is plain text"
    DOCUMENT_URL = "a document by public URL"
    DOCUMENT_TITLE = "a document's name"
    DOCUMENT_CONTEXT = "a word on a document that is no part of it"
    FILE_ID = "a file kept at the provider"
    AUDIO_INPUT = "audio for the model to hear"
    TOOLS = "function tools with the JSON schema of their arguments"
    TOOL_STRICT = "a tool whose calls must fit its schema"
    CUSTOM_TOOLS = "tools that take free text"
    PROVIDER_TOOLS = "tools that the provider runs (web search and the like)"
    TOOL_CHOICE_NONE = "no tool may be called"
    TOOL_CHOICE_REQUIRED = "some tool must be called"
    TOOL_CHOICE_NAMED = "this tool must be called"
    TOOL_CHOICE_ALLOWED = "only some of the tools may be called"
    ONE_CALL_AT_A_TIME = "no parallel tool calls"
    TOOL_CALLS = "earlier tool calls, with ids and arguments"
    TOOL_RESULTS = "results of tool calls"
    TOOL_RESULT_IMAGE = "an image in a tool's result"
    TOOL_RESULT_ERROR = "a tool's result that is an error"
    THINKING = "earlier thinking with its signature, back to the provider that made it"
    THINKING_FOREIGN = "earlier thinking that another provider made"
    THINKING_REDACTED = "earlier thinking that only its provider can read, back to it"
    EFFORT = "how hard the model thinks, as a word"
    THINKING_BUDGET = "how many tokens it may think"
    THINKING_OFF = "no thinking"
    CACHE_CONTROL = "breakpoints of the provider's prompt cache"
    CITATIONS_ASKED = "citations from a document are wanted"
    CITATIONS_EARLIER = "citations of an earlier answer"
    REFUSAL_EARLIER = "an earlier answer was a refusal"
    JSON_SCHEMA = "the answer is JSON of this schema"
    SCHEMA_LAX = "the schema is a hint only"
    JSON_OBJECT = "the answer is some JSON object"
    MAX_TOKENS = "the longest answer"
    TEMPERATURE = "temperature up to 1"
    TEMPERATURE_HIGH = "temperature above 1"
    TOP_P = "nucleus sampling"
    TOP_K = "sampling among the likeliest tokens"
    STOP = "stop sequences"
    SEED = "a seed"
    CHOICES = "several answers at once"
    PENALTIES = "frequency and presence penalties"
    LOGIT_BIAS = "a bias of single tokens"
    LOGPROBS = "log probabilities are wanted"
    USER = "the end user's id"
    SERVICE_TIER = "the provider's ordinary service"
    SERVICE_TIER_FLEX = "cheaper, slower service"
    METADATA = "labels of the request"
    PROMPT_CACHE_KEY = "a key for the provider's prompt cache"
    VERBOSITY = "how wordy the answer is"


class Answered(Enum):
    """Features of answers, whole or streamed."""

    TEXT = "text"
    TOOL_CALLS = "tool calls, several in parallel, with ids and arguments"
    CUSTOM_CALLS = "calls of tools that take free text"
    PROVIDER_CALLS = "calls of tools that the provider runs"
    REFUSAL = "a refusal in place of text"
    THINKING = "thinking"
    SIGNATURE = "the signature of thinking"
    REDACTED = "thinking that only its provider can read"
    CITATIONS = "where the text comes from"
    LOGPROBS = "log probabilities"
    CHOICES = "several answers"
    AUDIO = "spoken answers"
    IMAGES = "generated images"
    STOP = "the answer is finished"
    LENGTH = "the answer hit its limit"
    CALLS_WAIT = "the answer waits for its tool calls"
    FILTERED = "a filter ended the answer"
    REFUSED = "a classifier of the provider's ended the answer"
    STOP_SEQUENCE = "which stop sequence ended the answer"
    PAUSED = "the provider wants to be asked to go on"
    CONTEXT_FULL = "the model's context is full"
    USAGE = "tokens of prompt and answer"
    USAGE_CACHED = "tokens read from the prompt cache"
    USAGE_CACHE_WRITE = "tokens written to it"
    USAGE_CACHE_WRITE_1H = "those of them that live an hour"
    USAGE_REASONING = "tokens of thinking"
    USAGE_AUDIO = "tokens of audio"
    SERVICE_TIER = "the service that the answer came from"


class Says(msgspec.Struct, frozen=True, kw_only=True):
    """A dialect's place for a feature. A feature that a dialect does not declare is one that it has no concept of."""

    place: str = ""
    """JSON path where its requests (answers) say it; "": they cannot, but see `written` and `becomes`."""
    form: str = ""
    """Only dialects of the same form exchange it: ids of a store, a provider's own kind of citation. "" as the receiving side: any form."""
    written: str = ""
    """What the encoder writes for it where the dialect has no place of that name: the meaning stays."""
    becomes: str = ""
    """What the encoder makes of it where only something near is possible: always reported."""
    takes: bool = True
    """The encoder writes another dialect's at all."""
    note: str = ""
    """On models or servers where it is otherwise."""


class Declaration(msgspec.Struct, frozen=True, kw_only=True):
    dialect: str
    title: str
    """As documentation calls it."""
    models: str
    """Which models of providers the declarations hold for."""
    requests: Mapping[Asked, Says]
    answers: Mapping[Answered, Says]
