"""Trains on several boxes of a cluster: Ray Train starts the workers, the usual loop does the work.

Runs in the environment that holds Ray (`wardbox prepare-cluster`). The box that asks keeps progress,
checkpoints and the result; workers need nothing of its disk.
"""

import os
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from transformers import PreTrainedModel

from models.training import checkpoint as checkpoints
from models.training.corpus import Corpus
from models.training.errors import GangFailed, SpecMalformed
from models.training.loop import Outcome, Progress, Surroundings
from models.training.ray_worker import take_over, work, wrap
from models.training.recipe import Recipe

_LOOK_S: Final = 0.3


def connect(env: Mapping[str, str]) -> None:
    """Join the cluster of this box's Ray node.

    Args:
        env: What `models.cluster.ray_env` tells of the node; paths and addresses, no secret.
    """
    os.environ.update(env)  # noqa: TID251  # Ray takes its certificates from nowhere else
    import ray  # noqa: PLC0415  # an environment of its own holds it

    ray.init(address=env["RAY_ADDRESS"], _node_ip_address=env["VLLM_HOST_IP"], log_to_driver=False)


class Desk:
    """Stands on the box that asked; Ray makes an actor of it. Its methods run one after another."""

    def __init__(self, folder: str | None, recipe: dict[str, Any]) -> None:
        self._keeper = None if folder is None else checkpoints.FolderKeeper(Path(folder))
        self._recipe = recipe
        self._told: list[dict[str, Any]] = []
        self._stop = False
        self._result: tuple[dict[str, Any], bytes] | None = None

    def newest(self) -> bytes | None:
        """The newest checkpoint, packed."""
        found = None if self._keeper is None else self._keeper.newest(self._recipe)
        return None if found is None else checkpoints.pack(found)

    def keep(self, packed: bytes) -> None:
        """Write a checkpoint down."""
        if self._keeper is not None:
            made = checkpoints.unpack(packed)
            self._keeper.save(replace(made, recipe=self._recipe))

    def tell(self, progress: dict[str, Any]) -> None:
        """Take progress down."""
        self._told.append(progress)

    def heard(self) -> list[dict[str, Any]]:
        """What was told since the last time."""
        told, self._told = self._told, []
        return told

    def stop(self) -> None:
        """Have the workers end with a checkpoint."""
        self._stop = True

    def stopping(self) -> bool:
        """Whether they shall."""
        return self._stop

    def done(self, outcome: dict[str, Any], weights: bytes) -> None:
        """Take the result."""
        self._result = (outcome, weights)

    def result(self) -> tuple[dict[str, Any], bytes] | None:
        """The result, once there is one."""
        return self._result


@dataclass(frozen=True, slots=True)
class Together:
    """Stands in for `models.training.loop.train` where there are several boxes.

    Attributes:
        workers: How many; as far apart as there are boxes.
        threads: Cores that each takes.
        gpus: Accelerators that each takes; with them workers speak NCCL, else gloo.
    """

    workers: int
    threads: int = 1
    gpus: int = 0

    def train(
        self,
        model: PreTrainedModel,
        corpus: Corpus,
        recipe: Recipe,
        surroundings: Surroundings,
        *,
        padding: int = 0,
    ) -> Outcome:
        """Train `model` in place; the same batches, and the same sums, as one process.

        Raises:
            SpecMalformed: An adapter is to be trained, which one box does.
            GangFailed: The workers ended without a result; a later run goes on from the newest
                checkpoint.
        """
        if recipe.adapter is not None:
            raise SpecMalformed(reason="adapters are trained on one box")
        import ray  # noqa: PLC0415  # an environment of its own holds it
        from ray.util.scheduling_strategies import (  # noqa: PLC0415
            NodeAffinitySchedulingStrategy,
        )

        here = ray.get_runtime_context().get_node_id()
        place = NodeAffinitySchedulingStrategy(here, soft=False)
        folder = surroundings.checkpoints
        desk = (
            ray.remote(Desk)
            .options(num_cpus=0, scheduling_strategy=place)
            .remote(str(folder) if isinstance(folder, Path) else None, recipe.as_dict())
        )
        parcel = ray.put(wrap(model, corpus, recipe, padding))
        # A reference inside a list is passed on as it is, and fetched by who needs it.
        faults = self._fit({"desk": desk, "parcel": [parcel]}, _watch(desk, surroundings))
        result = ray.get(desk.result.remote())
        if result is None:
            raise GangFailed(reason=faults or "no result")
        told, weights = result
        take_over(model, weights)
        return Outcome(**told)

    def _fit(self, told: dict[str, Any], look: Callable[[], None]) -> str:
        """Run the trainer beside a look at the desk now and then; return what went wrong."""
        from ray.exceptions import RayError  # noqa: PLC0415
        from ray.train.v2.api.exceptions import RayTrainError  # noqa: PLC0415

        faults: list[str] = []
        with tempfile.TemporaryDirectory(prefix="wb-train-") as storage:

            def fit() -> None:
                # A worker that fails is a RayTrainError, a node that goes a RayError.
                try:
                    self._trainer(told, storage).fit()
                except (RayError, RayTrainError, RuntimeError, OSError) as fault:
                    faults.append(f"{type(fault).__name__}: {str(fault)[-300:]}")

            fitting = threading.Thread(target=fit, name="ray-train")
            fitting.start()
            while fitting.is_alive():
                look()
                fitting.join(_LOOK_S)
            look()
        return "; ".join(faults)

    def _trainer(self, told: dict[str, Any], storage: str) -> Any:
        from ray.train import RunConfig, ScalingConfig  # noqa: PLC0415
        from ray.train.torch import TorchConfig, TorchTrainer  # noqa: PLC0415

        resources = {"CPU": self.threads, **({"GPU": self.gpus} if self.gpus else {})}
        return TorchTrainer(
            work,
            train_loop_config=told,
            torch_config=TorchConfig(backend="nccl" if self.gpus else "gloo"),
            scaling_config=ScalingConfig(
                num_workers=self.workers,
                use_gpu=bool(self.gpus),
                resources_per_worker=resources,
                placement_strategy="SPREAD",
            ),
            run_config=RunConfig(name="training", storage_path=storage),
        )


def _watch(desk: Any, surroundings: Surroundings) -> Callable[[], None]:
    import ray  # noqa: PLC0415

    def look() -> None:
        if surroundings.stop():
            ray.get(desk.stop.remote())
        for progress in ray.get(desk.heard.remote()):
            surroundings.report(Progress(**progress))

    return look
