"""Newer versions of a model on the shelf: beside the old one, switched to, gone back from, forgotten."""

from datetime import UTC, datetime

import pytest

from models.errors import ModelDamaged, ModelExists, ModelUnknown
from models.registry.shelf import Shelf
from models.registry.succession import GrowingShelf
from secure_compute.signing import SigningKey
from tests.models.formats.build import gguf_bytes
from tests.models.registry.cards import make_card

NOW = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)


class Rack:
    def __init__(self, folder):
        self.folder = folder
        self.signer = SigningKey.generate()
        trusted = {self.signer.key_id: self.signer.verify_key}
        self.shelf = GrowingShelf(folder / "shelf", clock=lambda: NOW, trusted=trusted)

    def bring(self, version: str, *, beside: bool = True):
        file = self.folder / f"{version}.gguf"
        file.write_bytes(gguf_bytes(fill=version[:1].encode()))
        card = make_card(version=version)
        return self.shelf.admit(file, card, self.signer, beside=beside)

    @property
    def served(self) -> str:
        return self.shelf.get("demo-1").card.version

    def blobs(self) -> int:
        return len(list((self.folder / "shelf" / "blobs").iterdir()))


@pytest.fixture
def rack(tmp_path):
    return Rack(tmp_path)


def test_a_newer_version_is_not_served_before_the_switch(rack):
    first, second = rack.bring("1.0"), rack.bring("2.0")
    assert rack.served == "1.0"
    old = rack.shelf.get("demo-1")
    assert rack.shelf.switch("demo-1", second.digest).digest == first.digest
    assert rack.served == "2.0"
    assert rack.shelf.verify("demo-1").digest == second.digest
    assert old.path.is_file(), "a running engine keeps the path that it was started with"
    assert old.path.read_bytes() != rack.shelf.get("demo-1").path.read_bytes()
    rack.shelf.switch("demo-1", first.digest)
    assert rack.served == "1.0"


def test_without_being_asked_beside_an_id_stays_taken(rack):
    rack.bring("1.0")
    with pytest.raises(ModelExists):
        rack.bring("2.0", beside=False)
    assert len(rack.shelf.versions("demo-1")) == 1


def test_bringing_the_same_again_gives_what_is_there(rack):
    first, second = rack.bring("1.0"), rack.bring("2.0")
    assert rack.bring("2.0").digest == second.digest
    rack.shelf.switch("demo-1", second.digest)
    assert rack.bring("1.0").digest == first.digest
    assert len(rack.shelf.versions("demo-1")) == 2
    assert rack.served == "2.0"


@pytest.mark.parametrize("stays", ["1.0", "2.0"])
def test_versions_are_forgotten_but_never_the_served_one(rack, stays):
    made = {version: rack.bring(version) for version in ("1.0", "2.0", "3.0")}
    rack.shelf.switch("demo-1", made["3.0"].digest)
    rack.shelf.prune("demo-1", frozenset({made[stays].digest}))
    assert {one.version for one in rack.shelf.versions("demo-1")} == {stays, "3.0"}
    assert rack.blobs() == 2
    rack.shelf.prune("demo-1", frozenset())
    assert [one.version for one in rack.shelf.versions("demo-1")] == ["3.0"]
    assert rack.shelf.verify("demo-1").version == "3.0"
    assert [one.card.version for one in rack.shelf.list()] == ["3.0"]


def test_a_model_goes_with_all_its_versions(rack):
    rack.bring("1.0")
    rack.shelf.switch("demo-1", rack.bring("2.0").digest)
    rack.shelf.remove("demo-1")
    assert rack.blobs() == 0
    with pytest.raises(ModelUnknown):
        rack.shelf.get("demo-1")
    rack.bring("1.0")
    assert rack.served == "1.0"


def test_a_version_that_is_not_here_cannot_be_served(rack):
    rack.bring("1.0")
    with pytest.raises(ModelUnknown):
        rack.shelf.switch("demo-1", "0" * 64)
    assert rack.served == "1.0"


@pytest.mark.parametrize("said", [b"", b"../../x\n", b"\xff", b"first\nfirst", b"A" * 16])
def test_a_damaged_pointer_is_damage_and_no_other_file(rack, said):
    rack.bring("1.0")
    (rack.folder / "shelf" / "models" / "demo-1" / "current").write_bytes(said)
    with pytest.raises(ModelDamaged):
        rack.shelf.get("demo-1")
    assert rack.shelf.list() == ()


def test_a_shelf_of_an_older_release_reads_what_was_never_replaced(rack):
    made = rack.bring("1.0")
    trusted = {rack.signer.key_id: rack.signer.verify_key}
    plain = Shelf(rack.folder / "shelf", clock=lambda: NOW, trusted=trusted)
    assert plain.get("demo-1").manifest.digest == made.digest
