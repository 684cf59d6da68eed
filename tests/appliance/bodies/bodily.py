"""Bodies to test with: receipts of a day, seals with a key, and entries that name their hashes."""

import secrets
from hashlib import sha256

from appliance.audit import events
from appliance.audit.event import Event
from appliance.bodies.sealing import DAY_MS
from appliance.bodies.shape import KEPT, Body, Seal, body_of

KEY = b"k" * 32
SALT = b"s" * 32
PATIENT = "ab" * 16


def receipt(day: int = 20_000, number: int | None = None) -> str:
    tail = secrets.token_hex(9) if number is None else f"{number:018x}"
    return f"rcp_{day * DAY_MS:012x}{tail}"


def seal(patient: str | None = None, limit: int = 1 << 20) -> Seal:
    # A key of its own each time: whoever seals in another process overwrites what it was handed.
    return Seal(bytes(bytearray(KEY)), patient, KEPT, limit)


def body(name: str, prompt: bytes = b"prompt", answer: bytes = b"answer", **more) -> Body:
    made = body_of(seal(**more), name, SALT, (prompt, answer, None))
    assert made is not None
    return made


def hashed(text: bytes) -> str:
    return sha256(SALT + text).hexdigest()


def answered(name: str, prompt: bytes, answer: bytes, kept: Seal) -> Event:
    """The event of an answer with its body, as the hot path makes it."""
    completion = events.Completion(
        receipt=name,
        route="/v1/chat/completions",
        model="m",
        model_digest="a" * 64,
        adapter_digest=None,
        prompt_hash=hashed(prompt),
        answer_hash=hashed(answer),
        prompt_tokens=1,
        completion_tokens=1,
        seed=None,
        stream=False,
        status="complete",
        posture="pass",
        policy="1",
        patient=kept.patient,
        body=kept.state,
    )
    texts = (prompt, answer, None)
    return events.completion_answer("key:a", "req_1", completion, body_of(kept, name, SALT, texts))
