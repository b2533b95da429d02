"""The environment that the litellm package finds."""

from proxy.settings.litellm_environ import FIXED, litellm_secrets, prepare_litellm_environ


def test_its_switches_are_set_over_whatever_was_there() -> None:
    """No price list from the network, no `.env` in the process's environment, no retries."""
    environ = {"LITELLM_LOCAL_MODEL_COST_MAP": "False", "OTHER": "1"}
    prepare_litellm_environ(environ)
    assert environ == {**FIXED, "OTHER": "1"}
    assert FIXED == {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION", "DEFAULT_MAX_RETRIES": "0"}


def test_secrets_are_known_by_their_names() -> None:
    """The longest first, so that none is left over in part; words and short values are none."""
    environ = {
        "GROQ_API_KEY": "gsk-1234567890",
        "AWS_SECRET_ACCESS_KEY": "gsk-1234567890-longer",
        "HF_TOKEN": "hf_12345678",
        "AWS_REGION": "us-east-1-and-more",
        "KEYBOARD": "qwertz-123456",
        "SOME_KEY": "short",
    }
    assert litellm_secrets(environ) == ("gsk-1234567890-longer", "gsk-1234567890", "hf_12345678")
