"""A process that works on a batch until it is killed; run as a module with a folder and a key."""

import asyncio
import json
import sys
from pathlib import Path

from appliance.batches.gateway import Told
from tests.appliance.batches.steered import OWNER, Gateway, line, made, opened

LINES = 40


class Noting(Gateway):
    """Writes down what it is asked, and takes a moment for it."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    async def ask(self, grant, path, body):
        content = json.loads(body)["messages"][0]["content"]
        with (self.folder / "asked").open("a") as stream:
            stream.write(content + "\n")
        await asyncio.sleep(0.01)
        return Told(200, json.dumps({"said": content}).encode(), "req_1", 3, 2)


async def work(folder: Path) -> None:
    """Make the batch the first time, go on with it later; end once it rests."""
    async with opened(folder) as room:
        room.batches.open(Noting(folder))
        known = await room.batches.newest(OWNER.actor)
        batch = known[0] if known else await made(room, b"".join(map(line, range(LINES))))
        done = await room.rest(batch.id)
        lines = sorted(room.lines(done.output_file))
        told = {"output_file": done.output_file, "lines": lines}
        (folder / "done").write_text(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1])))
