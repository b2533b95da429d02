"""What the wrappers know of a route."""

from proxy.core.route import RouteInfo


def test_a_shared_route_is_seen_by_its_clients() -> None:
    """By a header that only they send; by everybody else as it is."""
    theirs = RouteInfo(name="/x", family="anthropic")
    route = RouteInfo(name="/x", family="openai", shared=((b"theirs", theirs),))
    assert route.seen_by({b"theirs": b""}) is theirs
    assert route.seen_by({b"other": b""}) is route
    assert theirs.seen_by({b"theirs": b""}) is theirs


def test_counting_takes_no_tokens() -> None:
    """Of all four dialects."""
    assert RouteInfo(name="/v1/messages/count_tokens", family="anthropic").counts_only
    assert RouteInfo(name="/v1/responses/input_tokens", family="openai").counts_only
    assert RouteInfo(name="/model/{model}/count-tokens", family="bedrock").counts_only
    assert RouteInfo(name="/v1beta/models/{model}:countTokens", family="gemini").counts_only
    assert not RouteInfo(name="/v1/chat/completions", family="openai").counts_only
