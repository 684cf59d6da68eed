"""Which keys sign for what: the offices of the root, and the delegations to the kinds of content.

Offices of the root change with a next root, which keys of the old and of the new one sign, at
whatever places they are kept. Delegations stand in a plain file of the vendor's folder; the next
bundle makes them hold, signed by the key of `targets`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from securesystemslib.signer import Key  # type: ignore[attr-defined]
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (  # type: ignore[attr-defined]
    DelegatedRole,
    Delegations,
    Metadata,
    Root,
    Targets,
)

from appliance.updates.manifest import KINDS
from appliance.updates.shape import compact, paths_of
from appliance.updates.trust import MAX_ROOT, Pinned, describe, sound_root
from installer.vendor.errors import (
    VendorArgumentRefused,
    VendorFolderTaken,
    VendorFolderUnusable,
    VendorKeyUnusable,
    VendorRoleRefused,
)
from installer.vendor.files import discard, read_bounded, write_new
from installer.vendor.keys import KeyFolder
from installer.vendor.times import later

ROOT_FILE: Final = "root.json"
NEXT_ROOT: Final = "next-root.json"
DELEGATIONS: Final = "delegations.json"
DRAFT: Final = ".draft.json"
"""How the name of metadata ends that waits for signatures."""
NAMES: Final = "names.json"
"""Id of a key -> the name that it was given, wherever it is kept now."""
METADATA: Final = "metadata"
ROOT_DAYS: Final = 3650
OFFICES: Final = ("root", "targets", "snapshot", "timestamp", *KINDS)
"""Everything that has keys."""
_SHORTEST: Final = 8
_MAX: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Office:
    """Who signs for one role.

    Attributes:
        role: Its name.
        threshold: Signatures needed.
        keys: Id of each key -> the name that it was given here, or empty.
        here: Ids of those that lie in the vendor's folder.
    """

    role: str
    threshold: int
    keys: dict[str, str]
    here: frozenset[str]


def first_delegations(keys: dict[str, Key]) -> Delegations:
    """The delegations of a new vendor: one key for each kind."""
    roles = {
        kind: DelegatedRole(
            kind, [keys[kind].keyid], 1, terminating=True, paths=list(paths_of(kind))
        )
        for kind in KINDS
    }
    return Delegations({key.keyid: key for key in keys.values()}, roles)


def read_root(folder: Path) -> Metadata[Root]:
    """The vendor's root. Raises TrustRootRefused or VendorDiskRefused."""
    return sound_root(read_bounded(folder / ROOT_FILE, MAX_ROOT))


