"""The table of docs/translation.md against what the codecs do: a sample of each feature through each pair of dialects."""

import json
import re
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import msgspec
import pytest

from proxy.codecs.accumulate import Accumulator
from proxy.codecs.features import Answered, Asked, Says
from proxy.codecs.translation import DECLARATIONS, Outcome, answered, asked, document, outcome
from proxy.core.response import ChatResponse
from tests.support.probes.table import (
    ANSWERS,
    APPROXIMATED,
    CODECS,
    CONVERSE,
    GEMINI,
    MODELS,
    NAMES,
    NEAR_ANSWERS,
    OWN_ANSWERS,
    OWN_VALUES,
    REQUESTS,
    RESPONSES,
)

DOCUMENT = Path(__file__).parents[3] / "docs" / "translation.md"
PAIRS = list(permutations(CODECS, 2))
pairs = pytest.mark.parametrize(("client", "provider"), PAIRS, ids=["-".join(pair) for pair in PAIRS])


def test_the_document_is_up_to_date() -> None:
    """`scripts/translation` writes it."""
    assert document() == DOCUMENT.read_text(), "run scripts/translation"


def test_every_generation_dialect_declares() -> None:
    """The table's keys are the codecs' names."""
    assert list(DECLARATIONS) == list(CODECS)
    assert all(codec.name == name for name, codec in CODECS.items())


@pytest.mark.parametrize("dialect", CODECS)
def test_every_place_that_is_declared_has_a_sample_and_the_reverse(dialect: str) -> None:
    """So no row of the table goes unprobed."""
    declared = DECLARATIONS[dialect]
    for said, probes in ((declared.requests, REQUESTS[dialect]), (declared.answers, ANSWERS[dialect])):
        places = {feature for feature, says in said.items() if says.place}
        samples = {feature for feature, probe in probes.items() if probe.body}
        assert places == samples


@pytest.mark.parametrize("feature", [*Asked, *Answered], ids=lambda feature: f"{type(feature).__name__}-{feature.name}")
def test_samples_say_the_same_in_each_dialect(feature: Asked | Answered) -> None:
    """What is looked for is there in each dialect's own sample, and is the same value."""
    probes: dict[str, Any] = REQUESTS if isinstance(feature, Asked) else ANSWERS
    found = {
        dialect: probe.find(probe.fields(dialect))
        for dialect in CODECS
        if (probe := probes[dialect].get(feature)) is not None and probe.body
    }
    assert found, "nobody says it"
    assert None not in found.values()
    if feature not in OWN_VALUES and feature not in OWN_ANSWERS:
        assert len({json.dumps(value) for value in found.values()}) == 1, found


def test_each_approximation_is_looked_for() -> None:
    """Those that are declared, and no others."""
    declared = {(feature, name) for name, each in DECLARATIONS.items() for feature, says in each.requests.items() if says.becomes}
    assert declared == set(APPROXIMATED)
    near = {(feature, name) for name, each in DECLARATIONS.items() for feature, says in each.answers.items() if says.becomes}
    assert near == set(NEAR_ANSWERS)


@pairs
def test_requests_fare_as_declared(client: str, provider: str) -> None:
    """The value is found at its place in the provider's body and nothing is reported; or the client's path alone is reported, with the
    approximation in the body where one is declared."""
    wrong = [*_wrong_requests(client, provider)]
    assert wrong == []


def _wrong_requests(client: str, provider: str) -> Iterator[str]:
    for feature, probe in REQUESTS[client].items():
        if not probe.body:
            continue
        body = {"model": "m", **probe.fields(provider)}
        request = CODECS[client].decode_request(body, {})
        encoded = CODECS[provider].encode_request(msgspec.structs.replace(request, model=MODELS[provider]))
        theirs = REQUESTS[provider].get(feature)
        found = theirs.find(encoded.body) if theirs is not None else None
        wanted = probe.find(body)
        if feature is Asked.THINKING and theirs is not None and theirs.body:
            wanted = theirs.find(theirs.fields(provider))
        known = asked(feature, DECLARATIONS[client], DECLARATIONS[provider])
        got = (found, encoded.dropped)
        if known == Outcome("carried"):
            fine = got == (wanted, ()) or (theirs is None and not encoded.dropped and _is_written(feature, encoded.body))
        elif known is not None and known.kind == "approximated":
            fine = found != wanted and encoded.dropped == (probe.path,) and APPROXIMATED[feature, provider](encoded.body) is not None
        else:
            unreported = (feature, client, provider) == (Asked.DOCUMENT_TITLE, CONVERSE, GEMINI)
            lost = known in (Outcome("dropped"), Outcome("helped"))  # what the gateway does instead is not the codecs' to show
            fine = lost and got == (None, () if unreported else (probe.path,))
        if not fine:
            yield f"{feature.name}: declared {known}, wanted {wanted!r}, found {found!r}, reported {encoded.dropped}"


