"""One worker of a training on several boxes: what it is given, what it does, what it tells the desk.

It runs in a process that Ray starts, on whichever box; nothing of Ray is imported at the top, so that
the box's own process can look at this module.
"""

import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import orjson
from safetensors.torch import load, save
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel
from typing_extensions import override

from models.training.checkpoint import Checkpoint, Keeper, pack, unpack
from models.training.corpus import Corpus
from models.training.loop import Progress, Surroundings, train
from models.training.recipe import Recipe, parse
from models.training.team import Gang

Parcel = Mapping[str, bytes]
_ARRAYS = ("tokens", "starts", "answers")


def wrap(model: PreTrainedModel, corpus: Corpus, recipe: Recipe, padding: int) -> dict[str, bytes]:
    """Put everything that a worker needs into bytes; no object travels as itself."""
    parcel = {name: _npy(np.asarray(getattr(corpus, name))) for name in _ARRAYS}
    parcel["recipe"] = orjson.dumps(recipe.as_dict())
    parcel["config"] = model.config.to_json_string(use_diff=False).encode()
    parcel["weights"] = weights_of(model)
    parcel["padding"] = str(padding).encode()
    return parcel


def weights_of(model: PreTrainedModel) -> bytes:
    """All parameters, each once."""
    return bytes(save({name: one.detach().cpu() for name, one in model.named_parameters()}))


def take_over(model: PreTrainedModel, weights: bytes) -> None:
    """Give a model the parameters that a worker ended with."""
    model.load_state_dict(load(weights), strict=False)
    model.eval()


def work(told: Mapping[str, Any]) -> None:
    """Train in step with the others; the first worker speaks for all of them.

    Args:
        told: `parcel`, see `wrap`, and `desk`, the handle of the desk on the box that asked.
    """
    import ray  # noqa: PLC0415  # an environment of its own holds it

    desk, parcel = told["desk"], ray.get(told["parcel"][0])
    recipe = parse(orjson.loads(parcel["recipe"]))
    corpus = Corpus(*(np.load(io.BytesIO(parcel[name]), allow_pickle=False) for name in _ARRAYS))
    model = _model(parcel)
    team = Gang()

    def report(progress: Progress) -> None:
        ray.get(desk.tell.remote(asdict(progress)))

    def stop() -> bool:
        return team.leads and bool(ray.get(desk.stopping.remote()))

    outside = Surroundings(DeskKeeper(desk, recipe), report, stop, team=team)
    outcome = train(model, corpus, recipe, outside, padding=int(parcel["padding"]))
    if team.leads:
        ray.get(desk.done.remote(asdict(outcome), weights_of(model)))


@dataclass(frozen=True, slots=True)
class DeskKeeper(Keeper):
    """Checkpoints lie on the box that asked for the training, whoever makes them."""

    desk: Any
    recipe: Recipe

    @override
    def newest(self, recipe: Mapping[str, Any]) -> Checkpoint | None:
        import ray  # noqa: PLC0415

        raw = ray.get(self.desk.newest.remote())
        return None if raw is None else unpack(raw)

    @override
    def save(self, checkpoint: Checkpoint) -> None:
        import ray  # noqa: PLC0415

        ray.get(self.desk.keep.remote(pack(checkpoint)))


def _model(parcel: Parcel) -> PreTrainedModel:
    told = orjson.loads(parcel["config"])
    config = AutoConfig.for_model(told.pop("model_type"), **told)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config).float()
    model.load_state_dict(load(parcel["weights"]), strict=False)
    return model


def _npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()
