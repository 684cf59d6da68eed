"""Forgetting old snapshots: what only they needed goes, in an order that no crash can hurt."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from appliance.backup.errors import BackupDamaged
from appliance.backup.index import Directory, Index, Place
from appliance.backup.mending import sound_pack
from appliance.backup.ours import Told
from appliance.backup.packing import Packer, pack_path
from appliance.backup.repository import Repository
from appliance.backup.snapshot import Snapshot
from appliance.backup.verifying import needed
from secure_compute.signing import SigningKey

_WORTH = 0.5
"""A pack of which less than this is needed is packed anew."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What came of it.

    Args:
        dropped: numbers of the snapshots that are gone.
        freed: bytes on the target, repacking subtracted.
    """

    dropped: tuple[int, ...]
    freed: int


class Pruning:
    """One run of `prune`: repack, index, list, and only then delete.

    Until the new list is durable everything that the old one names is there. After it, whatever
    the new one does not name is waste, which this or the next run sweeps.

    Args:
        repository: the backup.
        signer: signs the list.
        told: hears progress; may raise to stop.
        threads: that repack.
    """

    def __init__(
        self, repository: Repository, signer: SigningKey, told: Told, threads: int = 2
    ) -> None:
        self._repository = repository
        self._signer = signer
        self._told = told
        self._threads = threads

    def run(self, keep: Collection[int]) -> Pruned:
        """Keep these snapshots and forget the others.

        Raises:
            BackupDamaged: a snapshot that is to be kept is not whole: then nothing is forgotten.
            BackupError: the target is full or gone; nothing that was listed is lost.
        """
        repository = self._repository
        present = repository.list
        staying = tuple(one for one in present.snapshots if one.number in keep)
        dropped = tuple(one.number for one in present.snapshots if one.number not in keep)
        index = repository.index()
        live = self._live(staying, index)
        before = sum(repository.target.list("packs").values())
        if dropped or len(present.indexes) > 1:
            names = self._repack(index, live)
            following = present.following(snapshots=staying, indexes=names)
            repository.commit(following, self._signer)
        self._sweep()
        after = sum(repository.target.list("packs").values())
        return Pruned(dropped, before - after)

    def _live(self, staying: tuple[Snapshot, ...], index: Index) -> set[bytes]:
        """Chunks that are needed; their packs must be there and as long as they were."""
        there = self._repository.target.list("packs")
        live: set[bytes] = set()
        for done, one in enumerate(staying):
            self._told("prune", done, len(staying))
            live.update(needed(self._repository, one, index))
        sizes = index.packs()
        for pack in {index.find(ident).pack for ident in live}:
            if there.get(pack_path(pack)) != sizes[pack]:
                raise BackupDamaged(
                    name=pack_path(pack),
                    reason_zh="缺失或被截断,因此没有删除任何快照",
                    reason_en="it is missing or cut, so no snapshot was forgotten",
                )
        return live

    def _repack(self, index: Index, live: set[bytes]) -> tuple[str, ...]:
        places = {ident: index.find(ident) for ident in live}
        used: Counter[str] = Counter()
        for place in places.values():
            used[place.pack] += place.stored
        staying, thin = _sorted(index, used)
        made: list[Directory] = []
        fresh = Index(index.first)
        packer = Packer(
            self._repository.keys, self._repository.target, fresh, self._threads, made.append
        )
        try:
            for ident, place in sorted(places.items(), key=lambda item: _order(item[1])):
                if place.pack in thin:
                    packer.put(self._repository.chunk(ident, place))
            packer.finish()
        except BaseException:
            packer.abandon()
            raise
        for one in made:
            self._read_back(one)
        kept = [one for one in self._directories() if one.pack in staying]
        return (self._repository.write_index([*kept, *made]),) if kept or made else ()

    def _directories(self) -> list[Directory]:
        found: dict[str, Directory] = {}
        for name in self._repository.list.indexes:
            found.update((one.pack, one) for one in self._repository.read_index(name))
        return list(found.values())

    def _read_back(self, made: Directory) -> None:
        """What old packs are deleted for must really be there."""
        try:
            sound_pack(self._repository, made.pack)
        except BackupDamaged as error:
            raise BackupDamaged(
                name=pack_path(made.pack),
                reason_zh="写入后读回不同,因此没有删除任何内容",
                reason_en="it read back differently, so nothing was deleted",
            ) from error

    def _sweep(self) -> None:
        """Delete what the list does not name: indexes before the packs that they name."""
        repository = self._repository
        for name in repository.left_indexes():
            repository.target.delete(f"index/{name}")
        named = {pack_path(pack) for pack in repository.index().packs()}
        for path in repository.target.list("packs"):
            if path not in named:
                repository.target.delete(path)
        repository.target.sweep()


def _sorted(index: Index, used: Counter[str]) -> tuple[set[str], set[str]]:
    """Packs that stay as they are, and those of which too little is needed."""
    staying: set[str] = set()
    thin: set[str] = set()
    sizes = index.packs()
    for pack, size in used.items():
        (staying if size >= _WORTH * sizes[pack] else thin).add(pack)
    return staying, thin


def _order(place: Place) -> tuple[str, int]:
    return place.pack, place.offset
