"""Llama's prompt templates: turns between special tokens.

    Llama 3:  <|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nhello<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n
    Llama 4:  <|begin_of_text|><|header_start|>user<|header_end|>\n\nhello<|eot|><|header_start|>assistant<|header_end|>\n\n

Source: Meta's model cards and prompt formats for Llama 3 and 4, read 2026-11-25. Special tokens within a text would begin turns of their
own: they are broken by a space.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

BEGIN = "<|begin_of_text|>"
Turn = tuple[str, str]
"""Role and text."""


class Template(NamedTuple):
    start: str
    end: str
    over: str


LLAMA3 = Template("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
LLAMA4 = Template("<|header_start|>", "<|header_end|>", "<|eot|>")
_SPECIAL = re.compile(r"<\|(?=[a-z_0-9]+\|>)")


def template_of(model: str) -> Template:
    return LLAMA4 if "llama4" in model else LLAMA3


def render(turns: Sequence[Turn], template: Template) -> str:
    """Ending where the assistant's answer begins."""
    shown = [f"{template.start}{role}{template.end}\n\n{text}{template.over}" for role, text in turns]
    return f"{BEGIN}{''.join(shown)}{template.start}assistant{template.end}\n\n"


def harmless(text: str) -> str:
    return _SPECIAL.sub("< |", text)


def parse(prompt: str) -> list[Turn] | None:
    """The turns of a prompt that `render` writes exactly so; None for any other text."""
    for template in (LLAMA3, LLAMA4):
        start, end, over = (re.escape(token) for token in template)
        turns = re.findall(rf"{start}(system|user|assistant){end}\n\n(.*?){over}", prompt, re.DOTALL)
        if turns and render(turns, template) == prompt and all(text == harmless(text) for _, text in turns):
            return turns
    return None
