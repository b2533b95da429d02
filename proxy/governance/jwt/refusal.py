"""Why a token is not taken."""

from proxy.core.errors import Unauthenticated, Unavailable
from proxy.core.route import Family

REFUSED = "Invalid authentication token"
"""W's text, which its clients know; elsewhere the reason follows it."""
CHALLENGE = (b"www-authenticate", b'Bearer error="invalid_token"')
"""Source: RFC 6750 section 3, read 2026-11-26."""


class TokenRefused(Unauthenticated):
    """`reason`: a clause, with nothing of the token's own text in it."""

    code = "invalid_token"

    def __init__(self, reason: str) -> None:
        super().__init__(f"{REFUSED}: {reason}")

    def seen_by(self, family: Family) -> "TokenRefused":
        """The same in the words of the family."""
        if family == "bedrock":
            self.message = REFUSED
        return self


class IssuerUnavailable(Unavailable):
    """The token's key is not known and its issuer cannot be asked. The token may be good, so this is no 401."""

    code = "issuer_unavailable"
