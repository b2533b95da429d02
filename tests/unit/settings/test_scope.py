"""Names of scopes."""

import pytest
from pydantic import TypeAdapter, ValidationError

from proxy.settings.scope import Scope


def test_known_ones_alone() -> None:
    """A misspelt one gets the nearest name."""
    scope: TypeAdapter[str] = TypeAdapter(Scope)
    assert scope.validate_python("act_as") == "act_as"
    with pytest.raises(ValidationError, match='did you mean "act_as"'):
        scope.validate_python("act_ass")
