"""Files and batches against a real database and job room, with a gateway that tests steer."""

import asyncio
import contextlib
import json
import time
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from appliance.access.grants import Grant
from appliance.api.dialects.dialect import Target
from appliance.api.dialects.table import DIALECTS
from appliance.api.dialects.tooling import refused
from appliance.api.dialects.wish import read
from appliance.batches.desk import DeskRules, make_desk
from appliance.batches.errors import (
    BatchKeyNeeded,
    BatchOver,
    BatchRefused,
    BatchUnknown,
    FileInUse,
    FileKindRefused,
    FilesFull,
    FileTooLarge,
    FileUnknown,
    ResponseUnknown,
)
from appliance.batches.files import FileLimits
from appliance.batches.gateway import Told
from appliance.batches.kept import KEPT_S, KeptResponse
from appliance.batches.migrations import MIGRATIONS
from appliance.batches.service import BatchWish
from appliance.batches.shape import RESTING, BatchStatus
from appliance.db.database import Db
from appliance.jobs.migrations import MIGRATIONS as JOBS
from appliance.jobs.service import JobService

CHAT = "/v1/chat/completions"
OWNER = Grant("key:a", frozenset({"chat"}), None, "a", "application")
OTHER = Grant("key:b", frozenset({"chat"}), None, "b", "application")
PERSON = Grant("user:x", frozenset({"chat"}), None, None, "clinician")


class Log:
    def __init__(self):
        self.events = []

    def append(self, event):
        self.events.append(event)
        done = Future()
        done.set_result(None)
        return done


class Keys:
    def __init__(self):
        self.live = {"a": OWNER, "b": OTHER}

    def grant_of_key(self, key_id):
        return self.live.get(key_id)

    def local_grant(self):
        return PERSON


class Gateway:
    """Judges as the box does, answers as the test says."""

    def __init__(self):
        self.asked = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.told = {}
        self.busy = 0

    def paths(self):
        return frozenset(DIALECTS)

    def judge(self, path, body):
        dialect = DIALECTS[path]
        wish = read(dialect.decoder, body)
        if wish.stream:
            raise refused("stream", "x", "x")
        dialect.begin(wish, Target("m"))

    async def ask(self, grant, path, body):
        content = json.loads(body)["messages"][0]["content"]
        self.asked.append((grant.actor, content))
        if self.busy:
            self.busy -= 1
            return Told(429, b"{}", "req_b", retry_after_s=0.01)
        await self.hold.wait()
        status = self.told.get(content, 200)
        return Told(status, json.dumps({"said": content}).encode(), "req_1", 3, 2)


@dataclass
class Room:
    folder: Path
    db: Db
    log: Log = field(default_factory=Log)
    keys: Keys = field(default_factory=Keys)
    gateway: Gateway = field(default_factory=Gateway)
    ahead: float = 0.0

    def clock(self):
        return time.time() + self.ahead

    def build(self, width=1):
        rules = DeskRules(self.folder / "callers", FileLimits(20_000, 60_000), width)
        self.desk = make_desk(self.db, self.log, self.keys, rules, self.clock)
        self.files = self.desk.files
        kinds = {"batch": self.desk.work.kind()}
        self.jobs = JobService(self.db, self.log, kinds, self.folder / "jobs", self.clock)
        self.batches = self.desk.batches(self.jobs)
        self.batches.open(self.gateway)

    def send(self, content, purpose="batch", owner=OWNER.actor, **more):
        incoming = self.files.begin(owner)
        try:
            for start in range(0, len(content), 1000):
                incoming.write(content[start : start + 1000])
            return self.files.admit(incoming, owner, "a.jsonl", purpose, **more)
        finally:
            incoming.discard()

    async def rest(self, batch_id, *states):
        async with asyncio.timeout(30):
            while True:
                batch = await self.batches.get(OWNER.actor, batch_id)
                if batch.status in (states or RESTING):
                    return batch
                await asyncio.sleep(0.02)

    def lines(self, file_id):
        raw = b"".join(self.files.content(OWNER.actor, file_id))
        return {one["custom_id"]: one for one in map(json.loads, raw.splitlines())}

    def actions(self):
        return [event.tag for event in self.log.events if event.tag.startswith("batch")]


