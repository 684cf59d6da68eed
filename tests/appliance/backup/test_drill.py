"""A drill with a real engine: a restored model writes the golden note, and nothing is left behind."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

import models
from appliance.backup.drill import Rehearsal, drill
from appliance.backup.errors import BackupDamaged
from appliance.backup.target import DirectoryTarget
from appliance.catalogue.service import CatalogueService
from models.registry.shelf import Shelf
from tests.appliance.backup.conftest import SmallBox
from tests.appliance.backup.listening import untold

MODEL = "wardbox-reference"
REFERENCE = Path(models.__path__[0]) / "reference_model"
CACHE = Path(os.environ.get("WARDBOX_CACHE", "~/.cache/wardbox")).expanduser()


def server() -> Path | None:
    found = sorted(CACHE.glob("engine/*/**/llama-server"))
    return found[-1] if found else None


@pytest.fixture
def stocked(box: SmallBox) -> SmallBox:
    """A box with the reference model on its shelf."""
    signer = box.opened.signing_key("manifest")
    shelf = Shelf(
        box.layout.shelf,
        clock=lambda: datetime.now(UTC),
        trusted={signer.key_id: signer.verify_key},
    )
    log = box.log()
    CatalogueService(shelf, signer, log, MODEL).place_reference(REFERENCE)
    log.close()
    return box


def rehearsal(box: SmallBox) -> Rehearsal:
    program = server()
    assert program is not None
    return Rehearsal(box.layout.files_mount / "drill", MODEL, (program,), 2)


@pytest.mark.slow
@pytest.mark.skipif(server() is None, reason="no llama-server was installed here")
@pytest.mark.skipif(not (REFERENCE / "manifest.json").exists(), reason="no reference model")
def test_a_restored_model_writes_the_golden_note(
    stocked: SmallBox, target: DirectoryTarget
) -> None:
    snapshot = stocked.back_up(target)
    how = rehearsal(stocked)
    found = drill(stocked.repository_as_is(target), None, how, untold)
    assert (found.snapshot, found.tree_size) == (1, snapshot.tree_size)
    assert found.signs > 200
    assert found.size == snapshot.size
    assert found.flags == 0
    assert not how.scratch.exists()
    asyncio.set_event_loop(None)


@pytest.mark.slow
def test_a_damaged_backup_fails_the_drill_and_leaves_nothing(
    stocked: SmallBox, target: DirectoryTarget
) -> None:
    stocked.back_up(target)
    # Of the shelf only one model is written, but every byte is authenticated: also this one's.
    repository = stocked.repository_as_is(target)
    index = repository.index()
    entries = {one.path: one for one in repository.manifest(repository.snapshot(None), index)}
    place = index.find(next(entries["vault/files/shelf/blobs/ab"].ids()))
    path = Path(target.place) / f"packs/{place.pack[:2]}/{place.pack}"
    whole = path.read_bytes()
    at = place.offset + 5
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    how = Rehearsal(stocked.layout.files_mount / "drill", MODEL, (), 1)
    with pytest.raises(BackupDamaged):
        drill(stocked.repository_as_is(target), None, how, untold)
    assert not how.scratch.exists()
