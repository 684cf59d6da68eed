"""A box that trusts a vendor, and a stick in its slot."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from appliance.catalogue.service import CatalogueService
from appliance.db.database import Db
from appliance.updates.applying import Rooms
from appliance.updates.kinds import ModelKind, PackKind
from appliance.updates.migrations import MIGRATIONS
from appliance.updates.packs import PackShelf
from appliance.updates.plan import Site
from appliance.updates.service import UpdateService
from appliance.updates.software import SoftwareDesk
from appliance.updates.staging import free_bytes
from appliance.updates.store import UpdateStore
from appliance.updates.surroundings import Surroundings
from appliance.updates.trust import TrustStore
from models.registry.succession import GrowingShelf
from secure_compute.signing import SigningKey
from tests.appliance.access.doubles import RememberingAudit
from tests.installer.vendor.yard import NOW, Yard

EPOCH = datetime.fromtimestamp(0, UTC)


class Box:
    """Shelf, log, history and trust of one box."""

    def __init__(self, folder: Path, free: Callable[[Path], int] = free_bytes) -> None:
        self.now: datetime = NOW
        self.folder = folder
        signer = SigningKey.generate()
        trusted = {signer.key_id: signer.verify_key}
        self.audit = RememberingAudit()
        self.shelf = GrowingShelf(folder / "shelf", clock=lambda: self.now, trusted=trusted)
        self.catalogue = CatalogueService(self.shelf, signer, self.audit, "wardbox-reference")
        root, staging = folder / "trust" / "updates" / "root.json", folder / "staging"
        self.places = SimpleNamespace(root=root, staging=staging)
        self.trust = TrustStore(root)
        self.db = Db(folder / "box.db", bytes(32), MIGRATIONS)
        self.packs = PackShelf(folder / "packs")
        self.desk = SoftwareDesk(folder / "updates", free)
        self.renewed: list[str] = []
        self.site = Site("ward-1", "0.1.0", frozenset({"cpu"}))
        store = UpdateStore(self.db)

        def ours(name: str) -> bool:
            return any(one.package_id == name for one in store.installed())

        kinds = {kind: PackKind(kind, self.packs) for kind in ("evaluations", "baselines", "data")}
        kinds["models"] = ModelKind(self.catalogue, ours, self.renewed.append)
        rooms = Rooms(kinds, self.desk, staging, free)
        self.doubt: tuple[str, str] | None = None
        around = Surroundings(
            lambda: self.now, lambda: EPOCH, lambda: self.site, lambda: self.doubt
        )
        self.updates = UpdateService(self.db, self.audit, rooms, root, around)

    def state(self) -> dict[str, bytes]:
        """Every byte that counts: the shelf, the packs and the trust."""
        roots = [self.folder / name for name in ("shelf", "packs", "trust")]
        return {
            str(path): path.read_bytes()
            for root in roots
            for path in sorted(root.rglob("*"))
            if path.is_file() and not path.name.endswith(".lock")
        }

    def models(self) -> list[tuple[str, str]]:
        return [(one.card.id, one.card.version) for one in self.catalogue.models()]


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vendor's folder and its first bundle; copied, never changed."""
    folder = tmp_path_factory.mktemp("shop")
    yard = Yard(folder / "vendor").init()
    yard.add()
    yard.build(folder / "stick")
    return folder


@pytest.fixture
def yard(shop: Path, tmp_path: Path) -> Yard:
    shutil.copytree(shop / "vendor", tmp_path / "vendor")
    return Yard(tmp_path / "vendor")


@pytest.fixture
def stick(shop: Path, tmp_path: Path) -> Path:
    shutil.copytree(shop / "stick", tmp_path / "stick")
    return tmp_path / "stick"


@pytest.fixture
def box(yard: Yard, tmp_path: Path) -> Iterator[Box]:
    (tmp_path / "box").mkdir()
    box = Box(tmp_path / "box")
    box.trust.pin(yard.root, NOW)
    yield box
    box.db.close()
