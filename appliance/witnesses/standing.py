"""How the box's witnesses stand: what console, alerts and exports are told of them."""

from dataclasses import dataclass

from appliance.witnesses.second import Trouble


@dataclass(frozen=True, slots=True)
class CosignerKey:
    """Whose cosignatures an export carries: name, verifier key, and "tpm", "software" or "witness"."""

    name: str
    vkey: str
    kind: str


@dataclass(frozen=True, slots=True)
class SecondStanding:
    """The box's second key.

    Attributes:
        kind: "tpm" or "software"; None before the first cosignature.
        vkey: its public half.
        made: Unix seconds.
        size: entries of the largest tree it cosigned; None before the first.
        time: when, Unix seconds.
        counter: what the TPM's counter said last; None for a software key.
        trouble: why it does not cosign now.
    """

    kind: str | None = None
    vkey: str | None = None
    made: float | None = None
    size: int | None = None
    time: int | None = None
    counter: int | None = None
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class WitnessStanding:
    """One witness.

    Attributes:
        name: what people call it.
        vkey: its public key.
        added: Unix seconds.
        size: entries of the largest tree it cosigned; None before the first.
        time: when, Unix seconds.
        age_s: seconds since then, or since it was added.
        stale: whether that is longer than the settings allow.
    """

    name: str
    vkey: str
    added: float
    size: int | None
    time: int | None
    age_s: float
    stale: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """All of it."""

    second: SecondStanding
    witnesses: tuple[WitnessStanding, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """What a witness is asked to cosign: a file on the stick.

    Attributes:
        path: where it goes on the stick, with forward slashes.
        text: old size, consistency proof and checkpoint (C2SP tlog-witness, add-checkpoint).
        size: entries in the checkpoint.
        old: entries that the witness cosigned last.
    """

    path: str
    text: str
    size: int
    old: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one file that came back.

    Attributes:
        name: of the file.
        ok: whether it holds a cosignature by a registered witness over this log.
        witnesses: names of those who cosigned.
        size: entries in the checkpoint.
        zh: what came of it, in Chinese.
        en: the same in English.
    """

    name: str
    ok: bool
    witnesses: tuple[str, ...]
    size: int | None
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class CosignedNote:
    """A checkpoint with every cosignature over it.

    Attributes:
        size: entries.
        note: the whole note.
        by: verifier keys of the cosigners and the times they state.
    """

    size: int
    note: str
    by: tuple[tuple[str, int], ...]
