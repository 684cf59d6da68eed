"""What the sign-in tests share: a directory server, and the access room in which people end."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.access.migrations import MIGRATIONS as ACCESS
from appliance.access.service import AccessService
from appliance.db.database import Db
from appliance.signin.migrations import MIGRATIONS
from tests.appliance.access.conftest import PlainPasswords
from tests.appliance.access.doubles import HandClock, RememberingAudit, open_db
from tests.appliance.signin import slapd


@pytest.fixture(scope="module")
def directory() -> "Iterator[slapd.Slapd]":
    if not slapd.HERE:
        pytest.skip(slapd.WHY)
    with tempfile.TemporaryDirectory(prefix="slapd-") as home, slapd.directory(Path(home)) as made:
        yield made


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def audit() -> RememberingAudit:
    return RememberingAudit()


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Db]:
    opened = open_db(tmp_path / "box.db", ACCESS, MIGRATIONS)
    yield opened
    opened.close()


@pytest.fixture
def access(db: Db, audit: RememberingAudit, clock: HandClock) -> Iterator[AccessService]:
    made = AccessService(db, audit, clock, passwords=PlainPasswords())
    yield made
    made.close()
