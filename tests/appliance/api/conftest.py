"""The box that the API's tests speak to."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.appliance.api.box import LiveBox, live_box

if TYPE_CHECKING:
    import openai


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[LiveBox]:
    async with live_box(tmp_path) as one:
        yield one


@pytest.fixture
async def slow_box(tmp_path: Path) -> AsyncIterator[LiveBox]:
    """A box whose engine takes 30 ms for a token and writes 100."""
    async with live_box(tmp_path, token_ms=30, tokens=100) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_box(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LiveBox]:
    """One box for tests that leave nothing behind."""
    async with live_box(tmp_path_factory.mktemp("shared")) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(shared_box: LiveBox) -> AsyncIterator["openai.AsyncOpenAI"]:
    """OpenAI's own client of that box."""
    import openai  # takes a second, and few modules want it

    async with openai.AsyncOpenAI(
        base_url=f"{shared_box.url}/v1", api_key=shared_box.key, max_retries=0
    ) as one:
        yield one