def read_delegations(folder: Path) -> Delegations:
    """The delegations as the next bundle will make them.

    Raises:
        VendorFolderUnusable: They are damaged.
        VendorDiskRefused: They are not there.
    """
    path = folder / DELEGATIONS
    try:
        return Delegations.from_dict(json.loads(read_bounded(path, _MAX)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise VendorFolderUnusable(
            path=path, reason_zh="内容损坏", reason_en="it is damaged"
        ) from error


def write_delegations(folder: Path, delegations: Delegations) -> None:
    """Keep the delegations."""
    write_new(folder / DELEGATIONS, compact(delegations.to_dict()))


def note_name(folder: Path, key_id: str, name: str) -> None:
    """Remember what a key is called, so that it can be told by its name once it is elsewhere."""
    write_new(folder / NAMES, compact({**_names(folder), key_id: name}))


def _names(folder: Path) -> dict[str, str]:
    path = folder / NAMES
    if not path.is_file():
        return {}
    try:
        document = json.loads(read_bounded(path, _MAX))
        return {str(key): str(name) for key, name in document.items()}
    except (ValueError, AttributeError) as error:
        raise VendorFolderUnusable(
            path=path, reason_zh="内容损坏", reason_en="it is damaged"
        ) from error


class Roster:
    """The keys of every role.

    Args:
        folder: The vendor's folder.
        keys: The keys that are kept here.
    """

    def __init__(self, folder: Path, keys: KeyFolder) -> None:
        self._folder = folder
        self._keys = keys

    def offices(self) -> tuple[Office, ...]:
        """Return who signs for what, as the next bundle and the next root have it."""
        names = _names(self._folder)
        here = frozenset(file.key_id for file in self._keys.list())
        root, kinds = self._next_root().signed, self._kinds()
        found = []
        for role in OFFICES:
            held = (kinds if role in KINDS else root).get_delegated_role(role)
            keys = {key_id: names.get(key_id, "") for key_id in held.keyids}
            found.append(Office(role, held.threshold, keys, here & set(keys)))
        return tuple(found)

    def admit(self, role: str, name: str, home: KeyFolder, now: datetime) -> str:
        """Make a key and let it sign for a role.

        Args:
            role: One of `OFFICES`.
            name: The name of its file.
            home: Where it is made.
            now: The time.

        Returns:
            Its id.
        """
        _check_role(role)
        key = self._make(name, home)
        self._change(role, lambda office: office.add_key(key, role), now)
        return str(key.keyid)

    def rotate(self, role: str, old: str, name: str, home: KeyFolder, now: datetime) -> str:
        """Make a key and let it sign for a role in the place of another. Returns its id."""
        gone = self._find(role, old)
        key = self._make(name, home)

        def change(office: Root | Targets) -> None:
            office.add_key(key, role)
            office.revoke_key(gone, role)

        self._change(role, change, now)
        return str(key.keyid)

    def revoke(self, role: str, key: str, now: datetime) -> str:
        """Let a key sign for a role no longer. Returns its id."""
        gone = self._find(role, key)
        self._change(role, lambda office: office.revoke_key(gone, role), now)
        return gone

    def require(self, role: str, threshold: int, now: datetime) -> None:
        """Set how many keys must sign for a role."""
        _check_role(role)

        def change(office: Root | Targets) -> None:
            office.get_delegated_role(role).threshold = threshold

        self._change(role, change, now)

    def _make(self, name: str, home: KeyFolder) -> Key:
        if name in _names(self._folder).values():
            raise VendorFolderTaken(folder=name)
        key = home.create(name).public_key
        note_name(self._folder, key.keyid, name)
        return key

    def _find(self, role: str, told: str) -> str:
        """The id of a key by the name of its file, or by the beginning of its id."""
        _check_role(role)
        office = next(one for one in self.offices() if one.role == role)
        found = [
            key_id
            for key_id, name in office.keys.items()
            if told and (name == told or (len(told) >= _SHORTEST and key_id.startswith(told)))
        ]
        if len(found) != 1:
            raise VendorKeyUnusable(
                path=ascii(told)[1:-1][:80],
                reason_zh=f"不是角色 {role} 的密钥",
                reason_en=f"it is no key of the role {role}",
            )
        return found[0]

    def _change(self, role: str, edit: Callable[[Root | Targets], None], now: datetime) -> None:
        if role in KINDS:
            kinds = self._kinds()
            edit(kinds)
            _check_office(kinds, role)
            if kinds.delegations is not None:
                write_delegations(self._folder, kinds.delegations)
            return
        draft = self._next_root()
        edit(draft.signed)
        _check_office(draft.signed, role)
        draft.signed.expires = later(now, ROOT_DAYS)
        # What was signed is another document now.
        draft.signatures.clear()
        write_new(self._folder / NEXT_ROOT, compact(draft.to_dict()))

    def _kinds(self) -> Targets:
        return Targets(delegations=read_delegations(self._folder))

    def _next_root(self) -> Metadata[Root]:
        """The next root as far as it is, or the present one as its beginning."""
        present = read_root(self._folder)
        path = self._folder / NEXT_ROOT
        if path.is_file():
            draft = read_draft(path)
            if draft.signed.version == present.signed.version + 1:
                return draft
        present.signed.version += 1
        return present


def read_draft(path: Path) -> Metadata[Root]:
    """A root that is not signed by all yet. Raises VendorFolderUnusable."""
    try:
        return Metadata[Root].from_bytes(read_bounded(path, MAX_ROOT))
    except (RepositoryError, ValueError) as error:
        raise VendorFolderUnusable(
            path=path, reason_zh="不是根的草稿", reason_en="it is no draft of a root"
        ) from error


def adopt(folder: Path) -> Pinned | None:
    """Put the next root in force once enough keys of both have signed it; else None."""
    path = folder / NEXT_ROOT
    if not path.is_file():
        return None
    present, draft = read_root(folder), read_draft(path)
    held = draft.signed.get_root_verification_result(
        present.signed, draft.signed_bytes, draft.signatures
    )
    if not held.verified or draft.signed.version != present.signed.version + 1:
        return None
    for key_id in set(draft.signatures) - set(held.signed):
        del draft.signatures[key_id]  # a box would refuse a root with a signature of nobody
    raw = compact(draft.to_dict())
    pinned = describe(sound_root(raw))
    write_new(folder / METADATA / f"{pinned.version}.{ROOT_FILE}", raw)
    write_new(folder / ROOT_FILE, raw)
    discard(path)
    return pinned


def _check_role(role: str) -> None:
    if role not in OFFICES:
        raise VendorArgumentRefused(
            name=ascii(role)[1:-1][:40],
            reason_zh=f"应为 {'、'.join(OFFICES)} 之一",
            reason_en=f"it must be one of {', '.join(OFFICES)}",
        )


def _check_office(office: Root | Targets, role: str) -> None:
    held = office.get_delegated_role(role)
    if not 1 <= held.threshold <= len(held.keyids):
        raise VendorRoleRefused(role=role, threshold=held.threshold, keys=len(held.keyids))
