"""Trains an adapter on a model of the shelf, as lessons of the generator teach it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from models.training import adapter as adapters
from models.training import model as decoders
from models.training import tokenizer as cutting
from models.training.adapter_export import write_gguf_adapter
from models.training.corpus import Corpus, Example, chats_of, digest, encode, plan_batches
from models.training.gguf_base import open_gguf
from models.training.lessons import lessons
from models.training.loop import Outcome, Surroundings, train
from models.training.recipe import Adapter, Recipe, Schedule

GGUF_NAME = "adapter.gguf"
_MOST_CONTEXT = 2048
_WARMUP = 20
_RATE = 0.001


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a finished training left.

    Attributes:
        outcome: How it ended.
        gguf: The adapter's file.
        recipe: The recipe as it ran.
        corpus: Digest of what was learnt, as tokens.
    """

    outcome: Outcome
    gguf: Path
    recipe: Recipe
    corpus: str


@dataclass(frozen=True, slots=True)
class Source:
    """What is learnt: `records` lessons of the generator, or `chats` (lines of a file), `epochs` times."""

    records: int = 0
    chats: Iterable[bytes] | None = None
    epochs: int = 1

    def examples(self, seed: int) -> Iterator[Example]:
        """The examples. Raises CorpusMalformed."""
        if self.chats is not None:
            return chats_of(self.chats, "chats")
        return lessons(seed, self.records)

    def fit(self, chosen: Recipe, corpus: Corpus) -> Recipe:
        """The recipe with as many steps as the passes over a file take."""
        if self.chats is None:
            return chosen
        schedule = chosen.schedule
        each = len(
            plan_batches(corpus.lengths, schedule.tokens_per_batch, seed=chosen.seed, epoch=0)
        )
        steps = each * self.epochs
        return replace(chosen, schedule=replace(schedule, steps=steps, warmup=min(_WARMUP, steps)))


def recipe(spec: dict[str, int | float]) -> Recipe:
    """The recipe of a job's numbers: seed, threads, minutes, steps, rank, alpha, rate.

    Raises:
        RecipeMalformed: A value is out of range.
    """
    steps = int(spec["steps"])
    return Recipe(
        "adapter",
        seed=int(spec["seed"]),
        schedule=Schedule(
            steps=steps,
            minutes=float(spec["minutes"]),
            tokens_per_batch=2048,
            warmup=min(_WARMUP, steps),
        ),
        # Trained token rows cannot be said in a GGUF adapter, so there are none.
        adapter=Adapter(
            rank=int(spec["rank"]),
            alpha=int(spec["alpha"]),
            rate=_RATE * float(spec.get("rate", 1.0)),
            token_rows=False,
        ),
        threads=int(spec["threads"]),
        checkpoint_every=50,
    )


def tune(
    base: Path, folder: Path, chosen: Recipe, surroundings: Surroundings, source: Source
) -> Tuned | Outcome:
    """Train an adapter on a GGUF base and write it for that base; the bare outcome when stopped.

    Args:
        base: The base, a GGUF file.
        folder: Of the job; everything is written below it.
        chosen: The recipe, with an adapter part.
        surroundings: What the run needs from outside.
        source: What is learnt.

    Raises:
        ModelsError: The base cannot be trained on, or the training failed.
    """
    opened = open_gguf(base, folder / "base")
    cutter, model = cutting.load(opened), decoders.load(opened)
    # Without the tokens that end a turn there is no chat to teach.
    _, padding = cutting.end_and_padding(cutter)
    longest = min(_MOST_CONTEXT, int(model.config.max_position_embeddings))
    # Kept in memory: what people sent lies on no disk but sealed.
    corpus = encode(source.examples(chosen.seed), cutter, longest=longest)
    chosen = source.fit(chosen, corpus)
    wrapped = adapters.attach(model, chosen.adapter or Adapter(token_rows=False))
    outcome = train(wrapped, corpus, chosen, surroundings, padding=padding)
    if not outcome.finished:
        return outcome
    adapters.save(wrapped, folder / "peft")
    written = write_gguf_adapter(folder / "peft", base, folder / GGUF_NAME)
    return Tuned(outcome, written, chosen, digest(corpus))
