"""Forgetting old snapshots: what only they needed goes, in an order that no crash can hurt."""

from collections.abc import Collection
from dataclasses import dataclass

from appliance.backup.errors import BackupDamaged
from appliance.backup.index import Directory, Index, Marks
from appliance.backup.mending import sound_pack
from appliance.backup.ours import Told
from appliance.backup.packing import Packer, pack_path
from appliance.backup.repository import Repository
from appliance.backup.snapshot import Snapshot
from appliance.backup.verifying import needed
from secure_compute.signing import SigningKey

_WORTH = 0.5
"""A pack of which less than this is needed is packed anew."""
_BATCH = 256
_FEW = 8


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
        scattered = len(present.indexes) > _FEW + 2 * len(index.packs()) // _BATCH
        if dropped or scattered:
            names = self._repack(index, live)
            following = present.following(snapshots=staying, indexes=names)
            repository.commit(following, self._signer)
        self._sweep()
        after = sum(repository.target.list("packs").values())
        return Pruned(dropped, before - after)

    def _live(self, staying: tuple[Snapshot, ...], index: Index) -> Marks:
        """Chunks that are needed; their packs must be there and as long as they were."""
        live = index.no_marks()
        for done, one in enumerate(staying):
            self._told("prune", done, len(staying))
            for ident in needed(self._repository, one, index):
                live[index.position(ident)] = True
        there, sizes = self._repository.target.list("packs"), index.packs()
        for pack in index.marked_bytes(live):
            if there.get(pack_path(pack)) != sizes[pack]:
                raise BackupDamaged(
                    name=pack_path(pack),
                    reason_zh="缺失或被截断,因此没有删除任何快照",
                    reason_en="it is missing or cut, so no snapshot was forgotten",
                )
        return live

    def _repack(self, index: Index, live: Marks) -> tuple[str, ...]:
        sizes = index.packs()
        used = index.marked_bytes(live)
        staying = {pack for pack, size in used.items() if size >= _WORTH * sizes[pack]}
        thin = sorted(used.keys() - staying)
        made: list[Directory] = []
        packer = Packer(
            self._repository.keys,
            self._repository.target,
            Index(index.first),
            self._threads,
            made.append,
        )
        try:
            for ident in index.marked_in(live, thin):
                packer.put(self._repository.chunk(ident, index.find(ident)))
            packer.finish()
        except BaseException:
            packer.abandon()
            raise
        for one in made:
            self._read_back(one)
        return self._index_anew(staying, made)

    def _index_anew(self, staying: set[str], made: list[Directory]) -> tuple[str, ...]:
        """Name every pack that stays, a few hundred in each index; their names."""
        repository, names, left = self._repository, [], set(staying)
        batch = list(made)
        for name in repository.list.indexes:
            for one in repository.read_index(name):
                if one.pack in left:
                    left.discard(one.pack)
                    batch.append(one)
                if len(batch) >= _BATCH:
                    names.append(repository.write_index(batch))
                    batch = []
        return (*names, repository.write_index(batch)) if batch else tuple(names)

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
