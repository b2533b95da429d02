"""Reading families out of accumulators."""

from proxy.telemetry.cells import Hist, Key, RequestCell, read_request


def test_cells_of_one_family_s_labels_are_pooled() -> None:
    """Two routes of one model are two counters and one duration histogram."""
    sums: dict[Key, float] = {}
    hists: dict[Key, Hist] = {}
    for route in ("/a", "/b"):
        cell = RequestCell((route, "p", "m", "200", None))
        cell.count = 1
        cell.duration.counts[0] = 1
        cell.duration.total = 0.5
        read_request(cell, sums, hists)
    assert sums == {("llm_edge_requests_total", "/a", "p", "m", "200"): 1, ("llm_edge_requests_total", "/b", "p", "m", "200"): 1}
    pooled = hists[("llm_edge_request_duration_seconds", "p", "m")]
    assert (pooled.counts[0], pooled.total) == (2, 1.0)


def test_reading_changes_nothing() -> None:
    """A scrape is no reset, and pooling does not write into the cells."""
    cell = RequestCell(("/a", "p", "m", "200", None))
    cell.duration.counts[0] = 1
    for _ in range(2):
        hists: dict[Key, Hist] = {}
        read_request(cell, {}, hists)
        assert hists[("llm_edge_request_duration_seconds", "p", "m")].counts[0] == 1
    assert cell.duration.counts[0] == 1
