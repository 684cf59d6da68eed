"""The SQL of the witnesses: second keys, witnesses, and who cosigned which checkpoint."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from appliance.db.database import Db
from appliance.witnesses.errors import WitnessExists, WitnessUnknown

Kind = Literal["tpm", "software"]
_PAGE: Final = 256
_KEY: Final = "id, kind, vkey, material, made, ended, counter, meant, counted"


@dataclass(frozen=True, slots=True)
class SecondKey:
    """A second key of the box.

    Args:
        id: its number; the newest one signs.
        kind: "tpm" or "software".
        vkey: its public half, as notes know it.
        material: what lies outside the TPM; empty for a software key, which lies in the vault.
        made: Unix seconds.
        ended: when another took its place; None for the one in use.
        counter: what the TPM's counter said last; 0 for a software key.
        meant: what it may say after a crash between counting and noting.
        counted: when it was last counted further, Unix seconds.
    """

    id: int
    kind: Kind
    vkey: str
    material: dict[str, str]
    made: float
    ended: float | None = None
    counter: int = 0
    meant: int = 0
    counted: float = 0.0


@dataclass(frozen=True, slots=True)
class Witness:
    """Somebody outside who cosigns: name, verifier key, and since when (Unix seconds)."""

    name: str
    vkey: str
    added: float


@dataclass(frozen=True, slots=True)
class Cosigned:
    """One cosignature.

    Args:
        size: of the tree.
        vkey: who cosigned.
        line: the signature line, newline included.
        time: when, as the cosigner states it; Unix seconds.
        taken: when it came, by the box's own clock; Unix seconds.
        outside: whether it is a witness's, not the box's own.
    """

    size: int
    vkey: str
    line: str
    time: int
    taken: int
    outside: bool

    @property
    def since(self) -> int:
        """When it was made at the latest: a witness whose clock runs ahead is none the fresher."""
        return min(self.time, self.taken)


@dataclass(frozen=True, slots=True)
class Seen:
    """A checkpoint that somebody cosigned: size, root, and the note under the box's signature."""

    size: int
    root: bytes
    note: str


