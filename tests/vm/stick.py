"""A vendor's stick: two releases after the one that is installed, the second of them broken on purpose."""

import shutil
from datetime import UTC, datetime

from appliance.services.version import VERSION
from appliance.updates.trust import TrustStore
from tests.box.releases import Vendor, release
from tests.vm.medium import write_image
from tests.vm.places import Places

LABEL = "wardbox-stick"
ROOT = "root.json"
GOOD = "wardbox-update"
"""Where the box looks for a bundle by itself."""
BROKEN = "later"
_MAJOR, _MINOR = (int(part) for part in VERSION.split(".")[:2])
NEXT = f"{_MAJOR}.{_MINOR + 1}.0"
"""Opens the vault and brings a table."""
AFTER = f"{_MAJOR}.{_MINOR + 2}.0"
"""Brings one more table, and cannot open the vault once it has made it."""
TABLES = {NEXT: (2,), AFTER: (2, 3)}


def build_stick(places: Places) -> str:
    """Make both releases of this checkout, have them signed by `wardbox vendor`, and write the image.

    Returns:
        The fingerprint of the vendor's root, as the vendor would read it out over the telephone.
    """
    work = places.run / "vendor"
    shutil.rmtree(work, ignore_errors=True)
    tree = work / "stick"
    tree.mkdir(parents=True)
    vendor = Vendor(work)
    good = release(work / NEXT, NEXT, TABLES[NEXT])
    broken = release(work / AFTER, AFTER, TABLES[AFTER], broken=True)
    vendor.bundle(good, NEXT, tree / GOOD)
    vendor.bundle(broken, AFTER, tree / BROKEN, "--from", tree / GOOD)
    raw = (vendor.place / ROOT).read_bytes()
    (tree / ROOT).write_bytes(raw)
    write_image(tree, LABEL, places.stick)
    fingerprint = TrustStore(work / ROOT).pin(raw, datetime.now(UTC)).fingerprint
    # What a stick of a hospital's does not carry either: the vendor's keys.
    shutil.rmtree(work)
    return fingerprint