def line(number, **changes):
    body = {"messages": [{"role": "user", "content": f"n{number}"}]}
    wish = {"custom_id": f"c{number}", "method": "POST", "url": CHAT, "body": body, **changes}
    return json.dumps(wish).encode() + b"\n"


@contextlib.asynccontextmanager
async def opened(folder, width=1):
    db = Db(folder / "box.db", b"k" * 32, [*JOBS, *MIGRATIONS])
    room = Room(folder, db)
    room.build(width)
    await room.jobs.start()
    try:
        yield room
    finally:
        room.gateway.hold.set()
        await room.jobs.close()
        db.close()


@pytest.fixture
async def room(tmp_path):
    async with opened(tmp_path) as one:
        yield one


async def asked(room, count):
    """Wait until the gateway was asked so often."""
    async with asyncio.timeout(30):
        while len(room.gateway.asked) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def made(room, content, endpoint=CHAT, by=OWNER, window="24h"):
    file = room.send(content, owner=by.actor)
    return await room.batches.create(BatchWish(file.id, endpoint, window), by)


async def test_every_line_is_answered_once_for_the_key_that_made_the_batch(room):
    room.gateway.told = {"n2": 400}
    batch = await made(room, b"".join(line(n) for n in range(5)))
    assert batch.status is BatchStatus.VALIDATING
    batch = await room.rest(batch.id)
    assert (batch.status, batch.total) == (BatchStatus.COMPLETED, 5)
    assert (batch.completed, batch.failed, batch.prompt_tokens) == (4, 1, 15)
    assert room.gateway.asked == [("key:a", f"n{n}") for n in range(5)]
    answers = room.lines(batch.output_file)
    assert set(answers) == {"c0", "c1", "c3", "c4"}
    assert answers["c0"]["response"]["body"] == {"said": "n0"}
    assert room.lines(batch.error_file)["c2"]["response"]["status_code"] == 400
    assert room.actions() == ["batch:run:create", "batch:run:finish"]
    assert room.files.get(OWNER.actor, batch.output_file).expires is not None


async def test_a_batch_goes_on_after_a_stop_without_doubling_a_line(tmp_path):
    async with opened(tmp_path) as room:
        room.gateway.hold.clear()
        batch = await made(room, b"".join(line(n) for n in range(4)))
        room.gateway.hold.set()
        await asked(room, 2)
        room.gateway.hold.clear()
    # Half a line, as a crash leaves it.
    [output] = (tmp_path / "jobs").glob("*/output.jsonl")
    whole = output.read_bytes()
    output.write_bytes(whole + b'{"custom_id":"c3","respo')
    async with opened(tmp_path) as room:
        done = await room.rest(batch.id)
        assert done.status is BatchStatus.COMPLETED
        answers = room.lines(done.output_file)
        assert sorted(answers) == ["c0", "c1", "c2", "c3"]
        raw = b"".join(room.files.content(OWNER.actor, done.output_file))
        assert raw.startswith(whole)
        assert raw.count(b"\n") == 4


async def test_a_stop_while_it_comes_to_rest_changes_nothing(tmp_path):
    async with opened(tmp_path) as room:
        batch = await made(room, line(1))
        done = await room.rest(batch.id)
    async with opened(tmp_path) as room:
        store = room.desk.store
        store.put(replace(done, status=BatchStatus.FINALIZING))
        job = room.jobs.get(done.job_id)
        result = await room.desk.work.run(job, tmp_path / "jobs" / job.id, _nothing)
        assert result["status"] == "completed"
        assert set(room.lines(done.output_file)) == {"c1"}


async def _nothing(_):
    pass


