"""One audit entry and its inclusion proof in words: pure."""

import json

from textual.content import Content

from appliance.contract.audit import AuditVerified, Entry, Proof
from tui.inert import inert, inert_lines


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
    """A proof in full, and whether it speaks of this entry at all."""
    same = proof.leaf_hash == entry.hash
    head = (
        "✔ 证明针对本条 the proof is of this entry"
        if same
        else "✖ 证明与本条不符 NOT of this entry"
    )
    hashes = "\n".join(f"  {inert(one, 64)}" for one in proof.hashes)
    return Content(
        f"\n{head}\n存在证明 inclusion proof: #{proof.index} / {proof.size}\n{hashes}\n"
        f"检查点 checkpoint:\n{inert_lines(proof.checkpoint, 2000)}"
    )


def tell_verified(found: AuditVerified, seconds: float) -> str:
    """What a verification found: how many entries, how fast, the root, and what is wrong."""
    speed = f" · {found.entries / seconds:,.0f} 条/s entries/s" if seconds > 0 else ""
    told = f"{found.entries:,} 条 entries{speed} · root {inert(found.root[:16])}…"
    return told if found.ok else f"{told}\n{inert(found.sentence, 400)}"
