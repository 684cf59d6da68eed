"""Opening the backup of a box on a target, making it where there is none, keeping its keys in step."""

from appliance.backup.beside import programs
from appliance.backup.errors import BackupAbsent, BackupDamaged, BackupRolledBack
from appliance.backup.keyfile import HEAD, UNLOCK, Holder, read_head, write_keys
from appliance.backup.recipients import MAX_KEYS
from appliance.backup.repository import Memory, Repository
from appliance.backup.sealing import damaged
from appliance.backup.target import Target


def open_or_make(
    target: Target, holder: Holder, unlock: bytes, memory: Memory | None
) -> Repository:
    """The backup on a target, ready to be written.

    Args:
        target: where it lies.
        holder: whose it is.
        unlock: what the recovery key opens; written anew when a slot was changed.
        memory: what the box remembers of it; None before the first.

    Raises:
        BackupRolledBack: it is older than remembered, or gone.
        KeysRefused: another box's backup lies there.
        BackupDamaged: its head is lost though packs are there.
    """
    try:
        head = read_head(target)
    except BackupAbsent:
        repository = _make(target, holder, memory)
    else:
        repository = Repository.open(target, holder.identity, memory)
        if head.get("recipients") != list(holder.recipients):
            write_keys(target, repository.keys, holder)
    _keep(target, UNLOCK, unlock)
    for name, program in programs().items():
        _keep(target, name, program)
    return repository


def _keep(target: Target, name: str, content: bytes) -> None:
    try:
        same = target.read(name, MAX_KEYS) == content
    except (BackupAbsent, BackupDamaged):
        same = False
    if not same:
        target.write(name, content)


def _make(target: Target, holder: Holder, memory: Memory | None) -> Repository:
    if memory is not None:
        raise BackupRolledBack(place=target.place, found=0, known=memory.generation)
    if target.list("lists") or target.list("packs"):
        raise damaged(HEAD, "缺失,而数据仍在", "it is missing though there is data")
    return Repository.create(target, holder)
