"""The record of a draft: hashes, counts and digests in the log, the texts behind it under a seal."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from appliance.audit import events
from appliance.audit.event import Event
from appliance.audit.identifiers import receipt_salt
from appliance.bodies.shape import NOTHING, Seal, body_of
from appliance.specialists.author import Message, Written
from appliance.specialists.draft import Draft

ROUTE: Final = "/api/v1/specialists/admission-note"


def _unsealed(_receipt: str, _patient: str | None) -> Seal:
    """Keeps no bodies."""
    return NOTHING


@dataclass(frozen=True, slots=True)
class Provenance:
    """What every receipt names, how hashes are salted, and what bodies are sealed with.

    Attributes:
        salt: 32 secret bytes of this box.
        posture: Returns the digest of the box's posture; cheap.
        policy: The version of the policy in force.
        clock: The wall clock, UTC.
        seal: What the body of a receipt and the patient that is named is sealed with; may wait for
            the disk.
    """

    salt: bytes
    posture: Callable[[], str]
    policy: str
    clock: Callable[[], datetime]
    seal: Callable[[str, str | None], Seal] = _unsealed


@dataclass(frozen=True, slots=True)
class Material:
    """What a draft was made of.

    Attributes:
        prompt: The messages, without identity.
        facts: The extract of the patient's record, with identity.
        written: The model's account.
    """

    prompt: Sequence[Message]
    facts: Mapping[str, Any]
    written: Written


def drafted(
    who: tuple[str, str], draft: Draft, material: Material, seal: Seal, provenance: Provenance
) -> tuple[Event, events.Completion]:
    """The event of a draft, with its body.

    Args:
        who: Actor and request id.
        draft: The checked draft.
        material: What it was made of.
        seal: What was decided for its body.
        provenance: What receipts name.
    """
    salt = receipt_salt(provenance.salt, draft.receipt)
    prompt = json.dumps(list(material.prompt), ensure_ascii=False).encode()
    extract = json.dumps(material.facts, ensure_ascii=False, sort_keys=True).encode()
    answer, written = draft.text.encode(), material.written

    def hashed(text: bytes) -> str:
        return hashlib.sha256(salt + text).hexdigest()

    completion = events.Completion(
        receipt=draft.receipt,
        route=ROUTE,
        model=written.model,
        model_digest=written.model_digest,
        adapter_digest=written.adapter_digest,
        prompt_hash=hashed(prompt),
        answer_hash=hashed(answer),
        prompt_tokens=written.prompt_tokens,
        completion_tokens=written.completion_tokens,
        seed=0,
        stream=True,
        status="complete",
        posture=provenance.posture(),
        policy=provenance.policy,
        patient=seal.patient,
        body=seal.state,
    )
    event = events.admission_note_draft(
        *who,
        completion,
        repairs=len(draft.repairs),
        flags=len(draft.flags),
        extract_hash=hashed(extract),
    )
    body = body_of(seal, draft.receipt, salt, (prompt, answer, extract))
    return msgspec.structs.replace(event, body=body), completion
