"""`auth.jwt`."""

import pytest
from pydantic import ValidationError

from proxy.settings.jwt import JwtSettings


def test_audiences() -> None:
    """One, several, a comma list, any; but somebody."""
    for given, taken in (("a", ("a",)), ("a, b", ("a", "b")), (["a", "b"], ("a", "b")), ("*", ("*",))):
        assert JwtSettings.model_validate({"issuer": "https://i", "audience": given}).audience == taken
    for nobody in ("", " , ", ()):
        with pytest.raises(ValidationError, match="names nobody"):
            JwtSettings.model_validate({"issuer": "https://i", "audience": nobody})
