"""What a worker of backups does: make, check or rehearse, by a request with the keys it needs."""

import fcntl
import os
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from appliance.backup.account import standing, told_pruned, told_verdict
from appliance.backup.coverage import unaccounted
from appliance.backup.creating import Creation
from appliance.backup.drill import Rehearsal, drill
from appliance.backup.errors import BackupBusy
from appliance.backup.keyfile import Holder
from appliance.backup.opening import open_or_make
from appliance.backup.ours import Ours, Told
from appliance.backup.places import Where, open_target
from appliance.backup.pruning import Pruning
from appliance.backup.repository import Memory, Repository
from appliance.backup.retention import Retention, kept
from appliance.backup.verifying import Verification
from appliance.jobs.schedule import local_zone
from appliance.settings.layout import StateLayout
from secure_compute.secret import Secret
from secure_compute.signing import SigningKey

LOCK: Final = "backup.lock"
_SANE: Final = 1_700_000_000
"""November 2023: a clock that shows less was never set."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One request, as a worker reads it.

    Args:
        value: the JSON object.
        now: Unix time in seconds.
    """

    value: Json
    now: Callable[[], float] = time.time

    @property
    def layout(self) -> StateLayout:
        """Where the box's state lies."""
        return StateLayout(Path(self.value["root"]))

    def key(self, name: str) -> bytes:
        """One of the secrets."""
        return bytes.fromhex(self.value["keys"][name])

    @property
    def memory(self) -> Memory | None:
        """What the box remembers of the backup."""
        found = self.value["memory"]
        return None if found is None else Memory(**found)

    @property
    def signer(self) -> SigningKey:
        """Who signs lists."""
        return SigningKey.from_seed(self.key("signer"))

    def ours(self) -> Ours:
        """What the box gives to a snapshot."""
        return Ours(
            layout=self.layout,
            box_key=self.key("box.db"),
            audit_key=self.key("audit.db"),
            signer=self.signer,
            root=b64decode(self.value["escrow"]),
            keyring=b64decode(self.value["keyring"]),
            version=self.value["version"],
            threads=self.value["threads"],
            now=self.now,
            bodies_key=self.key("bodies.db") if "bodies.db" in self.value["keys"] else None,
        )


def perform(request: Request, told: Told) -> Json:
    """Do what was asked.

    Returns:
        Figures, and what to remember of the backup.

    Raises:
        ApplianceError, ModelsError, SecureComputeError: why it came to nothing.
    """
    modes: dict[str, Callable[[Request, Repository, Told], Json]] = {
        "create": _create,
        "drill": _drill,
        "verify": _verify,
    }
    with (
        _alone(request.layout),
        closing(open_target(Where.parse(request.value["where"]))) as target,
    ):
        identity = Secret(request.key("identity"))
        mode = request.value["mode"]
        if mode == "create":
            holder = Holder(
                identity,
                tuple(request.value["recipients"]),
                request.signer.verify_key,
                request.value["box"],
            )
            unlock = b64decode(request.value["unlock"])
            repository = open_or_make(target, holder, unlock, request.memory)
        else:
            repository = Repository.open(target, identity, request.memory)
        result = modes[mode](request, repository, told)
        return {**result, **standing(repository), "digest": repository.list.digest}


def _create(request: Request, repository: Repository, told: Told) -> Json:
    before = repository.list.newest
    began = time.monotonic()
    made = Creation(repository, request.ours(), told).run()
    result: Json = {
        "added": made.added,
        "files": made.files,
        "seconds": round(time.monotonic() - began, 3),
        "size": made.size,
        "snapshot": made.number,
        "tree_size": made.tree_size,
        "uncovered": list(unaccounted(request.layout)),
        "pruned": None,
    }
    # Ages cannot be judged by a clock that was never set or fell back: then nothing is forgotten.
    behind = request.now() < max(_SANE, before.time if before else 0)
    result["clock_behind"] = behind
    if not behind:
        rule = Retention(**request.value["keep"])
        keep = kept(repository.list.snapshots, rule, request.value["verified"], local_zone())
        pruning = Pruning(repository, request.signer, told, request.value["threads"])
        result["pruned"] = told_pruned(pruning.run(keep))
    return result


def _verify(request: Request, repository: Repository, told: Told) -> Json:
    unlock = b64decode(request.value["unlock"])
    found = Verification(repository, told, deep=request.value["deep"], unlock=unlock).run()
    newest = repository.list.newest
    return {**told_verdict(found), "snapshot": newest.number if newest else None}


def _drill(request: Request, repository: Repository, told: Told) -> Json:
    how = Rehearsal(
        scratch=request.layout.files_mount / "drill",
        model=request.value["model"],
        servers=tuple(map(Path, request.value["servers"])),
        threads=request.value["threads"],
    )
    found = drill(repository, request.value["snapshot"], how, told)
    return {
        "flags": found.flags,
        "model": found.model,
        "signs": found.signs,
        "size": found.size,
        "snapshot": found.snapshot,
        "tree_size": found.tree_size,
    }


@contextmanager
def _alone(layout: StateLayout) -> Iterator[None]:
    """One at a time on a box; the kernel lets go of the lock however a process ends."""
    layout.run.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(layout.run / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BackupBusy from None
        yield
    finally:
        os.close(handle)
