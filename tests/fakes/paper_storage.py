"""The storage half of the box of paper: vault, slots, space and backups, from the contract's own types."""

from datetime import timedelta
from typing import Any

from aiohttp import web

from appliance.contract.access import Unlock, VaultView, VaultWarning
from appliance.contract.backup import (
    BackupList,
    BackupRun,
    BackupTargetView,
    BackupTargetWish,
    BackupWish,
    SnapshotView,
)
from appliance.contract.base import Text
from appliance.contract.job import Job
from appliance.contract.problem import Problem
from appliance.contract.slots import (
    ShareView,
    SlotAdded,
    SlotChange,
    SlotList,
    SlotTest,
    SlotView,
    SlotWish,
)
from appliance.contract.storage import AreaView, FindingView, SpaceView, StorageView
from tests.fakes.paper import API, NOON, Route, problem, refuse, say
from tests.fakes.paper_people import PASSPHRASE

GIB = 2**30
RECOVERY = "ABCD-EFGH JKMN-PQRS"
SHARES = ("SHARE-AAAAA", "SHARE-BBBBB", "SHARE-CCCCC")
"""Any two of them open."""
KEY_FILE = "wardbox-key-file/1\nAAAAA-BBBBB\n"
FRESH_RECOVERY = "-".join(["7K2MX"] * 13)
WRONG = problem(
    403,
    "vault.wrong-secret",
    "口令或恢复密钥不对。",
    "The passphrase or recovery key is wrong.",
    way_out="请核对后再输。 Check it and try again.",
)
MISTYPED = problem(
    422,
    "secure.recovery-mistyped",
    "恢复密钥输入有误:第 4 组不对。",
    "The recovery key is mistyped: group 4 is wrong.",
    way_out="请对照纸质记录核对该组。 Compare that group with the paper.",
)
REFUSED_TPM = VaultWarning(
    sentence="机器的启动度量与封装时不同:PCR 7。 The machine did not start as it did when the key was "
    "sealed: PCR 7.\n- PCR 7 a3f1c09e77d2 EV_EFI_VARIABLE_DRIVER_CONFIG: SecureBoot = 1\n"
    "+ PCR 7 115aa827dbcc EV_EFI_VARIABLE_DRIVER_CONFIG: SecureBoot = 0",
    way_out="若是预期的固件或启动设置变更,请用口令或恢复密钥解锁,再运行 wardbox vault slots reseal。 If "
    "firmware or boot settings were changed on purpose, unlock with the passphrase or the recovery key "
    "and run wardbox vault slots reseal.",
)


def slot_of(number: int, kind: str, label: str = "", **more: Any) -> SlotView:
    told = {"created": NOON - timedelta(days=40), "created_by": "local:console", **more}
    told.setdefault("used", None)
    told.setdefault("tested", None)
    person = kind not in {"tpm", "network", "machine"}
    return SlotView(id=f"slot{number:012d}", kind=kind, label=label, person=person, **told)


def run_of(days: float, ok: bool = True, sentence: str = "备份完好。 It is whole.") -> BackupRun:
    return BackupRun(time=NOON - timedelta(days=days), ok=ok, snapshot=12, sentence=sentence)


def target_of(name: str, kind: str, place: str, **more: Any) -> BackupTargetView:
    last = SnapshotView(
        number=12,
        time=NOON - timedelta(hours=10),
        files=1834,
        size=83 * GIB,
        added=GIB // 2,
        tree_size=48_211,
        version="0.1.0",
    )
    told = {"pin": "", "snapshots": (last,), "created": run_of(0.4), "verified": run_of(3), **more}
    told.setdefault("drilled", run_of(21))
    return BackupTargetView(name=name, kind=kind, place=place, **told)


def finding(subject: str, verdict: str, zh: str, en: str) -> FindingView:
    return FindingView(subject=subject, verdict=verdict, told=Text(zh=zh, en=en))


