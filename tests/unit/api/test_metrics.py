"""`GET /metrics` on the main port."""

from tests.support.library import in_process, one_provider


async def test_the_exposition_is_served_in_the_format_asked_for() -> None:
    """Prometheus' text, or OpenMetrics."""
    async with in_process() as edge:
        plain = await edge.client.get("/metrics")
        assert plain.headers["content-type"].startswith("text/plain")
        assert "llm_edge_active_requests" in plain.text
        opened = await edge.client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
        assert opened.headers["content-type"].startswith("application/openmetrics-text")
        assert opened.text.endswith("# EOF\n")


async def test_metrics_that_are_off_are_not_there() -> None:
    """404 that names the setting."""
    async with in_process(config=one_provider(telemetry={"metrics": False})) as edge:
        answer = await edge.client.get("/metrics")
        assert answer.status_code == 404
        assert "ENABLE_METRICS" in answer.json()["message"]


class OwnHub:
    """Stands for a supervisor's view over all workers."""

    async def render(self, accept: str) -> tuple[str, bytes]:
        return "text/own", accept.encode()


async def test_a_hub_can_be_brought() -> None:
    """It gets the Accept header's value."""
    async with in_process(metrics_hub=OwnHub()) as edge:
        answer = await edge.client.get("/metrics", headers={"accept": "a/b"})
        assert (answer.headers["content-type"], answer.content) == ("text/own", b"a/b")
