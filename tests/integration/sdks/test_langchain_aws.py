"""LangChain's `ChatBedrockConverse` at each of the five providers, with the gateway's key as a bearer token and as an AWS key pair."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from langchain_aws import ChatBedrockConverse
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.tools import tool

from tests.support.scripted import Dialect, ScriptedProviders, script, talk
from tests.support.scripted.stage import Stage

pytestmark = pytest.mark.xdist_group("sdk_langchain_aws")

Make = Callable[..., Any]


@pytest.fixture(params=["bearer", "signed"])
def make(request: pytest.FixtureRequest, tls_stage: Stage, authority: Path, upstream: Dialect, monkeypatch: pytest.MonkeyPatch) -> Make:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority))
    ...
