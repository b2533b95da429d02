"""The handlers of applications' routes by their names in the table, and what the table says of the administrators' ones."""

from collections.abc import Awaitable, Callable, Iterator

from starlette.types import ASGIApp

from proxy.api.generate import Generate
from proxy.api.invoke import Invoke
from proxy.api.models import Models
from proxy.api.responses import IssuedResponses
from proxy.api.routes import TABLE
from proxy.api.usage import OwnUsage
from proxy.core.clock import Clock
from proxy.pipeline.count import count_tokens
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.embed import embed
from proxy.pipeline.responses import create as create_response
from proxy.storage.usage import UsageRecords


def client_handlers(
    pipeline: Pipeline, in_force: Callable[[], Pipeline], usage: UsageRecords, clock: Clock, written: Callable[[], Awaitable[None]]
) -> dict[str, ASGIApp]:
    """`in_force()`: the pipeline of the latest configuration, for lists; `written()`: when everything that has ended is in the ledger."""
    models = Models(in_force)
    return {
        "generate": Generate(pipeline),
        "count": Generate(pipeline, run=count_tokens),
        "responses": Generate(pipeline, run=create_response),
        **IssuedResponses(pipeline).handlers(),
        "embed": Generate(pipeline, run=embed),
        "invoke": Invoke(pipeline),
        "models": models.list,
        "model": models.get,
        "usage": OwnUsage(usage, clock, written),
    }


def admin_operations() -> Iterator[tuple[str, str, str, bool]]:
    """Method, path, handler's name and whether it reads a body, of all that administrators may call."""
    return ((row.method, row.path, row.handler, row.reads_body) for row in TABLE if row.admin or row.family == "admin")
