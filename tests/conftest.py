"""Fixtures and rules for every test."""

from collections.abc import Iterator

import pytest

from tests.support.leaks import foreign_threads, is_plain_coroutine_test, remaining, without_leaked_tasks
from tests.support.real_llm import running


@pytest.fixture(scope="session")
def real_llm() -> Iterator[str]:
    """Base URL (…/v1) of a real LLM, SmolLM2-135M-Instruct."""
    with running() as url:
        yield url


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    if isinstance(item, pytest.Function) and is_plain_coroutine_test(item.obj) and item.get_closest_marker("allow_tasks") is None:
        item.obj = without_leaked_tasks(item.obj)


@pytest.fixture(autouse=True, scope="session")
def _no_leaked_threads() -> Iterator[None]:
    before = foreign_threads()
    yield
    left = remaining(foreign_threads() - before)
    assert not left, f"tests left threads behind that keep the interpreter alive: {left}"
