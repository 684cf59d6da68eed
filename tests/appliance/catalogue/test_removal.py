"""Taking a model off the shelf: whole or damaged, but nothing that is needed."""

from types import SimpleNamespace

import pytest

from appliance.catalogue.errors import DefaultModelKept, ModelInUse
from appliance.services.removal import remove_model
from appliance.serving.store import Keeping, Target
from models.errors import ModelUnknown
from tests.appliance.catalogue.test_catalogue import (  # noqa: F401  (fixtures)
    audit,
    catalogue,
    model,
)
from tests.appliance.serving.fakes import Rooms
from tests.models.registry.cards import make_card

WHO = "user:it"


@pytest.fixture
async def box(tmp_path, catalogue, model):  # noqa: F811
    """A box with a served double beside the true shelf; both know demo-1."""
    folder = tmp_path / "rooms"
    folder.mkdir()
    rooms = Rooms(folder, 100, demo_1=30, m=10)
    rooms.serving.default = "m"
    catalogue.admit(model, make_card(), WHO)
    updates = SimpleNamespace(brought=lambda name: name == "signed")
    yield SimpleNamespace(serving=rooms.serving, catalogue=catalogue, updates=updates, rooms=rooms)
    await rooms.close()


async def test_a_model_goes_with_its_engine_and_its_pin(box, audit):  # noqa: F811
    await box.serving.keep("demo-1", Keeping(True, None), WHO)
    await box.serving.upstream("demo-1")
    assert box.rooms.loaded() == {"demo-1"}
    await remove_model(box, "demo-1", WHO)
    assert box.rooms.loaded() == set()
    assert box.catalogue.models() == ()
    assert "demo-1" not in box.serving.keeper.wanted()
    assert audit.tags()[-1] == "model:shelf:remove"
    with pytest.raises(ModelUnknown):
        await remove_model(box, "demo-1", WHO)


async def test_a_damaged_model_goes_too(box, audit):  # noqa: F811
    for name in ("card.json", "manifest.json"):
        (box.catalogue.get("demo-1").path.parents[1] / name).write_bytes(b"{}")
        await remove_model(box, "demo-1", WHO)
        assert audit.events[-1].details["digest"] == ""
        with pytest.raises(ModelUnknown):
            box.catalogue.get("demo-1")
        box.catalogue.admit(box.rooms.folder.parent / "demo.gguf", make_card(), WHO)


async def test_what_is_needed_stays(box):
    await box.serving.deployments.apply("notes", (Target("demo-1", None, 100),), WHO)
    with pytest.raises(ModelInUse, match="notes"):
        await remove_model(box, "demo-1", WHO)
    with pytest.raises(ModelInUse, match="bundle"):
        await remove_model(box, "signed", WHO)
    with pytest.raises(DefaultModelKept):
        await remove_model(box, "wardbox-reference", WHO)
    assert [one.card.id for one in box.catalogue.models()] == ["demo-1"]
