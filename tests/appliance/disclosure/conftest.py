"""A log with bodies, the keys of a real vault, and a clock that is set by hand."""

from contextlib import closing

import pytest

from appliance.audit.ledger import AuditIdentity
from appliance.audit.log import AuditLog
from appliance.bodies.keeper import Place
from appliance.db.database import Db
from appliance.disclosure.service import Disclosure
from appliance.vault.body_keys import BodyKeys, BodyRules
from appliance.vault.migrations import MIGRATIONS
from appliance.vault.subjects import SubjectKeys
from secure_compute.signing import SigningKey
from tests.appliance.bodies.bodily import answered
from tests.appliance.vault.conftest import (  # noqa: F401  # fixtures
    PASSPHRASE,
    clock,
    created,
    files,
    layout,
    vault,
)

DAY_S = 86_400


class Room:
    """Everything that bodies need, and a way to ask for an answer."""

    def __init__(self, layout, opened, db, clock):  # noqa: F811
        self.layout, self.opened, self.db, self.clock = layout, opened, db, clock
        self.short = False
        self.place = Place(layout.bodies_db, opened.key("bodies.db"))
        identity = AuditIdentity(SigningKey.from_seed(bytes(32)), "wardbox/test")
        self.log = AuditLog.open(
            layout.audit_db, b"k" * 32, identity, clock=clock, window_ms=0, bodies=self.place
        )
        self.subjects = SubjectKeys(db, opened)
        self.use(BodyRules(days=30))

    def use(self, rules):
        self.keys = BodyKeys(self.subjects, rules, lambda: self.short)
        place = self.layout.bodies_db, lambda: self.opened.key("bodies.db")
        self.disclosure = Disclosure(
            self.log, self.subjects, self.keys, place, self.time, lambda: self.short
        )

    @property
    def upkeep(self):
        return self.disclosure.upkeep

    def time(self):
        return self.clock().timestamp()

    def receipt(self, number):
        return f"rcp_{int(self.time() * 1000):012x}{number:018x}"

    def answer(self, number, patient=None, answer=b"told"):
        """Answer a request as the hot path does; the receipt."""
        name = self.receipt(number)
        seal = self.keys.ready(name, patient) or self.keys.seal(name, patient)
        self.log.append(answered(name, b"asked", answer, seal)).result(10)
        return name

    def events(self, tag):
        from appliance.audit.query import Query

        return [entry.event for entry in reversed(self.log.reader.search(Query(tag=tag)))]


@pytest.fixture
def room(vault, created, layout, clock):  # noqa: F811
    layout.vault.mkdir()
    opened = vault.unlock(PASSPHRASE)
    with Db(layout.box_db, opened.key("box.db"), MIGRATIONS) as db:
        made = Room(layout, opened, db, clock)
        with closing(made.log):
            yield made
            made.disclosure.close()
