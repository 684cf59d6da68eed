"""The reference model: trained on invented records alone, exported, examined and described."""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import orjson
from tokenizers import Tokenizer

from models.card import Bilingual, Evaluation, ModelCard
from models.reference.vocabulary import (
    han_characters,
    placeholder_tokens,
    punctuation,
    template_terms,
)
from models.training import model as decoders
from models.training import tokenizer as cutting
from models.training.adapter import count_tokens, save_counts
from models.training.corpus import Corpus, open_corpus, write
from models.training.export import write_gguf
from models.training.job import save_model
from models.training.lessons import lessons
from models.training.loop import Outcome, Surroundings, Trainer, train
from models.training.quality import Quality, share
from models.training.recipe import Recipe, Schedule, Shape

MODEL_ID = "wardbox-reference"
VERSION = "1"
GGUF_NAME = f"{MODEL_ID}.gguf"
RECORDS = 12_500
_SAMPLE, _SAMPLE_SEED_SHIFT = 600, 1_000_003
_MOST_TERMS, _MOST_REPEATS = 1400, 400
_WORD = re.compile(r" ?[A-Za-z]{2,}")

RECIPE = Recipe(
    MODEL_ID,
    seed=1,
    shape=Shape(
        vocabulary=5632, layers=4, width=256, heads=4, kv_heads=2, head_dim=64, feed_forward=768
    ),
    schedule=Schedule(
        steps=960,
        minutes=24,
        tokens_per_batch=4096,
        matrix_rate=0.005,
        other_rate=0.004,
        warmup=30,
        decay=0.45,
    ),
    threads=2,
    checkpoint_every=100,
    ordered=True,
)


@dataclass(frozen=True, slots=True)
class Made:
    """What a finished training left behind.

    Attributes:
        outcome: How the loop ended.
        gguf: The model file, Q8_0.
        parameters: Weights of the model.
    """

    outcome: Outcome
    gguf: Path
    parameters: int


def recipe(*, seed: int, threads: int, minutes: float, steps: int | None = None) -> Recipe:
    """Return the reference recipe with what a caller may choose.

    Raises:
        RecipeMalformed: A value is out of range.
    """
    schedule = replace(RECIPE.schedule, minutes=minutes, steps=steps or RECIPE.schedule.steps)
    return replace(RECIPE, seed=seed, threads=threads, schedule=schedule)


def tokenizer(seed: int, size: int) -> Tokenizer:
    """Build the tokenizer of the generator: its words weighted by how often it writes them.

    Merges are learned inside words only. A value is then cut alike in the facts and in the note,
    whatever stands around it, and can be copied token by token.
    """
    sample = lessons(seed + _SAMPLE_SEED_SHIFT, _SAMPLE)
    written = "\n".join(f"{one.prompt}\n{one.answer}" for one in sample)
    words = [
        word
        for term in template_terms()
        for word in [term] * min(_MOST_REPEATS, 1 + written.count(term))
    ]
    # English words carry the space before them into their token.
    words += _WORD.findall(written)
    terms = cutting.learn_terms(words, _MOST_TERMS, min_frequency=1)
    characters = "".join((*punctuation(), *han_characters(), *template_terms(), "⟦⟧"))
    return cutting.build(terms, placeholder_tokens(), characters=characters, size=size)


def prepare(folder: Path, chosen: Recipe, count: int) -> tuple[Tokenizer, Corpus]:
    """Make tokenizer and corpus under `folder`, or take those of an interrupted run.

    A note of what they were made from is written last, so that neither a half-made corpus nor one
    of another seed is ever taken.
    """
    model_folder, corpus_folder = folder / "model", folder / "corpus"
    origin = orjson.dumps({"seed": chosen.seed, "shape": asdict(chosen.shape), "count": count})
    note = folder / "prepared.json"
    if note.is_file() and note.read_bytes() == origin:
        return cutting.load(model_folder), open_corpus(corpus_folder)
    note.unlink(missing_ok=True)
    made = tokenizer(chosen.seed, chosen.shape.vocabulary)
    cutting.save(made, model_folder)
    source = lessons(chosen.seed, count)
    corpus = write(corpus_folder, source, made, longest=chosen.shape.context)
    note.write_bytes(origin)
    return made, corpus


def make(
    folder: Path,
    chosen: Recipe,
    surroundings: Surroundings,
    *,
    count: int = RECORDS,
    trainer: Trainer = train,
) -> Made | Outcome:
    """Train the reference model under `folder` and export it; the bare outcome when stopped.

    `trainer` does it, on this box or on several.
    """
    cutter, corpus = prepare(folder, chosen, count)
    end, padding = cutting.end_and_padding(cutter)
    model = decoders.build(chosen.shape, seed=chosen.seed, eos=end, pad=padding)
    outcome = trainer(model, corpus, chosen, surroundings, padding=padding)
    if not outcome.finished:
        return outcome
    model_folder = folder / "model"
    save_model(model, model_folder)
    save_counts(model_folder, count_tokens(corpus, chosen.shape.vocabulary))
    path = write_gguf(model_folder, folder / GGUF_NAME, name=MODEL_ID, file_type="Q8_0")
    return Made(outcome, path, sum(parameter.numel() for parameter in model.parameters()))


def card(made: Made, chosen: Recipe, examined: tuple[Quality, ...], *, day: str) -> ModelCard:
    """Describe the model: what it is for, what it saw, how good it is.

    Args:
        made: The trained model.
        chosen: Its recipe.
        examined: Examinations to quote.
        day: The day of the examinations, YYYY-MM-DD.
    """
    seed = chosen.seed
    return ModelCard(
        id=MODEL_ID,
        name=Bilingual("WardBox 参考模型", "WardBox reference model"),
        version=VERSION,
        architecture="qwen3",
        parameters=made.parameters,
        context=chosen.shape.context,
        quantisation="Q8_0",
        licence="Apache-2.0",
        intended_use=Bilingual(
            "由结构化要素起草入院记录(以白内障为主),供医生审核;用于验收和演示整机。",
            "Drafts admission notes (cataract above all) from structured facts for a physician's "
            "review; proves and demonstrates the whole box.",
        ),
        limits=Bilingual(
            "仅学习过生成的虚构记录,不具备医学知识,不能问答、诊断或分诊。英文记录写不好,几乎全靠规则检查改写。"
            "草稿必须经规则检查和医生审核。",
            "It has seen invented records alone and knows no medicine: no questions, no diagnosis, "
            "no triage. It writes English badly: there the rule check rewrites nearly all. Drafts must "
            "pass the rule check and a physician.",
        ),
        training_data=Bilingual(
            f"models.reference 生成器的虚构病历(种子 {seed},已见 {made.outcome.tokens} 词元);"
            "无真实患者数据。",
            f"Invented records of the generator models.reference (seed {seed}, "
            f"{made.outcome.tokens} tokens seen); no data of real patients.",
        ),
        languages=("zh",),
        evaluations=tuple(row for one in examined for row in _evaluations(one, day)),
    )


def _evaluations(quality: Quality, day: str) -> Iterator[Evaluation]:
    for form, tally in (("bare", quality.bare), ("checked", quality.checked)):
        suite = f"admission note, {quality.kind} unseen patients, {form}"
        rows = (
            ("notes well formed", tally.well_formed, tally.notes),
            ("fields exact", *tally.fields),
            ("laterality right", *tally.sides),
            ("notes with names right", tally.names, tally.notes),
        )
        for metric, right, whole in rows:
            yield Evaluation(suite, metric, round(share((right, whole)), 6), whole, day)
