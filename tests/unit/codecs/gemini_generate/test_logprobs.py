"""Logprobs and OpenAI's form of them."""

from proxy.codecs.gemini_generate.logprobs import decode_logprobs, encode_logprobs

RESULT = {
    "chosenCandidates": [{"token": "é", "logProbability": -0.5}, {"token": "b", "logProbability": -0.1}],
    "topCandidates": [{"candidates": [{"token": "é", "logProbability": -0.5}]}, {"candidates": []}],
}


def test_both_ways() -> None:
    """Bytes follow from the token."""
    logprobs = decode_logprobs(RESULT)
    assert logprobs["content"][0] == {
        "token": "é",
        "logprob": -0.5,
        "bytes": [195, 169],
        "top_logprobs": [{"token": "é", "logprob": -0.5, "bytes": [195, 169]}],
    }
    assert encode_logprobs(logprobs) == RESULT


def test_what_is_no_token_is_left_out() -> None:
    """Never an error."""
    assert decode_logprobs({"chosenCandidates": [5, {"token": None}], "topCandidates": 3}) == {
        "content": [{"token": "", "logprob": 0.0, "bytes": [], "top_logprobs": []}]
    }
    assert encode_logprobs({"content": None, "refusal": []}) == {"chosenCandidates": [], "topCandidates": []}
