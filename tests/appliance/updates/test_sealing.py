"""Models that one box alone can open: sealed chunks, and what another box sees of them."""

from base64 import b64encode
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.backup.recipients import decrypt_with, encrypt_to, identity_text, recipient_of
from appliance.updates.anchor import new_anchor
from appliance.updates.content import check_content, read_card
from appliance.updates.errors import ContentRefused, LicenceMissing, MetadataRefused
from appliance.updates.fetcher import Stick
from appliance.updates.held import Holdings
from appliance.updates.manifest import Package, Requires, Sealing
from appliance.updates.reading import read_package
from appliance.updates.sealing import OVERHEAD, seal, unseal
from appliance.updates.staging import Staging
from appliance.updates.verify import verify_metadata
from installer.vendor.errors import VendorArgumentRefused, VendorFolderTaken, VendorPackageRefused
from installer.vendor.warehouse import Warehouse
from secure_compute.canonical import canonical_bytes, parse_canonical
from secure_compute.secret import Secret
from tests.installer.vendor.yard import NOW, Yard
from tests.models.formats.build import gguf_bytes
from tests.models.registry.cards import make_card

BOX = Requires(box="wardbox/one")
LATER = NOW + timedelta(days=1)


class Key:
    """A box's identity."""

    def __init__(self) -> None:
        secret = Secret.random(32)
        self.recipient = recipient_of(secret)
        self.identity = identity_text(secret)

    def open(self, sealing: Sealing) -> bytes | None:
        from base64 import b64decode

        from appliance.backup.errors import KeysRefused

        try:
            return decrypt_with(b64decode(sealing.key), self.identity, "x")
        except KeysRefused:
            return None


@pytest.fixture(scope="module")
def key() -> Key:
    return Key()


