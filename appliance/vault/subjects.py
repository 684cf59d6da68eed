"""Keys of their own for datasets, patients and days: so that one can be destroyed alone."""

from datetime import UTC, datetime
from threading import RLock
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from appliance.db.database import Db
from appliance.vault.errors import KeyUnknown, SubjectErased, SubjectUnknown
from appliance.vault.forgotten import ForgottenList, Gone
from appliance.vault.opened import Opened
from appliance.vault.store import SubjectRow, SubjectStore
from secure_compute.envelope import Sealed, seal, unseal, unseal_key
from secure_compute.secret import Secret

DATASET: Final = "dataset"
PATIENT: Final = "patient"
PERIOD: Final = "period"
FAMILIES: Final = (DATASET, PATIENT, PERIOD)
_LASTING: Final = frozenset((DATASET, PATIENT))
"""Families whose destroyed subjects are listed outside the database; days are over by themselves."""

NAME_BYTES: Final = 16
"""Bytes of a tag that make the public name of a subject."""

_USE: Final = "family."
_TAGS: Final = "subject-tags"


class SubjectKeys:
    """A random key for each dataset, patient and day, wrapped under the key of its family.

    Destroying one replaces the key of its family and wraps all others anew, so that no old page of the
    database holds anything that the keyring still opens. Names are kept as keyed hashes alone.

    Args:
        db: the box's database.
        opened: the open vault.
    """

    def __init__(self, db: Db, opened: Opened) -> None:
        self._store = SubjectStore(db)
        self._opened = opened
        self._list = ForgottenList(opened.forgotten)
        self._lock = RLock()

    def key(self, family: str, subject: str) -> Secret:
        """The key of a subject, made at its first call; the caller wipes it.

        Raises:
            SubjectErased: it was destroyed, and none is ever made again under this name.
        """
        with self._lock:
            tag = self._tag(family, subject)
            row = self._store.get(family, tag)
            if row is None:
                with Secret.random() as key:
                    self._store.add(family, tag, self._wrap(family, tag, key), self._opened.now())
                row = self._store.get(family, tag)
            if row is None:
                raise SubjectUnknown(subject=subject)
            return self._open(family, tag, row, subject)

    def existing(self, family: str, subject: str) -> Secret:
        """The key of a subject that has one; the caller wipes it.

        Raises:
            SubjectUnknown, SubjectErased: there is no key for it (any more).
        """
        with self._lock:
            tag = self._tag(family, subject)
            row = self._store.get(family, tag)
            if row is None:
                raise SubjectUnknown(subject=subject)
            return self._open(family, tag, row, subject)

    @property
    def algorithm(self) -> str:
        """What new content is sealed with. Raises VaultLocked."""
        return self._opened.suite.aead

    def keep(self, family: str, subject: str, key: Secret) -> None:
        """Keep a key that was made elsewhere; a subject that has one keeps its own."""
        with self._lock:
            tag = self._tag(family, subject)
            self._store.add(family, tag, self._wrap(family, tag, key), self._opened.now())

    def drop(self, family: str, subject: str) -> None:
        """Let go of a key that locks nothing any more; unlike `erase` this destroys no copy of it."""
        with self._lock:
            self._store.drop(family, self._tag(family, subject))

    def name(self, family: str, subject: str) -> str:
        """The public name of a subject: 32 hexadecimal digits of a keyed hash."""
        return self._tag(family, subject)[:NAME_BYTES].hex()

    def named(self, family: str, name: str) -> Secret:
        """The key of the subject that has a public name; the caller wipes it.

        Raises:
            SubjectUnknown, SubjectErased: there is no key for it (any more).
        """
        with self._lock:
            tag = self._store.beginning(family, bytes.fromhex(name))
            row = None if tag is None else self._store.get(family, tag)
            if tag is None or row is None:
                raise SubjectUnknown(subject=name)
            return self._open(family, tag, row, name)

    def seal(self, family: str, subject: str, content: bytes, aad: bytes = b"") -> bytes:
        """Seal content under the key of a subject. Raises SubjectErased."""
        with self.key(family, subject) as key:
            algorithm = self._opened.suite.aead
            return seal(content, key, f"{_USE}{family}", aad, algorithm).to_bytes()

    def open(self, family: str, subject: str, sealed: bytes, aad: bytes = b"") -> bytes:
        """Open what `seal` made.

        Raises:
            SubjectUnknown, SubjectErased: there is no key for it (any more).
            SealBroken, SealMalformed: it is something else.
        """
        with self.existing(family, subject) as key:
            return unseal(Sealed.parse(sealed), key, aad)

    def open_named(self, family: str, name: str, sealed: bytes, aad: bytes = b"") -> bytes:
        """Open what `seal` made for the subject that has a public name.

        Raises:
            SubjectUnknown, SubjectErased: there is no key for it (any more).
            SealBroken, SealMalformed: it is something else.
        """
        with self.named(family, name) as key:
            return unseal(Sealed.parse(sealed), key, aad)

    def count(self, family: str) -> int:
        """How many subjects of a family have a key."""
        return self._store.count(family)

    def erasable(self, family: str, subject: str) -> tuple[str, ...]:
        """Ids of the keys that erasing a subject would destroy.

        Raises:
            SubjectUnknown, SubjectErased: there is nothing to destroy.
        """
        tag = self._tag(family, subject)
        row = self._store.get(family, tag)
        if row is None:
            raise SubjectUnknown(subject=subject)
        if row.sealed is None:
            raise _erased(subject, row)
        return f"{family}:{tag[:NAME_BYTES].hex()}", Sealed.parse(row.sealed).key_id

    def erase(self, family: str, subject: str) -> tuple[str, ...]:
        """Destroy the key of a subject and replace the key of its family.

        A process that is killed on the way leaves the subject as it was, or a destruction that
        `finish` ends.

        Returns:
            Ids of the keys destroyed.

        Raises:
            SubjectUnknown, SubjectErased: there is nothing to destroy.
            OSError: the disk refuses; nothing was destroyed.
        """
        with self._lock:
            keys = self.erasable(family, subject)
            tag = self._tag(family, subject)
            if family in _LASTING:
                # From here on it is decided: whoever opens the vault next goes on with it.
                self._list.add(Gone(family, tag, self._opened.now()))
            self._replace(family, tag)
            self._retire(family)
            return keys

    def renew(self, family: str) -> int:
        """Replace the key of a family and wrap every key under it anew; how many there were."""
        with self._lock:
            count = self._replace(family, None)
            self._retire(family)
            return count

    def finish(self) -> None:
        """End what a killed process had begun, and destroy again what a backup brought back."""
        with self._lock:
            for gone in self._list.all():
                if gone.family in _LASTING:
                    self._honour(gone)
            for family in FAMILIES:
                self._retire(family)

    def _honour(self, gone: Gone) -> None:
        row = self._store.get(gone.family, gone.tag)
        if row is None:
            self._store.bury(gone.family, gone.tag, gone.when)
        elif row.sealed is not None:
            self._replace(gone.family, gone.tag)

    def _replace(self, family: str, gone: bytes | None) -> int:
        use = _USE + family
        self._opened.renew(use)

        def change(tag: bytes, sealed: bytes) -> bytes:
            with self._unwrap(family, tag, sealed) as key:
                return self._wrap(family, tag, key)

        return self._store.rewrap(family, change, gone, self._opened.now())

    def _retire(self, family: str) -> None:
        use = _USE + family
        for kept in self._opened.book.keys:
            if kept.wrapped.use == use and kept.state == "old":
                name = kept.wrapped.key_id
                if not self._store.any_under(family, lambda s, n=name: Sealed.parse(s).key_id == n):  # type: ignore[misc]
                    self._opened.retire(use, kept.wrapped.version)

    def _wrap(self, family: str, tag: bytes, key: Secret) -> bytes:
        use = _USE + family
        with self._opened.secret(use) as above:
            name = self._opened.wrapped(use).key_id
            algorithm = self._opened.suite.aead
            return seal(key.view(), above, name, _aad(family, tag), algorithm).to_bytes()

    def _unwrap(self, family: str, tag: bytes, sealed: bytes) -> Secret:
        envelope = Sealed.parse(sealed)
        use, _, version = envelope.key_id.rpartition("/")
        if use != _USE + family or not version.isdigit():
            raise KeyUnknown(key=envelope.key_id)
        with self._opened.secret(use, int(version)) as above:
            return unseal_key(envelope, above, _aad(family, tag))

    def _open(self, family: str, tag: bytes, row: SubjectRow, subject: str) -> Secret:
        if row.sealed is None:
            raise _erased(subject, row)
        return self._unwrap(family, tag, row.sealed)

    def _tag(self, family: str, subject: str) -> bytes:
        return tag_of(self._opened, family, subject)


def tag_of(opened: Opened, family: str, subject: str) -> bytes:
    """The keyed hash, 32 bytes, under which a subject is known. Raises SubjectUnknown, VaultLocked."""
    if family not in FAMILIES:
        raise SubjectUnknown(subject=family)
    with opened.secret(_TAGS) as key:
        made = HMAC(key.view(), SHA256())
        made.update(f"{family}\x00{subject}".encode())
        return made.finalize()


def _erased(subject: str, row: SubjectRow) -> SubjectErased:
    when = datetime.fromtimestamp(row.destroyed or 0, UTC)
    at = row.destroyed or 0
    return SubjectErased(subject=subject, when=when.strftime("%Y-%m-%d %H:%M UTC"), at=at)


def _aad(family: str, tag: bytes) -> bytes:
    return b"wardbox/v1/subject/" + family.encode() + b"/" + tag
