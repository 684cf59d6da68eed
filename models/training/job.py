"""One training job from data to a shelf-ready folder: a new model, or an adapter on a base."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, get_args

import orjson
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import PreTrainedModel

from models.training import adapter as adapters
from models.training import model as decoders
from models.training import tokenizer as cutting
from models.training.corpus import Corpus, Example, read_chats, write
from models.training.errors import SpecMalformed
from models.training.export import FileType, write_gguf
from models.training.loop import Outcome, Surroundings, train
from models.training.recipe import Recipe, parse

_KEYS = {"recipe", "data", "out", "base", "file_type", "model_name"}
Watch = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """What a worker is asked to do.

    Attributes:
        recipe: How to train; with an adapter part, `base` is needed.
        data: JSON-lines files of chats.
        out: Folder of the job; everything is written under it.
        base: Folder of the base model (safetensors), or None for a new model.
        file_type: How matrices are stored in the GGUF file.
        model_name: `general.name` of the result.
    """

    recipe: Recipe
    data: tuple[Path, ...]
    out: Path
    base: Path | None = None
    file_type: FileType = "Q8_0"
    model_name: str = "wardbox-trained"


@dataclass(frozen=True, slots=True)
class Trained:
    """Where a finished job left its results."""

    outcome: Outcome
    folder: Path
    gguf: Path

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "model_folder": str(self.folder),
            "gguf": str(self.gguf),
            "steps": self.outcome.step,
            "loss": self.outcome.loss,
            "tokens": self.outcome.tokens,
            "seconds": round(self.outcome.seconds, 1),
            "precision": self.outcome.precision,
        }


def parse_spec(document: object) -> TrainingSpec:
    """Read a job description from decoded JSON.

    Raises:
        SpecMalformed: A key is unknown, missing or of a wrong type.
        RecipeMalformed: The recipe is.
    """
    if not isinstance(document, Mapping) or set(document) - _KEYS:
        raise SpecMalformed(reason="unknown keys" if isinstance(document, Mapping) else "no object")
    data, out, base = document.get("data"), document.get("out"), document.get("base")
    if not isinstance(data, list) or not data or not all(isinstance(one, str) for one in data):
        raise SpecMalformed(reason="data")
    if not isinstance(out, str) or not (base is None or isinstance(base, str)):
        raise SpecMalformed(reason="out, base")
    file_type = document.get("file_type", "Q8_0")
    if file_type not in get_args(FileType):
        raise SpecMalformed(reason="file_type")
    recipe = parse(document.get("recipe", {}))
    if recipe.adapter is not None and base is None:
        raise SpecMalformed(reason="an adapter needs a base")
    name = str(document.get("model_name", "wardbox-trained"))
    files = tuple(Path(one) for one in data)
    return TrainingSpec(recipe, files, Path(out), Path(base) if base else None, file_type, name)


def run(spec: TrainingSpec, surroundings: Surroundings) -> Trained | Outcome:
    """Train, merge, save and export; return the bare outcome when stopped on the way."""
    examples = chain.from_iterable(read_chats(path) for path in spec.data)
    if spec.base is None:
        return _fresh(spec, list(examples), surroundings)
    return _on_base(spec, spec.base, examples, surroundings)


def new_tokenizer(
    folder: Path, answers: Iterable[str], size: int, placeholders: Sequence[str] = ()
) -> Tokenizer:
    """Load the tokenizer of an interrupted job, or learn one from what is to be written."""
    if (folder / "tokenizer.json").is_file():
        return cutting.load(folder)
    tokenizer = cutting.build(cutting.learn_terms(answers, size), placeholders, size=size)
    cutting.save(tokenizer, folder)
    return tokenizer


def _fresh(
    spec: TrainingSpec, examples: list[Example], surroundings: Surroundings
) -> Trained | Outcome:
    shape = spec.recipe.shape
    folder = spec.out / "model"
    answers = (one.answer.removesuffix(cutting.TURN_END) for one in examples)
    tokenizer = new_tokenizer(folder, answers, shape.vocabulary)
    corpus = write(spec.out / "corpus", examples, tokenizer, longest=shape.context)
    end, padding = cutting.end_and_padding(tokenizer)
    model = decoders.build(shape, seed=spec.recipe.seed, eos=end, pad=padding)
    outcome = train(model, corpus, spec.recipe, surroundings, padding=padding)
    if not outcome.finished:
        return outcome
    return finish(spec, model, corpus, outcome)


def finish(spec: TrainingSpec, model: PreTrainedModel, corpus: Corpus, outcome: Outcome) -> Trained:
    """Save a whole model with its token counts, and export it."""
    folder = spec.out / "model"
    save_model(model, folder)
    counts = adapters.count_tokens(corpus, int(model.config.vocab_size))
    adapters.save_counts(folder, counts)
    path = write_gguf(
        folder, spec.out / "model.gguf", name=spec.model_name, file_type=spec.file_type
    )
    return Trained(outcome, folder, path)


def save_model(model: PreTrainedModel, folder: Path) -> None:
    """Write configuration and weights in the layout of transformers, safetensors only."""
    folder.mkdir(parents=True, exist_ok=True)
    model.config.save_pretrained(str(folder))
    tied = bool(model.config.tie_word_embeddings)
    tensors = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in model.state_dict().items()
        if not (tied and name == "lm_head.weight")
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def _on_base(
    spec: TrainingSpec, base: Path, examples: Iterable[Example], surroundings: Surroundings
) -> Trained | Outcome:
    tokenizer = cutting.load(base)
    model = decoders.load(base)
    longest = min(spec.recipe.shape.context, int(model.config.max_position_embeddings))
    corpus = write(spec.out / "corpus", examples, tokenizer, longest=longest)
    vocabulary = int(model.config.vocab_size)
    padding = int(model.config.pad_token_id or 0)
    _copy_tokenizer(base, spec.out / "model")
    adapter = spec.recipe.adapter
    if adapter is None:
        outcome = train(model, corpus, spec.recipe, surroundings, padding=padding)
        return finish(spec, model, corpus, outcome) if outcome.finished else outcome
    fresh = adapters.new_tokens(base, corpus, vocabulary)
    wrapped = adapters.attach(model, adapter, fresh)
    outcome = train(wrapped, corpus, spec.recipe, surroundings, padding=padding)
    if not outcome.finished:
        return outcome
    adapters.save(wrapped, spec.out / "adapter")
    return finish(spec, adapters.merge(wrapped), corpus, outcome)


def _copy_tokenizer(base: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        if (base / name).is_file():
            (folder / name).write_bytes((base / name).read_bytes())


def spec_json(spec: TrainingSpec) -> bytes:
    """Write a spec as the line that a worker reads."""
    document = {
        "recipe": spec.recipe.as_dict(),
        "data": [str(path) for path in spec.data],
        "out": str(spec.out),
        "base": str(spec.base) if spec.base else None,
        "file_type": spec.file_type,
        "model_name": spec.model_name,
    }
    return orjson.dumps(document)
