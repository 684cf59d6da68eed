"""How good a reference model is: fields, sides and names counted, before and after the check."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from models.formats.inspect import require_model
from models.reference.catalogue import departments
from models.reference.checking import check_against
from models.reference.fidelity import FieldScores, score_against
from models.reference.language import Sheet
from models.reference.placeholders import mask_sheet
from models.reference.prompting import messages
from models.reference.sampling import sample_sheet
from models.training.served import Chat, Serving, answers

Kind = Literal["ordinary", "odd", "english", "department"]
# The goals are set for ordinary cataract admissions; of all others what leaves has to be right.
KINDS: tuple[Kind, ...] = ("ordinary", "odd", "english", "department")
FIELDS_GOAL, SIDES_GOAL = 0.98, 0.998


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts over notes; every share is (right, all).

    Attributes:
        notes: Notes judged.
        well_formed: Notes with all their sections and only readable sentences.
        fields: Fields stated exactly.
        sides: Fields with a side whose side is right.
        names: Notes with every name right.
        whole: Notes with every field right and nothing invented.
        invented: Statements that the facts do not ask for.
    """

    notes: int
    well_formed: int
    fields: tuple[int, int]
    sides: tuple[int, int]
    names: int
    whole: int
    invented: int


@dataclass(frozen=True, slots=True)
class Quality:
    """One examination: the bare model, and what leaves after the rule check.

    Attributes:
        kind: Which patients.
        seed: Their seed.
        bare: Of the model's own text.
        checked: Of the text after the check.
        repairs: Sentences put right or added by the check.
        flags: Pieces of the draft that the check left out and shows.
        wrong_fields: Bare errors by field, most frequent first.
    """

    kind: Kind
    seed: int
    bare: Tally
    checked: Tally
    repairs: int
    flags: int
    wrong_fields: tuple[tuple[str, int], ...]

    @property
    def good(self) -> bool:
        """Whether the bare model meets the goals and everything that leaves is right."""
        bare, checked = self.bare, self.checked
        bare_good = (
            share(bare.fields) >= FIELDS_GOAL
            and share(bare.sides) >= SIDES_GOAL
            and bare.well_formed == bare.notes
        )
        return (bare_good or self.kind != "ordinary") and checked.whole == checked.notes

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "kind": self.kind,
            "seed": self.seed,
            "bare": _plain(self.bare),
            "checked": _plain(self.checked),
            "repairs": self.repairs,
            "flags": self.flags,
            "wrong_fields": dict(self.wrong_fields),
        }


def _plain(tally: Tally) -> dict[str, Any]:
    return {name: getattr(tally, name) for name in Tally.__slots__}


def share(counted: tuple[int, int]) -> float:
    """Return right divided by all; 1 where there is nothing to get wrong."""
    return counted[0] / counted[1] if counted[1] else 1.0


def patients(kind: Kind, seed: int, count: int) -> list[Sheet]:
    """Invent patients, as sheets of facts, whose names no training run has seen."""
    chance = random.Random(f"wardbox:examination:{kind}:{seed}")  # noqa: S311 - seeded, no secret
    return [_patient(kind, chance) for _ in range(count)]


def _patient(kind: Kind, chance: random.Random) -> Sheet:
    if kind == "department":
        return sample_sheet(chance, chance.choice(sorted(departments())), "ordinary", "unseen")
    name = "cataract-en" if kind == "english" else "cataract-zh"
    return sample_sheet(chance, name, "odd" if kind == "odd" else "ordinary", "unseen")


def chats(sheets: Sequence[Sheet]) -> list[Chat]:
    """Lay out what the model is asked, identity already masked."""
    return [messages(mask_sheet(one)[0]) for one in sheets]


def judge(kind: Kind, seed: int, sheets: Sequence[Sheet], notes: Sequence[str]) -> Quality:
    """Score drafted notes against their facts, as they are and after the rule check."""
    checked = [check_against(note, one) for note, one in zip(notes, sheets, strict=True)]
    bare = [score_against(note, one) for note, one in zip(notes, sheets, strict=True)]
    after = [score_against(note.text, one) for note, one in zip(checked, sheets, strict=True)]
    return Quality(
        kind=kind,
        seed=seed,
        bare=_tally(bare),
        checked=_tally(after),
        repairs=sum(len(note.repairs) for note in checked),
        flags=sum(len(note.flags) for note in checked),
        wrong_fields=_wrong(bare),
    )


def _tally(scores: Sequence[FieldScores]) -> Tally:
    fields = [right for one in scores for right in one.fields.values()]
    sides = [right for one in scores for right in one.laterality.values()]
    return Tally(
        notes=len(scores),
        well_formed=sum(one.well_formed for one in scores),
        fields=(sum(fields), len(fields)),
        sides=(sum(sides), len(sides)),
        names=sum(one.name_right for one in scores),
        whole=sum(one.all_exact and one.well_formed for one in scores),
        invented=sum(len(one.invented) for one in scores),
    )


def _wrong(scores: Sequence[FieldScores]) -> tuple[tuple[str, int], ...]:
    counts: dict[str, int] = {}
    for one in scores:
        for key, right in one.fields.items():
            if not right:
                counts[key] = counts.get(key, 0) + 1
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


@dataclass(frozen=True, slots=True)
class Examination:
    """Which unseen patients a model is examined on."""

    kind: Kind
    seed: int
    patients: int


def examine(
    server: Path,
    model: Path,
    wanted: Examination,
    serving: Serving,
    *,
    told: Callable[[int], None] = lambda _: None,
) -> Quality:
    """Serve a model with llama-server and judge its notes.

    Raises:
        FileRefused: The file is not a model.
        EngineFailed: The engine does not start or answer.
    """
    require_model(model)
    model = model.resolve()
    sheets = patients(wanted.kind, wanted.seed, wanted.patients)
    notes = asyncio.run(answers(server, model, chats(sheets), serving, told=told))
    return judge(wanted.kind, wanted.seed, sheets, notes)


def table(quality: Quality) -> str:
    """Return the figures as a table for people, Chinese and English."""
    bare, checked = quality.bare, quality.checked
    rows = [
        ("", "模型原文 bare", "检查后 checked"),
        (
            "格式完整的记录 notes well formed",
            *(_of(t.well_formed, t.notes) for t in (bare, checked)),
        ),
        ("字段准确 fields exact", *(_of(*t.fields) for t in (bare, checked))),
        ("眼别准确 laterality right", *(_of(*t.sides) for t in (bare, checked))),
        (
            "姓名正确的记录 notes with names right",
            *(_of(t.names, t.notes) for t in (bare, checked)),
        ),
        ("全部正确的记录 notes all right", *(_of(t.whole, t.notes) for t in (bare, checked))),
        ("无依据的内容 invented statements", str(bare.invented), str(checked.invented)),
        ("修正 / 标记 repairs / flags", "", f"{quality.repairs} / {quality.flags}"),
    ]
    title = f"{quality.kind}: {bare.notes} 位未见患者 unseen patients, seed {quality.seed}"
    lines = [f"  {name}: {left} | {right}" for name, left, right in rows]
    wrong = ", ".join(f"{key} {count}" for key, count in quality.wrong_fields[:12])
    return "\n".join([title, *lines, f"  错误字段 wrong fields: {wrong or '0'}"])


def _of(right: int, whole: int) -> str:
    return f"{right}/{whole} ({100 * right / whole:.2f}%)" if whole else "0/0"
