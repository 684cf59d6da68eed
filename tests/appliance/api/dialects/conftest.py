"""One gateway for every test of a module; each test gives it an engine of its own."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.appliance.api.dialects.gateway import TARGET, Gateway, running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_gateway() -> AsyncIterator[Gateway]:
    async with running() as one:
        yield one


@pytest.fixture
def gateway(shared_gateway: Gateway) -> Gateway:
    shared_gateway.asked.clear()
    shared_gateway.target = TARGET
    return shared_gateway
