"""The judge of slow readers, by a clock turned by hand: who is kept, who is cut, and in which order."""

import asyncio
import socket

from appliance.api import slow_reader
from appliance.api.slow_reader import SlowReader, unread


class Clock:
    """An event loop's clock and timers, turned by hand."""

    def __init__(self) -> None:
        self.now, self.calls = 0.0, []

    def time(self) -> float:
        return self.now

    def call_later(self, after, call):
        self.calls.append((self.now + after, call))
        return self

    def cancel(self) -> None:
        self.calls.clear()

    def turn(self, to: float) -> None:
        while self.calls and self.calls[0][0] <= to:
            self.now, call = self.calls.pop(0)
            call()
        self.now = to


class Pipe:
    """A transport that holds so many bytes."""

    def __init__(self, size: int) -> None:
        self.size, self.aborted = size, False

    def get_write_buffer_size(self) -> int:
        return self.size

    def get_extra_info(self, name: str) -> None:
        return None

    def abort(self) -> None:
        self.aborted = True


def test_a_slow_reader_that_goes_on_reading_is_kept_and_one_that_stops_is_not():
    clock, pipe = Clock(), Pipe(500_000)
    reader = SlowReader(clock, pipe)
    for second in range(10, 200, 10):
        pipe.size -= 22_000
        clock.turn(second)
    assert not pipe.aborted
    pipe.size -= 1000
    clock.turn(195)
    assert not pipe.aborted
    clock.turn(240)
    assert pipe.aborted
    assert not clock.calls
    reader.stop()
    assert not SlowReader.late


def test_where_many_are_late_patience_is_short(monkeypatch):
    monkeypatch.setattr(slow_reader, "MANY", 1)
    clocks = [Clock(), Clock()]
    pipes = [Pipe(100_000), Pipe(100_000)]
    readers = [SlowReader(*one) for one in zip(clocks, pipes, strict=True)]
    clocks[0].turn(5)
    assert pipes[0].aborted
    readers[0].stop()
    clocks[1].turn(5)
    assert not pipes[1].aborted
    readers[1].stop()


def test_a_long_answer_is_read_faster_than_a_short_one_and_much_in_all_is_hasty():
    clock, pipe = Clock(), Pipe(60_000_000)
    reader = SlowReader(clock, pipe)
    for second in range(2, 28, 2):
        pipe.size -= 100_000
        clock.turn(second)
    clock.turn(35)
    assert pipe.aborted
    reader.stop()
    clocks, pipes = [Clock(), Clock()], [Pipe(100_000), Pipe(slow_reader.ROOM)]
    readers = [SlowReader(*one) for one in zip(clocks, pipes, strict=True)]
    clocks[1].turn(5)
    assert pipes[1].aborted
    clocks[0].turn(5)
    assert not pipes[0].aborted
    for one in readers:
        one.stop()


def test_of_too_many_the_one_that_is_late_for_longest_goes(monkeypatch):
    monkeypatch.setattr(slow_reader, "MOST", 2)
    pipes = [Pipe(1) for _ in range(4)]
    readers = [SlowReader(Clock(), pipe) for pipe in pipes[:2]]
    readers[0].stop()
    readers[0] = SlowReader(Clock(), pipes[0])
    readers += [SlowReader(Clock(), pipe) for pipe in pipes[2:]]
    assert [pipe.aborted for pipe in pipes] == [True, True, False, False]
    for reader in readers:
        reader.stop()
    assert not SlowReader.late


async def test_what_the_kernel_holds_is_unread_too():
    near, far = socket.socketpair()
    near.setblocking(False)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=near)
    transport.write(b"x" * 50_000)
    assert transport.get_write_buffer_size() == 0
    assert unread(transport) >= 50_000
    assert len(far.recv(1_000_000)) == 50_000
    assert unread(transport) == 0
    transport.close()
    far.close()
