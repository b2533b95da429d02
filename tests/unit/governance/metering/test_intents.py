"""An intent that was written from a template is the one that would have been encoded."""

import msgspec
import pytest

from proxy.governance.metering.intents import Intents
from proxy.governance.metering.record import intent_of, whose
from proxy.storage.usage import decode
from tests.unit.governance.metering.test_record import PRINCIPAL, context

NAME = 'odd "50 %" {name}\\\n%b'


@pytest.mark.parametrize("nanos", [None, 0, 77])
@pytest.mark.parametrize("id_", ["78106433c2bf531e", 'a"b', "ä", ""])
@pytest.mark.parametrize("model", ["m", NAME])
def test_it_is_what_an_intent_is(nanos: int | None, id_: str, model: str) -> None:
    """Whatever the ids and names are, also when the template is used again."""
    intents, owner = Intents(whose), whose(PRINCIPAL)
    for at in (5.0, 1_795_379_700.123456):
        ctx = context(request_id=id_)
        ctx.trace_id, ctx.unix_started, ctx.model = id_, at, model
        line = intents.encoded(ctx, "p%s", model, nanos)
        assert b"\n" not in line
        assert decode(line) == intent_of(ctx, owner, "p%s", model, nanos)


def test_a_template_is_of_one_caller_target_and_kind() -> None:
    """Nothing of another's is in it, and there are not more of them than so many."""
    intents = Intents(whose)
    for n in range(1100):
        principal = msgspec.structs.replace(PRINCIPAL, key_id=str(n))
        for stream in (False, True):
            ctx = context(principal=principal)
            ctx.stream = stream
            assert decode(intents.encoded(ctx, "p", str(n), 1)) == intent_of(ctx, whose(principal), "p", str(n), 1)
    assert len(intents._templates) <= 1024
