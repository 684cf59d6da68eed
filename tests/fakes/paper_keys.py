"""The keys of the vault of the box of paper: listed, replaced, destroyed by one or by two people."""

from datetime import timedelta
from typing import Any

from aiohttp import web

from appliance.contract.base import Text
from appliance.contract.people import ActionView, ApprovalList, ApprovalView, ApprovalWish
from appliance.contract.system import Info
from appliance.contract.vault_keys import (
    DatasetList,
    DatasetRow,
    DestructionCertificate,
    Erasure,
    KeyList,
    KeyMemory,
    KeyRotated,
    KeyRotation,
    KeyRow,
)
from tests.fakes.paper import API, NOON, Route, problem, refuse, say

CERTIFICATE = "wardbox/box-1\ndestroyed patient\n\n— wardbox/box-1 AAAA\n"
SUBJECT = "patient:5f1d0c2b"
UNKNOWN = problem(
    503, "vault.subject-unknown", "没有为它封存过任何内容。", "Nothing was ever sealed for it."
)


def key_of(use: str, replaced: str, zh: str, en: str, **more: Any) -> KeyRow:
    told = {"version": 1, "state": "current", "algorithm": "aes-256-gcm", "wraps": None, **more}
    told.setdefault("made", NOON - timedelta(days=40))
    return KeyRow(use=use, replaced=replaced, meaning=Text(zh=zh, en=en), **told)


def dataset_of(number: int, hostile: str = "") -> DatasetRow:
    return DatasetRow(
        id=f"file-{number:024x}",
        name=f"白内障_{number}.jsonl{hostile}",
        owner="key:emr",
        purpose="fine-tune",
        bytes=20_000_000 * (number + 1),
        created=NOON - timedelta(days=number),
        expires=None,
        state="plain" if number == 2 else "sealed",
        algorithm=None if number == 2 else "aes-256-gcm",
        key=f"dataset:{number:032x}",
    )


def approval_of(number: int, state: str = "waiting", **more: Any) -> ApprovalView:
    told: dict[str, Any] = {
        "id": f"apr_{number:016d}",
        "action": "vault.erase",
        "subject": SUBJECT,
        "parameter": None,
        "reason": "患者要求 asked by the patient",
        "state": state,
        "requested_by": "user:ann",
        "requested": NOON - timedelta(hours=2),
        "expires": NOON + timedelta(hours=22),
        "decided_by": None,
        "decided": None,
        "executed_by": None,
        "executed": None,
    }
    return ApprovalView.model_validate({**told, **more})


class PaperKeys:
    """What it holds are plain attributes; `two` demands two people, `rights` lets one see requests."""

    def __init__(self, hostile: str = "") -> None:
        self.two = False
        self.hostile = hostile
        self.dumpable = False
        self.locked = True
        self.keys = [
            key_of("audit.db", "opening", "审计数据库", "the audit log's database"),
            key_of("box.db", "opening", "主数据库" + hostile, "the box's database", version=2),
            key_of(
                "family.dataset", "now", "各数据集密钥的上级", "above the keys of datasets", wraps=3
            ),
            key_of(
                "family.patient",
                "now",
                "各患者密钥的上级",
                "above the keys of patients",
                wraps=1204,
            ),
            key_of("files", "root", "更换后须重写全部文件", "all files would be written anew"),
            key_of(
                "signing.audit",
                "root",
                "它签过的内容以后仍要验证",
                "what it signed must go on verifying",
            ),
        ]
        self.root = "root-4c1f09a2"
        self.patients = {"P0042"}
        self.datasets = [dataset_of(number, hostile) for number in range(3)]
        self.approvals: list[ApprovalView] = []

    def routes(self) -> list[Route]:
        keys, approvals = f"{API}/vault/keys", f"{API}/approvals"
        return [
            ("GET", keys, self._list),
            ("GET", f"{API}/vault/datasets", self._datasets),
            ("POST", f"{keys}/rotate", self._rotate),
            ("POST", f"{keys}/erase", self._erase),
            ("GET", approvals, self._approvals),
            ("POST", approvals, self._request),
            ("POST", f"{approvals}/{{id}}/{{what}}", self._decide),
            ("GET", f"{API}/system/info", self._info),
        ]

    async def _list(self, _: web.Request) -> web.Response:
        return say(
            KeyList(
                root=self.root,
                wraps=len(self.keys),
                suite="international",
                suite_meaning=Text(zh="国际", en="international"),
                module="OpenSSL 3.0" + self.hostile,
                memory=KeyMemory(locked=self.locked, pages=2, dumpable=self.dumpable),
                keys=tuple(self.keys),
            )
        )

    async def _datasets(self, _: web.Request) -> web.Response:
        return say(DatasetList(datasets=tuple(self.datasets)))

    async def _rotate(self, request: web.Request) -> web.Response:
        wish = KeyRotation.model_validate(await request.json())
        if wish.use is None:
            self.root = "root-fresh"
            count = len(self.keys)
            return say(KeyRotated(use="root", when="now", version=None, rewrapped=count))
        old = next(one for one in self.keys if one.use == wish.use)
        when = "opening" if old.replaced == "opening" else "now"
        fresh = old.model_copy(update={"version": old.version + 1, "state": "next"})
        self.keys.append(fresh)
        return say(KeyRotated(use=old.use, when=when, version=fresh.version, rewrapped=0))

    async def _erase(self, request: web.Request) -> web.Response:
        wish = Erasure.model_validate(await request.json())
        approved = {one.id for one in self.approvals if one.state == "approved"}
        if self.two and wish.approval is None:
            way = f"请用 `wardbox approval request vault.erase {SUBJECT}` 申请。 Ask with it."
            said = ("此操作需要两人。", "This takes two people.")
            return refuse(problem(409, "access.approval-needed", *said, way_out=way))
        if self.two and wish.approval not in approved:
            return refuse(problem(409, "access.approval-refused", "尚未批准。", "Not approved."))
        if wish.kind == "patient" and wish.subject not in self.patients:
            return refuse(UNKNOWN)
        self.patients.discard(wish.subject)
        self.datasets = [one for one in self.datasets if one.id != wish.subject]
        return say(DestructionCertificate(certificate=CERTIFICATE, digest="sha256:" + "ab" * 32))

    async def _approvals(self, _: web.Request) -> web.Response:
        erase = ActionView(name="vault.erase", scope="vault:write", zh="销毁", en="e", parameter="")
        return say(
            ApprovalList(on=self.two, actions=(erase,), approvals=tuple(reversed(self.approvals)))
        )

    async def _request(self, request: web.Request) -> web.Response:
        wish = ApprovalWish.model_validate(await request.json())
        number = len(self.approvals) + 1
        made = approval_of(number, action=wish.action, subject=wish.subject)
        self.approvals.append(made)
        return say(made)

    async def _decide(self, request: web.Request) -> web.Response:
        at = next(
            place for place, one in enumerate(self.approvals) if one.id == request.match_info["id"]
        )
        state = {"approve": "approved", "cancel": "cancelled"}[request.match_info["what"]]
        told = {"state": state, "decided_by": "user:bob", "decided": NOON}
        self.approvals[at] = self.approvals[at].model_copy(update=told)
        return say(self.approvals[at])

    async def _info(self, _: web.Request) -> web.Response:
        return say(
            Info(
                id="box-1",
                name="眼科一号机",
                hospital="某市第一医院",
                language="zh",
                version="0.1.0",
                audit_origin="wardbox/box-1",
                audit_key="k",
                started=NOON,
                default_model="wardbox-reference",
            )
        )
