"""An event loop's line to the process that writes: two batches under way, the others gather."""

import asyncio
import socket
from dataclasses import dataclass

import pytest

from appliance.audit.event import Event, Leaf
from appliance.audit.frames import Frames
from appliance.audit.loop_line import LoopLine
from appliance.errors import AuditUnavailable
from secure_compute.errors import NotCanonical
from tests.appliance.audit.conftest import note


async def until(asked):
    """Turn the loop until something is there."""
    async with asyncio.timeout(30):
        while not (found := asked()):  # noqa: ASYNC110  # the other end is in this very loop
            await asyncio.sleep(0)
    return found


class Peer:
    """The other end, which answers when it is told to."""

    def __init__(self, line: socket.socket) -> None:
        self.line = line
        self.frames = Frames(line)
        self.written = 0

    async def batch(self) -> int:
        """How many events the next batch brings."""
        kind, rows, clean = await until(self.frames.poll)
        assert (kind, clean) == ("commit", False)
        return len(rows)

    async def silent(self) -> None:
        """Nothing more has come, whatever the loop did meanwhile."""
        for _ in range(5):
            await asyncio.sleep(0)
        assert self.frames.poll() is None

    def answer(self, count: int) -> None:
        self.frames.send((self.written, 7, bytes(32 * count), []))
        self.written += count

    def refuse(self) -> None:
        facts = {"reason": "the disk is full"}
        self.frames.send({"code": AuditUnavailable.code, "facts": facts, "sentence": "full"})


@dataclass
class Ends:
    """Both ends of a line, and how many events it refused each time that it broke."""

    line: LoopLine
    peer: Peer
    suffered: list[int]

    def put(self, count, told):
        for number in range(count):
            assert self.line.put(note(number), told.append)


@pytest.fixture
async def ends():
    suffered: list[int] = []
    line = LoopLine(
        asyncio.get_running_loop(), lambda count, why: suffered.append(count), lambda *_: None
    )
    ours, theirs = socket.socketpair()
    line.use(ours)
    yield Ends(line, Peer(theirs), suffered)
    line.close()
    theirs.close()


async def test_a_few_events_wait_for_the_batch_under_way(ends):
    told, peer = [], ends.peer
    ends.put(3, told)
    assert await peer.batch() == 3
    ends.put(15, told)
    await peer.silent()
    peer.answer(3)
    assert await peer.batch() == 15
    assert [leaf.index for leaf in told] == [0, 1, 2]


async def test_many_go_ahead_and_more_of_them_gather(ends):
    told, peer = [], ends.peer
    ends.put(1, told)
    assert await peer.batch() == 1
    ends.put(16, told)
    assert await peer.batch() == 16
    ends.put(40, told)
    await peer.silent()
    # Both answers in one piece: both batches are told, and what gathered goes.
    peer.answer(1)
    peer.answer(16)
    assert await peer.batch() == 40
    assert [leaf.index for leaf in told] == list(range(17))
    peer.answer(40)
    await until(lambda: len(told) == 57)
    assert all(isinstance(leaf, Leaf) for leaf in told)


async def test_what_went_ahead_is_refused_with_what_was_refused(ends):
    told, peer = [], ends.peer
    ends.put(1, told)
    assert await peer.batch() == 1
    ends.put(20, told)
    assert await peer.batch() == 20
    ends.put(5, told)
    peer.refuse()
    await until(lambda: len(told) == 26)
    assert all(isinstance(one, AuditUnavailable) for one in told)
    assert ends.suffered == [26]
    assert not ends.line.put(note(1), told.append)


async def test_an_event_that_is_none_goes_ahead_alone(ends):
    told, odd, peer = [], [], ends.peer
    ends.put(1, told)
    assert await peer.batch() == 1
    ends.put(10, told)
    ends.line.put(Event("a:b:c", "box", details={"x": object()}), odd.append)
    ends.put(20, told)
    assert await peer.batch() == 30
    assert [type(one) for one in odd] == [NotCanonical]


async def test_draining_waits_for_all_of_them(ends):
    told, peer = [], ends.peer
    ends.put(1, told)
    assert await peer.batch() == 1
    ends.put(20, told)
    assert await peer.batch() == 20
    ends.put(2, told)
    # The answers lie there already: `drain` does not let the loop go on.
    for count in (1, 20, 2):
        peer.answer(count)
    ends.line.drain()
    assert [leaf.index for leaf in told] == list(range(23))
