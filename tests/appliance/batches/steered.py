"""A batch room on a real database and job room, with a gateway that tests steer."""

import asyncio
import contextlib
import json
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from appliance.access.grants import Grant
from appliance.api.dialects.dialect import Target
from appliance.api.dialects.table import DIALECTS
from appliance.api.dialects.tooling import refused
from appliance.api.dialects.wish import read
from appliance.batches.desk import DeskRules, make_desk
from appliance.batches.files import FileLimits
from appliance.batches.gateway import Told
from appliance.batches.migrations import MIGRATIONS
from appliance.batches.service import BatchWish
from appliance.batches.shape import RESTING
from appliance.db.database import Db
from appliance.jobs.migrations import MIGRATIONS as JOBS
from appliance.jobs.service import JobService
from tests.appliance.vault.paper_vault import VAULT, seals_of

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
        self.seals = seals_of(self.folder, self.db)
        self.desk = make_desk(self.db, self.log, self.keys, rules, self.clock, self.seals)
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
    db = Db(folder / "box.db", b"k" * 32, [*JOBS, *VAULT, *MIGRATIONS])
    room = Room(folder, db)
    room.build(width)
    await room.jobs.start()
    try:
        yield room
    finally:
        room.gateway.hold.set()
        await room.jobs.close()
        db.close()


async def asked(room, count):
    """Wait until the gateway was asked so often."""
    async with asyncio.timeout(30):
        while len(room.gateway.asked) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def made(room, content, endpoint=CHAT, by=OWNER, window="24h"):
    file = room.send(content, owner=by.actor)
    return await room.batches.create(BatchWish(file.id, endpoint, window), by)
