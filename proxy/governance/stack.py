"""The governance wrappers, outermost first, each with the reason for its place."""

from collections.abc import Callable

from starlette.types import ASGIApp

from proxy.core.clock import Clock
from proxy.core.context import RequestContext
from proxy.core.identity import Principal
from proxy.governance.admission import AdmissionMiddleware, InFlight, Ledger, Limiter
from proxy.governance.auth import AuthMiddleware, Keys
from proxy.governance.bodies import ErrorBodies
from proxy.governance.cors import CorsMiddleware
from proxy.governance.envelope import EnvelopeMiddleware
from proxy.governance.idempotency.live import Repeats, Rules
from proxy.governance.idempotency.middleware import IdempotencyMiddleware
from proxy.governance.limits.policy import EntityRules
from proxy.governance.rbac import RbacMiddleware
from proxy.governance.shedding import Shedder, SheddingMiddleware
from proxy.governance.trace import Classify, EndMeter, TraceMiddleware


class StackOptions:
    """What the wrappers need from the composition root."""

    def __init__(
        self,
        *,
        classify: Classify,
        bodies: ErrorBodies,
        meter: EndMeter,
        clock: Clock,
        keys: Keys | None,
        in_flight: InFlight,
        models_max: int,
        admin_max: int,
        max_depth: int = 128,
        trusted_proxies: tuple[str, ...] = (),
        cors_origins: tuple[str, ...] = (),
        cors_max_age_s: int = 600,
        shedder: Shedder | None = None,
        limiter: Limiter | None = None,
        ledger: Ledger | None = None,
        tokens: bool = False,
        local_user: Principal | None = None,
        repeats: Repeats | None = None,
        repeat_rules: Rules | None = None,
        plans: EntityRules | None = None,
        unheard: Callable[[RequestContext], None] | None = None,
    ) -> None:
        self.classify = classify
        self.bodies = bodies
        self.meter = meter
        self.clock = clock
        self.keys = keys
        self.in_flight = in_flight
        self.models_max = models_max
        self.admin_max = admin_max
        self.max_depth = max_depth
        self.trusted_proxies = trusted_proxies
        self.cors_origins = cors_origins
        self.cors_max_age_s = cors_max_age_s
        self.shedder = shedder
        self.limiter = limiter
        self.ledger = ledger
        self.tokens = tokens
        self.local_user = local_user
        self.repeats = repeats
        self.repeat_rules = repeat_rules
        self.plans = plans
        self.unheard = unheard


def govern(app: ASGIApp, o: StackOptions) -> ASGIApp:
    """Read from the bottom: the last line is the first to see a request."""
    # last: claims only what everything else has let through
    app = AdmissionMiddleware(app, in_flight=o.in_flight, limiter=o.limiter, ledger=o.ledger, unheard=o.unheard)
    if o.repeats is not None and o.repeat_rules is not None:  # a replay claims nothing, and is nobody's who may not use the route
        app = IdempotencyMiddleware(app, repeats=o.repeats, rules=o.repeat_rules, ledger=o.ledger, limiter=o.limiter)
    app = RbacMiddleware(app, plans=o.plans)  # needs the parsed body's model and the principal
    app = EnvelopeMiddleware(app, models_max=o.models_max, admin_max=o.admin_max, max_depth=o.max_depth)  # strangers' bodies stay unread
    app = AuthMiddleware(app, keys=o.keys, tokens=o.tokens, local=o.local_user)  # from headers only, before a byte of the body is taken
    if o.cors_origins:
        app = CorsMiddleware(app, origins=o.cors_origins, max_age_s=o.cors_max_age_s)  # pre-flights carry no credential
    if o.shedder is not None:
        app = SheddingMiddleware(app, shedder=o.shedder)  # before anything that costs
    return TraceMiddleware(  # outermost: sees 401s and 413s too
        app,
        classify=o.classify,
        bodies=o.bodies,
        meter=o.meter,
        clock=o.clock,
        trusted_proxies=o.trusted_proxies,
        show=o.limiter.show if o.limiter is not None else None,
    )
