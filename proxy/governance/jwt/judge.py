"""Whether a token's header and claims are those of a token for this gateway, now. Pure: the signature is judged elsewhere.

Source: RFC 7515 section 4.1 (`crit`, `typ`), RFC 7519 section 4.1, RFC 8725 section 3, RFC 9068 (`at+jwt`), read 2026-11-26. Keys that a
token brings along (`jwk`, `jku`, `x5u`, `x5c`) are never looked at.
"""

from typing import Any

from proxy.governance.jwt.refusal import TokenRefused
from proxy.governance.jwt.values import strings_at
from proxy.settings.jwt import JwtSettings

_MAX_TIME = 1 << 40
"""Later is no time (the year 36 812)."""


def judge_header(header: dict[str, Any], issuer: JwtSettings) -> tuple[str, str | None]:
    """The algorithm and the key's id. Raises TokenRefused."""
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ")
    if algorithm not in issuer.algorithms:
        raise TokenRefused(f"its algorithm is not taken here ({', '.join(issuer.algorithms)} are)")
    for name in ("crit", "zip", "enc", "b64"):
        if name in header:
            raise TokenRefused(f"its header has `{name}`, which is not supported")
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= 256):
        raise TokenRefused("its `kid` is no name of a key")
    if kind is not None and not (isinstance(kind, str) and _bare(kind) in {_bare(known) for known in issuer.types}):
        raise TokenRefused(f"its `typ` is not one of {', '.join(issuer.types)}")
    return str(algorithm), kid


def judge_claims(claims: dict[str, Any], issuer: JwtSettings, now: float) -> float:
    """When it expires, Unix seconds, leeway included. Raises TokenRefused."""
    expires = _time(claims, "exp")
    if expires is None:
        raise TokenRefused("it has no `exp`")
    if now >= expires + issuer.leeway_s:
        raise TokenRefused(f"it expired {int(now - expires)} s ago: get a new one from its issuer")
    before, issued = _time(claims, "nbf"), _time(claims, "iat")
    if before is not None and now < before - issuer.leeway_s:
        raise TokenRefused(f"it is valid only in {int(before - now) + 1} s (`nbf`): is a clock wrong?")
    if issued is not None and now < issued - issuer.leeway_s:
        raise TokenRefused(f"it was issued {int(issued - now) + 1} s in the future (`iat`): is a clock wrong?")
    if issued is not None and issued > expires:
        raise TokenRefused("it expired before it was issued")
    _audience(claims.get(issuer.audience_claim), issuer)
    for name, values in issuer.required.items():
        found = strings_at(claims, name)
        if not found or (values and not set(values) & set(found)):
            raise TokenRefused(f"its claim `{name}` is not what this gateway requires")
    return expires + issuer.leeway_s


def _audience(found: Any, issuer: JwtSettings) -> None:
    wanted = issuer.audience
    if "*" in wanted:
        return
    given = [found] if isinstance(found, str) else found
    if not isinstance(given, list) or not any(isinstance(one, str) and one in wanted for one in given):
        raise TokenRefused(f"it is for somebody else: `{issuer.audience_claim}` must be {' or '.join(wanted)}")


def _time(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MAX_TIME:
        raise TokenRefused(f"its `{name}` is no time")
    return float(value)


def _bare(kind: str) -> str:
    return kind.lower().removeprefix("application/")
