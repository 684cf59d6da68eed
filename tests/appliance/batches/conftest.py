"""A batch room that tests steer."""

import pytest

from tests.appliance.batches.steered import opened


@pytest.fixture
async def room(tmp_path):
    async with opened(tmp_path) as one:
        yield one
