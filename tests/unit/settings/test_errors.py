"""Problems and their text."""

from proxy.settings.errors import Problem, SettingsError, dotted


def test_paths_read_as_people_write_them() -> None:
    """Names with dots, places in brackets."""
    assert dotted(("providers", "openai", "api_keys", 0)) == "providers.openai.api_keys[0]"
    assert dotted(()) == ""


def test_a_problem_names_place_path_and_mistake() -> None:
    """What is missing is left out."""
    assert str(Problem("missing", "a.b", "f.yaml:1:2")) == "f.yaml:1:2: a.b: missing"
    assert str(Problem("missing")) == "missing"


def test_an_error_lists_every_problem() -> None:
    """One a line."""
    error = SettingsError(Problem("x", "a"), Problem("y", "b"))
    assert str(error) == "a: x\nb: y"
    assert len(error.problems) == 2
