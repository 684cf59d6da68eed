"""Turns a model on the shelf into an engine that can be started: placement, socket and secret."""

import secrets
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from appliance.serving.errors import ModelCannot
from models.capacity import Wish
from models.engines.engine import Address, EngineSpec
from models.engines.lifecycle import EngineSupervisor
from models.engines.llama_cpp import LlamaCpp, find_llama_server
from models.engines.placement import place
from models.engines.process import ProcessKeeper
from models.formats.inspect import inspect_file
from models.formats.summary import ModelSummary
from models.hardware.facts import Hardware
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

    def make(self, model: ShelvedModel) -> EngineSupervisor:
        """Plan an engine for a model; nothing is started yet.

        Raises:
            ModelCannot: the file holds no model an engine takes.
            ModelsError: it does not fit into this machine.
        """
        inspection = inspect_file(model.path)
        if inspection.summary is None:
            raise ModelCannot(model=model.card.id, ability=inspection.reason.en)
        directory = self.runtime / model.card.id
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(mode=0o700, parents=True)
        uds = directory / "engine.sock"
        short = len(str(uds).encode()) <= _LONGEST_SOCKET
        placement = place(inspection.summary, self.hardware, self._wish(inspection.summary))
        spec = EngineSpec(
            model_id=model.card.id,
            model_path=model.path,
            address=Address(uds=uds) if short else Address(),
            secret=secrets.token_urlsafe(32),
            runtime_dir=directory,
            placement=placement
            if self.threads is None
            else replace(placement, threads=self.threads),
        )
        return EngineSupervisor(LlamaCpp(find_llama_server(self.servers)), spec, keeper=self.keeper)

    def _wish(self, model: ModelSummary) -> Wish:
        """The settings are for every model; one that was made for less gets its own length."""
        if self.wish.context is None or not model.context:
            return self.wish
        return replace(self.wish, context=min(self.wish.context, model.context))
