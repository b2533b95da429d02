"""Whose a thought signature is."""

from proxy.codecs.gemini_generate import signatures
from proxy.core.messages import RedactedThinkingPart, ThinkingPart


def test_the_apis_own_are_marked_and_come_back() -> None:
    """So that another provider's cannot be taken for it."""
    part = signatures.decode("CpsBAb4=", "hm")
    assert part == ThinkingPart(text="hm", signature="gemini:CpsBAb4=")
    assert signatures.own("gemini:CpsBAb4=") == "CpsBAb4="
    assert signatures.show("gemini:CpsBAb4=") == "CpsBAb4="
    assert signatures.own("EqQB") is None
    assert signatures.own(None) is None


def test_another_providers_survive_a_client_of_this_dialect() -> None:
    """Wrapped as base64, in either alphabet, padded or not."""
    for signature in ("EqQBCg+/=", "ü>>??~~"):
        shown = signatures.show(signature)
        assert signatures.decode(shown) == ThinkingPart(text="", signature=signature)
        urlsafe = shown.replace("+", "-").replace("/", "_").rstrip("=")
        assert signatures.decode(urlsafe) == ThinkingPart(text="", signature=signature)


def test_redacted_thinking_survives_as_well() -> None:
    """As a signature without text."""
    assert signatures.decode(signatures.show_redacted("Emw")) == RedactedThinkingPart(data="Emw")


def test_what_only_looks_wrapped_is_the_apis_own() -> None:
    """The prefix alone decides nothing."""
    for wire in ("AGxsbS1lZGdl", "AGxsbS1lZGdlA", "AGxsbS1lZGdl!!"):
        assert signatures.decode(wire) == ThinkingPart(text="", signature=f"gemini:{wire}")


def test_contents_lose_foreign_signatures_only() -> None:
    """A call gets the bypass value, a thought with text keeps it, one without goes; nothing is changed in place."""
    wrapped = signatures.show("EqQB")
    own = {"text": "a", "thoughtSignature": "CpsB"}
    content = {
        "role": "model",
        "parts": [
            {"text": "hm", "thought": True, "thought_signature": wrapped},
            {"text": "", "thought": True, "thoughtSignature": wrapped},
            {"functionCall": {"name": "f"}, "thoughtSignature": wrapped},
            own,
            "odd",
        ],
    }
    plain = {"role": "user", "parts": [{"text": "x"}]}
    cleaned = signatures.without_foreign([plain, content])
    assert cleaned[0] is plain
    assert cleaned[1] == {
        "role": "model",
        "parts": [
            {"text": "hm", "thought": True},
            {"functionCall": {"name": "f"}, "thoughtSignature": signatures.UNSIGNED_CALL},
            own,
            "odd",
        ],
    }
    assert len(content["parts"]) == 5
    same = [plain]
    assert signatures.without_foreign(same) is same
    assert signatures.without_foreign("x") == "x"
    assert signatures.without_foreign([{"parts": [{"text": "", "thoughtSignature": wrapped}]}]) == [{"parts": [{"text": ""}]}]
