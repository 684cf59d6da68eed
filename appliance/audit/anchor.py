"""The anchor: the last signed checkpoint beside the database, against deletion and old copies."""

import os
from pathlib import Path
from typing import Final

from appliance.audit.errors import AuditTampered
from appliance.audit.reading import AuditReader
from secure_compute.errors import SecureComputeError
from secure_compute.merkle import Frontier
from secure_compute.note import Checkpoint, NoteKey, verify_checkpoint

_MAX_BYTES: Final = 1 << 16


class Anchor:
    """A small file that remembers how far the log had come.

    A database that was deleted, or replaced by an older copy, is signed as well as ever; only
    something outside it can tell. Auditors keep such checkpoints too, where nobody reaches them.

    Args:
        path: the file.
        key: the log's public key.
    """

    def __init__(self, path: Path, key: NoteKey) -> None:
        self._path = path
        self._key = key

    def check(self, reader: AuditReader, size: int) -> None:
        """Pass when the log has grown from where the anchor stands.

        Args:
            reader: the log.
            size: its entries; 0 for a new one.

        Raises:
            AuditTampered: it is shorter than it was, or another one.
        """
        past = self._read()
        if past is None:
            return
        if size < past.size:
            raise AuditTampered(
                reason=f"曾有 {past.size} 条记录,现在只有 {size} 条 it held {past.size} entries"
                f" and now holds {size}"
            )
        if Frontier.from_nodes(reader.nodes(size), past.size).root() != past.root:
            raise AuditTampered(
                reason="它不是从上次的检查点延续而来 it did not grow from its last checkpoint"
            )

    def drop(self, note: str) -> None:
        """Remember a signed checkpoint; a crash leaves the old anchor or the new one."""
        part = self._path.with_name(self._path.name + ".part")
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(note.encode())
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(self._path)

    def _read(self) -> Checkpoint | None:
        try:
            content = self._path.read_bytes()[:_MAX_BYTES]
        except FileNotFoundError:
            return None
        try:
            return verify_checkpoint(content, self._key)
        except SecureComputeError as error:
            raise AuditTampered(reason=f"{self._path.name}:{error.sentence}") from error
