"""Turns a model on the shelf into an engine that can be started: placement, socket and secret."""

import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from appliance.serving.errors import ModelCannot
from models.capacity import Wish, fits
from models.engines.engine import Address, EngineSpec
from models.engines.lifecycle import EngineSupervisor
from models.engines.llama_cpp import LlamaCpp, find_llama_server
from models.engines.placement import place
from models.engines.process import ProcessKeeper
from models.formats.inspect import inspect_file
from models.formats.summary import ModelSummary
from models.hardware.facts import Hardware
from models.planning.reservations import Claim, Reservations
from models.registry.shelf import ShelvedModel

# The kernel's sun_path holds 108 bytes; a longer one is refused, so loopback takes its place.
_LONGEST_SOCKET: Final = 100


@dataclass(frozen=True, slots=True)
class EngineMaker:
    """Makes engines of shelved models.

    Args:
        servers: where the `llama-server` program may be.
        runtime: private directory (0700) for sockets and secrets.
        hardware: what the machine has.
        wish: context per slot and slots that are asked for.
        threads: threads of each engine, or None to leave it to the placement.
        keeper: starts the processes.
    """

    servers: tuple[Path, ...]
    runtime: Path
    hardware: Hardware
    wish: Wish
    threads: int | None
    keeper: ProcessKeeper

    def claim(self, model: ShelvedModel, reserved: Reservations) -> Claim:
        """What a model takes of each place within what is left; to be granted before `make`.

        Raises:
            ModelCannot: the file holds no model an engine takes.
            ModelsError: it does not fit into what is left.
        """
        summary = _summary(model)
        return fits(summary, self.hardware, self._wish(summary), reserved).claim

    def engine(self, model: ShelvedModel) -> str:
        """The name of the engine that runs a model."""
        del model
        return LlamaCpp.name

    def make(
        self,
        model: ShelvedModel,
        *,
        reserved: Reservations | None = None,
        adapters: tuple[Path, ...] = (),
    ) -> EngineSupervisor:
        """Plan an engine for a model; nothing is started yet.

        Args:
            model: what it runs.
            reserved: the ledger that the model was placed in, before its own grant.
            adapters: LoRA files that it is started with.

        Raises:
            ModelCannot: the file holds no model an engine takes.
            ModelsError: it does not fit into this machine.
        """
        summary = _summary(model)
        # A new engine may be started beside the old one of the same model.
        directory = self.runtime / f"{model.card.id}-{secrets.token_hex(2)}"
        directory.mkdir(mode=0o700, parents=True)
        uds = directory / "engine.sock"
        short = len(str(uds).encode()) <= _LONGEST_SOCKET
        placement = place(summary, self.hardware, self._wish(summary), reserved)
        spec = EngineSpec(
            model_id=model.card.id,
            model_path=model.path,
            address=Address(uds=uds) if short else Address(),
            secret=secrets.token_urlsafe(32),
            runtime_dir=directory,
            placement=placement
            if self.threads is None
            else replace(placement, threads=self.threads),
            adapters=adapters,
        )
        return EngineSupervisor(LlamaCpp(find_llama_server(self.servers)), spec, keeper=self.keeper)

    def _wish(self, model: ModelSummary) -> Wish:
        """The settings are for every model; one that was made for less gets its own length."""
        if self.wish.context is None or not model.context:
            return self.wish
        return replace(self.wish, context=min(self.wish.context, model.context))


def _summary(model: ShelvedModel) -> ModelSummary:
    inspection = inspect_file(model.path)
    if inspection.summary is None:
        raise ModelCannot(model=model.card.id, ability=inspection.reason.en)
    return inspection.summary
