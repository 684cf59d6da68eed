"""Receipts: from the id that an answer carries to the weights that wrote it, with its proof."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from appliance.audit.identifiers import is_identifier
from appliance.audit.reading import AuditReader, Query
from appliance.audit.retention import held_elsewhere
from appliance.errors import AuditEntryUnknown
from secure_compute.merkle import leaf_hash

_LATEST_US: Final = 86_400_000_000
"""An answer is recorded within a day of its request."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an auditor needs to follow one answer.

    Args:
        receipt: its id.
        model: model id.
        model_digest: digest of the model's manifest.
        adapter_digest: digest of the adapter's manifest, or None.
        policy: version of the policy that was applied.
        posture: the box's posture.
        patient: pseudonym of the patient whom the request named, or None.
        details: of the entry.
        index: the audit entry.
        hash: its RFC 6962 leaf hash.
        time: microseconds since 1970 UTC.
        proof: audit path in the tree of `checkpoint`, the leaf's sibling first.
        checkpoint: signed checkpoint.
    """

    receipt: str
    model: str
    model_digest: str
    adapter_digest: str | None
    policy: str
    posture: str
    patient: str | None
    details: Mapping[str, object]
    index: int
    hash: bytes
    time: int
    proof: tuple[bytes, ...]
    checkpoint: str


def resolve(reader: AuditReader, receipt_id: str) -> Receipt:
    """Find the entry of a receipt and prove that the log holds it.

    Args:
        reader: the log.
        receipt_id: "rcp_" and 30 hexadecimal digits.

    Raises:
        AuditEntryUnknown: the log names no such receipt.
    """
    found = reader.search(Query(receipt=receipt_id)) if is_identifier(receipt_id) else []
    if not found:
        shown = receipt_id[:40] if receipt_id.isprintable() else "?"
        held = _archived(reader, receipt_id) if is_identifier(receipt_id) else ""
        raise AuditEntryUnknown(what=f"收据 {shown} receipt {shown}{held}")
    entry = found[-1]
    details: dict[str, Any] = dict(entry.event.details)
    head = reader.head()
    return Receipt(
        receipt=receipt_id,
        model=details["model"],
        model_digest=details["model_digest"],
        adapter_digest=details["adapter_digest"],
        policy=details["policy"],
        posture=details["posture"],
        patient=details.get("patient"),
        details=details,
        index=entry.index,
        hash=leaf_hash(entry.leaf),
        time=entry.time,
        proof=tuple(reader.inclusion(entry.index, head.size)),
        checkpoint=head.note,
    )


def _archived(reader: AuditReader, receipt_id: str) -> str:
    """Which archives hold the time that a receipt begins with, as the end of a sentence."""
    moment = int(receipt_id[4:16], 16) * 1000
    held = held_elsewhere(reader, Query(since=moment, until=moment + _LATEST_US))
    return f"({held})" if held is not None else ""
