"""What a stick brings back, judged: whose checkpoint it is, and who cosigned it. No state, no clock."""

from collections.abc import Iterable
from dataclasses import dataclass

from appliance.witnesses.errors import CosignatureRefused, WitnessKeyRefused
from appliance.witnesses.store import Cosigned, Seen, Witness
from secure_compute.errors import SecureComputeError
from secure_compute.note import (
    COSIGNATURE_TYPE,
    Checkpoint,
    Cosignature,
    Note,
    NoteKey,
    NoteSignature,
    verify_note,
)


@dataclass(frozen=True, slots=True)
class Brought:
    """A note that holds: its checkpoint, and the witnesses' cosignatures with their names."""

    seen: Seen
    by: tuple[tuple[str, Cosigned], ...]


def witness_key(vkey: str, own: NoteKey) -> NoteKey:
    """A witness's verifier key (cosignature/v1, Ed25519).

    Raises:
        WitnessKeyRefused: it is none, or it is the box's own.
    """
    try:
        key = NoteKey.parse(vkey)
    except SecureComputeError as error:
        raise WitnessKeyRefused(
            reason_zh=error.sentence_zh.rstrip("。"), reason_en=error.sentence_en.rstrip(".")
        ) from None
    if key.kind != COSIGNATURE_TYPE:
        raise WitnessKeyRefused(
            reason_zh="它是日志的公钥,不是见证公钥",
            reason_en="it is the key of a log, not of a witness",
        )
    if key.key.public == own.key.public:
        raise WitnessKeyRefused(
            reason_zh="它是本机自己的密钥", reason_en="it is the key of this very box"
        )
    return key


def judge(
    name: str, data: bytes, own: NoteKey, witnesses: Iterable[Witness], now: float
) -> Brought:
    """Judge a cosigned checkpoint; whether it is of this log's past is for the log to say.

    Args:
        name: of the file, for sentences.
        data: the note.
        own: the log's public key.
        witnesses: those who are registered.
        now: Unix seconds.

    Raises:
        CosignatureRefused: not a note of this log, a signature that fails, or no known witness.
    """
    try:
        note = Note.parse(data)
        checkpoint = Checkpoint.parse(note.text)
    except SecureComputeError as error:
        raise _refused(name, error) from None
    if checkpoint.origin != own.name:
        raise CosignatureRefused(
            name=name,
            reason_zh=f"它属于另一台设备({checkpoint.origin})",
            reason_en=f"it is of another box ({checkpoint.origin})",
        )
    try:
        verify_note(note, [own])
    except SecureComputeError:
        raise CosignatureRefused(
            name=name,
            reason_zh="没有本机密钥的签名:它来自同名的另一台设备,或是伪造的",
            reason_en="this box did not sign it: it is of another box of the same name, or forged",
        ) from None
    by = tuple(_by(name, note, witnesses, int(now)))
    if not by:
        raise CosignatureRefused(
            name=name,
            reason_zh="没有已登记的见证方签过它",
            reason_en="no registered witness signed it",
        )
    lines = tuple(one for one in note.signatures if _is(one, own))
    signed = Note(note.text, lines[:1]).to_bytes().decode()
    return Brought(Seen(checkpoint.size, checkpoint.root, signed), by)


def _by(
    name: str, note: Note, witnesses: Iterable[Witness], now: int
) -> Iterable[tuple[str, Cosigned]]:
    size = Checkpoint.parse(note.text).size
    for witness in witnesses:
        key = NoteKey.parse(witness.vkey)
        for line in note.signatures:
            if not _is(line, key):
                continue
            try:
                key.check(note.text, line)
                time = Cosignature.parse(line).timestamp
            except SecureComputeError:
                raise CosignatureRefused(
                    name=name,
                    reason_zh=f"{witness.name} 的签名是伪造的或已损坏",
                    reason_en=f"the signature of {witness.name} is forged or damaged",
                ) from None
            yield witness.name, Cosigned(size, witness.vkey, line.line, time, now, outside=True)


def _is(line: NoteSignature, key: NoteKey) -> bool:
    return (line.name, line.key_id) == (key.name, key.key_id)


def _refused(name: str, error: SecureComputeError) -> CosignatureRefused:
    return CosignatureRefused(
        name=name,
        reason_zh=error.sentence_zh.rstrip("。"),
        reason_en=error.sentence_en.rstrip("."),
    )
