"""Changes of the vault's keys, on the record: told before they are made, and how they went after."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, Literal, TypeVar

from appliance.access.grants import Grant
from appliance.access.two_person import ERASE
from appliance.api.errors import FieldRefused
from appliance.api.front import Front
from appliance.audit.event import Event
from appliance.audit.events_keys import key_change
from appliance.contract import vault_keys as wire
from appliance.contract.base import Text
from appliance.errors import ApplianceError, VaultLocked
from appliance.vault.erasure import ANSWERS, COPIES, erase_box, signed
from appliance.vault.errors import KeyFixed, KeyUnknown
from appliance.vault.opened import Opened
from appliance.vault.subjects import DATASET, FAMILIES, PATIENT, SubjectKeys
from appliance.vault.uses import use_of
from secure_compute.destruction import Destruction
from secure_compute.errors import SecureComputeError
from secure_compute.guard import guarded
from secure_compute.locked import ARENA
from secure_compute.plug import PLUG

T = TypeVar("T")
_FAMILY: Final = "family."


def listing(front: Front) -> wire.KeyList:
    """Every key as it lies."""
    opened, subjects = _opened(front), _subjects(front)
    counts = {_FAMILY + family: subjects.count(family) for family in FAMILIES}
    rows = []
    for key in sorted(opened.book.keys, key=lambda key: (key.wrapped.use, key.wrapped.version)):
        use = use_of(key.wrapped.use)
        rows.append(
            wire.KeyRow(
                use=key.wrapped.use,
                version=key.wrapped.version,
                state=key.state,
                algorithm=key.wrapped.sealed.algorithm,
                made=datetime.fromtimestamp(key.made, UTC) if key.made else None,
                replaced=use.how,
                meaning=Text(zh=use.zh, en=use.en),
                wraps=counts.get(key.wrapped.use) if key.state == "current" else None,
            )
        )
    suite, memory = opened.suite, ARENA.use()
    return wire.KeyList(
        root=opened.root_id,
        wraps=len(rows),
        suite="sm" if suite.id == "sm" else "international",
        suite_meaning=Text(zh=suite.zh, en=suite.en),
        module=PLUG.module.name,
        memory=wire.KeyMemory(
            locked=memory.unlocked == 0, pages=memory.pages, dumpable=not guarded()
        ),
        keys=tuple(rows),
    )


async def rotate(front: Front, wish: wire.KeyRotation, who: Grant) -> wire.KeyRotated:
    """Replace the root key or one use."""
    opened = _opened(front)
    name = wish.use or "root"
    if wish.use is not None and wish.use not in opened.book:
        raise KeyUnknown(key=wish.use)

    def work() -> wire.KeyRotated:
        if wish.use is None:
            front.vault.rotate_root()
            return wire.KeyRotated(
                use=name, when="now", version=None, rewrapped=len(opened.book.keys)
            )
        return _replace(opened, _subjects(front), wish.use)

    return await _recorded(front, who, ("rotate", name, ""), work)


async def erase(front: Front, wish: wire.Erasure, who: Grant) -> wire.DestructionCertificate:
    """Destroy the keys of a subject, or of the whole box, and give the certificate."""
    box = front.settings.box.id
    if wish.confirm != wish.subject or (wish.kind == "box" and wish.subject != box):
        raise FieldRefused(
            field="confirm",
            reason_zh="须与要销毁的名称(整机则为设备编号)完全一致",
            reason_en="it must repeat what is to be destroyed (for the whole box, its id)",
        )
    opened, disclosure = _opened(front), front.opened().disclosure
    files = front.opened().files
    about = opened.root_id
    keys: tuple[str, ...] = ()
    if wish.kind == DATASET:
        await asyncio.to_thread(files.judge_erasing, wish.subject)
    if wish.kind != "box":
        keys = await asyncio.to_thread(disclosure.erasable, wish.kind, wish.subject)
        about = keys[0]
    approvals = front.opened().access.approvals
    await asyncio.to_thread(approvals.use, wish.approval, ERASE, about[:64], who)
    by, now = _people(front, wish.approval, who), int(front.clock().timestamp())
    origin = front.settings.audit.origin
    if wish.kind == "box":
        await front.opened().log.record(_event("ask", who, ("erase", about, "")))
        work = _whole(front, opened, by, now)
        return _certificate(await front.destroy(work))

    def work_one() -> bytes:
        remains = (COPIES, ANSWERS)
        gone = disclosure.destroy(wish.kind, wish.subject)
        front.vault.rotate_root()
        told = Destruction(origin, wish.kind, wish.subject, gone, by, now, remains)
        certificate = signed(opened, told)
        if wish.kind == PATIENT:
            disclosure.forgotten(who.actor, gone[0].partition(":")[2], certificate)
        else:
            with suppress(ApplianceError, OSError):
                # Nobody can read it any more; what is left of it goes with the next sweep.
                files.erased(wish.subject)
        return certificate

    made = await _recorded(front, who, ("erase", about, ""), work_one)
    return _certificate(made)


def _people(front: Front, approval: str | None, who: Grant) -> tuple[str, ...]:
    """Everybody who had a hand in it: who does it, and who asked for and approved it before."""
    people = [who.actor]
    if approval is not None:
        known = front.opened().access.approvals.get(approval)
        people += [known.requested_by, known.decided_by or ""]
    return tuple(dict.fromkeys(name for name in people if name))


def _whole(front: Front, opened: Opened, by: tuple[str, ...], now: int) -> Callable[[], bytes]:
    origin, layout = front.settings.audit.origin, front.layout
    return lambda: erase_box(layout, opened, by, now, origin)


def _replace(opened: Opened, subjects: SubjectKeys, use: str) -> wire.KeyRotated:
    told = use_of(use)
    if told.how == "root":
        raise KeyFixed(key=use, reason_zh=told.zh, reason_en=told.en)
    if told.how == "now":
        count = subjects.renew(use.removeprefix(_FAMILY))
        version = opened.book.current(use).wrapped.version
        return wire.KeyRotated(use=use, when="now", version=version, rewrapped=count)
    waiting = use in opened.book.waiting()
    version = opened.book.next(use).wrapped.version if waiting else opened.renew(use, "next")
    return wire.KeyRotated(use=use, when="opening", version=version, rewrapped=0)


def _certificate(content: bytes) -> wire.DestructionCertificate:
    return wire.DestructionCertificate(
        certificate=content.decode(), digest=f"sha256:{sha256(content).hexdigest()}"
    )


async def _recorded(
    front: Front, who: Grant, about: tuple[str, str, str], work: Callable[[], T]
) -> T:
    log = front.opened().log
    # What cannot be recorded is not done.
    await log.record(_event("ask", who, about))
    try:
        done = await asyncio.to_thread(work)
    except (ApplianceError, SecureComputeError, OSError):
        await log.record(_event("refuse", who, about))
        raise
    what, key, digest = about
    if isinstance(done, bytes):
        digest = f"sha256:{sha256(done).hexdigest()}"
    await log.record(_event("done", who, (what, key, digest)))
    return done


def _event(
    action: Literal["ask", "done", "refuse"], who: Grant, about: tuple[str, str, str]
) -> Event:
    what, key, digest = about
    return key_change(action, who.actor, what=what, key=key, digest=digest)


def _opened(front: Front) -> Opened:
    if front.vault.opened is None:
        raise VaultLocked
    return front.vault.opened


def _subjects(front: Front) -> SubjectKeys:
    return front.opened().disclosure.subjects
