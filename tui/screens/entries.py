"""One audit entry, its proof, a receipt and the light of the log in words: pure."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from textual.content import Content

from appliance.contract.audit import AuditVerified, Entry, ExportState, Proof, Receipt
from appliance.contract.system import IntegrityView
from tui import theme
from tui.inert import inert, inert_lines
from tui.keeping import short_age
from tui.proving import proves

BODIES: Final = {"kept": "保存,可读 kept", "forgotten": "已遗忘 forgotten"}


def describe(entry: Entry) -> Content:
    """One entry in full."""
    details = json.dumps(entry.details, ensure_ascii=False, indent=2, sort_keys=True)
    return Content.assemble(
        (f"#{entry.index} {inert(entry.tag, 100)}\n", "bold"),
        f"时间 time    {entry.time:%Y-%m-%d %H:%M:%S} UTC\n",
        f"主体 actor   {inert(entry.actor, 200)}\n",
        f"对象 subject {inert(entry.subject or '–', 200)}\n",
        f"请求 request {inert(entry.request_id or '–', 64)}\n",
        inert_lines(details, 8000),
        (f"\n叶哈希 leaf hash {inert(entry.hash, 64)}", "$text-muted"),
    )


def describe_proof(proof: Proof, entry: Entry) -> Content:
    """A proof in full, and whether it is of this entry and leads to the checkpoint's root."""
    same = proof.leaf_hash == entry.hash and proof.index == entry.index
    hashes = "\n".join(f"  {inert(one, 64)}" for one in proof.hashes)
    return Content.assemble(
        _judged(proof.leaf_hash, proof.index, proof.hashes, proof.checkpoint)
        if same
        else ("✖ 证明与本条不符 NOT of this entry", theme.BAD),
        f"\n存在证明 inclusion proof: #{proof.index} / {proof.size}\n{hashes}\n"
        f"检查点 checkpoint:\n{inert_lines(proof.checkpoint, 2000)}",
    )


def _judged(leaf: str, index: int, path: Sequence[str], checkpoint: str) -> tuple[str, str]:
    if proves(leaf, index, path, checkpoint):
        return ("✔ 证明通向检查点的根 the proof leads to the checkpoint's root", theme.GOOD)
    return ("✖ 证明不成立 the proof does NOT lead to the checkpoint's root", theme.BAD)


def describe_receipt(found: Receipt) -> Content:
    """From an answer to what wrote it, and whether the record proves it."""
    adapter = found.adapter_digest or "无 none"
    body = BODIES.get(found.body, inert(found.body, 100))
    return Content.assemble(
        (f"{inert(found.receipt, 64)}\n", "bold"),
        f"时间 time     {found.time:%Y-%m-%d %H:%M:%S} UTC\n",
        f"模型 model    {inert(found.model, 100)}\n",
        (f"              {inert(found.model_digest, 80)}\n", theme.QUIET),
        f"适配器 adapter {inert(adapter, 80)}\n",
        f"策略 policy   {inert(found.policy, 60)}\n",
        f"态势 posture  {inert(found.posture, 80)}\n",
        f"患者 patient  {inert(found.patient or '–', 80)}\n",
        f"正文 texts    {body}\n",
        f"条目 entry    #{found.index}\n",
        (f"叶哈希 leaf   {inert(found.hash, 64)}\n", theme.QUIET),
        _judged(found.hash, found.index, found.proof, found.checkpoint),
        f"\n检查点 checkpoint:\n{inert_lines(found.checkpoint, 2000)}",
    )


def tell_verified(found: AuditVerified, seconds: float) -> str:
    """What a verification found: how many entries, how fast, the root, and what is wrong."""
    speed = f" · {found.entries / seconds:,.0f} 条/s entries/s" if seconds > 0 else ""
    told = f"{found.entries:,} 条 entries{speed} · root {inert(found.root[:16])}…"
    return told if found.ok else f"{told}\n{inert(found.sentence, 400)}"


def tell_known(known: IntegrityView, now: datetime) -> str:
    """What the box last found by itself, and when."""
    age = ""
    if known.verified is not None:
        age = f" · 核验 verified {short_age((now - known.verified).total_seconds())}"
    told = f"{known.entries:,} 条{age} · root {inert(known.root[:8])}…"
    return told if known.state != "broken" else f"{told}\n{inert(known.sentence, 400)}"


def tell_moving(state: ExportState) -> str:
    """How far an export is."""
    share = state.done / state.total if state.total else 0.0
    return (
        f"◔ 正在导出 exporting {theme.bar(share, 20)} {share:4.0%} "
        f"{state.done:,} / {state.total:,} · k 取消 cancel"
    )


def tell_exported(state: ExportState, file: str) -> str:
    """How an export ended: where it lies and how to verify it, or why there is none."""
    if state.state != "done":
        told = inert(state.sentence or state.state, 300)
        return f"✖ 没有导出 not exported: {told}\n→ {inert(state.way_out or '–', 300)}"
    return (
        f"✔ 已导出 exported {state.entries or 0:,} 条 entries → {inert(file or state.directory, 1024)}\n"
        "  在任一电脑核验 verify on any computer: python3 verify.py ."
    )
