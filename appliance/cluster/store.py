"""The SQL of the cluster room: what this box is, open join tokens, and who is a member."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from appliance.db.database import Db
from secure_compute.certificates import Credential

Change = Literal["return", "leave", "lose"]


@dataclass(frozen=True, slots=True)
class Membership:
    """What this box is in its cluster.

    Attributes:
        address: This box on the interconnect.
        head: "address:port" of the first box's store; None when this box is the first.
        base_port: First of the node's ports.
        ray_token: What every call inside the cluster carries.
        authority: The cluster's certificate authority; its key is empty but on the first box.
        own: This box's certificate and key.
    """

    address: str
    head: str | None
    base_port: int
    ray_token: str = field(repr=False)
    authority: Credential = field(repr=False)
    own: Credential = field(repr=False)


@dataclass(frozen=True, slots=True)
class Member:
    """A box of the cluster, as the first box remembers it; times in seconds since 1970."""

    address: str
    name: str
    joined: float
    lost: float | None


class ClusterStore:
    """Everything that the cluster room remembers, in the box's encrypted database."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def membership(self) -> Membership | None:
        """What this box is, or None while it is in no cluster."""
        with self._db.read() as db:
            row = next(iter(db.query("SELECT * FROM cluster_self")), None)
        if row is None:
            return None
        return Membership(
            row["address"],
            row["head"],
            row["base_port"],
            row["ray_token"],
            Credential(row["ca"].encode(), row["ca_key"].encode()),
            Credential(row["certificate"].encode(), row["key"].encode()),
        )

    def enter(self, membership: Membership) -> None:
        """Remember what this box now is."""
        row = [
            membership.address,
            membership.head,
            membership.base_port,
            membership.ray_token,
            membership.authority.certificate_pem.decode(),
            membership.authority.key_pem.decode(),
            membership.own.certificate_pem.decode(),
            membership.own.key_pem.decode(),
        ]
        with self._db.write() as tx:
            tx.execute(
                "INSERT INTO cluster_self (one, address, head, base_port, ray_token, ca, ca_key,"
                " certificate, key) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )

    def leave(self) -> None:
        """Forget cluster, tokens and members."""
        with self._db.write() as tx:
            tx.execute("DELETE FROM cluster_self")
            tx.execute("DELETE FROM cluster_tokens")
            tx.execute("DELETE FROM cluster_members")
            tx.execute("DELETE FROM cluster_doors")

    def add_token(self, token_id: str, secret: bytes, expires: float, now: float) -> None:
        """Keep a join token, and forget those that are too old."""
        with self._db.write() as tx:
            tx.execute("DELETE FROM cluster_tokens WHERE expires <= ?", [now])
            tx.execute(
                "INSERT INTO cluster_tokens (id, secret, expires) VALUES (?, ?, ?)",
                [token_id, secret, expires],
            )

    def token_secret(self, token_id: str, now: float) -> bytes | None:
        """The secret of an open token."""
        with self._db.read() as db:
            rows = list(
                db.query(
                    "SELECT secret FROM cluster_tokens WHERE id = ? AND expires > ?",
                    [token_id, now],
                )
            )
        return bytes(rows[0]["secret"]) if rows else None

    def admit(self, token_id: str, member: Member) -> bool:
        """Use up the token for this member, in one transaction; False when somebody was faster."""
        with self._db.write() as tx:
            used = tx.execute("DELETE FROM cluster_tokens WHERE id = ?", [token_id]).rowcount
            if used == 1:
                self._put(member)
        return used == 1

    def add_member(self, member: Member) -> None:
        """Remember a member."""
        self._put(member)

    def _put(self, member: Member) -> None:
        with self._db.write() as tx:
            tx.execute(
                "INSERT OR REPLACE INTO cluster_members (address, name, joined, lost)"
                " VALUES (?, ?, ?, ?)",
                [member.address, member.name, member.joined, member.lost],
            )

    def members(self) -> tuple[Member, ...]:
        """All members, by address."""
        with self._db.read() as db:
            rows = list(db.query("SELECT * FROM cluster_members ORDER BY address"))
        return tuple(
            Member(row["address"], row["name"], row["joined"], row["lost"]) for row in rows
        )

    def mark(self, address: str, change: Change, now: float) -> None:
        """Remember what happened to a member."""
        if change == "leave":
            self.forget(address)
            return
        with self._db.write() as tx:
            sql = "UPDATE cluster_members SET lost = ? WHERE address = ?"
            tx.execute(sql, [now if change == "lose" else None, address])

    def forget(self, address: str) -> bool:
        """Strike a member; False when there is none at that address."""
        with self._db.write() as tx:
            sql = "DELETE FROM cluster_members WHERE address = ?"
            return bool(tx.execute(sql, [address]).rowcount)

    def set_members(self, members: Mapping[str, str], now: float) -> None:
        """Remember who belongs to the cluster, as the first box says: address to name."""
        held = {one.address: one for one in self.members()}
        with self._db.write() as tx:
            tx.execute("DELETE FROM cluster_members")
            for address, name in members.items():
                before = held.get(address, Member(address, name, now, None))
                tx.execute(
                    "INSERT INTO cluster_members (address, name, joined, lost) VALUES (?, ?, ?, ?)",
                    [address, name, before.joined, before.lost],
                )

    # Peer doors and what is shared through this box's own ---------------------------------------

    def doors(self) -> dict[str, int]:
        """Where the peer doors of other boxes were last seen: address to port."""
        with self._db.read() as db:
            rows = list(db.query("SELECT * FROM cluster_doors"))
        return {str(row["address"]): int(row["port"]) for row in rows}

    def set_door(self, address: str, port: int) -> None:
        """Remember where a box's peer door is."""
        with self._db.write() as tx:
            tx.execute(
                "INSERT OR REPLACE INTO cluster_doors (address, port) VALUES (?, ?)",
                [address, port],
            )

    def shared(self) -> frozenset[str]:
        """Models and served names that the other boxes may ask this one for."""
        with self._db.read() as db:
            rows = list(db.query("SELECT name FROM cluster_shared"))
        return frozenset(str(row["name"]) for row in rows)

    def share(self, name: str, actor: str, now: float) -> None:
        """Let the other boxes ask for a model or served name."""
        with self._db.write() as tx:
            tx.execute(
                "INSERT OR REPLACE INTO cluster_shared (name, actor, since) VALUES (?, ?, ?)",
                [name, actor, now],
            )

    def withhold(self, name: str) -> bool:
        """Let them no longer; False when they could not."""
        with self._db.write() as tx:
            return bool(tx.execute("DELETE FROM cluster_shared WHERE name = ?", [name]).rowcount)
