"""Trains an adapter on a model of the shelf, as lessons of the generator teach it."""

from dataclasses import dataclass
from pathlib import Path

from models.training import adapter as adapters
from models.training import model as decoders
from models.training import tokenizer as cutting
from models.training.adapter_export import write_gguf_adapter
from models.training.corpus import write
from models.training.gguf_base import open_gguf
from models.training.lessons import lessons
from models.training.loop import Outcome, Surroundings, train
from models.training.recipe import Adapter, Recipe, Schedule

GGUF_NAME = "adapter.gguf"
_MOST_CONTEXT = 2048


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a finished training left: how it ended, and the adapter's file."""

    outcome: Outcome
    gguf: Path


def recipe(spec: dict[str, int | float]) -> Recipe:
    """The recipe of a job's numbers: seed, threads, minutes, steps, rank, alpha.

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
            warmup=min(20, steps),
        ),
        # Trained token rows cannot be said in a GGUF adapter, so there are none.
        adapter=Adapter(rank=int(spec["rank"]), alpha=int(spec["alpha"]), token_rows=False),
        threads=int(spec["threads"]),
        checkpoint_every=50,
    )


def tune(
    base: Path, folder: Path, chosen: Recipe, surroundings: Surroundings, *, records: int
) -> Tuned | Outcome:
    """Train an adapter on a GGUF base and write it for that base; the bare outcome when stopped.

    Args:
        base: The base, a GGUF file.
        folder: Of the job; everything is written below it.
        chosen: The recipe, with an adapter part.
        surroundings: What the run needs from outside.
        records: Lessons to draw from the generator.

    Raises:
        ModelsError: The base cannot be trained on, or the training failed.
    """
    opened = open_gguf(base, folder / "base")
    cutter, model = cutting.load(opened), decoders.load(opened)
    # Without the tokens that end a turn there is no chat to teach.
    _, padding = cutting.end_and_padding(cutter)
    longest = min(_MOST_CONTEXT, int(model.config.max_position_embeddings))
    corpus = write(folder / "corpus", lessons(chosen.seed, records), cutter, longest=longest)
    wrapped = adapters.attach(model, chosen.adapter or Adapter(token_rows=False))
    outcome = train(wrapped, corpus, chosen, surroundings, padding=padding)
    if not outcome.finished:
        return outcome
    adapters.save(wrapped, folder / "peft")
    return Tuned(outcome, write_gguf_adapter(folder / "peft", base, folder / GGUF_NAME))