class WitnessStore:
    """Keys, witnesses and cosignatures."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def second_keys(self) -> tuple[SecondKey, ...]:
        """Every second key that there was, oldest first."""
        with self._db.read() as db:
            rows = list(db.query(f"SELECT {_KEY} FROM second_keys ORDER BY id"))  # noqa: S608
        return tuple(SecondKey(**{**row, "material": json.loads(row["material"])}) for row in rows)

    def begin(self, kind: Kind, vkey: str, material: dict[str, str], now: float) -> None:
        """Put a new second key in the place of the one in use."""
        with self._db.write() as tx:
            tx.execute("UPDATE second_keys SET ended = ? WHERE ended IS NULL", [now])
            tx.execute(
                "INSERT INTO second_keys (kind, vkey, material, made) VALUES (?, ?, ?, ?)",
                [kind, vkey, json.dumps(material, sort_keys=True), now],
            )

    def mean(self, key: int, counter: int) -> None:
        """Note what the counter is about to say."""
        with self._db.write() as tx:
            tx.execute("UPDATE second_keys SET meant = ? WHERE id = ?", [counter, key])

    def count(self, key: int, counter: int, now: float) -> None:
        """Note what the counter says."""
        with self._db.write() as tx:
            tx.execute(
                "UPDATE second_keys SET counter = ?, meant = ?, counted = ? WHERE id = ?",
                [counter, counter, now, key],
            )

    def witnesses(self) -> tuple[Witness, ...]:
        """Every witness, by name."""
        with self._db.read() as db:
            return tuple(
                Witness(**row)
                for row in db.query("SELECT name, vkey, added FROM witnesses ORDER BY name")
            )

    def add(self, witness: Witness) -> None:
        """Insert a witness. Raises WitnessExists."""
        with self._db.write() as tx:
            taken = "SELECT 1 FROM witnesses WHERE name = ? OR vkey = ?"
            if list(tx.query(taken, [witness.name, witness.vkey])):
                raise WitnessExists(name=witness.name)
            tx.execute(
                "INSERT INTO witnesses (name, vkey, added) VALUES (?, ?, ?)",
                [witness.name, witness.vkey, witness.added],
            )

    def remove(self, name: str) -> None:
        """Forget a witness; what it cosigned stays. Raises WitnessUnknown."""
        with self._db.write() as tx:
            if tx.execute("DELETE FROM witnesses WHERE name = ?", [name]).rowcount == 0:
                raise WitnessUnknown(name=name)

    def keep(self, seen: Seen, cosignature: Cosigned) -> bool:
        """Keep a cosignature with its checkpoint; False where it is there already."""
        one = cosignature
        with self._db.write() as tx:
            tx.execute(
                "INSERT OR IGNORE INTO cosigned (size, note, root) VALUES (?, ?, ?)",
                [seen.size, seen.note, seen.root],
            )
            made = tx.execute(
                "INSERT OR IGNORE INTO cosignatures (size, vkey, line, time, taken, outside)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                [one.size, one.vkey, one.line, one.time, one.taken, int(one.outside)],
            )
            return bool(made.rowcount)

    def latest(self, vkey: str) -> Cosigned | None:
        """The cosignature by a key over the largest tree."""
        with self._db.read() as db:
            rows = list(
                db.query(
                    "SELECT size, vkey, line, time, taken, outside FROM cosignatures WHERE vkey = ?"
                    " ORDER BY size DESC LIMIT 1",
                    [vkey],
                )
            )
        return _cosigned(rows[0]) if rows else None

    def largest(self) -> Seen | None:
        """The largest checkpoint that anybody cosigned."""
        return next(iter(self.seen(1 << 62, 1)), None)

    def seen(self, upto: int, limit: int) -> tuple[Seen, ...]:
        """Cosigned checkpoints of trees of at most a size, largest first."""
        with self._db.read() as db:
            return tuple(
                Seen(row["size"], row["root"], row["note"])
                for row in db.query(
                    "SELECT size, root, note FROM cosigned WHERE size <= ?"
                    " ORDER BY size DESC LIMIT ?",
                    [upto, limit],
                )
            )

    def every(self, upto: int) -> Iterator[Seen]:
        """Every cosigned checkpoint of a tree of at most a size, smallest first."""
        after = -1
        while True:
            with self._db.read() as db:
                rows = list(
                    db.query(
                        "SELECT size, root, note FROM cosigned WHERE size > ? AND size <= ?"
                        " ORDER BY size LIMIT ?",
                        [after, upto, _PAGE],
                    )
                )
            if not rows:
                return
            for row in rows:
                yield Seen(row["size"], row["root"], row["note"])
            after = rows[-1]["size"]

    def cosignatures(self, size: int) -> tuple[Cosigned, ...]:
        """Every cosignature over the tree of exactly this size."""
        with self._db.read() as db:
            return tuple(
                _cosigned(row)
                for row in db.query(
                    "SELECT size, vkey, line, time, taken, outside FROM cosignatures WHERE size = ?"
                    " ORDER BY outside, vkey",
                    [size],
                )
            )

    def cosigners(self) -> tuple[str, ...]:
        """The verifier key of everybody whose cosignatures are kept."""
        with self._db.read() as db:
            rows = list(db.query("SELECT DISTINCT vkey FROM cosignatures ORDER BY vkey"))
        return tuple(row["vkey"] for row in rows)

    def thin(self, before: int) -> int:
        """Of the box's own cosignatures older than a time, keep each day's last; how many went.

        What a witness cosigned is never thinned.
        """
        with self._db.write() as tx:
            gone = tx.execute(
                "DELETE FROM cosignatures WHERE outside = 0 AND time < ? AND EXISTS (SELECT 1"
                " FROM cosignatures AS later WHERE later.vkey = cosignatures.vkey"
                " AND later.size > cosignatures.size"
                " AND later.time / 86400 = cosignatures.time / 86400)",
                [before],
            ).rowcount
            tx.execute("DELETE FROM cosigned WHERE size NOT IN (SELECT size FROM cosignatures)")
            return gone


def _cosigned(row: dict[str, Any]) -> Cosigned:
    return Cosigned(**{**row, "outside": bool(row["outside"])})
