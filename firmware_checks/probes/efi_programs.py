"""Observes the EFI programs of a machine: their Authenticode digests, names and versions."""

from collections.abc import Iterator, Mapping
from typing import Final

from firmware_checks.errors import EventLogMalformed
from firmware_checks.eventlog.algorithms import ALGORITHMS
from firmware_checks.eventlog.programs import Program, authenticode, identity, read_image
from firmware_checks.probes.tree import Tree
from firmware_checks.reading import Unread

FOLDERS: Final = ("/boot/efi/EFI", "/efi/EFI", "/boot/EFI")
_BANKS: Final = frozenset({"SHA1", "SHA256", "SHA384"})
# A unified kernel image with its initrd is larger: it is told by its file, and costs no memory.
_MAX_PROGRAM: Final = 32 * 1024 * 1024
_MAX_BYTES: Final = 256 * 1024 * 1024
_MAX_DEPTH: Final = 4
_MAX_FILES: Final = 200


def known_programs(tree: Tree, *folders: str) -> Mapping[str, Program]:
    """Digest in lower-case hexadecimal, as PCR 4 has it -> the program.

    Files that are no EFI programs are passed over; at most 200 files and 256 MiB are read.

    Args:
        tree: The machine.
        folders: Where to look; the usual places of the EFI system partition when left out.
    """
    found: dict[str, Program] = {}
    read = 0
    for number, path in enumerate(_files(tree, folders or FOLDERS)):
        if number >= _MAX_FILES or read >= _MAX_BYTES:
            break
        data = tree.data(path, _MAX_PROGRAM)
        if isinstance(data, Unread):
            continue
        read += len(data)
        try:
            image = read_image(data)
            program = identity(image, path)
            for algorithm in ALGORITHMS:
                if algorithm.bank in _BANKS:
                    found[authenticode(image, algorithm).hex()] = program
        except EventLogMalformed:
            continue
    return found


def _files(tree: Tree, folders: tuple[str, ...]) -> Iterator[str]:
    waiting = [(folder.rstrip("/"), 0) for folder in folders]
    while waiting:
        folder, depth = waiting.pop()
        names = tree.names(folder or "/")
        if isinstance(names, Unread):
            continue
        for name in names:
            path = f"{folder}/{name}"
            if name.lower().endswith(".efi") or name.startswith("vmlinuz"):
                yield path
            elif depth < _MAX_DEPTH:
                waiting.append((path, depth + 1))