@pytest.mark.parametrize(
    ("content", "code", "number"),
    [
        (line(1) + b"garbage\n", "batch.line-malformed", 2),
        (line(1) + line(1), "batch.custom-id-twice", 2),
        (line(1, url="/v1/embeddings"), "batch.line-malformed", 1),
        (line(1, url="/etc/passwd"), "batch.line-malformed", 1),
        (line(1, method="DELETE"), "batch.line-malformed", 1),
        (line(1, api_base="http://x"), "batch.line-malformed", 1),
        (line(1, body={"messages": [], "stream": True}), "request.field-refused", 1),
        (line(1, body={"messages": [{"role": "user", "content": "a"}], "stream": True}),
         "request.field-refused", 1),
        (line(1, body={"messages": [{"role": "user", "content": "a"}], "grammar": "x"}),
         "request.field-refused", 1),
        (b"{" + b"[" * 9000 + b"\n", "batch.line-malformed", 1),
        (b'{"custom_id":"\xff"}\n', None, None),
    ],
)  # fmt: skip
async def test_a_batch_with_a_bad_line_asks_nothing(room, content, code, number):
    if code is None:
        with pytest.raises(FileKindRefused):
            room.send(content)
        return
    batch = await room.rest((await made(room, content)).id)
    assert batch.status is BatchStatus.FAILED
    assert (batch.faults[0].code, batch.faults[0].line) == (code, number)
    assert room.gateway.asked == []


async def test_a_cancelled_batch_keeps_what_was_answered(room):
    room.gateway.hold.clear()
    batch = await made(room, b"".join(line(n) for n in range(9)))
    await asked(room, 1)
    cancelling = await room.batches.cancel(OWNER.actor, batch.id, OWNER.actor)
    assert cancelling.status is BatchStatus.CANCELLING
    room.gateway.hold.set()
    done = await room.rest(batch.id)
    assert (done.status, done.completed) == (BatchStatus.CANCELLED, 1)
    assert set(room.lines(done.output_file)) == {"c0"}
    with pytest.raises(BatchOver):
        await room.batches.cancel(OWNER.actor, batch.id, OWNER.actor)


async def test_a_batch_whose_time_is_over_tells_what_was_not_asked(room):
    room.gateway.hold.clear()
    batch = await made(room, b"".join(line(n) for n in range(3)), window="1h")
    await asked(room, 1)
    room.ahead = 3601
    room.gateway.hold.set()
    done = await room.rest(batch.id)
    assert (done.status, done.completed, done.failed) == (BatchStatus.EXPIRED, 1, 2)
    assert room.lines(done.error_file)["c1"]["error"]["code"] == "batch_expired"


async def test_a_revoked_key_ends_its_batch(room):
    room.gateway.hold.clear()
    batch = await made(room, line(1) + line(2))
    await asked(room, 1)
    del room.keys.live["a"]
    room.gateway.hold.set()
    done = await room.rest(batch.id)
    assert (done.status, done.completed) == (BatchStatus.FAILED, 1)
    assert done.faults[0].code == "access.refused"
    assert len(room.gateway.asked) == 1


async def test_a_full_engine_or_quota_is_waited_for(room):
    room.gateway.busy = 3
    done = await room.rest((await made(room, line(1))).id)
    assert (done.completed, done.failed) == (1, 0)


async def test_lines_are_asked_side_by_side_when_the_box_is_wide(tmp_path):
    async with opened(tmp_path, width=4) as room:
        room.gateway.hold.clear()
        batch = await made(room, b"".join(line(n) for n in range(9)))
        await asked(room, 4)
        room.gateway.hold.set()
        done = await room.rest(batch.id)
        assert done.completed == 9
        assert len(room.lines(done.output_file)) == 9


async def test_nobody_sees_what_is_another_ones(room):
    batch = await room.rest((await made(room, line(1))).id)
    for wanted in (batch.input_file, batch.output_file):
        with pytest.raises(FileUnknown):
            room.files.get(OTHER.actor, wanted)
        with pytest.raises(FileUnknown):
            room.files.content(OTHER.actor, wanted)
        with pytest.raises(FileUnknown):
            room.files.delete(OTHER.actor, wanted)
    with pytest.raises(BatchUnknown):
        await room.batches.get(OTHER.actor, batch.id)
    with pytest.raises(BatchUnknown):
        await room.batches.cancel(OTHER.actor, batch.id, OTHER.actor)
    with pytest.raises(FileUnknown):
        await room.batches.create(BatchWish(batch.input_file, CHAT), OTHER)
    assert room.files.newest(OTHER.actor) == []
    assert await room.batches.newest(OTHER.actor) == []
    assert room.files.newest(OTHER.actor, after=batch.input_file) == []


