"""One scripted upstream set on a real socket: chat completions, responses, messages, Converse and generateContent.

What each answers follows from the words of the last user turn (`script.py` holds the table), and is the same in every dialect, whole and
streamed. Written from the providers' documentation and independent of the gateway's codecs, so that a codec's mistake shows: what
arrives is checked by the rules of its own dialect, and refused with 400 where a provider would refuse it.

async with ScriptedProviders() as up, running(up.settings()) as edge:
    ...                       # model names: up.model("messages")
    assert up.rejected == []  # nothing that came broke its dialect's rules
    up.heard[-1]              # the last request as it was understood
"""

from tests.support.scripted.providers import DIALECTS, Dialect, ScriptedProviders

__all__ = ["DIALECTS", "Dialect", "ScriptedProviders"]
