"""A release in a staged bundle, judged again by somebody who does not trust the one who staged it."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from appliance.updates.assembly import assemble
from appliance.updates.errors import UpdateError
from appliance.updates.expiry import Override
from appliance.updates.fetcher import Stick
from appliance.updates.held import Holdings
from appliance.updates.manifest import RELEASE, SOFTWARE, SOFTWARE_ID, Package
from appliance.updates.reading import read_package
from appliance.updates.trust import MAX_ROOT, TrustStore
from appliance.updates.verify import verify_metadata
from installer.apply_errors import OtherPackage
from installer.apply_request import Desk
from installer.durable import make_folder, read_file
from installer.slots import MANIFEST, Slots

TRUST: Final = "trust"
ROOT: Final = "root.json"
_MAX_MANIFEST: Final = 8 << 20


def trust_of(place: Path) -> TrustStore:
    """What the installer trusts, beside the releases; the box cannot change it."""
    return TrustStore(place / TRUST / ROOT)


def pin_as_the_box(place: Path, root: Path, now: datetime) -> None:
    """Where installer and box are one user, the first root is the one that was trusted on the box.

    Where they are two, whoever could write the box's folder could choose the root: then it is pinned
    by hand.
    """
    if (place / TRUST / ROOT).exists() or not root.parent.is_dir():
        return  # pinned already, or nobody was ever trusted
    if root.parent.stat().st_uid != os.geteuid():
        return
    raw = read_file(root, MAX_ROOT)
    if raw is not None:
        make_folder(place / TRUST)
        trust_of(place).pin(raw, now)


@dataclass(frozen=True, slots=True)
class SignedRelease:
    """One release of a staged bundle whose metadata holds."""

    package: Package
    bundle: Path
    held: Holdings
    keep: Callable[[], None]

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return self.package.size

    @property
    def follows(self) -> tuple[str, ...]:
        """Versions that it may follow; none: any."""
        return self.package.requires.wardbox

    @property
    def manifest(self) -> bytes:
        """Its manifest, byte for byte."""
        return self.package.to_bytes()

    def assemble(self, into: Path) -> Path:
        """Write its files below a new folder, each byte judged; where its tree begins."""
        with Stick(self.bundle) as stick:
            assemble(stick, self.package, into, self.held)
        return into / RELEASE

    def accept(self) -> None:
        """Never believe anything older from now on."""
        self.keep()


class StagedBundles:
    """The bundles that the box has staged.

    Args:
        desk: Where they lie.
        slots: The releases that are here; the installer's own trust lies beside them.
        clock: Wall time with a time zone.
    """

    def __init__(self, desk: Desk, slots: Slots, clock: Callable[[], datetime]) -> None:
        self._desk = desk
        self._slots = slots
        self._trust = trust_of(slots.place)
        self._clock = clock

    def judge(self, bundle: str, version: str, package: str) -> SignedRelease:
        """Find a release, judging all of the bundle's metadata.

        Raises:
            UpdateError: the bundle does not hold, or nothing is trusted.
            OtherPackage: it holds another release, or none.
        """
        folder = self._desk.staged(bundle)
        anchor = self._trust.anchor()
        with Stick(folder) as stick:
            found = verify_metadata(stick, anchor, self._clock(), self._override(bundle))
        for one in found.packages:
            wanted = (SOFTWARE, SOFTWARE_ID, version, package)
            if (one.kind, one.package_id, one.version, one.digest) == wanted:
                keep = partial(self._trust.commit, found.accepted)
                return SignedRelease(one, folder, self._held(), keep)
        raise OtherPackage(bundle=bundle, version=version)

    def _override(self, bundle: str) -> Override | None:
        """Two people who let a bundle pass though it has expired; it waives nothing else.

        That they are who they are said to be, the box has put on record; here it is its word.
        """
        asked = self._desk.request()
        if asked is None or asked.bundle != bundle or not asked.approved_by:
            return None
        first, second = (*asked.approved_by, "", "")[:2]
        return Override((first, second))

    def _held(self) -> Holdings:
        """What the releases here hold, so that a bundle need not bring it again."""
        found = []
        for release in (self._slots.current, self._slots.blessed, self._slots.previous):
            if release is None:
                continue
            with suppress(OSError, ValueError, UpdateError):
                raw = read_file(release / MANIFEST, _MAX_MANIFEST)
                if raw is not None:
                    found.append((read_package(raw, MANIFEST), partial(_placed, release)))
        return Holdings.of(found)


def _placed(release: Path, name: str) -> Path:
    return release / name.removeprefix(f"{RELEASE}/")