async def test_what_cannot_be_a_batch_is_refused(room):
    file = room.send(line(1))
    text = room.send(b"hello", purpose="user_data")
    for wish in (
        BatchWish(file.id, "/v1/files"),
        BatchWish(file.id, CHAT, "0h"),
        BatchWish(file.id, CHAT, "8d"),
        BatchWish(file.id, CHAT, "1 day"),
        BatchWish(text.id, CHAT),
    ):
        with pytest.raises(BatchRefused):
            await room.batches.create(wish, OWNER)
    with pytest.raises(BatchKeyNeeded):
        await room.batches.create(BatchWish(file.id, CHAT), PERSON)


async def test_a_file_that_a_batch_reads_stays(room):
    room.gateway.hold.clear()
    batch = await made(room, line(1))
    with pytest.raises(FileInUse):
        room.files.delete(OWNER.actor, batch.input_file)
    room.gateway.hold.set()
    await room.rest(batch.id)
    room.files.delete(OWNER.actor, batch.input_file)


@pytest.mark.parametrize(
    ("purpose", "content"),
    [
        ("batch", b""),
        ("batch", b"\x80\x04\x95pickle"),
        ("batch", b"PK\x03\x04zip"),
        ("batch", b"[1]"),
        ("batch", b"%PDF-1.7"),
        ("user_data", b"\x7fELF\x02\x01\x01\x00"),
        ("user_data", b"MZ\x90\x00"),
        ("user_data", b"\x80\x04\x95\x10"),
    ],
)
async def test_content_decides_and_not_the_name(room, purpose, content):
    with pytest.raises(FileKindRefused):
        room.send(content, purpose)
    assert list((room.folder / "callers").iterdir()) == []


async def test_large_files_and_many_are_refused_and_leave_nothing(room):
    with pytest.raises(FileTooLarge):
        room.send(b"x" * 20_001, "user_data")
    assert list((room.folder / "callers").iterdir()) == []
    for _ in range(3):
        room.send(b"x" * 20_000, "user_data")
    with pytest.raises(FilesFull):
        room.send(b"x", "user_data")


async def test_files_expire_and_orphans_go(room):
    kept = room.send(b"a", "user_data")
    gone = room.send(b"b", "user_data", keep_s=3600)
    orphan = room.folder / "callers" / "file-0000"
    orphan.write_bytes(b"x")
    half = room.folder / "callers" / "incoming-1"
    half.write_bytes(b"x")
    room.files.sweep()
    assert orphan.exists()
    room.ahead = 7200
    room.files.sweep()
    room.files.clear_incoming()
    assert [file.id for file in room.files.newest(OWNER.actor)] == [kept.id]
    assert not orphan.exists()
    assert not half.exists()
    assert not room.files.path(gone).exists()


async def test_names_are_labels(room):
    incoming = room.files.begin(OWNER.actor)
    incoming.write(b"a")
    name = "../../etc/\u202epasswd\x1b[31m\n" + "x" * 500
    file = room.files.admit(incoming, OWNER.actor, name, "user_data")
    assert "\u202e" not in file.name
    assert "\x1b" not in file.name
    assert len(file.name) <= 255
    assert room.files.path(file).parent == room.folder / "callers"


async def test_kept_responses_are_their_owners_and_do_not_stay_for_ever(room):
    kept = KeptResponse("resp_0123456789abcdef", b"[]", b"{}")
    room.desk.responses.keep(OWNER.actor, kept)
    assert room.desk.responses.get(OWNER.actor, kept.id) == kept
    with pytest.raises(ResponseUnknown):
        room.desk.responses.get(OTHER.actor, kept.id)
    with pytest.raises(ResponseUnknown):
        room.desk.responses.delete(OTHER.actor, kept.id)
    room.ahead = KEPT_S + 1
    room.desk.sweep()
    with pytest.raises(ResponseUnknown):
        room.desk.responses.get(OWNER.actor, kept.id)
