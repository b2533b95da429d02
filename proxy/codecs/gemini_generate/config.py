"""`generationConfig` → canonical fields.

Source: ai.google.dev "GenerationConfig", "ThinkingConfig", read 2026-11-25. `thinkingBudget` 0 turns thinking off, -1 leaves its amount to
the model.
"""

from typing import Any, Literal

from proxy.codecs.gemini_generate import fields
from proxy.codecs.gemini_generate.schema import to_json_schema
from proxy.core.request import Reasoning, ResponseFormat

NAMES = {
    "temperature": ("temperature",),
    "top_p": ("topP",),
    "top_k": ("topK",),
    "n": ("candidateCount",),
    "max_tokens": ("maxOutputTokens",),
    "stop": ("stopSequences",),
    "seed": ("seed",),
    "presence_penalty": ("presencePenalty",),
    "frequency_penalty": ("frequencyPenalty",),
    "logprobs": ("responseLogprobs",),
    "top_logprobs": ("logprobs",),
    "response_format": ("responseJsonSchema", "responseSchema", "responseMimeType"),
    "reasoning": ("thinkingConfig",),
}
"""Canonical field → the API's, the most telling first."""
_KNOWN = frozenset(name for names in NAMES.values() for name in names)
_THINKING = frozenset(("thinkingBudget", "includeThoughts", "thinkingLevel"))
_TEXT_ONLY = (["TEXT"], ["text"])

Mode = Literal["enabled", "disabled", "adaptive"]


class Config:
    """`fields`: of the ChatRequest; `extra` and `paths` as there. Raises InvalidBody naming the field."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.base = fields.key_of(body, "generationConfig")
        self.raw = fields.optional_object(body, "generationConfig", "") or {}
        self.extra: dict[str, Any] = {}
        self.paths = {name: self._path(names) for name, names in NAMES.items()}
        self.fields: dict[str, Any] = {}
        self._read()

    def _path(self, names: tuple[str, ...]) -> str:
        name = next((name for name in names if fields.pick(self.raw, name) is not None), names[-1])
        return f"{self.base}.{fields.key_of(self.raw, name)}"

    def _read(self) -> None:
        raw, base = self.raw, self.base
        self.fields = {
            "temperature": fields.optional_number(raw, "temperature", base, 0, 2),
            "top_p": fields.optional_number(raw, "topP", base, 0, 1),
            "top_k": fields.optional_integer(raw, "topK", base),
            "n": fields.optional_integer(raw, "candidateCount", base, minimum=0) or 1,
            "max_tokens": fields.optional_integer(raw, "maxOutputTokens", base, minimum=1),
            "stop": self._stops(),
            "seed": fields.optional_integer(raw, "seed", base),
            "presence_penalty": fields.optional_number(raw, "presencePenalty", base),
            "frequency_penalty": fields.optional_number(raw, "frequencyPenalty", base),
            "logprobs": fields.optional_flag(raw, "responseLogprobs", base),
            "top_logprobs": fields.optional_integer(raw, "logprobs", base, minimum=0),
            "response_format": self._format(),
            "reasoning": self._reasoning(),
        }
        for key, value in fields.rest(raw, _KNOWN).items():
            if not (fields.camel(key) == "responseModalities" and value in _TEXT_ONLY):
                self.extra[f"{base}.{key}"] = value

    def _stops(self) -> tuple[str, ...]:
        value = fields.pick(self.raw, "stopSequences")
        path = self.paths["stop"]
        if value is None:
            return ()
        if not isinstance(value, list):
            raise fields.wrong(value, "an array of strings", path)
        return tuple(fields.as_text(item, f"{path}[{i}]") for i, item in enumerate(value))

    def _format(self) -> ResponseFormat | None:
        mime = fields.optional_text(self.raw, "responseMimeType", self.base)
        json_schema = fields.optional_object(self.raw, "responseJsonSchema", self.base)
        schema = fields.optional_object(self.raw, "responseSchema", self.base)
        if mime not in (None, "application/json", "text/plain"):
            # an enum's bare value (`text/x.enum`) and what may come: no other dialect has it
            self.extra[f"{self.base}.{fields.key_of(self.raw, 'responseMimeType')}"] = mime
            return None
        if json_schema is not None or schema is not None:
            return ResponseFormat(kind="json_schema", schema=json_schema if json_schema is not None else to_json_schema(schema or {}))
        if mime is None:
            return None
        return ResponseFormat(kind="json_object" if mime == "application/json" else "text")

    def _reasoning(self) -> Reasoning | None:
        base = self.paths["reasoning"]
        thinking = fields.optional_object(self.raw, "thinkingConfig", self.base)
        if thinking is None:
            return None
        budget = fields.optional_integer(thinking, "thinkingBudget", base, minimum=-1)
        level = fields.optional_text(thinking, "thinkingLevel", base)
        shown = fields.optional_flag(thinking, "includeThoughts", base)
        rest = fields.rest(thinking, _THINKING)
        mode: Mode | None = None
        if budget == 0:
            mode = "disabled"
        elif budget is not None and budget > 0:
            mode = "enabled"
        elif budget == -1 or (shown and level is None):
            mode = "adaptive"
        if level is not None and level.endswith("UNSPECIFIED"):
            level = None
        if mode is None and level is None and not rest:
            return None
        positive = budget if budget is not None and budget > 0 else None
        return Reasoning(mode=mode, budget_tokens=positive, effort=level.lower() if level else None, extra=rest)
