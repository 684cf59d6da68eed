"""Checking a backup: every object against its name, every snapshot against what it needs."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from appliance.backup.beside import programs
from appliance.backup.errors import BackupAbsent, BackupDamaged
from appliance.backup.index import Index
from appliance.backup.keyfile import UNLOCK
from appliance.backup.mending import mended_index, sound_pack
from appliance.backup.ours import Told
from appliance.backup.packing import pack_path
from appliance.backup.recipients import MAX_KEYS
from appliance.backup.repository import Repository
from appliance.backup.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Hurt:
    """An object that is missing or altered.

    Args:
        name: of the object.
        why: "missing", "altered", "cut", or for the recovery slot and programs beside the backup
            "other than the box's": then a slot or the software was changed since the last backup,
            or somebody else wrote it.
        snapshots: numbers of the snapshots that need it, oldest first.
    """

    name: str
    why: str
    snapshots: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verifying found.

    Args:
        objects: looked at.
        size: bytes read.
        hurts: what is wrong.
        whole: numbers of the snapshots that can be restored, oldest first.
    """

    objects: int
    size: int
    hurts: tuple[Hurt, ...]
    whole: tuple[int, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.hurts


class Verification:
    """One run of `verify`.

    Args:
        repository: the backup.
        told: hears progress; may raise to stop.
        deep: read and authenticate every object; else only look whether it is there and how long it is.
        unlock: what the recovery key opens, as the box has it; not looked at when None.
    """

    def __init__(
        self,
        repository: Repository,
        told: Told,
        *,
        deep: bool = True,
        unlock: bytes | None = None,
    ) -> None:
        self._repository = repository
        self._told = told
        self._deep = deep
        self._unlock = unlock
        self._wrong: dict[str, str] = {}
        self._objects = self._size = 0

    def run(self) -> Verdict:
        """Look at everything; what is wrong is told, not raised.

        Raises:
            TargetGone: the target stopped answering.
        """
        lost = self._recovery_file()
        self._programs()
        index = self._indexes()
        self._packs(index)
        needs = {one.number: self._needs(one, index) for one in self._repository.list.snapshots}
        hurting: dict[str, list[int]] = defaultdict(list)
        for number, names in sorted(needs.items()):
            for name in names & self._wrong.keys():
                hurting[name].append(number)
        for name in lost:
            # Without it the recovery key opens nothing, however whole the rest is.
            hurting[name] = sorted(needs)
        hurts = tuple(
            Hurt(name, why, tuple(hurting[name])) for name, why in sorted(self._wrong.items())
        )
        whole = tuple(n for n, names in sorted(needs.items()) if not names & self._wrong.keys())
        return Verdict(self._objects, self._size, hurts, whole)

    def _programs(self) -> None:
        """Whoever trusts a program beside the backup gives it his recovery key."""
        for name, program in programs().items():
            self._objects += 1
            try:
                if self._repository.target.read(name, MAX_KEYS) != program:
                    self._wrong[name] = "other than the box's"
            except BackupDamaged:
                self._wrong[name] = "altered"
            except BackupAbsent:
                self._wrong[name] = "missing"

    def _recovery_file(self) -> tuple[str, ...]:
        if self._unlock is None:
            return ()
        self._objects += 1
        try:
            if self._repository.target.read(UNLOCK, MAX_KEYS) == self._unlock:
                return ()
            self._wrong[UNLOCK] = "other than the box's"
        except BackupDamaged:
            self._wrong[UNLOCK] = "altered"
        except BackupAbsent:
            self._wrong[UNLOCK] = "missing"
        return (UNLOCK,)

    def _indexes(self) -> Index:
        mended = mended_index(self._repository)
        self._wrong.update((f"index/{name}", why) for name, why in mended.lost.items())
        return mended.index

    def _packs(self, index: Index) -> None:
        there = self._repository.target.list("packs")
        total = sum(there.values())
        for name, size in index.packs().items():
            path = pack_path(name)
            self._objects += 1
            if there.get(path) != size:
                self._wrong[path] = "missing" if path not in there else "cut"
            elif self._deep:
                self._open(path, name)
            self._size += there.get(path, 0)
            self._told("verify", self._size, total)

    def _open(self, path: str, name: str) -> None:
        try:
            sound_pack(self._repository, name)
        except BackupDamaged:
            self._wrong[path] = "altered"

    def _needs(self, snapshot: Snapshot, index: Index) -> set[str]:
        """The objects that a snapshot needs; a broken manifest needs whatever broke it."""
        found: set[str] = set()
        try:
            for ident in needed(self._repository, snapshot, index):
                found.add(pack_path(index.find(ident).pack))
        except BackupDamaged as error:
            name = str(error.facts["name"])
            self._wrong.setdefault(name, "altered")
            found.add(name)
        return found


def needed(repository: Repository, snapshot: Snapshot, index: Index) -> Iterator[bytes]:
    """The chunks of a snapshot, its manifest's own first. Raises BackupDamaged."""
    for text in snapshot.manifest:
        yield bytes.fromhex(text)
    for entry in repository.manifest(snapshot, index):
        yield from entry.ids()
