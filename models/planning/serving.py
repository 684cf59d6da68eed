"""The serving plan: every layout and precision tried, the best one chosen, all with numbers."""

from dataclasses import dataclass, replace
from typing import Final

from models.planning.errors import ContextBeyond, CountRefused, PrecisionRefused, SplitRefused
from models.planning.fleet import MOST_CARDS, Fleet
from models.planning.memory import (
    USABLE,
    ServingMemory,
    cache_bytes,
    cache_spread,
    serving_memory,
)
from models.planning.precision import PRECISIONS, Precision, precision_named, usable_on
from models.planning.shape import ModelShape
from models.planning.speed import Group, Pace, pace

_PROMPT: Final = 1024
_OUTPUT: Final = 512
_CONTEXT: Final = 8192
_CONCURRENCY: Final = 16
MOST_CONCURRENCY: Final = 65_536
"""Requests at once that are planned with."""
# Beyond this nobody waits gladly: a layout that answers later is taken only if all do.
_PATIENCE_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Question:
    """What shall be planned; 0 or None leaves the choice to the plan.

    Attributes:
        shape: The model.
        fleet: The cards.
        split: Cards that share one copy (tensor parallelism).
        context: Tokens for which each sequence has room.
        concurrency: Requests at once, over all copies.
        prompt: Tokens of a typical prompt.
        output: Tokens of a typical answer.
        precision: Name of a precision.
        stored: How the files at hand store their weights: the only precision of a GGUF file, and of a
            folder the one that is planned where cards have it and no other is asked for.
    """

    shape: ModelShape
    fleet: Fleet
    split: int = 0
    context: int = 0
    concurrency: int = _CONCURRENCY
    prompt: int = 0
    output: int = 0
    precision: str | None = None
    stored: Precision | None = None

    def checked(self) -> "Question":
        """The question with every choice filled in.

        Raises:
            CountRefused: A number is out of range, or more cards are to share than there are.
            SplitRefused: The model cannot be cut over so many cards.
            ContextBeyond: The model was not made for such a context.
        """
        longest = self.shape.context
        if self.context > longest:
            raise ContextBeyond(wanted=self.context, most=longest)
        context = _between("--context", self.context or min(_CONTEXT, longest), longest)
        prompt = _between("--prompt", self.prompt or min(_PROMPT, max(1, context // 2)), context)
        room = max(1, context - prompt)
        output = _between("--output", self.output or min(_OUTPUT, room), room)
        _between("--concurrency", self.concurrency, MOST_CONCURRENCY)
        if self.split:
            _between("--tp", self.split, min(self.fleet.count, MOST_CARDS))
            if not self.shape.splits(self.split):
                raise SplitRefused(
                    cards=self.split,
                    heads=self.shape.heads,
                    kv_heads=self.shape.kv_heads,
                    widths=", ".join(map(str, self.shape.widths)),
                )
        return replace(self, context=context, prompt=prompt, output=output)


@dataclass(frozen=True, slots=True)
class Layout:
    """One way to put a model on the cards.

    Attributes:
        precision: How its weights are stored.
        split: Cards that share one copy.
        copies: Copies of the model.
        memory: What one card holds.
        usable_bytes: What of a card's memory is planned with.
        pace: How fast it is; told even where it does not fit.
        sequence_bytes: What one more sequence takes of each card.
        each: Sequences of one copy that are planned with.
    """

    precision: Precision
    split: int
    copies: int
    memory: ServingMemory
    usable_bytes: int
    pace: Pace
    sequence_bytes: int
    each: int

    @property
    def most_concurrent(self) -> int:
        """Sequences of the whole context for which all copies together have room."""
        more = self.margin_bytes // self.sequence_bytes
        return max(0, self.each + more) * self.copies

    @property
    def margin_bytes(self) -> int:
        """What is left on each card; negative where it does not fit."""
        return self.usable_bytes - self.memory.total

    @property
    def fits(self) -> bool:
        """Whether it fits."""
        return self.margin_bytes >= 0


@dataclass(frozen=True, slots=True)
class ServingPlan:
    """The answer.

    Attributes:
        question: What was planned, with every choice filled in.
        chosen: The best layout that fits; where none does, the one that lacks least.
        layouts: Every layout of the chosen precision, by cards that share.
        precisions: The best layout of every usable precision, the original first.
    """

    question: Question
    chosen: Layout
    layouts: tuple[Layout, ...]
    precisions: tuple[Layout, ...]


def plan_serving(question: Question) -> ServingPlan:
    """Plans how to serve a model.

    Among the layouts that fit, the least lossy precision wins, then those that begin to answer
    within two seconds, then the most requests a second.

    Raises:
        ModelsError: The question asks for what cannot be; the refusal tells what can.
    """
    asked = question.checked()
    by_precision = [(kind, _layouts(asked, kind)) for kind in _precisions(asked)]
    best = [(kind, max(layouts, key=_merit), layouts) for kind, layouts in by_precision]
    fitting = [row for row in best if row[1].fits]
    _, chosen, layouts = (
        min(fitting, key=lambda row: (row[0].quality, -row[1].pace.requests_s))
        if fitting
        else max(best, key=lambda row: row[1].margin_bytes)
    )
    return ServingPlan(asked, chosen, tuple(layouts), tuple(layout for _, layout, _ in best))


def _precisions(question: Question) -> list[Precision]:
    sheet, stored = question.fleet.sheet, question.stored
    kinds = PRECISIONS if stored is None else (stored,)
    asked = question.precision
    if stored is not None and not stored.gguf:
        if asked is None and usable_on(sheet, stored):
            return [stored]
        kinds = tuple(stored if kind.key == stored.key else kind for kind in PRECISIONS)
    usable = [kind for kind in kinds if usable_on(sheet, kind)]
    if asked is None and usable:
        return usable
    named = None if asked is None else precision_named(asked)
    wanted = [kind for kind in usable if named is not None and kind.key == named.key]
    if not wanted:
        known = ", ".join(kind.key for kind in usable) or "—"
        told = kinds[0].key if asked is None else ascii(asked[:32])
        raise PrecisionRefused(card=sheet.key, precision=told, known=known)
    return wanted


def _layouts(question: Question, kind: Precision) -> list[Layout]:
    fleet = question.fleet
    widths = (question.split,) if question.split else question.shape.widths
    return [_layout(question, kind, width) for width in widths if width <= fleet.count]


def _layout(question: Question, kind: Precision, split: int) -> Layout:
    copies = question.fleet.count // split
    each = -(-question.concurrency // copies)
    group = Group(question.shape, kind, question.fleet.sheet, split)
    cached = cache_bytes(question.shape, question.context)
    return Layout(
        precision=kind,
        split=split,
        copies=copies,
        memory=serving_memory(question.shape, kind, split, question.context, each),
        usable_bytes=round(question.fleet.sheet.memory_bytes * USABLE),
        pace=pace(group, question.concurrency, question.prompt, question.output, copies),
        sequence_bytes=max(1, -(-cached // cache_spread(question.shape, split))),
        each=each,
    )


def _merit(layout: Layout) -> tuple[bool, float, float]:
    if not layout.fits:
        return (False, float(layout.margin_bytes), 0.0)
    return (True, float(layout.pace.ttft_busy_s <= _PATIENCE_S), layout.pace.requests_s)


def _between(field: str, value: int, most: int) -> int:
    if not 1 <= value <= most:
        raise CountRefused(field=field, value=value, least=1, most=most)
    return value
