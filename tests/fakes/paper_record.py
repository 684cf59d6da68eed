"""The record of the box of paper: thirty entries, a live tail, proofs and an export."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from aiohttp import web

from appliance.contract.audit import (
    AuditVerified,
    CheckpointView,
    Entry,
    EntryPage,
    Exported,
    Proof,
)
from tests.fakes.paper import API, NOON, Route, event, open_stream, say

TAGS = (
    "box:audit:start",
    "vault:root:unlock",
    "access:session:open",
    "model:completion:accept",
    "model:completion:answer",
)


def entry_of(
    index: int, tag: str = "model:completion:answer", actor: str = "key:emr", **details: Any
) -> Entry:
    return Entry(
        index=index,
        time=NOON + timedelta(seconds=index),
        tag=tag,
        actor=actor,
        subject="wardbox-reference",
        request_id=f"req_{index:04x}",
        details=details or {"prompt_tokens": 229, "completion_tokens": 253},
        hash=f"{index:064x}",
    )


@dataclass
class PaperRecord:
    """Entries, and who listens to the tail."""

    integrity: str = "ok"
    entries: list[Entry] = field(
        default_factory=lambda: [entry_of(n, TAGS[n % 5]) for n in range(30)]
    )
    tails: list[asyncio.Queue[Entry]] = field(default_factory=list)

    def record_routes(self) -> list[Route]:
        return [
            ("GET", f"{API}/audit/entries", self._entries),
            ("GET", f"{API}/audit/checkpoint", self._checkpoint),
            ("GET", f"{API}/audit/proof/{{index}}", self._proof),
            ("POST", f"{API}/audit/verify", self._verify),
            ("POST", f"{API}/audit/export", self._export),
            ("GET", f"{API}/audit/live", self._live),
        ]

    async def _entries(self, request: web.Request) -> web.Response:
        tag, actor = request.query.get("tag", "*").removesuffix("*"), request.query.get("actor")
        found = [
            one
            for one in reversed(self.entries)
            if one.tag.startswith(tag) and actor in {None, one.actor}
        ]
        return say(
            EntryPage(
                entries=tuple(found[: int(request.query.get("limit", "100"))]), next_before=None
            )
        )

    async def _checkpoint(self, _: web.Request) -> web.Response:
        return say(
            CheckpointView(
                checkpoint="wardbox/box-1\n30\nq6urq6s=\n\n— wardbox/box-1 AAAA\n",
                size=len(self.entries),
                root="ab" * 32,
            )
        )

    async def _proof(self, request: web.Request) -> web.Response:
        index = int(request.match_info["index"])
        return say(
            Proof(
                index=index,
                size=len(self.entries),
                leaf_hash=f"{index:064x}",
                hashes=("cd" * 32, "ef" * 32),
                checkpoint="wardbox/box-1\n30\nq6urq6s=\n",
            )
        )

    async def _verify(self, _: web.Request) -> web.Response:
        ok = self.integrity != "broken"
        sentence = "日志完整。 The log is intact." if ok else "第 7 条被改动。 Entry 7 was changed."
        return say(
            AuditVerified(ok=ok, entries=len(self.entries), root="ab" * 32, sentence=sentence)
        )

    async def _export(self, request: web.Request) -> web.Response:
        out = (await request.json())["out"] or "/var/lib/wardbox/vault/files/exports/audit-1"
        return say(Exported(directory=out, entries=len(self.entries), root="ab" * 32))

    async def _live(self, request: web.Request) -> web.StreamResponse:
        answer = await open_stream(request)
        tail: asyncio.Queue[Entry] = asyncio.Queue()
        self.tails.append(tail)
        try:
            while True:
                await event(answer, await tail.get())
        finally:
            self.tails.remove(tail)

    @property
    def listeners(self) -> int:
        return len(self.tails)

    def record(self, entry: Entry) -> None:
        """A new entry becomes durable."""
        self.entries.append(entry)
        for tail in self.tails:
            tail.put_nowait(entry)