@pytest.fixture(scope="module")
def ceremony(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    return Yard(tmp_path_factory.mktemp("ceremony") / "vendor").init()


@pytest.fixture
def yard(ceremony: Yard, tmp_path: Path) -> Yard:
    return ceremony.copied(tmp_path / "vendor")


def add(yard: Yard, recipient: str | None, version: str = "1.0", requires: Requires = BOX) -> None:
    folder = yard.folder.parent / "model"
    folder.mkdir(exist_ok=True)
    (folder / "demo.gguf").write_bytes(gguf_bytes())
    (folder / "card.json").write_bytes(make_card(version=version).to_bytes())
    Warehouse(yard.folder).add(folder / "demo.gguf", folder / "card.json", requires, recipient)


def verified(yard: Yard, bundle: Path) -> Package:
    with Stick(bundle) as stick:
        (package,) = verify_metadata(stick, new_anchor(yard.root), LATER).packages
        check_content(stick, [package])
    return package


def made(bundle: Path, package: Package, into: Path, opener) -> dict[str, bytes]:
    staging = Staging(into.with_name("staging"), "0" * 16, Holdings.none(), opener=opener)
    staging.prepare([package])
    with Stick(bundle) as stick:
        staging.take(stick, [package])
    staging.assemble(package, into)
    return {path.name: path.read_bytes() for path in into.rglob("*") if path.is_file()}


def test_only_the_box_it_is_sealed_for_can_open_it(yard, tmp_path, key):
    add(yard, key.recipient)
    bundle = yard.build(tmp_path / "out")
    package = verified(yard, bundle)
    assert package.sealed is not None
    assert package.sealed.recipient == key.recipient
    everything = b"".join(path.read_bytes() for path in (bundle / "chunks").glob("*/*"))
    assert gguf_bytes()[:40] not in everything
    assert made(bundle, package, tmp_path / "made", key.open)["demo.gguf"] == gguf_bytes()
    with pytest.raises(LicenceMissing, match=r"models/demo-1 1\.0"):
        made(bundle, package, tmp_path / "stolen", Key().open)
    with pytest.raises(LicenceMissing):
        made(bundle, package, tmp_path / "open", lambda _: None)
    assert not (tmp_path / "stolen").exists()
    with Stick(bundle) as stick, pytest.raises(LicenceMissing):
        read_card(stick, package, Holdings.none())


def test_a_key_that_is_not_this_one(yard, tmp_path, key):
    add(yard, key.recipient)
    bundle = yard.build(tmp_path / "out")
    with pytest.raises(ContentRefused):
        made(bundle, verified(yard, bundle), tmp_path / "made", lambda _: bytes(32))


def test_sealed_bundles_are_reproducible_and_can_be_deltas(yard, tmp_path, key):
    add(yard, key.recipient)
    one = yard.build(tmp_path / "one")
    two = yard.build(tmp_path / "two")
    names = [sorted(path.name for path in out.rglob("*") if path.is_file()) for out in (one, two)]
    assert names[0] == names[1]
    add(yard, key.recipient, "2.0")
    package = verified(yard, yard.build(tmp_path / "three", LATER, earlier=one))
    (row,) = package.blobs()
    assert row.size < package.files[0].size + OVERHEAD, "the card alone"


def test_what_a_vendor_may_not_seal(yard, key):
    with pytest.raises(VendorArgumentRefused):
        add(yard, "age1nobody")
    with pytest.raises(VendorPackageRefused):
        add(yard, key.recipient, requires=Requires())
    assert Warehouse(yard.folder).stock() == ()
    add(yard, key.recipient)
    add(yard, key.recipient)
    with pytest.raises(VendorFolderTaken):
        add(yard, Key().recipient)
    with pytest.raises(VendorFolderTaken):
        add(yard, None)
    (stocked,) = Warehouse(yard.folder).stock()
    assert (stocked.content.parent / "key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data["sealed"].update(recipient="age1x"),
        lambda data: data["sealed"].update(key="!"),
        lambda data: data["sealed"].update(key="A" * 5000),
        lambda data: data["sealed"].pop("key"),
        lambda data: data["sealed"].update(more=1),
        lambda data: data.update(sealed=None),
        lambda data: data["requires"].pop("box"),
        lambda data: data.update(kind="data"),
        lambda data: next(iter(data["supply"].values())).update(size=1 << 23),
    ],
)
def test_other_forms_are_refused(yard, tmp_path, key, change):
    add(yard, key.recipient)
    package = verified(yard, yard.build(tmp_path / "out"))
    data = parse_canonical(package.to_bytes())
    change(data)
    with pytest.raises(MetadataRefused):
        read_package(canonical_bytes(data), "x")


def test_every_bit_of_a_sealed_chunk_counts():
    key, content = bytes(range(32)), b"weights" * 9
    stored = seal(key, content)
    assert len(stored) == len(content) + OVERHEAD
    assert unseal(key, stored) == content
    assert seal(key, content) == stored
    assert seal(key, content + b"!")[:12] != stored[:12]
    for at in range(len(stored)):
        changed = bytearray(stored)
        changed[at] ^= 1
        with pytest.raises(ValueError, match="another key"):
            unseal(key, changed)
    for short in (b"", stored[: OVERHEAD - 1]):
        with pytest.raises(ValueError, match="too short"):
            unseal(key, short)


def test_the_box_keeps_its_identity_in_the_vault(tmp_path):
    from appliance.services.licence import Licence

    class Opened:
        def __init__(self) -> None:
            self.held = Secret.random(32)

        def secret(self, use: str) -> Secret:
            assert use == "licence"
            return self.held.copy()

    licence, other = Licence(Opened()), Licence(Opened())
    sealed = encrypt_to(bytes(32), (licence.recipient(),))
    sealing = Sealing(licence.recipient(), b64encode(sealed).decode())
    assert licence.open(sealing) == bytes(32)
    assert other.open(sealing) is None
    assert licence.open(Sealing(licence.recipient(), "AAAA")) is None
    short = b64encode(encrypt_to(b"x", (licence.recipient(),))).decode()
    assert licence.open(Sealing(licence.recipient(), short)) is None
