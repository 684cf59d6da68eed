"""The record of the box of paper: thirty entries, a live tail, proofs and an export."""

import asyncio
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from appliance.contract.audit import (
    AuditVerified,
    CheckpointView,
    Entry,
    EntryPage,
    Proof,
    Receipt,
)
from appliance.contract.bodies import BodyText, BodyView
from secure_compute.merkle import MemoryNodes, inclusion_proof, leaf_hash, root_of
from tests.fakes.paper import API, NOON, Route, event, open_stream, problem, refuse, say

RECEIPT = "rcp_0193abcdef01000000000000000000"
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
        hash=leaf_hash(str(index).encode()).hex(),
    )


def checkpoint_of(size: int) -> str:
    """An unsigned note over a tree of so many leaves: the console looks at size and root."""
    root = root_of([leaf_hash(str(index).encode()) for index in range(size)])
    return f"wardbox/box-1\n{size}\n{b64encode(root).decode()}\n\n— wardbox/box-1 AAAA\n"


def path_of(index: int, size: int) -> tuple[str, ...]:
    nodes = MemoryNodes([leaf_hash(str(one).encode()) for one in range(size)])
    return tuple(part.hex() for part in inclusion_proof(nodes, index, size))


@dataclass
class PaperRecord:
    """Entries, and who listens to the tail; `lie` is a path that proofs give instead of the true one.

    `texts` are prompt and answer behind entries.
    """

    integrity: str = "ok"
    lie: tuple[str, ...] = ()
    texts: dict[int, tuple[str, str]] = field(default_factory=dict)
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
            ("GET", f"{API}/audit/live", self._live),
            ("GET", f"{API}/audit/receipts/{{id}}", self._receipt),
            ("GET", f"{API}/audit/bodies/{{which}}", self._body),
        ]

    async def _entries(self, request: web.Request) -> web.Response:
        tag, actor = request.query.get("tag", "*").removesuffix("*"), request.query.get("actor")
        asked = request.query
        since, until = (
            datetime.fromisoformat(asked[name]) if name in asked else None
            for name in ("since", "until")
        )
        found = [
            one
            for one in reversed(self.entries)
            if one.tag.startswith(tag)
            and actor in {None, one.actor}
            and asked.get("model") in {None, one.details.get("model", one.subject)}
            and asked.get("patient") in {None, one.details.get("patient")}
            and (since is None or one.time >= since)
            and (until is None or one.time < until)
        ]
        return say(
            EntryPage(
                entries=tuple(found[: int(request.query.get("limit", "100"))]), next_before=None
            )
        )

    async def _checkpoint(self, _: web.Request) -> web.Response:
        return say(
            CheckpointView(
                checkpoint=checkpoint_of(len(self.entries)),
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
                leaf_hash=leaf_hash(str(index).encode()).hex(),
                hashes=self.lie or path_of(index, len(self.entries)),
                checkpoint=checkpoint_of(len(self.entries)),
            )
        )

    async def _verify(self, _: web.Request) -> web.Response:
        ok = self.integrity != "broken"
        sentence = "日志完整。 The log is intact." if ok else "第 7 条被改动。 Entry 7 was changed."
        return say(
            AuditVerified(ok=ok, entries=len(self.entries), root="ab" * 32, sentence=sentence)
        )

    async def _receipt(self, request: web.Request) -> web.Response:
        if request.match_info["id"] != RECEIPT:
            return refuse(problem(404, "audit.entry-unknown", "没有这张回执。", "No such receipt."))
        size = len(self.entries)
        return say(
            Receipt(
                receipt=RECEIPT,
                model="wardbox-reference",
                model_digest="sha256:" + "5a" * 32,
                adapter_digest=None,
                policy="1",
                posture="9c" * 32,
                patient="pt_4f1c",
                body="kept",
                index=4,
                hash=leaf_hash(b"4").hex(),
                proof=self.lie or path_of(4, size),
                checkpoint=checkpoint_of(size),
                time=NOON,
            )
        )

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

    async def _body(self, request: web.Request) -> web.Response:
        index = int(request.match_info["which"])
        found = self.texts.get(index)
        told = {"found": "kept" if found else "none", "index": index, "patient": None}
        reading = entry_of(len(self.entries), "audit:body:read", "user:it")
        self.entries.append(reading.model_copy(update={"details": told}))
        if found is None:
            return refuse(problem(404, "body.not-kept", "没有保存正文。", "No body is kept."))
        prompt, answer = (BodyText(text=one, bytes=len(one) + 9, cut=False) for one in found)
        cut = answer.model_copy(update={"cut": True})
        return say(
            BodyView(
                index=index,
                receipt=RECEIPT,
                patient="pt_4f1c",
                salt="00" * 32,
                prompt=prompt,
                answer=cut,
                extract=None,
            )
        )
