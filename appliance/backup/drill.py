"""A drill: a whole restore into a scratch directory, its log recomputed, a golden note written."""

import asyncio
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from os import urandom
from pathlib import Path
from typing import Final

import orjson

from appliance.backup.errors import DrillFailed
from appliance.backup.mending import mended_index
from appliance.backup.ours import Told
from appliance.backup.rebuilt import open_keys, prove, root_of
from appliance.backup.repository import Repository
from appliance.backup.snapshot import Entry
from appliance.backup.source import SHELF
from appliance.backup.writing import FileWriter, Wish
from appliance.settings.layout import StateLayout
from models.engines.engine import Address, EngineSpec, Placement, ProbeRequest
from models.engines.lifecycle import EngineSupervisor
from models.engines.llama_cpp import LlamaCpp, find_llama_server
from models.engines.probe import ask
from models.reference.checking import check_note
from models.reference.example import example_facts
from models.reference.placeholders import mask
from models.reference.prompting import messages
from models.registry.shelf import Shelf, ShelvedModel

_LOAD_S: Final = 120.0
_ANSWER_S: Final = 180.0
_MOST_TOKENS: Final = 1200
_LEAST_SIGNS: Final = 200


@dataclass(frozen=True, slots=True)
class Drilled:
    """What a drill came to.

    Args:
        snapshot: its number.
        size: bytes that were fetched and authenticated.
        tree_size: entries of the restored log.
        model: whose restored files wrote the golden note.
        signs: how long the note is.
        flags: sentences of it that a person would have to look at.
    """

    snapshot: int
    size: int
    tree_size: int
    model: str
    signs: int
    flags: int


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How a drill is held.

    Args:
        scratch: a directory inside the vault; it is made, and gone afterwards.
        model: which model writes the golden note.
        servers: where llama-server may be.
        threads: that fetch and open.
    """

    scratch: Path
    model: str
    servers: tuple[Path, ...]
    threads: int


def drill(repository: Repository, number: int | None, how: Rehearsal, told: Told) -> Drilled:
    """Rehearse a restore.

    Every byte of the snapshot is fetched and authenticated. Written are the databases, settings,
    keys and files; of the shelf only the model that answers, since the rest may be terabytes.

    Raises:
        SnapshotUnknown: there is no such snapshot.
        BackupDamaged: an object of it is missing or altered.
        DrillFailed: what was restored is no working box.
    """
    snapshot = repository.snapshot(number)
    index = mended_index(repository).index
    entries = list(repository.manifest(snapshot, index))
    chosen = _written(entries, how.model)
    shutil.rmtree(how.scratch, ignore_errors=True)
    how.scratch.mkdir(mode=0o700, parents=True)
    try:
        writer = FileWriter(repository, index, how.scratch, how.threads, told)
        wishes = (Wish(entry, entry.path in chosen) for entry in entries)
        size = writer.write(wishes, snapshot.size)
        layout = StateLayout(how.scratch)
        told("prove", 0, 1)
        with root_of(repository, snapshot) as root:
            opened = open_keys(layout, root)
        try:
            proven = prove(layout, opened, snapshot)
            signer = opened.signing_key("manifest")
            shelf = Shelf(
                layout.shelf,
                clock=lambda: datetime.fromtimestamp(snapshot.time, UTC),
                trusted={signer.key_id: signer.verify_key},
            )
            shelf.verify(how.model)
            note = _golden(shelf.get(how.model), how)
        finally:
            opened.close()
    finally:
        shutil.rmtree(how.scratch, ignore_errors=True)
    checked = check_note(note, example_facts())
    return Drilled(
        snapshot=snapshot.number,
        size=size,
        tree_size=proven.tree_size,
        model=how.model,
        signs=len(note),
        flags=len(checked.flags),
    )


def _written(entries: list[Entry], model: str) -> frozenset[str]:
    """Everything but the shelf, and of the shelf the one model with whatever its names stand for."""
    own = f"{SHELF}/models/{model}"
    found: set[str] = set()
    for entry in entries:
        mine = entry.path == own or entry.path.startswith(f"{own}/")
        if not entry.path.startswith(f"{SHELF}/") or mine or entry.kind == "d":
            found.add(entry.path)
        if mine and entry.kind == "h":
            found.add(entry.to)
    return frozenset(found)


def _golden(model: ShelvedModel, how: Rehearsal) -> str:
    note = asyncio.run(_note(model, how))
    if len(note) < _LEAST_SIGNS:
        raise DrillFailed(
            reason_zh=f"模型 {how.model} 没有写出入院记录",
            reason_en=f"the model {how.model} wrote no admission note",
        )
    return note


async def _note(model: ShelvedModel, how: Rehearsal) -> str:
    """A note by a real engine on the restored weights; identity stays outside, as always."""
    runtime = how.scratch / "run"
    runtime.mkdir(mode=0o700, exist_ok=True)
    place = Placement(threads=min(2, how.threads), slots=1, context=4096)
    # A loopback port: the path of a socket in a scratch directory may be longer than sockets allow.
    spec = EngineSpec(how.model, model.path, Address(), urandom(16).hex(), runtime, place)
    engine = EngineSupervisor(LlamaCpp(find_llama_server(how.servers)), spec)
    masked, restoration = mask(example_facts())
    wish = {
        "messages": messages(masked),
        "max_tokens": _MOST_TOKENS,
        "model": how.model,
        "seed": 0,
        "temperature": 0,
    }
    try:
        address = await engine.ensure_ready(_LOAD_S)
        request = ProbeRequest("POST", "/v1/chat/completions", wish, "choices")
        answer = await ask(address, spec.secret, request, timeout_s=_ANSWER_S)
    finally:
        await engine.stop()
    try:
        written = orjson.loads(answer.body)["choices"][0]["message"]["content"]
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError) as error:
        raise DrillFailed(
            reason_zh=f"引擎没有回答({answer.problem or answer.status})",
            reason_en=f"the engine did not answer ({answer.problem or answer.status})",
        ) from error
    return restoration.restore(str(written))