def _is_written(feature: Asked, body: dict[str, Any]) -> bool:
    """What has a spelling only on the way to Converse."""
    if feature is Asked.TOOL_CHOICE_NONE:
        return "toolConfig" not in body
    return bool(body.get("additionalModelRequestFields", {}).get("tool_choice", {}).get("disable_parallel_tool_use"))


@pairs
@pytest.mark.parametrize("way", ["whole", "stream"])
def test_answers_fare_as_declared(client: str, provider: str, way: str) -> None:
    """As requests do, by canonical names."""
    wrong = [*_wrong_answers(client, provider, way)]
    assert wrong == []


def _wrong_answers(client: str, provider: str, way: str) -> Iterator[str]:
    for feature, probe in ANSWERS[provider].items():
        if not probe.body:
            continue
        decoded = CODECS[provider].decode_response(json.dumps(probe.body).encode())
        body, dropped = _whole(client, decoded) if way == "whole" else _streamed(client, decoded)
        theirs = ANSWERS[client].get(feature)
        found = theirs.find(body) if theirs is not None else None
        wanted = _told(feature, client, provider, probe.find(probe.fields(client)))
        known = answered(feature, DECLARATIONS[client], DECLARATIONS[provider])
        if feature is Answered.THINKING and provider == RESPONSES:
            dropped = tuple(name for name in dropped if not name.endswith("signature"))  # its reasoning always has an id
        if way == "stream" and (feature, client) == (Answered.SERVICE_TIER, CONVERSE):
            continue  # told by the last event, too late for the answer's start that this test folds it back into
        if known == Outcome("carried"):
            fine = (found, dropped) == (wanted, ())
        else:
            if feature is Answered.USAGE_CACHE_WRITE_1H:
                dropped = tuple(name for name in dropped if name != "usage.cache_write_tokens")  # what they are part of
            named = len(dropped) == 1 and re.fullmatch(NAMES[feature], dropped[0]) is not None
            near = NEAR_ANSWERS.get((feature, client))
            there = near is not None and near(body) is not None
            fine = known is not None and found != wanted and named and there == (known.kind == "approximated")
        if not fine:
            yield f"{feature.name}: declared {known}, wanted {wanted!r}, found {found!r}, reported {dropped}"


def _told(feature: Answered, client: str, provider: str, value: Any) -> Any:
    """A signature as the client sees it: marked with its maker where that is not Anthropic."""
    if feature is not Answered.SIGNATURE:
        return value
    marks = {GEMINI: "gemini:", RESPONSES: "openai_responses:summary:rs_1:"}
    return marks.get(provider, "") + value


def _whole(client: str, response: ChatResponse) -> tuple[dict[str, Any], tuple[str, ...]]:
    encoded = CODECS[client].encode_response(response)
    return encoded.body, encoded.dropped


def _streamed(client: str, response: ChatResponse) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The answer as the client's stream, folded back into the whole answer that it stands for."""
    codec = CODECS[client]
    encoder = codec.stream_encoder()
    stream = b"".join(encoder.encode(event) for event in codec.response_to_events(response))
    stream += codec.finish_stream(encoder.usage_chunk, include_usage=True, metadata=None)
    decoder, accumulator = codec.stream_decoder(), Accumulator()
    for event in [*decoder.feed(stream), *decoder.close()]:
        accumulator.add(event)
    assert accumulator.complete
    return codec.encode_response(accumulator.response()).body, tuple(encoder.dropped)


@pytest.mark.parametrize(
    ("said", "taken", "expected"),
    [
        (None, Says(place="b"), None),
        (Says(written="a"), Says(place="b"), None),
        (Says(place="a"), None, Outcome("dropped")),
        (Says(place="a"), Says(place="b", takes=False), Outcome("dropped")),
        (Says(place="a"), Says(place="b", becomes="c"), Outcome("approximated", "c")),
        (Says(place="a", form="x"), Says(place="b", form="y"), Outcome("dropped")),
        (Says(place="a", form="x"), Says(place="b", form="x"), Outcome("carried")),
        (Says(place="a", form="x"), Says(place="b"), Outcome("carried")),
        (Says(place="a"), Says(written="b"), Outcome("carried")),
    ],
)
def test_outcome_of_two_declarations(said: Says | None, taken: Says | None, expected: Outcome | None) -> None:
    """The one that speaks, then the one that is spoken to."""
    assert outcome(said, taken) == expected
