"""The light of the record: what it shows of a log that cannot be read."""

import asyncio

import pytest

from appliance.api.integrity import Integrity
from appliance.db.errors import DbError
from tests.appliance.api.box import now


class Reader:
    def head(self):
        raise DbError(path="audit.db", reason="disk I/O error")

    def size(self):
        return 7


class Log:
    reader = Reader()
    healthy = True


async def test_a_log_that_cannot_be_read_is_told_and_stops_nothing():
    light = Integrity(now)
    watch = asyncio.create_task(light.watch(Log()))
    async with asyncio.timeout(10):
        while "I/O" not in light.view(Log()).sentence:  # noqa: ASYNC110  # it is told by looking
            await asyncio.sleep(0.01)
    seen = light.view(Log())
    assert (seen.state, seen.entries, light.verdict()) == ("unknown", 7, None)
    watch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watch
