"""Known secrets do not get printed."""

import orjson

from proxy.telemetry.redact import Redactor


def test_a_known_secret_is_replaced() -> None:
    """Wherever it stands."""
    redact = Redactor()
    redact.add("sk-secret-1")
    assert redact(b'{"a":"Bearer sk-secret-1","b":"sk-secret-1"}') == b'{"a":"Bearer ***","b":"***"}'


def test_as_json_escapes_it() -> None:
    """A secret with a quote is found in the encoded line."""
    redact = Redactor()
    secret = 'pass"word\\1'
    redact.add(secret)
    assert redact(orjson.dumps({"a": secret})) == b'{"a":"***"}'


def test_the_longest_first() -> None:
    """A secret that contains another one leaves no tail."""
    redact = Redactor()
    redact.add("secret-1", "secret-1-longer")
    assert redact(b"secret-1-longer") == b"***"


def test_short_values_are_left() -> None:
    """They would blot out words."""
    redact = Redactor()
    redact.add("on", "")
    assert redact(b"on and on") == b"on and on"
