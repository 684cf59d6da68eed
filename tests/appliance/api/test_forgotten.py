"""When a process must begin anew: after keys were in it and are there no longer, and at no other time."""

import pytest

from appliance.errors import AuditUnavailable, WrongSecret
from tests.appliance.api.box import PASSPHRASE


@pytest.fixture
def told(box):
    calls = []
    box.front.forgotten = lambda: calls.append(box.front.services is None)
    return calls


async def test_after_a_lock_once_nothing_is_open(box, told):
    await box.front.lock("local:console")
    assert told == [True]
    # A locked box that is locked again held no key meanwhile.
    await box.front.lock("local:console")
    assert told == [True]


async def test_not_by_a_wrong_secret(box, told):
    with pytest.raises(WrongSecret):
        await box.front.unlock("wrong", "local:console")
    assert told == []


async def test_after_a_box_that_did_not_open_whole(box, told):
    await box.front.lock("local:console")

    async def refuse(_):
        raise AuditUnavailable(reason="full")

    box.front._build = refuse
    with pytest.raises(AuditUnavailable):
        await box.front.unlock(PASSPHRASE, "local:console")
    assert told == [True, True]


async def test_after_the_whole_box_was_destroyed(box, told):
    assert await box.front.destroy(lambda: b"certificate") == b"certificate"
    assert told == [True]