class PaperStorage:
    """What it holds are plain attributes."""

    def __init__(self, hostile: str = "") -> None:
        self.warnings: tuple[VaultWarning, ...] = ()
        self.slots = [
            slot_of(1, "passphrase", "IT" + hostile, used=NOON - timedelta(days=2)),
            slot_of(2, "recovery", "保险柜 safe", tested=NOON - timedelta(days=30)),
            slot_of(3, "tpm", "TPM", used=NOON - timedelta(hours=3), pcrs=(7,)),
            slot_of(4, "shares", "值班主任", needed=2, holders=("李主任", "王主任", "陈主任")),
            slot_of(5, "keyfile", "U 盘 stick"),
        ]
        damaged = ("pack 3f2a: 校验和不符 " + hostile,)
        bad = run_of(1, ok=False, sentence="备份有损坏的对象。 Objects of the backup are damaged.")
        self.targets = [
            target_of("nas" + hostile, "sftp", "backup@10.20.0.9:22/wardbox"),
            target_of(
                "usb",
                "disk",
                "/media/usb",
                created=run_of(9),
                verified=bad.model_copy(update={"damaged": damaged}),
                drilled=None,
            ),
        ]
        self.findings = (
            finding(
                "backend",
                "ok",
                "内置方式(SQLCipher 与 gocryptfs):没有空闲的磁盘分区。" + hostile,
                "Embedded: SQLCipher and gocryptfs, for there is no spare partition.",
            ),
            finding("weaker", "warning", "文件大小与时间可见。", "Sizes and times can be seen."),
            finding("swap", "ok", "没有未加密的交换区。", "No swap is unencrypted."),
        )
        self.level = "ok"
        self.jobs: list[Job] = []

    def routes(self) -> list[Route]:
        slots = f"{API}/vault/slots"
        return [
            ("GET", f"{API}/storage", self._storage),
            ("GET", slots, self._slots),
            ("POST", slots, self._add),
            ("POST", f"{slots}/test", self._test),
            ("POST", f"{slots}/{{id}}/reseal", self._reseal),
            ("POST", f"{slots}/{{id}}/revoke", self._revoke),
            ("GET", f"{API}/backups", self._backups),
            ("POST", f"{API}/backups", self._submit),
            ("POST", f"{API}/backups/targets", self._target),
            ("DELETE", f"{API}/backups/targets/{{name}}", self._forget),
        ]

    def view(self, *, locked: bool) -> VaultView:
        state = "locked" if locked else "unlocked"
        kinds = tuple(slot.kind for slot in self.slots)
        return VaultView(state=state, backend="embedded", slots=kinds, warnings=self.warnings)

    def judge(self, offer: Unlock) -> Problem | None:
        """Why an offer opens nothing, or None."""
        if offer.shares:
            return self._judge_shares(offer.shares)
        if offer.key_file is not None:
            return None if (offer.key_file, offer.secret) == (KEY_FILE, PASSPHRASE) else WRONG
        if offer.secret == "ABCD-EFGH JKMN-PQRX":
            return MISTYPED
        return None if offer.secret in {PASSPHRASE, RECOVERY} else WRONG

    def _judge_shares(self, shares: tuple[str, ...]) -> Problem | None:
        if shares[-1] not in SHARES:
            said = f"第 {len(shares)} 份密钥份额输入有误:第 2 组不对。"
            told = f"Share {len(shares)} of those entered is mistyped: group 2 is wrong."
            return problem(422, "secure.share-mistyped", said, told)
        if len(set(shares)) < len(shares):
            return problem(422, "secure.shares-unfit", "份额输入了两次。", "A share came twice.")
        if len(shares) < 2:
            said = "密钥份额还不够:需要 2 份,已有 1 份(这套共 3 份)。"
            told = "More shares are needed: 2 are needed, 1 are here (the set has 3)."
            way_out = "请下一位持有人输入自己的份额。 Let the next holder enter theirs."
            return problem(422, "secure.shares-too-few", said, told, progress=0.5, way_out=way_out)
        return None

    async def _storage(self, _: web.Request) -> web.Response:
        quotas = {"shelf": 160, "datasets": 0, "jobs": 40, "audit": 0, "staging": 20}
        used = {"shelf": 62, "datasets": 9, "jobs": 38, "audit": 2, "staging": 1}
        areas = tuple(
            AreaView(name=name, used=used[name] * GIB, quota=quota * GIB)
            for name, quota in quotas.items()
        )
        space = SpaceView(
            total=200 * GIB, free=84 * GIB, reserve=GIB // 4, level=self.level, areas=areas
        )
        return say(
            StorageView(
                time=NOON,
                backend="embedded",
                suite="international",
                findings=self.findings,
                space=space,
            )
        )

    async def _slots(self, _: web.Request) -> web.Response:
        return say(SlotList(slots=tuple(self.slots)))

    async def _add(self, request: web.Request) -> web.Response:
        wish = SlotWish.model_validate(await request.json())
        wrong = self.judge(wish.present)
        if wrong is not None:
            return refuse(wrong)
        holders = wish.holders if wish.kind == "shares" else ()
        slot = slot_of(9, wish.kind, wish.label, holders=holders, created=NOON)
        self.slots.append(slot)
        shares = tuple(
            ShareView(holder=name, text=f"SECRET-SHARE-{at}") for at, name in enumerate(holders, 1)
        )
        recovery = FRESH_RECOVERY if wish.kind == "recovery" else None
        file = KEY_FILE if wish.kind == "keyfile" else None
        return say(SlotAdded(slot=slot, recovery_key=recovery, shares=shares, key_file=file))

    async def _test(self, request: web.Request) -> web.Response:
        wish = SlotTest.model_validate(await request.json())
        if wish.present is not None:
            wrong = self.judge(wish.present)
            return refuse(wrong) if wrong is not None else say(self._tested(self.slots[0].id))
        return say(self._tested(wish.slot or ""))

    def _tested(self, slot_id: str) -> SlotView:
        at = next(place for place, slot in enumerate(self.slots) if slot.id == slot_id)
        self.slots[at] = self.slots[at].model_copy(update={"tested": NOON})
        return self.slots[at]

    async def _reseal(self, request: web.Request) -> web.Response:
        wrong = self.judge(SlotChange.model_validate(await request.json()).present)
        slot = self._tested(request.match_info["id"])
        return refuse(wrong) if wrong is not None else say(SlotAdded(slot=slot))

    async def _revoke(self, request: web.Request) -> web.Response:
        wrong = self.judge(SlotChange.model_validate(await request.json()).present)
        if wrong is not None:
            return refuse(wrong)
        gone = next(slot for slot in self.slots if slot.id == request.match_info["id"])
        self.slots.remove(gone)
        return say(gone)

    async def _backups(self, _: web.Request) -> web.Response:
        return say(
            BackupList(targets=tuple(self.targets), recipient="age1x", login="ssh-ed25519 A")
        )

    async def _submit(self, request: web.Request) -> web.Response:
        wish = BackupWish.model_validate(await request.json())
        job = Job(
            id=f"job_b{len(self.jobs)}",
            kind="backup",
            state="running",
            actor="local:console",
            created=NOON,
            started=NOON,
            finished=None,
            spec=wish.model_dump(mode="json"),
            progress=None,
            result=None,
            fault=None,
        )
        self.jobs.append(job)
        return say(job)

    async def _target(self, request: web.Request) -> web.Response:
        wish = BackupTargetWish.model_validate(await request.json())
        if not wish.place.startswith("/media/"):
            said = ("不可用:该目录不是挂载点。", "It cannot be used: no disk is mounted there.")
            return refuse(problem(422, "backup.target-refused", *said))
        nothing = {"snapshots": (), "created": None, "verified": None, "drilled": None}
        self.targets.append(target_of(wish.name, wish.kind, wish.place, **nothing))
        return say(self.targets[-1])

    async def _forget(self, request: web.Request) -> web.Response:
        self.targets = [one for one in self.targets if one.name != request.match_info["name"]]
        return web.Response(status=204)
