"""Fixtures of the access tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.access.migrations import MIGRATIONS
from appliance.access.rules import AccessRules
from appliance.access.service import AccessService
from appliance.db.database import Db
from tests.appliance.access.doubles import HandClock, RememberingAudit, open_db


class PlainPasswords:
    """Fast stand-in for argon2id; counts how often a hash was compared."""

    def __init__(self) -> None:
        self.compared = 0

    def hash(self, password: str) -> str:
        return "plain:" + password

    def verify(self, encoded: str, password: str) -> bool:
        self.compared += 1
        return encoded == "plain:" + password

    def outdated(self, encoded: str) -> bool:
        return False


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def audit() -> RememberingAudit:
    return RememberingAudit()


@pytest.fixture
def passwords() -> PlainPasswords:
    return PlainPasswords()


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Db]:
    opened = open_db(tmp_path / "box.db", MIGRATIONS)
    yield opened
    opened.close()


@pytest.fixture
def rules() -> AccessRules:
    return AccessRules()


@pytest.fixture
def service(
    db: Db,
    audit: RememberingAudit,
    clock: HandClock,
    passwords: PlainPasswords,
    rules: AccessRules,
) -> Iterator[AccessService]:
    made = AccessService(db, audit, clock, passwords=passwords, rules=rules)
    yield made
    made.close()
