"""Turns a model on the shelf into an engine that can be started: placement, socket and secret."""

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from appliance.serving.errors import ModelCannot
from appliance.serving.site_engines import SiteEngines
from models.capacity import Wish, fits
from models.engines.choice import Choice, Offers, choose
from models.engines.declaration import Declaration
from models.engines.declared import secret_of
from models.engines.engine import Address, EngineSpec, Mode, Placement
from models.engines.lifecycle import EngineSupervisor
from models.engines.model_facts import read_model_facts
from models.engines.placement import place
from models.engines.process import ProcessKeeper
from models.formats.inspect import inspect_file
from models.formats.summary import ModelSummary
from models.hardware.facts import Hardware
from models.known.subject import whole_shape
from models.planning.reservations import Claim, Reservations
from models.registry.package import unreadable
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
        site: what the site declared and installed; None: nothing but llama.cpp.
        environ: environment of the box, where the secret of a declared engine may stand.
        cluster: tells what an engine needs to work on the box's Ray node; raises when none runs.
    """

    servers: tuple[Path, ...]
    runtime: Path
    hardware: Hardware
    wish: Wish
    threads: int | None
    keeper: ProcessKeeper
    site: SiteEngines | None = None
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    cluster: Callable[[], Mapping[str, str]] = dict

    def claim(self, model: ShelvedModel, reserved: Reservations) -> Claim:
        """What a model takes of each place within what is left; to be granted before `make`.

        Raises:
            ModelCannot: the file holds no model an engine takes.
            ModelsError: it does not fit into what is left.
        """
        summary = _summary(model)
        choice = self._choose(model, summary)
        if _elsewhere(choice):
            return {}
        wish, shape = self._wish(summary, choice), whole_shape(model.path)
        return fits(summary, self.hardware, wish, reserved, shape).claim

    def engine(self, model: ShelvedModel) -> str:
        """The name of the engine that runs a model."""
        return self.choice(model).engine.name

    def choice(self, model: ShelvedModel) -> Choice:
        """The engine for a model, and why.

        Raises:
            ModelCannot: the file holds no model an engine takes.
            ModelsError: no engine for it is installed, or none can run it here.
        """
        return self._choose(model, _summary(model))

    def make(
        self,
        model: ShelvedModel,
        *,
        reserved: Reservations | None = None,
        adapters: tuple[Path, ...] = (),
        adapter_room: int = 0,
    ) -> EngineSupervisor:
        """Plan an engine for a model; nothing is started yet.

        Args:
            model: what it runs.
            reserved: the ledger that the model was placed in, before its own grant.
            adapters: LoRA files that it is started with.
            adapter_room: how many an engine that takes them while it runs keeps room for.

        Raises:
            ModelCannot: the file holds no model an engine takes.
            ModelsError: it does not fit into this machine.
            ApplianceError: it works on the cluster, and this box's node does not run.
        """
        summary = _summary(model)
        choice = self._choose(model, summary)
        facts = read_model_facts(model.path)
        # A new engine may be started beside the old one of the same model.
        directory = self.runtime / f"{model.card.id}-{secrets.token_hex(2)}"
        directory.mkdir(mode=0o700, parents=True)
        spec = EngineSpec(
            model_id=model.card.id,
            model_path=model.path,
            address=_address(choice.declaration, directory),
            secret=self._secret(choice),
            runtime_dir=directory,
            placement=self._placement(model.path, summary, choice, reserved),
            mode=_MODES.get(facts.pooling, "generate"),
            adapters=adapters,
            adapter_room=adapter_room,
            architecture=summary.architecture,
            tools=facts.tools,
            thinks=facts.thinks,
            cluster=self.cluster() if choice.engine.clustered else {},
            called="" if choice.declaration is None else choice.declaration.upstream_model,
        )
        return EngineSupervisor(choice.engine, spec, keeper=self.keeper)

    def _choose(self, model: ShelvedModel, summary: ModelSummary) -> Choice:
        offers = Offers(self.servers)
        if self.site is not None:
            offers = Offers(self.servers, self.site.environments(), self.site.declared())
        return choose(model.card.id, summary, self.hardware, self.wish.device, offers)

    def _placement(
        self, path: Path, summary: ModelSummary, choice: Choice, reserved: Reservations | None
    ) -> Placement:
        if choice.declaration is not None and _elsewhere(choice):
            # Somebody else has placed it: this box only counts its slots.
            return Placement(1, choice.declaration.slots, choice.declaration.context)
        wish = self._wish(summary, choice)
        placed = place(summary, self.hardware, wish, reserved, whole_shape(path))
        return placed if self.threads is None else replace(placed, threads=self.threads)

    def _secret(self, choice: Choice) -> str:
        if choice.declaration is not None and _elsewhere(choice):
            return secret_of(choice.declaration, self.environ)
        return secrets.token_urlsafe(32)

    def _wish(self, model: ModelSummary, choice: Choice) -> Wish:
        """The settings are for every model; one that was made for less gets its own length."""
        wish = replace(self.wish, device=choice.device)
        if wish.context is None or not model.context:
            return wish
        return replace(wish, context=min(wish.context, model.context))


def _elsewhere(choice: Choice) -> bool:
    """Whether somebody else runs it, in memory that this box does not lend."""
    return choice.engine.external


def _summary(model: ShelvedModel) -> ModelSummary:
    with unreadable(model.card.id):
        inspection = inspect_file(model.path)
    if inspection.summary is None:
        raise ModelCannot(model=model.card.id, ability=inspection.reason.en)
    return inspection.summary


_MODES: Final[Mapping[str, Mode]] = {
    "mean": "embed",
    "cls": "embed",
    "last": "embed",
    "rank": "rerank",
}


def _address(declaration: Declaration | None, directory: Path) -> Address:
    if declaration is not None and declaration.address is not None:
        return declaration.address
    if declaration is not None and not any("{uds}" in word for word in declaration.argv):
        return Address()
    uds = directory / "engine.sock"
    return Address(uds=uds) if len(os.fsencode(uds)) <= _LONGEST_SOCKET else Address()
