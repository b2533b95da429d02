"""Lines that were written from templates are the ones that would have been encoded."""

from itertools import product

import msgspec
import pytest

from proxy.core.context import AttemptRecord, Bill, RequestContext
from proxy.core.pricing import Cost
from proxy.core.response import Usage
from proxy.governance.metering.lines import Lines
from proxy.governance.metering.record import intent_of, record_of, whose
from proxy.storage.usage import decode
from tests.unit.governance.metering.test_record import PRINCIPAL, context

NAME = 'odd "50 %" {name}\\\n%b'


@pytest.mark.parametrize("nanos", [None, 0, 77])
@pytest.mark.parametrize("id_", ["78106433c2bf531e", 'a"b', "ä", ""])
@pytest.mark.parametrize("model", ["m", NAME])
def test_it_is_what_an_intent_is(nanos: int | None, id_: str, model: str) -> None:
    """Whatever the ids and names are, also when the template is used again."""
    lines, owner = Lines(), whose(PRINCIPAL)
    for at in (5.0, 1_795_379_700.123456):
        ctx = context(request_id=id_)
        ctx.trace_id, ctx.unix_started, ctx.model = id_, at, model
        line = lines.intent(ctx, "p%s", model, nanos)
        assert b"\n" not in line
        assert decode(line) == intent_of(ctx, owner, "p%s", model, nanos)


def ended(**fields: object) -> RequestContext:
    usage = Usage(input_tokens=42, output_tokens=10)
    cost = Cost({"input": 4200, "output": 8000})
    ctx = context(provider="p%s", served_model="m", usage=usage, cost=cost, cost_nanos=12200, unix_started=1_795_379_700.123456)
    ctx.attempts = [AttemptRecord("p%s", "m", status=200, sent=True)]
    for name, value in fields.items():
        setattr(ctx, name, value)
    return ctx


CHANGES: list[dict[str, object]] = [
    {},
    {"request_id": 'a"b'},
    {"request_id": ""},
    {"trace_id": "ä"},
    {"trace_id": "0af7651916cd43dd8448eb211c80319c"},
    {"model": NAME, "served_model": NAME * 20, "provider": None},
    {"model": None, "served_model": None},
    {"principal": None},
    {"principal": msgspec.structs.replace(PRINCIPAL, name=NAME)},
    {"stream": True, "first_token_s": 0.0123456},
    {"status": 201},
    {"status": 404, "error": "not_found"},
    {"status": 200, "error": "stream_truncated"},
    {"cancelled": True, "status": 499, "error": "client_closed_request"},
    {"cancelled": True},
    {"cache_status": "hit", "cache_tier": "l2", "provider": "cache"},
    {"cache_status": "miss"},
    {"replayed": True},
    {"taken_over": True},
    {"attempts": [AttemptRecord("p", "m", error="upstream_error", failure="overloaded"), AttemptRecord("q", "m", status=200)]},
    {"attempts": [AttemptRecord("p", "m", bill=Bill(usage=Usage(), cost=Cost({"input": 5}), payer="caller"))]},
    {"attempts": []},
    {"usage": None, "cost": None, "cost_nanos": None},
    {"usage": None, "cost": Cost({}, incomplete=True, unpriced=True), "cost_nanos": None},
    {"cost": None, "cost_nanos": 0},
    {"cost": Cost({"input": 0, "output": 8000}), "cost_nanos": 8000},
    {"cost": Cost({"input": 4200}, incomplete=True), "cost_nanos": 9000},
    {"usage": Usage(cache_read_tokens=3, reasoning_tokens=4, output_tokens=5)},
    {"usage": Usage(cache_write_tokens=3, reasoning_tokens=0, estimated=True)},
    {"usage": Usage(input_tokens=1, incomplete=True)},
    {"usage": Usage(input_tokens=2**70)},
    {"unix_started": 0.0},
]


@pytest.mark.parametrize("change", CHANGES, ids=repr)
@pytest.mark.parametrize(("seconds", "tags"), [(0.1234567, ()), (0.0, ("a", NAME)), (1e15, ())])
def test_it_is_what_a_record_is(change: dict[str, object], seconds: float, tags: tuple[str, ...]) -> None:
    """Whatever came of the request, also when the template is used again, and of a caller and a target that others used before."""
    lines = Lines()
    for first in ({}, change, change):
        ctx = ended(**first)
        line = lines.record(ctx, seconds, tags)
        assert b"\n" not in line
        assert decode(line) == record_of(ctx, whose(ctx.principal), seconds, tags)


def test_every_field_of_a_record_is_written() -> None:
    """A template that is used has all of them that are not at their defaults; a new field needs a place in it, or a way round it."""
    usual = ended(stream=True, first_token_s=0.5)
    usual.usage = Usage(input_tokens=1, output_tokens=2, cache_read_tokens=3, cache_write_tokens=4, reasoning_tokens=1, estimated=True)
    usual.cost = Cost({"input": 1}, incomplete=True)
    written = set(msgspec.json.decode(Lines().record(usual, 0.25)))
    unusual = {"status", "http_status", "agent", "session", "tags", "cache", "error", "lines", "replayed", "taken_over"}
    assert written | unusual == set(record_of(usual, whose(PRINCIPAL), 0.25).__struct_fields__)
    assert not written & unusual


def test_a_template_is_of_one_caller_target_and_kind() -> None:
    """Nothing of another's is in it, and there are not more of them than so many."""
    lines = Lines()
    for n, stream in product(range(1100), (False, True)):
        principal = msgspec.structs.replace(PRINCIPAL, key_id=str(n))
        ctx = ended(principal=principal, stream=stream, served_model=str(n))
        assert decode(lines.intent(ctx, "p", str(n), 1)) == intent_of(ctx, whose(principal), "p", str(n), 1)
        assert decode(lines.record(ctx, 0.5)) == record_of(ctx, whose(principal), 0.5)
    assert len(lines._kept) <= 1024
    assert len(lines._owners) <= 1024


def test_what_is_usual_is_not_encoded() -> None:
    """Templates have the trace id in the third place; streams and cached prompts are usual, too."""
    lines = Lines()
    for fields in ({}, {"stream": True, "first_token_s": 0.5}, {"usage": Usage(cache_read_tokens=9)}, {"cost": None, "cost_nanos": None}):
        line = lines.record(ended(**fields), 0.5)
        assert line.startswith(b'{"id":"%b","at":1795379700.123456,"trace_id":' % (b"0" * 32))
